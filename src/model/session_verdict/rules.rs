//! The rules of the sentence: [`RULES`], of which the first that applies speaks.
//!
//! A rule claims only what the session's figures show. Where they leave several causes, it names them all or none.

use crate::model::bottleneck::{Bottleneck, TimeSpent, Verdict, verdict};
use crate::model::fields;
use crate::model::session::{Age, Reason, Session, State, WaitsFor};
use crate::model::session_verdict::phrases::{
    STILL_NS, after, amounts, both, last, long, of_time, peer, program, rates, round_trip, still,
    unacked,
};
use crate::model::session_verdict::{LEAST_WATCHED_NS, Watched};
use crate::model::slow_signs::SlowSigns;

/// Retransmitted share of the bytes sent from which on it comes first.
const LOSSY: f64 = 0.01;
/// Minimum number of retransmitted segments for that.
const LEAST_LOST: u64 = 3;
/// Minimum number of answers of each end for a statement on a whole life.
const LEAST_TURNS: u64 = 3;
/// Minimum number of seconds with a closed window in the last minute for a statement on it.
const LEAST_CLOSED_S: u16 = 3;
/// Minimum round-trip time that is worth a remark, µs: less is the noise of a healthy network, and of loopback.
const NOTABLE_US: u32 = 1000;

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
static RULES: &[VerdictRule] = &[
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
    fine(has_taken_turns),
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
    if rates(w) == (None, None) {
        return None;
    }
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

/// The answers of its whole life, until it has been watched for long enough.
fn has_taken_turns(w: &Watched<'_>) -> Option<String> {
    let session = w.session;
    if w.lately.is_some_and(|(_, ns)| ns >= LEAST_WATCHED_NS) || !session.is_open() {
        return None;
    }
    let turns = &session.turns;
    let count = u64::from(turns.count);
    if count < LEAST_TURNS {
        return None;
    }
    let [peer_us, our_us] = [turns.peer.mean_us()?, turns.ours.mean_us()?];
    let spent = TimeSpent {
        turns: count,
        peer_us: peer_us.saturating_mul(count),
        our_us: our_us.saturating_mul(count),
        whole_us: Some(session.duration_ns() / 1000),
        ..TimeSpent::default()
    };
    let (shares, rtt) = (response_shares(session, spent)?, round_trip(session));
    Some(format!("Taking turns: in its whole life, {shares}{rtt}."))
}

fn active(w: &Watched<'_>) -> Option<String> {
    let when = match w.lately {
        Some((_, ns)) => last(ns),
        None => "the last refresh interval".into(),
    };
    Some(match rates(w) {
        (None, None) => format!("Quiet: nothing was sent or received in {when}."),
        _ => format!("Active: {} in {when}.", both(w)),
    })
}
