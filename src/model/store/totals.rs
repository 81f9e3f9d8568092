//! Sums over everything seen since the start, and recent rates of the host.

use crate::model::batch::Missed;
use crate::model::session::{Age, Session};
use crate::model::store::change::{Change, ConnectionBytes, Moved};

/// Sums over everything seen since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Closed sessions.
    pub closed: u64,
    /// Sessions that were missed. Those that have vanished are counted here.
    pub missed: Missed,
    /// Recently opened sessions per second.
    pub opened_rate: f64,
    /// Recent bytes sent per second.
    pub tx_rate: f64,
    /// Recent bytes received per second. A byte within the host is sent by one session and received by another.
    pub rx_rate: f64,
    /// The same rates with each local connection counted once, as the end that connected sees it.
    pub by_connection: HostRates,
}

/// Recent rates of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostRates {
    pub opened: f64,
    pub tx: f64,
    pub rx: f64,
}

/// Figures of the host, with local connections counted once or at both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostFigures {
    pub open: usize,
    pub closed: u64,
    pub rates: HostRates,
}

/// Opened sessions and moved bytes since rates were computed, at each end and by connection.
#[derive(Debug, Default)]
pub(super) struct SinceRead {
    pub(super) opened: u64,
    pub(super) moved: Moved,
    pub(super) connections: u64,
    pub(super) of_connections: ConnectionBytes,
}

impl SinceRead {
    pub(super) fn add(&mut self, change: &Change<'_>) {
        let opened = |s: &Session| u64::from(change.before.is_none() && has_opened(s));
        let opened = change.now.map_or(0, opened);
        self.opened += opened;
        self.moved += Moved {
            tx: change.sent,
            rx: change.moved - change.sent,
        };
        if change.other.is_none() {
            self.connections += opened;
        }
        self.of_connections.sent += change.of_connection.sent;
        self.of_connections.received += change.of_connection.received;
    }
}

/// True if a session that was not known before has just been opened: one that is older is new only to the store.
fn has_opened(session: &Session) -> bool {
    session.age != Age::LowerBound
}
