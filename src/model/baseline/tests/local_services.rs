//! A host of local services that talk to each other on 127.0.0.1, after a deploy: each cause has one line.

use super::{Host, sample};
use crate::model::aggregate::GroupKey;
use crate::model::baseline::{BaselineFigure, Difference, DifferenceKind};
use crate::model::session::{Comm, Direction, Reason, Session, State};
use crate::model::turns::{ResponseTimes, ShortTime, Turns};

const LOCALHOST: [u8; 4] = [127, 0, 0, 1];

/// A request in a connection of its own: both of its ends, the accepting one first, as the kernel reports them.
struct Request {
    client: &'static str,
    server: &'static str,
    port: u16,
    at_ms: u64,
    answer_ms: u64,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Served,
    Reset,
    Refused,
}

impl Request {
    fn sessions(&self, cookie: u64) -> Vec<Session> {
        let start_ns = self.at_ms * 1_000_000;
        let is_refused = self.outcome == Outcome::Refused;
        let answered = |times| Turns { count: 1, ..times };
        let us = (self.answer_ms * 1000) as u32 + (cookie % 13) as u32;
        let times = ResponseTimes::new(us.into(), 1, ShortTime::new(us), ShortTime::new(us));
        let ephemeral = 32_768 + (cookie % 20_000) as u16;
        let both = Session {
            start_ns,
            established_ns: if is_refused { 0 } else { start_ns + 50_000 },
            end_ns: start_ns + self.answer_ms * 1_000_000 + 60_000,
            laddr: LOCALHOST.into(),
            raddr: LOCALHOST.into(),
            srtt_us: if is_refused {
                0
            } else {
                40 + (cookie % 7) as u32
            },
            tx_bytes: 100,
            rx_bytes: 100,
            ..sample()
        };
        let accepted = Session {
            cookie: cookie << 1 | 1,
            comm: Comm::from(self.server),
            direction: Direction::In,
            lport: self.port,
            rport: ephemeral,
            reason: match self.outcome {
                Outcome::Reset => Reason::LocalReset,
                _ => Reason::RemoteFin,
            },
            turns: answered(Turns {
                ours: times,
                ..Turns::default()
            }),
            ..both.clone()
        };
        let connected = Session {
            cookie: cookie << 1,
            comm: Comm::from(self.client),
            direction: Direction::Out,
            lport: ephemeral,
            rport: self.port,
            reason: match self.outcome {
                Outcome::Reset => Reason::RemoteReset,
                Outcome::Refused => Reason::Refused,
                Outcome::Served => Reason::LocalFin,
            },
            turns: match self.outcome {
                Outcome::Served => answered(Turns {
                    peer: times,
                    ..Turns::default()
                }),
                _ => Turns::default(),
            },
            ..both
        };
        match is_refused {
            true => vec![connected],
            false => vec![accepted, connected],
        }
    }
}

const BASELINE_S: u64 = 60;
const END_S: u64 = 100;

/// Requests of one client to one service, so many per second.
fn requests(
    client: &'static str,
    server: &'static str,
    port: u16,
    per_s: u64,
    seconds: std::ops::Range<u64>,
) -> impl Iterator<Item = Request> {
    (seconds.start * per_s..seconds.end * per_s).map(move |n| Request {
        client,
        server,
        port,
        at_ms: n * 1000 / per_s + n * 7919 % 13,
        answer_ms: 2,
        outcome: Outcome::Served,
    })
}

/// The differences after the deploy, each in one line.
fn differences(all: Vec<Request>) -> Vec<Difference> {
    let sessions = all.iter().zip(100..).flat_map(|(r, nth)| r.sessions(nth));
    differences_of(sessions.collect())
}

/// The differences between closed sessions before and after the deploy.
fn differences_of(sessions: Vec<Session>) -> Vec<Difference> {
    let at = |now_s| (vec![], closed_before(&sessions, now_s));
    Host::watched(BASELINE_S, END_S, at).differences()
}

/// The sessions that have closed in the second before.
fn closed_before(sessions: &[Session], now_s: u64) -> Vec<Session> {
    let is_now = |s: &&Session| s.end_ns / 1_000_000_000 == now_s - 1;
    sessions.iter().filter(is_now).cloned().collect()
}

fn lines(found: &[Difference]) -> Vec<String> {
    let line = |d: &Difference| {
        let server = d.server.map_or_else(String::new, |s| format!(" = {s}"));
        let with: Vec<_> = d
            .with
            .iter()
            .map(|(kind, _)| format!(" +{kind:?}"))
            .collect();
        format!("{:?} {}{server}{}", d.finding, d.key, with.concat())
    };
    let mut lines: Vec<String> = found.iter().map(line).collect();
    lines.sort();
    lines
}

/// Traffic that stays as it is.
fn steady() -> Vec<Request> {
    let whole = 1..END_S;
    let all = requests("session-api", "redis", 6379, 5, 1..BASELINE_S)
        .chain(requests("cart", "redis", 6379, 5, whole.clone()))
        .chain(requests("web", "session-api", 8001, 5, whole.clone()))
        .chain(requests("web", "cart", 8002, 5, whole.clone()))
        .chain(requests("web", "search", 8003, 3, 1..BASELINE_S))
        .chain(requests("cart", "mailer", 2525, 3, 1..BASELINE_S))
        .chain(requests("web", "images", 8004, 3, whole));
    all.collect()
}

/// All traffic of [`steady`], that which ends there at the baseline included, until the end.
fn unchanged() -> Vec<Request> {
    let after = BASELINE_S..END_S;
    let mut all = steady();
    all.extend(requests("session-api", "redis", 6379, 5, after.clone()));
    all.extend(requests("web", "search", 8003, 3, after.clone()));
    all.extend(requests("cart", "mailer", 2525, 3, after));
    all
}

#[test]
fn baseline_each_cause_on_a_host_of_local_services_has_one_line() {
    let after = BASELINE_S..END_S;
    let reset = requests("session-api", "redis", 6379, 5, after.clone());
    let stopped = requests("cart", "mailer", 2525, 3, after.clone());
    let slow = requests("web", "search", 8003, 3, after.clone());
    let new = requests("report", "redis", 6379, 8, after);
    let mut all = steady();
    all.extend(reset.map(|r| Request {
        outcome: Outcome::Reset,
        ..r
    }));
    all.extend(stopped.map(|r| Request {
        outcome: Outcome::Refused,
        ..r
    }));
    all.extend(slow.map(|r| Request { answer_ms: 90, ..r }));
    all.extend(new);
    let found = differences(all);
    assert_eq!(
        lines(&found),
        [
            "New report → 127.0.0.1:6379 = redis",
            "Worse(Failed) cart → 127.0.0.1:2525 = mailer +Gone",
            "Worse(Failed) session-api → 127.0.0.1:6379 = redis",
            "Worse(Response) web → 127.0.0.1:8003 = search",
        ]
    );
}

#[test]
fn baseline_service_that_resets_everybody_is_one_line_of_the_service() {
    let after = BASELINE_S..END_S;
    let whole = || {
        steady()
            .into_iter()
            .filter(|r| r.port != 6379 || r.at_ms < BASELINE_S * 1000)
    };
    let reset = ["session-api", "cart", "web"];
    let reset = reset
        .into_iter()
        .flat_map(|c| requests(c, "redis", 6379, 4, after.clone()));
    let reset = reset.map(|r| Request {
        outcome: Outcome::Reset,
        ..r
    });
    let kept = [("web", "search", 8003), ("cart", "mailer", 2525)];
    let kept = kept
        .into_iter()
        .flat_map(|(c, s, port)| requests(c, s, port, 3, after.clone()));
    let found = differences(whole().chain(reset).chain(kept).collect());
    let failing: Vec<&Difference> = found
        .iter()
        .filter(|d| format!("{:?}", d.finding) == "Worse(Failed)")
        .collect();
    let [line] = failing.as_slice() else {
        panic!("{:?}", lines(&found));
    };
    assert_eq!(line.key.to_string(), "redis", "{:?}", lines(&found));
}

#[test]
fn baseline_mere_new_client_is_new_and_makes_nothing_worse() {
    let after = BASELINE_S..END_S;
    let mut all = unchanged();
    // three times the sessions that there were
    all.extend(requests("report", "redis", 6379, 30, after));
    let found = differences(all);
    let lines = lines(&found);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("New report → 127.0.0.1:6379 = redis +Grown(New)"),
        "{lines:?}"
    );
    let redis = GroupKey::Program(Comm::from("redis"));
    assert_eq!(found[0].server, Some(redis));
}

#[test]
fn baseline_line_of_refused_connects_has_no_times_of_other_services() {
    let mut all = Vec::new();
    all.extend(requests("shop-api", "postgres", 15432, 5, 1..END_S));
    let slow = requests("shop-api", "search", 19200, 10, BASELINE_S..END_S);
    all.extend(slow.map(|r| Request { answer_ms: 40, ..r }));
    let refused = requests("shop-api", "", 19300, 10, BASELINE_S..END_S);
    all.extend(refused.map(|r| Request {
        outcome: Outcome::Refused,
        ..r
    }));
    let found = differences(all);
    let failed = DifferenceKind::Worse(BaselineFigure::Failed);
    let slower = DifferenceKind::Worse(BaselineFigure::Response);
    let refused = found.iter().find(|d| d.finding == failed);
    let with = &refused.expect("what is refused").with;
    assert!(
        with.iter().all(|(kind, _)| *kind != slower),
        "{:?}",
        lines(&found)
    );
    let of_program = found.iter().find(|d| d.finding == slower);
    let key = of_program.map(|d| d.key.to_string());
    assert_eq!(key.as_deref(), Some("shop-api"), "{:?}", lines(&found));
}

#[test]
fn baseline_after_a_service_became_slow_compares_with_its_last_minute() {
    // slow four minutes before the baseline, and slower after it or not
    let found = |after_ms| {
        let answer_ms = |at_ms| match at_ms {
            ..160_000 => 2,
            160_000..400_000 => 36,
            _ => after_ms,
        };
        let all = requests("browser", "shop-api", 18080, 5, 1..440).map(|r| Request {
            answer_ms: answer_ms(r.at_ms),
            ..r
        });
        let sessions = all.zip(100..).flat_map(|(r, nth)| r.sessions(nth));
        let sessions: Vec<Session> = sessions.collect();
        let at = |now_s| (vec![], closed_before(&sessions, now_s));
        Host::watched(400, 440, at).differences()
    };
    assert_eq!(lines(&found(36)), Vec::<String>::new());
    let slower = found(90);
    let [line] = &slower[..] else {
        panic!("{:?}", lines(&slower));
    };
    let before = line.before.expect("a time before");
    assert!((35_900.0..36_100.0).contains(&before), "{before}");
}

/// Both ends of a connection of a pool that has been open since second 1.
fn pooled(nth: u64, now_s: u64) -> Vec<Session> {
    let request = Request {
        client: "shop-api",
        server: "postgres",
        port: 15432,
        at_ms: 1000,
        answer_ms: 2,
        outcome: Outcome::Served,
    };
    let count = 4 * now_s as u32;
    let usual = ShortTime::new(2000);
    let times = ResponseTimes::new(2000 * u64::from(count), count, usual, usual);
    let ends = request.sessions(nth).into_iter();
    let with_answers = ends.map(|end| {
        let mut turns = Turns {
            count,
            ..Turns::default()
        };
        match end.direction {
            Direction::In => turns.ours = times,
            _ => turns.peer = times,
        }
        super::open(Session { turns, ..end }, now_s)
    });
    with_answers.collect()
}

#[test]
fn baseline_pool_that_became_a_connection_for_each_request_says_how_many_open() {
    let mut found = after_a_pool_of_three(0, 1);
    let all = lines(&found);
    let link = "shop-api → 127.0.0.1:15432 = postgres";
    assert_eq!(
        all,
        [
            format!("NoneKept {link} +Grown(New)"),
            format!("Worse(Response) {link}")
        ]
    );
    found.sort_by_key(|line| line.finding);
    let [slower, fewer] = &found[..] else {
        panic!("{all:?}");
    };
    assert_eq!(slower.opened, None);
    assert_eq!((fewer.before, fewer.since), (Some(3.0), Some(0.0)));
    let [before, since] = fewer.opened.expect("sessions opened");
    assert!(before < 0.1, "{before}");
    assert!((12.0..14.0).contains(&since), "{since}");
    // one that stays open besides is the pool, or what is left of it, also if it was closed and opened again
    for reopened_s in [1, END_S - 5] {
        let found = after_a_pool_of_three(1, reopened_s);
        let all = lines(&found);
        assert_eq!(all, [format!("Worse(Response) {link} +Grown(New)")]);
        assert!(found[0].opened.is_some_and(|[_, since]| since > 12.0));
    }
}

/// The differences after a pool was closed but for so many, and each request opens a connection. Those that are left were opened
/// again at a time.
fn after_a_pool_of_three(left: u64, reopened_s: u64) -> Vec<Difference> {
    let steady = requests("browser", "shop-api", 18080, 15, 1..END_S).chain(requests(
        "shop-api",
        "redis",
        6379,
        15,
        1..END_S,
    ));
    let after = requests("shop-api", "postgres", 15432, 13, BASELINE_S..END_S);
    let after = after.map(|r| Request { answer_ms: 33, ..r });
    let all = steady.chain(after).zip(100..);
    let sessions: Vec<Session> = all.flat_map(|(r, nth)| r.sessions(nth)).collect();
    let host = Host::watched(BASELINE_S, END_S, |now_s| {
        let pool = (1..=3).flat_map(|nth| pooled(nth, now_s.min(BASELINE_S)));
        let mut closed = closed_before(&sessions, now_s);
        let mut open: Vec<Session> = (4..4 + left)
            .flat_map(|nth| pooled(nth, now_s.min(BASELINE_S)))
            .map(|s| super::open(s, now_s))
            .collect();
        if now_s > reopened_s && reopened_s > BASELINE_S {
            if now_s == reopened_s + 1 {
                closed.extend(open.iter().map(|s| Session {
                    state: State::Closed,
                    reason: Reason::LocalFin,
                    end_ns: reopened_s * 1_000_000_000,
                    ..s.clone()
                }));
            }
            open.iter_mut().for_each(|s| {
                s.cookie += 1_000_000;
                s.start_ns = reopened_s * 1_000_000_000;
                s.established_ns = s.start_ns;
            });
        }
        if now_s <= BASELINE_S {
            open.extend(pool);
        } else if now_s == BASELINE_S + 1 {
            closed.extend(pool.map(|s| Session {
                state: State::Closed,
                reason: Reason::LocalFin,
                ..s
            }));
        }
        (open, closed)
    });
    host.differences()
}

#[test]
fn baseline_clients_that_stay_behind_count_once_with_what_their_server_closed() {
    let all = requests("leaky", "web", 8081, 2, 1..END_S).zip(100..);
    let ends: Vec<_> = all.map(|(request, nth)| request.sessions(nth)).collect();
    let host = Host::watched(BASELINE_S, END_S, |now_s| {
        let (mut left, mut closed) = (Vec::new(), Vec::new());
        for ends in &ends {
            let [accepted, connected] = ends.as_slice() else {
                panic!("a connection has two ends");
            };
            let closed_s = accepted.end_ns / 1_000_000_000;
            // a snapshot is taken after it, and shows the client
            if closed_s + 1 < now_s {
                left.push(super::open(connected.clone(), now_s));
            }
            if closed_s + 1 == now_s {
                closed.push(accepted.clone());
            }
        }
        (left, closed)
    });
    assert_eq!(lines(&host.differences()), Vec::<String>::new());
    let baseline = host.baseline.as_ref().expect("a baseline");
    let (before, since) = baseline.overall(BaselineFigure::New, &host.talkers);
    let [before, since] = [before, since].map(|per_s| per_s.expect("sessions opened"));
    assert!((1.9..2.1).contains(&before), "{before}");
    assert!((1.8..2.1).contains(&since), "{since}");
    // their answers are those of the same end on both sides
    let answers = |figure| baseline.overall(figure, &host.talkers);
    let (before, since) = answers(BaselineFigure::Response);
    assert!(before.is_some() && since.is_some(), "{before:?} {since:?}");
    assert_eq!(answers(BaselineFigure::OurResponse), (None, None));
}

/// A database that became slow, and the program whose clients wait for it, too: the lines of slower answers. `answered`
/// is true of requests of which the end that connects knows the answer.
fn of_a_slow_database(answered: fn(&Request) -> bool) -> Vec<String> {
    let through = |per_s| {
        let browser = requests("browser", "shop-api", 18080, per_s, 1..END_S);
        let queries = requests("shop-api", "postgres", 15432, per_s, 1..END_S);
        browser.chain(queries)
    };
    let all = through(15).map(|r| {
        let is_slow = r.at_ms >= BASELINE_S * 1000;
        let answer_ms = match (is_slow, r.port) {
            (false, _) => 2,
            (true, 15432) => 33,
            (true, _) => 37,
        };
        Request { answer_ms, ..r }
    });
    let others = requests("cart", "redis", 6379, 15, 1..END_S);
    let all: Vec<Request> = all.chain(others).collect();
    let silent = |r: &Request| r.at_ms >= BASELINE_S * 1000 && !answered(r);
    let sessions = all.iter().zip(100..).flat_map(|(r, nth)| {
        let mut ends = r.sessions(nth);
        // the end that connects has not read the answer yet
        if silent(r) {
            ends[1].turns = Turns::default();
        }
        ends
    });
    let mut found = lines(&differences_of(sessions.collect()));
    found.retain(|line| line.starts_with("Worse"));
    found
}

#[test]
fn baseline_of_a_slow_database_never_counts_who_waits_for_it_as_the_same_end() {
    let found = of_a_slow_database(|_| true);
    let link = "Worse(Response) shop-api → 127.0.0.1:15432 = postgres";
    assert!(found.iter().any(|l| l.starts_with(link)), "{found:?}");
    let browser = "Worse(Response) browser → 127.0.0.1:18080 = shop-api";
    assert!(found.iter().any(|l| l.starts_with(browser)), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    // no response time is known at the end that connects: its server knows it
    let found = of_a_slow_database(|r| r.port != 15432);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|l| l.starts_with(link)), "{found:?}");
    assert!(found.iter().any(|l| l.starts_with(browser)), "{found:?}");
}

#[test]
fn baseline_of_a_slow_service_has_one_line_for_each_of_its_clients() {
    let clients = [("browser", 12), ("cron", 1), ("report", 2)];
    let all = clients.into_iter().flat_map(|(client, per_s)| {
        requests(client, "shop-api", 18080, per_s, 1..END_S).map(|r| Request {
            answer_ms: if r.at_ms < BASELINE_S * 1000 { 2 } else { 37 },
            ..r
        })
    });
    let found = differences(all.collect());
    let line = |client| format!("Worse(Response) {client} → 127.0.0.1:18080 = shop-api");
    assert_eq!(lines(&found), clients.map(|(client, _)| line(client)));
}

#[test]
fn baseline_rates_of_what_began_later_count_from_the_first_one() {
    let later = 80..END_S;
    let mut all = unchanged();
    all.extend(requests("report", "redis", 6379, 4, later.clone()));
    let failing = requests("cart", "search", 8003, 5, later);
    all.extend(failing.map(|r| Request {
        outcome: Outcome::Reset,
        ..r
    }));
    let found = differences(all);
    let lines = lines(&found);
    let line = |start: &str| {
        let at = lines_in_order(&found).position(|l| l.starts_with(start));
        &found[at.unwrap_or_else(|| panic!("{lines:?}"))]
    };
    let opened = |line: &Difference| line.opened.expect("sessions opened")[1];
    let new = opened(line("New report → 127.0.0.1:6379"));
    assert!((3.8..4.3).contains(&new), "{new}");
    // the same connections
    let worse = line("Worse(Failed) cart → 127.0.0.1:8003");
    let failed = worse.since.expect("failures");
    assert!((4.8..5.3).contains(&failed), "{failed}");
    assert!((opened(worse) - failed).abs() < 0.1, "{worse:?}");
}

fn lines_in_order(found: &[Difference]) -> impl Iterator<Item = String> {
    found
        .iter()
        .map(|d| lines(std::slice::from_ref(d)).concat())
}

#[test]
fn baseline_of_a_restart_and_of_what_came_for_a_moment_says_that_they_ended() {
    // a restart of two seconds, and a job that ran for four
    let is_down = |r: &Request| r.port == 6379 && (65_000..67_000).contains(&r.at_ms);
    let mut all = unchanged();
    all.extend(requests("job", "images", 8004, 6, 70..74));
    let all = all.into_iter().map(|r| Request {
        outcome: if is_down(&r) {
            Outcome::Refused
        } else {
            r.outcome
        },
        ..r
    });
    let found = differences(all.collect());
    let ended = |start: &str| {
        let at = lines_in_order(&found).position(|l| l.starts_with(start));
        let line = &found[at.unwrap_or_else(|| panic!("{:?}", lines(&found)))];
        (line.ended_ns.expect("an end") / 1_000_000_000, line)
    };
    let (ago_s, failed) = ended("Worse(Failed)");
    assert_eq!(ago_s, 33, "{failed:?}");
    // ten a second, for as long as it failed
    let rate = failed.since.expect("a rate");
    assert!((9.0..12.0).contains(&rate), "{rate}");
    let (ago_s, new) = ended("New job → 127.0.0.1:8004");
    assert_eq!(ago_s, 26, "{new:?}");
    let [_, rate] = new.opened.expect("sessions opened");
    assert!((5.5..6.8).contains(&rate), "{rate}");
}

#[test]
fn baseline_requests_that_become_far_fewer_have_a_line_unless_what_is_gone_explains_it() {
    let found = |after: &[(&'static str, &'static str, u16, u64)]| {
        let before = [
            ("web", "images", 8004, 12),
            ("web", "search", 8003, 3),
            ("cart", "redis", 6379, 5),
        ];
        let all = before
            .iter()
            .map(|r| (r, 1..BASELINE_S))
            .chain(after.iter().map(|r| (r, BASELINE_S..END_S)));
        let all = all.flat_map(|(&(client, server, port, per_s), seconds)| {
            requests(client, server, port, per_s, seconds)
        });
        differences(all.collect())
    };
    let cart = ("cart", "redis", 6379, 5);
    let search = ("web", "search", 8003, 3);
    let fewer = found(&[("web", "images", 8004, 4), search, cart]);
    assert_eq!(
        lines(&fewer),
        ["FewerNew web → 127.0.0.1:8004 = images"],
        "{fewer:?}"
    );
    let rates = [fewer[0].before, fewer[0].since].map(|rate| rate.expect("a rate").round());
    assert_eq!(rates, [12.0, 4.0]);
    // not yet half
    let half = found(&[("web", "images", 8004, 7), search, cart]);
    assert_eq!(lines(&half), Vec::<String>::new());
    let gone = found(&[search, cart]);
    assert_eq!(lines(&gone), ["Gone web → 127.0.0.1:8004 = images"]);
}

#[test]
fn baseline_bursts_before_it_make_no_later_pause_fewer_sessions() {
    let bursts = [5, 25, 45].map(|s| requests("cron", "redis", 6379, 20, s..s + 2));
    let all = bursts.into_iter().flatten();
    let one = requests("cron", "redis", 6379, 1, 65..66);
    // another program has a connection all the time
    let steady = requests("cart", "redis", 6379, 2, 1..END_S);
    let found = differences(all.chain(one).chain(steady).collect());
    assert!(
        found.iter().all(|d| !d.finding.is_fewer()),
        "{:?}",
        lines(&found)
    );
}

#[test]
fn baseline_large_pool_of_which_one_is_left_has_a_line() {
    let host = Host::watched(BASELINE_S, END_S, |now_s| {
        let kept = if now_s <= BASELINE_S { 12 } else { 1 };
        let pool = |nths: std::ops::RangeInclusive<u64>, now_s| {
            nths.flat_map(move |nth| pooled(nth, now_s))
        };
        let closed = pool(2..=12, now_s).map(|s| Session {
            state: State::Closed,
            reason: Reason::LocalFin,
            ..s
        });
        let closed = match now_s == BASELINE_S + 1 {
            true => closed.collect(),
            false => vec![],
        };
        (pool(1..=kept, now_s).collect(), closed)
    });
    let found = host.differences();
    assert_eq!(
        lines(&found),
        ["FewerOpen shop-api → 127.0.0.1:15432 = postgres"]
    );
    assert_eq!((found[0].before, found[0].since), (Some(12.0), Some(1.0)));
}

#[test]
fn baseline_new_connections_that_stay_open_have_no_rate_once_no_more_come() {
    let found = |until_s| {
        let host = Host::watched(BASELINE_S, until_s, |now_s| {
            let pool = (1..=12).flat_map(|nth| {
                let ends = pooled(nth, now_s).into_iter();
                let opened_ns = (BASELINE_S + 2) * 1_000_000_000 + nth * 1_000_000;
                ends.map(move |s| Session {
                    start_ns: opened_ns,
                    established_ns: opened_ns + 50_000,
                    ..s
                })
            });
            let open = match now_s > BASELINE_S + 2 {
                true => pool.collect(),
                false => vec![],
            };
            (open, vec![])
        });
        let mut found = host.differences();
        assert_eq!(lines(&found), ["New shop-api → 127.0.0.1:15432 = postgres"]);
        found.remove(0)
    };
    let coming = found(BASELINE_S + 11);
    assert!(coming.opened.is_some(), "{coming:?}");
    let there = found(END_S);
    assert_eq!((there.since, there.opened), (Some(12.0), None));
    assert_eq!(there.ended_ns, None);
}

#[test]
fn baseline_own_answers_of_a_program_are_not_in_the_line_of_what_it_cannot_reach() {
    let whole = requests("browser", "shop-api", 18080, 12, 1..END_S);
    let slow = whole.map(|r| Request {
        answer_ms: if r.at_ms < BASELINE_S * 1000 { 2 } else { 37 },
        ..r
    });
    let before = requests("shop-api", "search", 9200, 12, 1..BASELINE_S);
    let refused = requests("shop-api", "search", 9200, 12, BASELINE_S..END_S);
    let refused = refused.map(|r| Request {
        outcome: Outcome::Refused,
        ..r
    });
    let found = differences(slow.chain(before).chain(refused).collect());
    let lines = lines(&found);
    // those of its clients, which wait for it
    assert!(
        lines.iter().all(|l| !l.contains("OurResponse")),
        "{lines:?}"
    );
    let clients = "Worse(Response) browser → 127.0.0.1:18080 = shop-api";
    assert!(lines.iter().any(|l| l.starts_with(clients)), "{lines:?}");
}

#[test]
fn baseline_failures_of_a_program_and_of_its_clients_are_two_lines() {
    let after = BASELINE_S..END_S;
    let mut all = unchanged();
    // cart cannot reach its new database, and resets its clients seldom
    let refused = requests("cart", "nobody", 5433, 13, after.clone());
    all.extend(refused.map(|r| Request {
        outcome: Outcome::Refused,
        ..r
    }));
    let reset = requests("cron", "cart", 8002, 1, after);
    all.extend(reset.map(|r| Request {
        outcome: Outcome::Reset,
        ..r
    }));
    let found = differences(all);
    let failing = |of: &str| {
        let line = found.iter().find(|d| {
            let text = lines(std::slice::from_ref(d)).concat();
            text.starts_with(&format!("Worse(Failed) {of}"))
        });
        line.unwrap_or_else(|| panic!("{of}: {:?}", lines(&found)))
    };
    let database = failing("cart → 127.0.0.1:5433");
    let also: Vec<String> = database.also.iter().map(|key| key.to_string()).collect();
    assert!(!also.concat().contains("cron"), "{also:?}");
    failing("cron → 127.0.0.1:8002");
}

#[test]
fn baseline_port_that_others_still_use_is_not_gone_with_those_of_its_server() {
    let ended = || 1..BASELINE_S;
    let mut all = unchanged();
    // two instances stop, and one client of a third that others use
    all.extend(requests("mailer", "redis", 6390, 4, ended()));
    all.extend(requests("images", "redis", 6391, 4, ended()));
    all.extend(requests("search", "redis", 6392, 4, ended()));
    all.extend(requests("web", "redis", 6392, 4, 1..END_S));
    let found = differences(all);
    let gone = found.iter().filter(|line| line.finding.is_silent());
    let mut gone: Vec<String> = gone.map(|line| line.key.to_string()).collect();
    gone.sort();
    assert_eq!(
        gone,
        [
            "images → 127.0.0.1:6391",
            "mailer → 127.0.0.1:6390",
            "search → 127.0.0.1:6392"
        ]
    );
}

#[test]
fn baseline_links_to_ports_that_others_use_are_gone_of_their_client() {
    let mut all = unchanged();
    for (server, port) in [("redis", 6379), ("search", 8003), ("images", 8004)] {
        all.extend(requests("report", server, port, 4, 1..BASELINE_S));
    }
    let found = differences(all);
    assert_eq!(lines(&found), ["Gone report"]);
    assert_eq!(found[0].also.len(), 3, "{found:?}");
}

#[test]
fn baseline_sessions_that_last_much_longer_than_their_answers_say_so() {
    let all = requests("web", "search", 8003, 5, 1..END_S).zip(100..);
    let sessions = all.flat_map(|(request, nth)| {
        let is_slow = request.at_ms >= BASELINE_S * 1000;
        let answer_ms = if is_slow { 37 } else { 2 };
        let request = Request {
            answer_ms,
            ..request
        };
        let last_ns = if is_slow { 2_000_000_000 } else { 0 };
        let ends = request.sessions(nth).into_iter();
        ends.map(move |s| Session {
            end_ns: s.end_ns + last_ns,
            ..s
        })
    });
    let found = differences_of(sessions.collect());
    let line = "Worse(Response) web → 127.0.0.1:8003 = search +Grown(Duration)";
    assert_eq!(lines(&found), [line]);
}

#[test]
fn baseline_client_that_never_reads_has_its_answers_from_its_server() {
    // its server closes at once, or after a while
    for served_s in [0, 10] {
        let found = of_a_client_that_never_reads(served_s);
        let link = "Worse(Response) leaky → 127.0.0.1:8081 = web";
        assert_eq!(lines(&found), [link], "{served_s}");
        assert!(found[0].has_unread, "{served_s}");
        let [before, since] = [found[0].before, found[0].since].map(|us| us.expect("a time"));
        assert!((1_900.0..2_100.0).contains(&before), "{before}");
        assert!((36_000.0..38_000.0).contains(&since), "{since}");
    }
}

/// The differences of a server that becomes slow, and closes its end after so many seconds, while the client leaves it open.
fn of_a_client_that_never_reads(served_s: u64) -> Vec<Difference> {
    let all = requests("leaky", "web", 8081, 2, 1..END_S).zip(100..);
    let ends = all.map(|(request, nth)| {
        let is_slow = request.at_ms >= BASELINE_S * 1000;
        let answer_ms = if is_slow { 37 } else { 2 };
        let mut ends = Request {
            answer_ms,
            ..request
        }
        .sessions(nth);
        ends[1].turns = Turns::default();
        ends
    });
    let ends: Vec<_> = ends.collect();
    let host = Host::watched(BASELINE_S, END_S, |now_s| {
        let (mut left, mut closed) = (Vec::new(), Vec::new());
        for ends in &ends {
            let [accepted, connected] = ends.as_slice() else {
                panic!("a connection has two ends");
            };
            let started_s = accepted.start_ns / 1_000_000_000;
            let Some(age_s) = now_s.checked_sub(started_s + 2) else {
                continue;
            };
            if age_s < served_s {
                left.push(super::open(accepted.clone(), now_s));
            } else if age_s == served_s {
                let lasted_ns = served_s * 1_000_000_000;
                closed.push(Session {
                    end_ns: accepted.end_ns + lasted_ns,
                    ..accepted.clone()
                });
            }
            left.push(super::open(connected.clone(), now_s));
        }
        (left, closed)
    });
    host.differences()
}
