//! One sentence on what is going on with a session, and what has been watched of it.
//!
//! `rules` holds the rules, `phrases` the parts that their sentences have in common.

mod phrases;
mod rules;
#[cfg(test)]
mod tests;

use crate::model::bottleneck::TimeSpent;
use crate::model::session::Session;
use crate::model::slow_signs::SlowSigns;

pub use rules::{response_shares, rtt_growth, sentence};

/// Minimum time watched for a statement on what limits an open session, ns.
pub const LEAST_WATCHED_NS: u64 = 5_000_000_000;

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
