//! Parts that the sentences of several rules have in common.

use crate::model::fields;
use crate::model::session::{Age, Evidence, Session};
use crate::model::session_verdict::Watched;
use crate::text::units::S;

/// Time without progress from which on a session is said to be idle or stalled, ns.
pub(super) const STILL_NS: u64 = 3_000_000_000;

/// The round-trip time with a comma before it; empty: it is not known.
pub(super) fn round_trip(session: &Session) -> String {
    match (session.srtt_us, session.min_rtt_us) {
        (0, _) => String::new(),
        (now, 0) => format!(", RTT {}", fields::micros(now.into())),
        (now, best) => {
            let [now, best] = [now, best].map(|us| fields::micros(us.into()));
            format!(", RTT {now} ({best} min)")
        }
    }
}

pub(super) fn peer(session: &Session) -> String {
    session.end_texts().1
}

pub(super) fn program(session: &Session) -> &str {
    match session.owner {
        Evidence::None => "our application",
        _ => session.comm.as_str(),
    }
}

/// The time until the close; empty if it is not known.
pub(super) fn after(session: &Session) -> String {
    let time = fields::micros(session.duration_ns() / 1000);
    match session.age {
        Age::Exact => format!(" after {time}"),
        Age::LowerBound => format!(" after at least {time}"),
        Age::Unknown => String::new(),
    }
}

pub(super) fn amounts(session: &Session) -> String {
    let [tx, rx] = [session.tx_bytes, session.rx_bytes].map(fields::size);
    format!("{tx} sent, {rx} received")
}

pub(super) fn unacked(w: &Watched<'_>) -> String {
    match w.session.unacked_bytes {
        0 => String::new(),
        n => format!(", {} never acknowledged", fields::size(n.into())),
    }
}

/// A time without needless digits.
pub(super) fn long(ns: u64) -> String {
    match ns {
        ..1_000_000_000 => fields::micros(ns / 1000),
        _ => fields::seconds(ns),
    }
}

pub(super) fn last(ns: u64) -> String {
    format!("the last {}", fields::seconds(ns))
}

/// The time since this instant, if it is long enough.
pub(super) fn still(w: &Watched<'_>, since_ns: u64) -> Option<String> {
    let ns = w.session.end_ns.saturating_sub(since_ns);
    let at_least = if since_ns == w.progress.first_ns {
        "at least "
    } else {
        ""
    };
    (ns >= STILL_NS).then(|| format!("for {at_least}{}", fields::seconds(ns)))
}

/// Bytes sent and received per second, if there were any.
pub(super) fn rates(w: &Watched<'_>) -> (Option<String>, Option<String>) {
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
pub(super) fn both(w: &Watched<'_>) -> String {
    match rates(w) {
        (Some(out), Some(inwards)) => format!("{out} out, {inwards} in"),
        (Some(out), None) => format!("{out} out"),
        (None, Some(inwards)) => format!("{inwards} in"),
        (None, None) => "nothing moved".into(),
    }
}

/// Seconds of a history that may begin with a part of one, as seconds of this time.
pub(super) fn of_time(seconds: u16, ns: u64) -> u64 {
    u64::from(seconds).min(ns / S)
}
