//! The bottleneck of a sending session, derived from the waiting times that the kernel counts.
//!
//! The kernel counts on the sender's side only: of a session that merely receives, the sender's end knows.

use crate::model::session::{Age, Session};
use crate::model::turns::ResponseTimes;

/// Resource that a sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bottleneck {
    /// The congestion window: loss, delay, bandwidth.
    Network,
    /// The peer's receive window.
    PeerWindow,
    /// Our own send buffer.
    SendBuffer,
    /// Nothing to send.
    Application,
}

impl Bottleneck {
    /// Returns the name in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Bottleneck::Network => "the network",
            Bottleneck::PeerWindow => "the peer's window",
            Bottleneck::SendBuffer => "our send buffer",
            Bottleneck::Application => "our application",
        }
    }

    /// Returns an explanation, and what to check.
    pub fn help(self) -> &'static str {
        match self {
            Bottleneck::Network => "Data was in flight: check RTT, retransmits and the window",
            Bottleneck::PeerWindow => {
                "The peer reads too slowly, or its receive buffer is too small"
            }
            Bottleneck::SendBuffer => {
                "It is too small for this path: check net.ipv4.tcp_wmem, SO_SNDBUF"
            }
            Bottleneck::Application => "It had nothing to send",
        }
    }
}

/// Result of the analysis.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing was sent or received, so nothing limited it.
    Idle,
    /// Almost everything was received: only the sender's end counts what it waits for.
    Receiving,
    /// Too short: the kernel's clock for this ticks only some hundred times per second.
    TooShort,
    /// Shares of the time from 0 to 1, the greatest first; their sum is 1. If the total time is not known, shares of
    /// the busy time.
    Parts(Vec<(Bottleneck, f64)>),
}

/// Time spent, by what limited it, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeSpent {
    /// All of it; `None`: not known.
    pub whole_us: Option<u64>,
    /// With data in flight or waiting.
    pub busy_us: u64,
    /// Part of `busy_us` limited by the peer's window.
    pub rwnd_us: u64,
    /// Part of `busy_us` limited by our send buffer.
    pub sndbuf_us: u64,
    /// Bytes sent, or attempted.
    pub sent: u64,
    /// Bytes that the peer has acknowledged.
    pub acked: u64,
    /// Bytes received.
    pub received: u64,
    /// Retransmitted bytes.
    pub retransmitted: u64,
    /// Answers of the peer, the time that they took, and that of ours.
    pub turns: u64,
    pub peer_us: u64,
    pub our_us: u64,
}

impl TimeSpent {
    /// Over a session's life.
    pub fn of(session: &Session) -> TimeSpent {
        let whole = session.duration_ns() / 1000;
        TimeSpent {
            whole_us: (session.age == Age::Exact).then_some(whole),
            busy_us: session.busy_us(),
            rwnd_us: session.rwnd_limited_us(),
            sndbuf_us: session.sndbuf_limited_us(),
            sent: session.tx_bytes + u64::from(session.unacked_bytes),
            acked: session.tx_bytes,
            received: session.rx_bytes,
            retransmitted: session.retransmitted_bytes,
            turns: session.turns.count.into(),
            peer_us: response_us(session, session.turns.peer),
            our_us: response_us(session, session.turns.ours),
        }
    }

    /// Between two readings of a session.
    pub fn between(before: &Reading, now: &Reading) -> TimeSpent {
        let since = |time: fn(&Reading) -> u64| time(now).saturating_sub(time(before));
        TimeSpent {
            whole_us: Some(since(|r| r.at_ns) / 1000),
            busy_us: since(|r| r.busy_us),
            rwnd_us: since(|r| r.rwnd_us),
            sndbuf_us: since(|r| r.sndbuf_us),
            sent: since(|r| r.tx_bytes) + now.unacked_bytes,
            acked: since(|r| r.tx_bytes),
            received: since(|r| r.rx_bytes),
            retransmitted: since(|r| r.retransmitted_bytes),
            turns: since(|r| r.turns),
            peer_us: since(|r| r.peer_us),
            our_us: since(|r| r.our_us),
        }
    }

    /// True if data was in flight or waiting for more than a tenth of that time, ns. What limits a session that is
    /// hardly ever busy is the application, whatever limited it for a moment.
    pub fn is_busy(&self, of_ns: u64) -> bool {
        self.busy_us.saturating_mul(10) > of_ns / 1000
    }
}

/// The waiting times of a session at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub at_ns: u64,
    busy_us: u64,
    rwnd_us: u64,
    sndbuf_us: u64,
    tx_bytes: u64,
    rx_bytes: u64,
    unacked_bytes: u64,
    retransmitted_bytes: u64,
    turns: u64,
    peer_us: u64,
    our_us: u64,
}

/// Time that all answers of an end took. Those whose time is not known count as the mean.
fn response_us(session: &Session, times: ResponseTimes) -> u64 {
    u64::from(session.turns.count) * times.mean_us().unwrap_or(0)
}

impl From<&Session> for Reading {
    fn from(session: &Session) -> Self {
        Reading {
            at_ns: session.end_ns,
            busy_us: session.busy_us(),
            rwnd_us: session.rwnd_limited_us(),
            sndbuf_us: session.sndbuf_limited_us(),
            tx_bytes: session.tx_bytes,
            rx_bytes: session.rx_bytes,
            unacked_bytes: session.unacked_bytes.into(),
            retransmitted_bytes: session.retransmitted_bytes,
            turns: session.turns.count.into(),
            peer_us: response_us(session, session.turns.peer),
            our_us: response_us(session, session.turns.ours),
        }
    }
}

/// Returns the verdict on that time.
pub fn verdict(spent: TimeSpent) -> Verdict {
    /// A few ticks.
    const LEAST_US: u64 = 20_000;
    /// Received bytes for each sent one, from which on a session receives: requests are shorter than what they fetch.
    const RECEIVES: u64 = 100;
    let limited = spent.rwnd_us.saturating_add(spent.sndbuf_us);
    let busy = spent.busy_us.max(limited);
    // ticks are coarse: it cannot have been busy for longer than it existed
    let whole = spent.whole_us.map_or(busy, |whole| whole.max(busy));
    if busy == 0 && spent.sent == 0 && spent.received == 0 {
        return Verdict::Idle;
    }
    let is_rarely_busy = busy == 0 || busy.saturating_mul(10) <= whole;
    if is_rarely_busy && spent.received > spent.sent.saturating_mul(RECEIVES) {
        return Verdict::Receiving;
    }
    if whole < LEAST_US {
        return Verdict::TooShort;
    }
    let mut parts = vec![
        (Bottleneck::Network, busy - limited),
        (Bottleneck::PeerWindow, spent.rwnd_us),
        (Bottleneck::SendBuffer, spent.sndbuf_us),
        (Bottleneck::Application, whole - busy),
    ];
    parts.retain(|(_, us)| *us > 0);
    parts.sort_by_key(|(_, us)| std::cmp::Reverse(*us));
    let part = |us: u64| us as f64 / whole as f64;
    Verdict::Parts(parts.into_iter().map(|(l, us)| (l, part(us))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(whole_ms: u64, busy: u64, rwnd: u64, sndbuf: u64) -> Vec<(Bottleneck, u64)> {
        let spent = TimeSpent {
            whole_us: Some(whole_ms * 1000),
            busy_us: busy * 1000,
            rwnd_us: rwnd * 1000,
            sndbuf_us: sndbuf * 1000,
            sent: 1,
            received: 1,
            ..TimeSpent::default()
        };
        match verdict(spent) {
            Verdict::Parts(parts) => parts
                .into_iter()
                .map(|(l, part)| (l, (part * 100.0).round() as u64))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bottleneck_parts_are_sorted_by_share_of_time() {
        use Bottleneck::*;
        assert_eq!(parts(1000, 1000, 0, 0), [(Network, 100)]);
        assert_eq!(parts(1000, 50, 0, 0), [(Application, 95), (Network, 5)]);
        assert_eq!(
            parts(1000, 900, 700, 0),
            [(PeerWindow, 70), (Network, 20), (Application, 10)]
        );
        assert_eq!(
            parts(1000, 1000, 100, 600),
            [(SendBuffer, 60), (Network, 30), (PeerWindow, 10)]
        );
    }

    #[test]
    fn bottleneck_with_coarse_ticks_stays_within_100_percent() {
        // one 4 ms tick more than the whole time
        assert_eq!(parts(1000, 1004, 0, 0), [(Bottleneck::Network, 100)]);
        assert_eq!(parts(1000, 996, 1000, 0), [(Bottleneck::PeerWindow, 100)]);
    }

    fn spent(whole_us: Option<u64>, busy_us: u64, sent: u64) -> Verdict {
        verdict(TimeSpent {
            whole_us,
            busy_us,
            sent,
            ..TimeSpent::default()
        })
    }

    #[test]
    fn bottleneck_with_too_little_data_has_no_shares() {
        assert_eq!(spent(Some(5000), 4000, 1), Verdict::TooShort);
        assert_eq!(spent(Some(5_000_000), 0, 0), Verdict::Idle);
        assert_eq!(spent(None, 0, 0), Verdict::Idle);
        assert_eq!(spent(None, 4000, 1), Verdict::TooShort);
    }

    #[test]
    fn bottleneck_of_a_download_is_known_to_its_sender() {
        let download = |busy_us, sent, received| {
            verdict(TimeSpent {
                whole_us: Some(5_000_000),
                busy_us,
                sent,
                received,
                ..TimeSpent::default()
            })
        };
        assert_eq!(download(0, 0, 1), Verdict::Receiving);
        // its request was on its way for a moment
        assert_eq!(download(4000, 200, 1_000_000), Verdict::Receiving);
        let sends = [
            download(4000, 200, 20_000),
            download(2_500_000, 200, 1_000_000),
        ];
        for verdict in sends {
            assert!(matches!(verdict, Verdict::Parts(_)), "{verdict:?}");
        }
    }

    #[test]
    fn bottleneck_of_preexisting_or_subtick_sending_has_one_share() {
        // sent in less than a tick
        assert_eq!(
            spent(Some(5_000_000), 0, 1),
            Verdict::Parts(vec![(Bottleneck::Application, 1.0)])
        );
        // preexisting: its age is only a lower bound, so its idle time is unknown
        assert_eq!(
            spent(None, 400_000, 1),
            Verdict::Parts(vec![(Bottleneck::Network, 1.0)])
        );
    }

    #[test]
    fn time_spent_between_two_readings_is_their_difference() {
        let before = Session {
            busy_ms: 1000,
            rwnd_limited_ms: 900,
            ..crate::testing::sample::closed_session()
        };
        let now = Session {
            end_ns: before.end_ns + 2_000_000_000,
            busy_ms: 2000,
            ..before.clone()
        };
        assert_eq!(
            verdict(TimeSpent::between(&(&before).into(), &(&now).into())),
            Verdict::Parts(vec![
                (Bottleneck::Network, 0.5),
                (Bottleneck::Application, 0.5)
            ])
        );
    }
}
