//! What the dashboard itself causes: the ssh session that it is used over, in which each picture is traffic that makes the
//! next, and whatever it opens itself.
//!
//! Responsible for knowing it and counting it, so that what is not shown is said. Totals count it like everything else.
//! Not for finding the ssh session in the first place (`session_env`).

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::host::session_env::{SessionEnv, SshConnection};
use crate::model::session::{Evidence, Session};
use crate::model::store::{Change, SessionRef, StoreEvent};

/// Which sessions are the dashboard's own, and whether they are shown.
#[derive(Debug, Default)]
pub struct SelfTraffic {
    /// They are shown like all others.
    pub shown: bool,
    pid: u32,
    ssh: Vec<SshConnection>,
    open: usize,
    /// Numbers of the closed ones that are kept, the oldest first.
    closed: VecDeque<u64>,
}

impl SelfTraffic {
    pub fn new(session_env: &SessionEnv) -> Self {
        SelfTraffic {
            pid: session_env.pid,
            ssh: session_env.ssh.clone(),
            ..SelfTraffic::default()
        }
    }

    /// True if the dashboard causes it. Of an ssh connection within the host that is both ends.
    pub fn is(&self, session: &Session) -> bool {
        if session.owner != Evidence::None && session.pid == self.pid {
            return true;
        }
        let is = |ssh: &SshConnection, (ours, theirs): (SocketAddr, SocketAddr)| {
            (ours, theirs) == (ssh.server, ssh.client) || (ours, theirs) == (ssh.client, ssh.server)
        };
        self.ssh.iter().any(|ssh| is(ssh, session.ends()))
    }

    /// True if it is not to be shown.
    pub fn hides(&self, session: &Session) -> bool {
        !self.shown && self.is(session)
    }

    /// A change without what is our own; `None`: there is nothing else in it.
    pub fn without<'a>(&self, change: &Change<'a>) -> Option<Change<'a>> {
        change.among(|s| !self.is(s))
    }

    /// Counts what happened to a session, if it is one of them.
    pub fn take(&mut self, event: &StoreEvent<'_>) {
        if let Some(change) = event.change() {
            let was = change.before.is_some_and(|s| self.is(s));
            let is = change.now.is_some_and(|s| s.is_open() && self.is(s));
            self.open = (self.open + usize::from(is)).saturating_sub(was.into());
        }
        match event {
            StoreEvent::Closed(Change {
                at: Some(SessionRef::Closed(number)),
                now: Some(session),
                ..
            }) if self.is(session) => self.closed.push_back(*number),
            StoreEvent::Evicted(number, _) if self.closed.front() == Some(number) => {
                self.closed.pop_front();
            }
            _ => {}
        }
    }

    /// How many there are, open or kept.
    pub fn known(&self) -> usize {
        self.open + self.closed.len()
    }

    /// What of it there is to say at the top.
    pub fn said(&self) -> Option<String> {
        let what = if self.shown { "shown" } else { "hidden" };
        (self.known() > 0).then(|| format!("self traffic: {} {what}", self.known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn both_ends_of_our_ssh_and_what_we_open_are_our_own() {
        let end = |text: &str| text.parse().expect("an address and a port");
        let own = SelfTraffic::new(&SessionEnv {
            pid: 77,
            ssh: vec![SshConnection {
                client: end("192.0.2.77:50003"),
                server: end("10.0.0.5:22"),
            }],
            ..SessionEnv::default()
        });
        let session = |ours: &str, theirs: &str| {
            let (ours, theirs): (SocketAddr, SocketAddr) = (end(ours), end(theirs));
            Session {
                laddr: ours.ip(),
                lport: ours.port(),
                raddr: theirs.ip(),
                rport: theirs.port(),
                ..sample()
            }
        };
        assert!(own.is(&session("10.0.0.5:22", "192.0.2.77:50003")));
        assert!(own.is(&session("192.0.2.77:50003", "10.0.0.5:22")));
        assert!(!own.is(&session("10.0.0.5:22", "192.0.2.77:50004")));
        assert!(!own.is(&session("10.0.0.6:22", "192.0.2.77:50003")));
        let ours = Session {
            pid: 77,
            ..sample()
        };
        assert!(own.is(&ours));
        let nobodys = Session {
            pid: 0,
            owner: Evidence::None,
            ..sample()
        };
        assert!(!SelfTraffic::default().is(&nobodys));
    }
}
