//! Rates of this host over the last minutes, kept from the start, so that a chart of them is full when it is opened.
//!
//! Self traffic is not included: a chart of it would be the cause of what it shows.

use crate::model::store::{Change, StoreEvent};
use crate::text::units::S;
use crate::ui::state::session_history::ChartHistory;

/// The rates with each local connection counted once, and with each of its ends counted.
#[derive(Debug, Default)]
pub struct HostHistories {
    pub by_connection: HostHistory,
    pub by_end: HostHistory,
}

impl HostHistories {
    /// Counts the change of an event; the two may differ in that the change leaves out self traffic.
    pub fn take(&mut self, event: &StoreEvent<'_>, change: &Change<'_>) {
        self.by_connection.take(event, change);
        match change.other {
            None => self.by_end.take(event, change),
            Some(_) => self.by_end.take(event, &change.unpaired()),
        }
    }

    /// Ends a snapshot.
    pub fn settle(&mut self, now_ns: u64) {
        self.by_connection.settle(now_ns);
        self.by_end.settle(now_ns);
    }
}

#[derive(Debug, Default)]
pub struct HostHistory {
    /// Time of the first snapshot, ns; 0: there was none.
    pub since_ns: u64,
    /// Time up to which everything is counted, ns.
    pub now_ns: u64,
    pub tx: ChartHistory,
    pub rx: ChartHistory,
    /// Opened sessions.
    pub opened: ChartHistory,
    /// Closed sessions, including failed ones.
    pub closed: ChartHistory,
    /// Sessions that failed: closed for a known reason other than a FIN or a checkpoint.
    pub failed: ChartHistory,
    /// Bytes of open sessions since then, sent and received.
    moved: [i64; 2],
}

impl HostHistory {
    /// Counts the change of an event. A local connection opens with its first end, and closes with its last one.
    pub fn take(&mut self, event: &StoreEvent<'_>, change: &Change<'_>) {
        let Some(session) = change.now else { return };
        let is_closed = matches!(event, StoreEvent::Closed(_));
        let bytes = change.of_connection;
        if change.is_new || is_closed {
            // only while it was open: after a pause, that may be a small part of it
            let to_ns = session.end_ns;
            let from_ns = self.now_ns.max(session.start_ns).min(to_ns);
            for (history, bytes) in [(&mut self.tx, bytes.sent), (&mut self.rx, bytes.received)] {
                if bytes != 0 {
                    history.spread_change(bytes as f64, from_ns, to_ns);
                }
            }
        } else {
            self.moved[0] += bytes.sent;
            self.moved[1] += bytes.received;
        }
        let other = change.other.map(|other| other.session);
        if change.is_new && other.is_none() {
            self.opened.add(session.start_ns / S, 1.0);
        }
        if !is_closed {
            return;
        }
        let is_last = match other {
            None => true,
            // it was counted when it closed, while this end was not known
            Some(other) => !other.is_open() && change.before.is_some(),
        };
        if is_last {
            self.closed.add(session.end_ns / S, 1.0);
        }
        let has_failed = other.is_some_and(|other| other.reason.is_failure());
        if session.reason.is_failure() && !has_failed {
            self.failed.add(session.end_ns / S, 1.0);
        }
    }

    /// Ends a snapshot: open sessions have moved their bytes evenly since the one before.
    pub fn settle(&mut self, now_ns: u64) {
        let moved = std::mem::take(&mut self.moved);
        if self.since_ns == 0 {
            (self.since_ns, self.now_ns) = (now_ns, now_ns);
        }
        if now_ns > self.now_ns {
            let [sent, received] = moved.map(|bytes| bytes as f64);
            self.tx.spread_change(sent, self.now_ns, now_ns);
            self.rx.spread_change(received, self.now_ns, now_ns);
            self.now_ns = now_ns;
        } else {
            self.moved = moved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Reason, Session, State};
    use crate::model::store::Store;
    use crate::testing::sample::{closed_session as sample, snapshot_batch};

    #[test]
    fn host_history_counts_each_session_in_the_seconds_in_which_it_opened_and_closed() {
        let mut store = Store::new(10);
        let mut history = HostHistory::default();
        let mut moment = |at_s: u64, open, closed| {
            let batch = snapshot_batch(at_s * S, open, closed);
            store.ingest(batch, |event| {
                if let Some(change) = event.change() {
                    history.take(&event, change);
                }
            });
            history.settle(at_s * S);
        };
        let session = |cookie, tx_bytes, end_s: u64| Session {
            cookie,
            tx_bytes,
            rx_bytes: 10,
            start_ns: 11 * S + 5,
            end_ns: end_s * S,
            state: State::Established,
            reason: Reason::Open,
            ..sample()
        };
        let ended = |session, reason| Session {
            state: State::Closed,
            reason,
            ..session
        };
        moment(10, vec![], vec![]);
        moment(12, vec![session(1, 4000, 12), session(2, 0, 12)], vec![]);
        let closed = vec![
            ended(session(1, 5000, 13), Reason::LocalFin),
            ended(session(2, 0, 13), Reason::RemoteReset),
        ];
        moment(14, vec![], closed);
        let seconds =
            |h: &ChartHistory| -> Vec<f32> { (10..14).map(|s| h.at(s).round()).collect() };
        assert_eq!(seconds(&history.tx), [0.0, 4000.0, 1000.0, 0.0]);
        assert_eq!(seconds(&history.rx), [0.0, 20.0, 0.0, 0.0]);
        assert_eq!(seconds(&history.opened), [0.0, 2.0, 0.0, 0.0]);
        assert_eq!(seconds(&history.closed), [0.0, 0.0, 0.0, 2.0]);
        assert_eq!(seconds(&history.failed), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!((history.since_ns, history.now_ns), (10 * S, 14 * S));
    }
    #[test]
    fn host_history_after_a_pause_has_bytes_only_while_their_sessions_were_open() {
        let mut store = Store::new(10);
        let mut history = HostHistory::default();
        let session = |cookie, tx_bytes, start_s: u64, end_s: u64| Session {
            cookie,
            tx_bytes,
            rx_bytes: 0,
            start_ns: start_s * S,
            end_ns: end_s * S,
            state: State::Closed,
            reason: Reason::LocalFin,
            ..sample()
        };
        let opened = |session| Session {
            state: State::Established,
            reason: Reason::Open,
            ..session
        };
        let mut moment = |at_s: u64, open, closed| {
            let batch = snapshot_batch(at_s * S, open, closed);
            store.ingest(batch, |event| {
                if let Some(change) = event.change() {
                    history.take(&event, change);
                }
            });
            history.settle(at_s * S);
        };
        let long = |tx_bytes, now_s| opened(session(1, tx_bytes, 9, now_s));
        moment(9, vec![], vec![]);
        moment(10, vec![long(100, 10)], vec![]);
        let short = session(2, 4000, 12, 14);
        let closed_in_time = session(3, 500, 17, 17);
        let new = opened(session(4, 60, 18, 20));
        moment(20, vec![long(200, 20), new], vec![short, closed_in_time]);
        let seconds: Vec<f32> = (9..20).map(|s| history.tx.at(s).round()).collect();
        assert_eq!(
            seconds,
            [
                100.0, 10.0, 10.0, 2010.0, 2010.0, 10.0, 10.0, 10.0, 510.0, 40.0, 40.0
            ]
        );
    }
}
