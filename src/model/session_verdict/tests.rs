//! Sentences on sessions of each kind.

use super::*;
use crate::model::session::{Age, Direction, Evidence, Reason, State, WaitsFor};
use crate::model::turns::{ResponseTimes, ShortTime, Turns};
use crate::testing::sample::closed_session as sample;
use crate::text::units::S;

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

/// Asserts the verdict on a session that has made no progress for this number of seconds.
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
        "Quiet: nothing was sent or received in the last refresh interval.",
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
