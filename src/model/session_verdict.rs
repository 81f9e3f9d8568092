//! One sentence on what is going on with a session: [`RULES`], of which the first that applies speaks.
//!
//! A rule claims only what the session's figures show. Where they leave several causes, it names them all or none.

use crate::model::bottleneck::{Bottleneck, TimeSpent, Verdict, verdict};
use crate::model::fields;
use crate::model::session::{Age, Evidence, Reason, Session, State, WaitsFor};
use crate::model::slow_signs::SlowSigns;
use crate::text::units::S;

/// Time without progress from which on a session is said to be idle or stalled, ns.
const STILL_NS: u64 = 3_000_000_000;
/// Minimum time watched for a statement on what limits an open session, ns.
pub const LEAST_WATCHED_NS: u64 = 5_000_000_000;
/// Retransmitted share of the bytes sent from which on it comes first.
const LOSSY: f64 = 0.01;
/// Minimum number of retransmitted segments for that.
const LEAST_LOST: u64 = 3;
/// Minimum number of seconds with a closed window in the last minute for a statement on it.
const LEAST_CLOSED_S: u16 = 3;
/// Minimum round-trip time that is worth a remark, µs: less is the noise of a healthy network, and of loopback.
const NOTABLE_US: u32 = 1000;

/// Instants of the last progress seen in an open session, ns. Until there was some, the first reading.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    first_ns: u64,
    pub(super) moved_ns: u64,
    pub(super) acked_ns: u64,
    pub(super) read_ns: u64,
    bytes: u64,
    acked: u64,
    read: u64,
}

impl From<&Session> for Progress {
    fn from(session: &Session) -> Self {
        let now_ns = session.end_ns;
        Progress {
            first_ns: now_ns,
            moved_ns: now_ns,
            acked_ns: now_ns,
            read_ns: now_ns,
            bytes: session.bytes(),
            acked: session.tx_bytes,
            read: read(session),
        }
    }
}

impl Progress {
    /// Takes the next reading of the session.
    pub fn take(&mut self, session: &Session) {
        let now = Progress::from(session);
        if now.bytes != self.bytes {
            self.moved_ns = now.moved_ns;
        }
        if now.acked != self.acked || session.unacked_bytes == 0 {
            self.acked_ns = now.acked_ns;
        }
        if now.read != self.read || session.unread_bytes == 0 {
            self.read_ns = now.read_ns;
        }
        (self.bytes, self.acked, self.read) = (now.bytes, now.acked, now.read);
    }
}

/// Bytes that the application has read.
fn read(session: &Session) -> u64 {
    let unread = u64::from(session.unread_bytes);
    session.rx_bytes.saturating_sub(unread)
}

/// Everything that a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    pub session: &'a Session,
    /// It has disappeared, and its close was missed.
    pub vanished: bool,
    pub progress: &'a Progress,
    /// Its latest time, and how long that is, ns.
    pub lately: Option<(TimeSpent, u64)>,
    /// Signs of the last minute, or of a shorter time since it is watched, and how long that is, ns.
    pub signs: (SlowSigns, u64),
}

/// One row of [`RULES`].
#[derive(Debug)]
pub struct VerdictRule {
    /// Something is wrong, or may be.
    pub is_trouble: bool,
    /// The sentence, if the rule applies.
    say: fn(&Watched<'_>) -> Option<String>,
}

const fn trouble(say: fn(&Watched<'_>) -> Option<String>) -> VerdictRule {
    VerdictRule {
        is_trouble: true,
        say,
    }
}

const fn fine(say: fn(&Watched<'_>) -> Option<String>) -> VerdictRule {
    VerdictRule {
        is_trouble: false,
        say,
    }
}

/// Every rule, the most important first. The last one applies to every session.
pub static RULES: &[VerdictRule] = &[
    trouble(missed),
    trouble(failed),
    fine(closed),
    trouble(connecting),
    trouble(stalled),
    trouble(not_read),
    trouble(half_closed),
    trouble(peer_window_closed),
    trouble(our_window_closed),
    trouble(retransmitting),
    trouble(timing_out),
    trouble(waiting),
    fine(idle),
    fine(taking_turns),
    trouble(slow_path),
    fine(sending),
    fine(receiving),
    fine(active),
];

/// Returns the sentence, and the rule that it comes from.
pub fn sentence(watched: &Watched<'_>) -> Option<(String, &'static VerdictRule)> {
    RULES
        .iter()
        .find_map(|rule| Some(((rule.say)(watched)?, rule)))
}

/// Returns how many times its minimum the round-trip time is, if that is worth a remark.
pub fn rtt_growth(session: &Session) -> Option<u64> {
    let (now, best) = (session.srtt_us, session.min_rtt_us);
    let is_notable = best > 0 && now >= NOTABLE_US && now >= best.saturating_mul(3);
    is_notable.then(|| (f64::from(now) / f64::from(best)).round() as u64)
}

fn missed(w: &Watched<'_>) -> Option<String> {
    w.vanished
        .then(|| "Closed, but its record was missed: why and when is not known.".into())
}

fn failed(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let (peer, after) = (peer(session), after(session));
    let text = match session.reason {
        Reason::Refused => {
            format!(
                "Refused: {peer} rejected our SYN{after}; nobody listens, or a firewall rejects it."
            )
        }
        Reason::ConnectTimeout => format!("No answer: {peer} answered none of our SYNs{after}."),
        Reason::Unreachable => {
            format!("Unreachable: the network reported that it cannot reach {peer}{after}.")
        }
        Reason::Cancelled => format!("Given up: no answer from {peer}, and we closed{after}."),
        Reason::NoPort => {
            format!("No local port was free to connect to {peer}; nothing was sent.")
        }
        Reason::NeverAccepted => {
            format!("Never accepted: it waited in the listener's queue and was closed{after}.")
        }
        Reason::Timeout => format!(
            "Timed out: the peer stopped answering{after}{}.",
            unacked(w)
        ),
        Reason::RemoteReset => format!("Reset by the peer{after}: {}.", amounts(session)),
        Reason::LocalReset => {
            let unread = match session.unread_bytes {
                0 => String::new(),
                n => format!(", {} of them unread", fields::size(n.into())),
            };
            format!("Reset by us{after}: {}{unread}.", amounts(session))
        }
        Reason::Aborted => format!("Killed from outside{after}, as by `ss -K`."),
        _ => return None,
    };
    Some(text)
}

fn closed(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let how = match session.reason {
        _ if session.is_open() => return None,
        Reason::LocalFin => "Closed by us first",
        Reason::RemoteFin => "Closed by the peer first",
        Reason::Checkpoint => "Closed in repair mode, without a word to the peer,",
        _ => "Closed, the kernel does not say why,",
    };
    let (after, amounts, unacked) = (after(session), amounts(session), unacked(w));
    Some(format!("{how}{after}: {amounts}{unacked}."))
}

fn connecting(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let time = long(session.duration_ns());
    match session.state {
        State::SynSent => {
            let again = match session.retransmits {
                0 => String::new(),
                n => format!(", {}", fields::number(n.into(), "retransmit")),
            };
            let peer = peer(session);
            Some(format!(
                "Connecting: no answer from {peer} for {time}{again}."
            ))
        }
        State::SynRecv => Some(format!(
            "Connecting: the peer has not completed the handshake for {time}."
        )),
        _ => None,
    }
}

fn stalled(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let time = still(w, w.progress.acked_ns)?;
    if session.unacked_bytes == 0 {
        return None;
    }
    let spent = w.lately.map(|(spent, _)| spent).unwrap_or_default();
    let cause = if spent.rwnd_us * 2 > spent.busy_us {
        ": the peer's window is full".into()
    } else if spent.retransmitted > 0 {
        format!(", {} retransmitted", fields::size(spent.retransmitted))
    } else {
        String::new()
    };
    let unacked = fields::size(session.unacked_bytes.into());
    Some(format!(
        "Stalled: nothing was acknowledged {time}, {unacked} wait{cause}."
    ))
}

fn not_read(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let time = still(w, w.progress.read_ns)?;
    let unread = fields::size(session.unread_bytes.into());
    (session.unread_bytes > 0).then(|| {
        let program = program(session);
        format!("Not read: {program} has read nothing {time}, {unread} wait for it.")
    })
}

fn half_closed(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let when = match session.close_us {
        0 => String::new(),
        u32::MAX => " more than 71m ago".into(),
        us => format!(" {} ago", long(u64::from(us) * 1000)),
    };
    let program = program(session);
    let state = session.state.name();
    let text = match session.state {
        State::CloseWait => match rates(w).0 {
            Some(out) => format!("The peer closed{when}; {program} still sends {out} ({state})."),
            None => format!("Waiting: the peer closed{when}, {program} has not ({state})."),
        },
        State::FinWait2 => match rates(w).1 {
            Some(inwards) => format!("We closed{when}; the peer still sends {inwards} ({state})."),
            None => format!("Waiting: we closed{when}, the peer has not ({state})."),
        },
        State::FinWait1 | State::Closing | State::LastAck => {
            let first = match session.state {
                State::FinWait1 => "we closed",
                State::LastAck => "the peer closed",
                _ => "both ends closed",
            };
            format!("Closing: {first}{when}, our FIN is not acknowledged ({state}).")
        }
        _ => return None,
    };
    Some(text)
}

fn retransmitting(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let (spent, ns) = w.lately?;
    let part = spent.retransmitted as f64 / (spent.acked + spent.retransmitted).max(1) as f64;
    let least = LEAST_LOST * u64::from(session.mss.max(1));
    if part < LOSSY || spent.retransmitted < least {
        return None;
    }
    let rtt = round_trip(session);
    let causes = match w.signs.0.retransmits() {
        Some(causes) => format!("; in {}: {causes}", last(w.signs.1)),
        None => String::new(),
    };
    Some(format!(
        "Losing packets, or they come late: {:.1}% retransmitted in {}{rtt}{causes}.",
        part * 100.0,
        last(ns)
    ))
}

fn timing_out(w: &Watched<'_>) -> Option<String> {
    let (signs, ns) = w.signs;
    let others = SlowSigns {
        timeouts: 0,
        ..signs
    };
    let others = others
        .retransmits()
        .map_or(String::new(), |n| format!(", {n}"));
    let timeouts = fields::number(signs.timeouts.into(), "retransmit");
    let time = last(ns);
    (signs.timeouts > 0).then(|| {
        format!(
            "Loss towards the peer, or of its answers: {timeouts} after timeouts{others} in {time}."
        )
    })
}

fn peer_window_closed(w: &Watched<'_>) -> Option<String> {
    let (signs, ns) = w.signs;
    (signs.peer_window_s >= LEAST_CLOSED_S).then(|| {
        let (seconds, time) = (of_time(signs.peer_window_s, ns), last(ns));
        let rates = both(w);
        format!("The peer reads too slowly: its window was 0 in {seconds}s of {time}; {rates}.")
    })
}

/// Seconds of a history that may begin with a part of one, as seconds of this time.
fn of_time(seconds: u16, ns: u64) -> u64 {
    u64::from(seconds).min(ns / S)
}

fn our_window_closed(w: &Watched<'_>) -> Option<String> {
    let (signs, ns) = w.signs;
    (signs.our_window_s >= LEAST_CLOSED_S).then(|| {
        let (seconds, time) = (of_time(signs.our_window_s, ns), last(ns));
        let (program, rates) = (program(w.session), both(w));
        format!("{program} reads too slowly: our window was 0 in {seconds}s of {time}; {rates}.")
    })
}

/// Only where there was an answer before: a protocol may have none.
fn waiting(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    let waiting_ns = u64::from(session.waiting_us) * 1000;
    if waiting_ns < STILL_NS {
        return None;
    }
    let time = long(waiting_ns);
    let usually = |us: Option<u64>| match us {
        Some(us) => format!("; it usually takes {}", fields::micros(us)),
        None => String::new(),
    };
    match session.waits_for {
        WaitsFor::Peer if session.rx_bytes > 0 => {
            let usually = usually(session.turns.peer.mean_us());
            Some(format!(
                "Waiting for the peer: it has not answered for {time}{usually}."
            ))
        }
        WaitsFor::Us if session.tx_bytes > 0 => {
            let (program, usually) = (program(session), usually(session.turns.ours.mean_us()));
            Some(format!(
                "The peer waits for us: {program} has not answered for {time}{usually}."
            ))
        }
        _ => None,
    }
}

/// Says how long each end takes, that with the longer time first, if both together took at least half of the time.
pub fn response_shares(session: &Session, spent: TimeSpent) -> Option<String> {
    let whole = spent.whole_us.filter(|us| *us > 0)?;
    if spent.turns == 0 || (spent.peer_us + spent.our_us) * 2 < whole {
        return None;
    }
    let (answer, ask) = ("to answer", "to ask again");
    let (theirs, ours) = match session.is_client() {
        true => (answer, ask),
        false => (ask, answer),
    };
    let part = |who: &str, us: u64, does: &str| {
        let mean = fields::micros(us / spent.turns);
        let percent = us as f64 * 100.0 / whole.max(spent.peer_us + spent.our_us) as f64;
        format!("{who} {mean} {does} ({percent:.0}%)")
    };
    let peer = part("the peer takes", spent.peer_us, theirs);
    let us = part("we take", spent.our_us, ours);
    Some(match (spent.peer_us, spent.our_us) {
        (_, 0) => peer,
        (0, _) => us,
        (peer_us, our_us) if peer_us >= our_us => format!("{peer}, {us}"),
        _ => format!("{us}, {peer}"),
    })
}

fn taking_turns(w: &Watched<'_>) -> Option<String> {
    let (spent, ns) = w.lately.filter(|(_, ns)| *ns >= LEAST_WATCHED_NS)?;
    let is_for_lack_of_data = match verdict(spent) {
        Verdict::Receiving => true,
        Verdict::Parts(parts) => parts
            .first()
            .is_some_and(|(limit, _)| *limit == Bottleneck::Application),
        Verdict::Idle | Verdict::TooShort => false,
    };
    let shares = response_shares(w.session, spent).filter(|_| is_for_lack_of_data)?;
    // the peer may acknowledge with its answer, and then this round trip is no sign of a slow path
    let (when, rtt) = (last(ns), round_trip(w.session));
    Some(format!("Taking turns: in {when}, {shares}{rtt}."))
}

fn idle(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    if session.bytes() == 0 && session.unacked_bytes == 0 && session.age == Age::Exact {
        let time = long(session.duration_ns());
        return Some(format!("Idle: nothing was sent or received in {time}."));
    }
    let time = still(w, w.progress.moved_ns)?;
    Some(format!("Idle {time}."))
}

fn slow_path(w: &Watched<'_>) -> Option<String> {
    let times = rtt_growth(w.session)?;
    let limit = w.lately.map(|(spent, _)| verdict(spent));
    if let Some(Verdict::Parts(parts)) = limit
        && let Some((Bottleneck::PeerWindow, _)) = parts.first()
    {
        return None; // data waits at the peer, which tells nothing about the path
    }
    let (now, best) = (w.session.srtt_us, w.session.min_rtt_us);
    let [now, best, queued] = [now, best, now - best].map(|us| fields::micros(us.into()));
    let rates = both(w);
    Some(format!(
        "Slow path: RTT {now} is {times} times the minimum ({best}): {queued} in queues (bufferbloat), or a busy peer; {rates}."
    ))
}

fn sending(w: &Watched<'_>) -> Option<String> {
    let (spent, ns) = w.lately.filter(|(_, ns)| *ns >= LEAST_WATCHED_NS)?;
    let Verdict::Parts(parts) = verdict(spent) else {
        return None;
    };
    let (limit, part) = parts.first()?;
    let percent = (part * 100.0).round();
    let word = match limit {
        Bottleneck::Application => "Healthy",
        Bottleneck::Network | Bottleneck::PeerWindow | Bottleneck::SendBuffer => "Busy",
    };
    let (rates, limit, time) = (both(w), limit.name(), fields::seconds(ns));
    Some(format!(
        "{word}: {rates}, limited by {limit} ({percent}% of {time})."
    ))
}

fn receiving(w: &Watched<'_>) -> Option<String> {
    let (spent, _) = w.lately?;
    let rates = both(w);
    (verdict(spent) == Verdict::Receiving)
        .then(|| format!("Receiving: {rates}; only the sender's end knows what limits it."))
}

fn active(w: &Watched<'_>) -> Option<String> {
    let when = match w.lately {
        Some((_, ns)) => last(ns),
        None => "the last refresh interval".into(),
    };
    Some(format!("Active: {} in {when}.", both(w)))
}

/// The round-trip time with a comma before it; empty: it is not known.
fn round_trip(session: &Session) -> String {
    match (session.srtt_us, session.min_rtt_us) {
        (0, _) => String::new(),
        (now, 0) => format!(", RTT {}", fields::micros(now.into())),
        (now, best) => {
            let [now, best] = [now, best].map(|us| fields::micros(us.into()));
            format!(", RTT {now} ({best} min)")
        }
    }
}

fn peer(session: &Session) -> String {
    session.end_texts().1
}

fn program(session: &Session) -> &str {
    match session.owner {
        Evidence::None => "our application",
        _ => session.comm.as_str(),
    }
}

/// The time until the close; empty if it is not known.
fn after(session: &Session) -> String {
    let time = fields::micros(session.duration_ns() / 1000);
    match session.age {
        Age::Exact => format!(" after {time}"),
        Age::LowerBound => format!(" after at least {time}"),
        Age::Unknown => String::new(),
    }
}

fn amounts(session: &Session) -> String {
    let [tx, rx] = [session.tx_bytes, session.rx_bytes].map(fields::size);
    format!("{tx} sent, {rx} received")
}

fn unacked(w: &Watched<'_>) -> String {
    match w.session.unacked_bytes {
        0 => String::new(),
        n => format!(", {} never acknowledged", fields::size(n.into())),
    }
}

/// A time without needless digits.
fn long(ns: u64) -> String {
    match ns {
        ..1_000_000_000 => fields::micros(ns / 1000),
        _ => fields::seconds(ns),
    }
}

fn last(ns: u64) -> String {
    format!("the last {}", fields::seconds(ns))
}

/// The time since this instant, if it is long enough.
fn still(w: &Watched<'_>, since_ns: u64) -> Option<String> {
    let ns = w.session.end_ns.saturating_sub(since_ns);
    let at_least = if since_ns == w.progress.first_ns {
        "at least "
    } else {
        ""
    };
    (ns >= STILL_NS).then(|| format!("for {at_least}{}", fields::seconds(ns)))
}

/// Bytes sent and received per second, if there were any.
fn rates(w: &Watched<'_>) -> (Option<String>, Option<String>) {
    let (out, inwards) = match w.lately {
        Some((spent, ns)) => {
            let per_second = |bytes: u64| bytes as f64 * 1e9 / ns.max(1) as f64;
            (per_second(spent.acked), per_second(spent.received))
        }
        None => (w.session.tx_rate.into(), w.session.rx_rate.into()),
    };
    let text = |rate: f64| (rate > 0.0).then(|| fields::byte_rate(rate as u64));
    (text(out), text(inwards))
}

/// Both rates, that in the direction with less only if it is not 0.
fn both(w: &Watched<'_>) -> String {
    match rates(w) {
        (Some(out), Some(inwards)) => format!("{out} out, {inwards} in"),
        (Some(out), None) => format!("{out} out"),
        (None, Some(inwards)) => format!("{inwards} in"),
        (None, None) => "nothing moved".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Direction;
    use crate::model::turns::{ResponseTimes, ShortTime, Turns};
    use crate::testing::sample::closed_session as sample;

    fn open() -> Session {
        Session {
            state: State::Established,
            state_before_close: State::Established,
            reason: Reason::Open,
            comm: "nginx".into(),
            raddr: "10.0.0.9".parse().expect("an address"),
            rport: 5432,
            start_ns: 10 * S,
            established_ns: 10 * S,
            end_ns: 100 * S,
            close_us: 0,
            tx_bytes: 5_000_000,
            rx_bytes: 3000,
            unacked_bytes: 0,
            unread_bytes: 0,
            retransmits: 0,
            retransmitted_bytes: 0,
            srtt_us: 120,
            min_rtt_us: 20,
            mss: 1448,
            ..sample()
        }
    }

    fn ended(reason: Reason) -> Session {
        Session {
            state: State::Closed,
            reason,
            end_ns: 37 * S,
            ..open()
        }
    }

    /// Ten seconds in which so many bytes were sent, all the time busy.
    fn busy(acked: u64) -> TimeSpent {
        TimeSpent {
            whole_us: Some(10_000_000),
            busy_us: 10_000_000,
            sent: acked,
            acked,
            received: 3000,
            ..TimeSpent::default()
        }
    }

    fn said(session: &Session, since_ns: u64, spent: Option<TimeSpent>) -> (String, bool) {
        let mut progress = Progress::from(session);
        // the first reading was long before, and the last progress then
        progress.first_ns = S;
        (progress.moved_ns, progress.acked_ns, progress.read_ns) = (since_ns, since_ns, since_ns);
        let watched = Watched {
            session,
            vanished: false,
            progress: &progress,
            lately: spent.map(|spent| (spent, 10 * S)),
            signs: (SlowSigns::default(), 60 * S),
        };
        let (text, rule) = sentence(&watched).expect("a rule that always applies");
        (text, rule.is_trouble)
    }

    /// Asserts what is said of a session that has made no progress for this number of seconds.
    #[track_caller]
    fn assert_said(session: Session, still_s: u64, spent: Option<TimeSpent>, text: &str) {
        let since_ns = session.end_ns - still_s * S;
        assert_eq!(said(&session, since_ns, spent).0, text);
    }

    #[test]
    fn verdict_of_failed_session_names_the_reason_and_what_else_it_may_be() {
        let short = |reason| Session {
            established_ns: 0,
            end_ns: 10 * S + 300_000,
            tx_bytes: 0,
            rx_bytes: 0,
            ..ended(reason)
        };
        for (session, text) in [
            (
                short(Reason::Refused),
                "Refused: 10.0.0.9:5432 rejected our SYN after 300µs; nobody listens, or a firewall rejects it.",
            ),
            (
                short(Reason::ConnectTimeout),
                "No answer: 10.0.0.9:5432 answered none of our SYNs after 300µs.",
            ),
            (
                short(Reason::Unreachable),
                "Unreachable: the network reported that it cannot reach 10.0.0.9:5432 after 300µs.",
            ),
            (
                short(Reason::Cancelled),
                "Given up: no answer from 10.0.0.9:5432, and we closed after 300µs.",
            ),
            (
                short(Reason::NoPort),
                "No local port was free to connect to 10.0.0.9:5432; nothing was sent.",
            ),
            (
                short(Reason::NeverAccepted),
                "Never accepted: it waited in the listener's queue and was closed after 300µs.",
            ),
            (
                Session {
                    unacked_bytes: 2000,
                    ..ended(Reason::Timeout)
                },
                "Timed out: the peer stopped answering after 27.00s, 2.0kB never acknowledged.",
            ),
            (
                Session {
                    age: Age::LowerBound,
                    ..ended(Reason::RemoteReset)
                },
                "Reset by the peer after at least 27.00s: 5.0MB sent, 3.0kB received.",
            ),
            (
                Session {
                    unread_bytes: 300,
                    ..ended(Reason::LocalReset)
                },
                "Reset by us after 27.00s: 5.0MB sent, 3.0kB received, 300B of them unread.",
            ),
            (
                ended(Reason::Aborted),
                "Killed from outside after 27.00s, as by `ss -K`.",
            ),
        ] {
            assert_said(session, 0, None, text);
        }
        for reason in Reason::ALL.iter().filter(|r| r.is_failure()) {
            let (text, is_trouble) = said(&ended(*reason), 0, None);
            assert!(is_trouble, "{text}");
        }
    }

    #[test]
    fn verdict_of_closed_session_says_who_closed_and_what_moved() {
        for (reason, text) in [
            (
                Reason::LocalFin,
                "Closed by us first after 27.00s: 5.0MB sent, 3.0kB received.",
            ),
            (
                Reason::RemoteFin,
                "Closed by the peer first after 27.00s: 5.0MB sent, 3.0kB received.",
            ),
            (
                Reason::Unknown,
                "Closed, the kernel does not say why, after 27.00s: 5.0MB sent, 3.0kB received.",
            ),
        ] {
            assert_said(ended(reason), 0, None, text);
        }
        let vanished = Watched {
            session: &open(),
            vanished: true,
            progress: &Progress::from(&open()),
            lately: None,
            signs: (SlowSigns::default(), 60 * S),
        };
        let (text, rule) = sentence(&vanished).expect("a rule");
        assert!(rule.is_trouble && text.contains("its record was missed"));
    }

    #[test]
    fn verdict_of_connecting_session_says_for_how_long() {
        let connecting = |state, retransmits| Session {
            state,
            retransmits,
            established_ns: 0,
            tx_bytes: 0,
            rx_bytes: 0,
            end_ns: 17 * S,
            ..open()
        };
        assert_said(
            connecting(State::SynSent, 3),
            0,
            None,
            "Connecting: no answer from 10.0.0.9:5432 for 7s, 3 retransmits.",
        );
        assert_said(
            connecting(State::SynRecv, 0),
            0,
            None,
            "Connecting: the peer has not completed the handshake for 7s.",
        );
    }

    #[test]
    fn verdict_stalled_needs_unacknowledged_bytes_without_progress() {
        let waits = Session {
            unacked_bytes: 12_000,
            ..open()
        };
        let text = "Stalled: nothing was acknowledged for 3s, 12.0kB wait";
        assert_said(waits.clone(), 3, None, &format!("{text}."));
        let full = TimeSpent {
            rwnd_us: 9_000_000,
            ..busy(0)
        };
        let text_full = format!("{text}: the peer's window is full.");
        assert_said(waits.clone(), 3, Some(full), &text_full);
        let lossy = TimeSpent {
            retransmitted: 2896,
            ..busy(0)
        };
        let text_lossy = format!("{text}, 2.9kB retransmitted.");
        assert_said(waits.clone(), 3, Some(lossy), &text_lossy);
        let is_stalled =
            |session: &Session, since_ns| said(session, since_ns, None).0.contains("Stalled");
        assert!(!is_stalled(&waits, 99 * S), "one second is nothing");
        assert!(!is_stalled(&open(), 90 * S), "nothing waits");
    }

    #[test]
    fn verdict_not_read_names_the_program_that_does_not_read() {
        let waits = Session {
            unread_bytes: 2000,
            ..open()
        };
        let text = "Not read: nginx has read nothing for 8s, 2.0kB wait for it.";
        assert_said(waits.clone(), 8, None, text);
        let nobody = Session {
            owner: Evidence::None,
            ..waits
        };
        let text = "Not read: our application has read nothing for 8s, 2.0kB wait for it.";
        assert_said(nobody, 8, None, text);
    }

    #[test]
    fn verdict_half_closed_says_who_closed_and_who_still_sends() {
        let half = |state, close_us| Session {
            state,
            close_us,
            ..open()
        };
        let quiet = Some(TimeSpent {
            received: 0,
            ..busy(0)
        });
        for (state, close_us, spent, text) in [
            (
                State::CloseWait,
                42_000_000,
                quiet,
                "Waiting: the peer closed 42s ago, nginx has not (close-wait).",
            ),
            // preexisting: when is not known
            (
                State::CloseWait,
                0,
                quiet,
                "Waiting: the peer closed, nginx has not (close-wait).",
            ),
            (
                State::CloseWait,
                42_000_000,
                Some(busy(15_000_000)),
                "The peer closed 42s ago; nginx still sends 1.5MB/s (close-wait).",
            ),
            (
                State::FinWait2,
                u32::MAX,
                quiet,
                "Waiting: we closed more than 71m ago, the peer has not (fin-wait-2).",
            ),
            (
                State::FinWait2,
                3_000_000,
                Some(busy(0)),
                "We closed 3s ago; the peer still sends 300B/s (fin-wait-2).",
            ),
            (
                State::LastAck,
                3000,
                quiet,
                "Closing: the peer closed 3.0ms ago, our FIN is not acknowledged (last-ack).",
            ),
        ] {
            assert_said(half(state, close_us), 0, spent, text);
        }
    }

    #[test]
    fn verdict_retransmitting_needs_a_notable_share_of_several_segments() {
        let slow = Session {
            srtt_us: 80_000,
            min_rtt_us: 20_000,
            ..open()
        };
        let spent = |retransmitted| {
            Some(TimeSpent {
                retransmitted,
                ..busy(969_000)
            })
        };
        assert_said(
            slow.clone(),
            0,
            spent(31_000),
            "Losing packets, or they come late: 3.1% retransmitted in the last 10s, RTT 80.0ms (20.0ms min).",
        );
        let is_slow = |spent| said(&slow, 100 * S, spent).0.starts_with("Slow path");
        assert!(is_slow(spent(5000)));
        let few = Some(TimeSpent {
            retransmitted: 1448,
            ..busy(2000)
        });
        assert!(is_slow(few));
    }

    /// The verdict on a healthy session with these signs in the last minute.
    fn said_of(signs: SlowSigns) -> (String, bool) {
        let session = open();
        let watched = Watched {
            session: &session,
            vanished: false,
            progress: &Progress::from(&session),
            lately: Some((busy(15_000_000), 10 * S)),
            signs: (signs, 60 * S),
        };
        let (text, rule) = sentence(&watched).expect("a rule that always applies");
        (text, rule.is_trouble)
    }

    #[test]
    fn verdict_of_timeouts_counts_them_and_other_retransmits() {
        let signs = SlowSigns {
            timeouts: 3,
            fast: 2,
            ..SlowSigns::default()
        };
        let text = "Loss towards the peer, or of its answers: 3 retransmits after timeouts, 2 fast in the last 1m00s.";
        assert_eq!(said_of(signs), (text.into(), true));
        let fast = SlowSigns {
            timeouts: 0,
            ..signs
        };
        assert!(!said_of(fast).1, "a few fast retransmits are normal");
    }

    #[test]
    fn verdict_of_a_closed_window_names_the_end_that_reads_too_slowly() {
        let peer = SlowSigns {
            peer_window_s: 12,
            ..SlowSigns::default()
        };
        let text = "The peer reads too slowly: its window was 0 in 12s of the last 1m00s; 1.5MB/s out, 300B/s in.";
        assert_eq!(said_of(peer), (text.into(), true));
        let ours = SlowSigns {
            our_window_s: 12,
            ..SlowSigns::default()
        };
        let text = "nginx reads too slowly: our window was 0 in 12s of the last 1m00s; 1.5MB/s out, 300B/s in.";
        assert_eq!(said_of(ours), (text.into(), true));
        let once = SlowSigns {
            peer_window_s: 2,
            ..SlowSigns::default()
        };
        assert!(!said_of(once).1);
    }

    #[test]
    fn verdict_waiting_says_which_end_has_not_answered() {
        let waits = |waits_for, waiting_us| Session {
            waits_for,
            waiting_us,
            turns: Turns {
                count: 10,
                peer: ResponseTimes::new(12_000, 10, ShortTime::new(1200), ShortTime::new(1200)),
                ..Turns::default()
            },
            ..open()
        };
        assert_said(
            waits(WaitsFor::Peer, 5_000_000),
            5,
            None,
            "Waiting for the peer: it has not answered for 5s; it usually takes 1.2ms.",
        );
        assert_said(
            waits(WaitsFor::Us, 5_000_000),
            5,
            None,
            "The peer waits for us: nginx has not answered for 5s.",
        );
        let text = "Idle for 5s.";
        assert_said(waits(WaitsFor::Nobody, 0), 5, None, text);
        // it may be a protocol without answers
        let one_way = Session {
            rx_bytes: 0,
            ..waits(WaitsFor::Peer, 5_000_000)
        };
        assert_said(one_way, 5, None, text);
        assert_said(
            waits(WaitsFor::Peer, 2_900_000),
            0,
            None,
            "Active: nothing moved in the last refresh interval.",
        );
    }

    #[test]
    fn verdict_taking_turns_names_the_slower_end_first() {
        let spent = |peer_us, our_us| {
            Some(TimeSpent {
                busy_us: 100_000,
                turns: 50,
                peer_us,
                our_us,
                ..busy(30_000)
            })
        };
        let server = Session {
            direction: Direction::In,
            ..open()
        };
        assert_said(
            open(),
            0,
            spent(9_000_000, 100_000),
            "Taking turns: in the last 10s, the peer takes 180ms to answer (90%), we take 2.0ms to ask again (1%), RTT 120µs (20µs min).",
        );
        assert_said(
            server,
            0,
            spent(3_000_000, 6_000_000),
            "Taking turns: in the last 10s, we take 120ms to answer (60%), the peer takes 60.0ms to ask again (30%), RTT 120µs (20µs min).",
        );
        assert_said(
            open(),
            0,
            spent(3_000_000, 0),
            "Healthy: 3.0kB/s out, 300B/s in, limited by our application (99% of 10s).",
        );
    }

    #[test]
    fn verdict_idle_says_for_how_long_as_far_as_known() {
        assert_said(open(), 40, None, "Idle for 40s.");
        let mut progress = Progress::from(&open());
        let later = Session {
            end_ns: 103 * S,
            ..open()
        };
        progress.take(&later);
        let watched = Watched {
            session: &later,
            vanished: false,
            progress: &progress,
            lately: None,
            signs: (SlowSigns::default(), 60 * S),
        };
        let text = sentence(&watched).map(|(text, _)| text);
        assert_eq!(text.as_deref(), Some("Idle for at least 3s."));
        let unused = Session {
            tx_bytes: 0,
            rx_bytes: 0,
            ..open()
        };
        let text = "Idle: nothing was sent or received in 1m30s.";
        assert_said(unused, 0, None, text);
    }

    #[test]
    fn verdict_slow_path_names_queues_and_the_peer_alike() {
        let slow = Session {
            srtt_us: 80_000,
            min_rtt_us: 20_000,
            ..open()
        };
        assert_said(
            slow,
            0,
            Some(busy(15_000_000)),
            "Slow path: RTT 80.0ms is 4 times the minimum (20.0ms): 60.0ms in queues (bufferbloat), or a busy peer; 1.5MB/s out, 300B/s in.",
        );
    }

    #[test]
    fn verdict_of_a_slow_reader_is_its_window_and_not_the_path() {
        let slow = Session {
            srtt_us: 27_000,
            min_rtt_us: 9,
            ..open()
        };
        let limited = TimeSpent {
            rwnd_us: 9_000_000,
            received: 0,
            ..busy(9_400_000)
        };
        assert_said(
            slow,
            0,
            Some(limited),
            "Busy: 940.0kB/s out, limited by the peer's window (90% of 10s).",
        );
    }

    #[test]
    fn verdict_of_sending_session_has_its_rates_and_their_limit() {
        let limited = TimeSpent {
            rwnd_us: 6_000_000,
            received: 0,
            ..busy(15_000_000)
        };
        assert_said(
            open(),
            0,
            Some(limited),
            "Busy: 1.5MB/s out, limited by the peer's window (60% of 10s).",
        );
        let at_times = TimeSpent {
            busy_us: 300_000,
            ..busy(30_000)
        };
        assert_said(
            open(),
            0,
            Some(at_times),
            "Healthy: 3.0kB/s out, 300B/s in, limited by our application (97% of 10s).",
        );
        let downloads = TimeSpent {
            busy_us: 0,
            received: 15_000_000,
            ..busy(1200)
        };
        assert_said(
            open(),
            0,
            Some(downloads),
            "Receiving: 120B/s out, 1.5MB/s in; only the sender's end knows what limits it.",
        );
        let fresh = Session {
            tx_rate: 700.0,
            ..open()
        };
        assert_said(
            fresh,
            0,
            None,
            "Active: 700B/s out in the last refresh interval.",
        );
    }

    #[test]
    fn verdict_says_what_limits_a_session_only_after_five_seconds() {
        let session = open();
        let progress = Progress::from(&session);
        let said = |seconds: u64| {
            let spent = TimeSpent {
                whole_us: Some(seconds * 1_000_000),
                busy_us: seconds * 570_000,
                received: 0,
                ..busy(seconds * 12_000_000)
            };
            let watched = Watched {
                session: &session,
                vanished: false,
                progress: &progress,
                lately: Some((spent, seconds * S)),
                signs: (SlowSigns::default(), seconds * S),
            };
            sentence(&watched).expect("a rule that always applies").0
        };
        assert_eq!(said(1), "Active: 12.0MB/s out in the last 1s.");
        assert_eq!(said(4), "Active: 12.0MB/s out in the last 4s.");
        assert_eq!(
            said(5),
            "Busy: 12.0MB/s out, limited by the network (57% of 5s)."
        );
    }

    #[test]
    fn progress_of_each_kind_is_taken_for_itself() {
        let at = |s: u64, tx_bytes, unacked_bytes, unread_bytes| Session {
            end_ns: s * S,
            tx_bytes,
            unacked_bytes,
            unread_bytes,
            ..open()
        };
        let mut progress = Progress::from(&at(1, 100, 50, 20));
        progress.take(&at(2, 100, 60, 20));
        assert_eq!((progress.acked_ns, progress.read_ns), (S, S));
        progress.take(&at(3, 110, 60, 10));
        assert_eq!((progress.acked_ns, progress.read_ns), (3 * S, 3 * S));
        assert_eq!(progress.moved_ns, 3 * S);
        progress.take(&at(4, 110, 0, 0));
        assert_eq!((progress.acked_ns, progress.read_ns), (4 * S, 4 * S));
        assert_eq!(progress.moved_ns, 3 * S, "nothing waits, and nothing moved");
    }
}
