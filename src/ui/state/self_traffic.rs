//! Self traffic: the ssh session that the dashboard is used over, in which each frame causes traffic for the next
//! one, and connections of the dashboard itself.
//!
//! Recognizes and counts it, so that hidden sessions are reported. Totals include it like all other traffic.
//! `session_env` finds the ssh session.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::host::session_env::{SessionEnv, SshConnection};
use crate::model::session::{Evidence, Session};
use crate::model::store::{Change, SessionRef, StoreEvent};

/// Identity and visibility of the dashboard's own sessions.
#[derive(Debug, Default)]
pub struct SelfTraffic {
    pub shown: bool,
    pid: u32,
    ssh: Vec<SshConnection>,
    ssh_netns: Option<u64>,
    open: usize,
    /// Numbers of closed ones still kept, the oldest first.
    closed: VecDeque<u64>,
}

impl SelfTraffic {
    pub fn new(session_env: &SessionEnv) -> Self {
        SelfTraffic {
            pid: session_env.pid,
            ssh: session_env.ssh.clone(),
            ssh_netns: session_env.ssh_netns,
            ..SelfTraffic::default()
        }
    }

    /// True if the dashboard causes this session. Includes both ends of an ssh connection within the host.
    pub fn is(&self, session: &Session) -> bool {
        if session.owner != Evidence::None && session.pid == self.pid {
            return true;
        }
        // the same addresses in another network namespace are others; but the client may be in one, if not on loopback
        let netns = u64::from(session.netns);
        let is_there = self.ssh_netns.is_none_or(|its| its == netns);
        let is = |ssh: &SshConnection, ends: (SocketAddr, SocketAddr)| {
            let may_be_client = is_there || !ssh.client.ip().is_loopback();
            ends == (ssh.server, ssh.client) && is_there
                || ends == (ssh.client, ssh.server) && may_be_client
        };
        self.ssh.iter().any(|ssh| is(ssh, session.ends()))
    }

    /// True if self traffic is hidden and this session is part of it.
    pub fn hides(&self, session: &Session) -> bool {
        !self.shown && self.is(session)
    }

    /// Removes self traffic from a change; `None`: nothing remains.
    pub fn exclude_from<'a>(&self, change: &Change<'a>) -> Option<Change<'a>> {
        change.among(|s| !self.is(s))
    }

    /// Counts an event of self traffic.
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
            StoreEvent::Evicted(number, ..) if self.closed.front() == Some(number) => {
                self.closed.pop_front();
            }
            _ => {}
        }
    }

    /// Number of own sessions, open or kept.
    pub fn known(&self) -> usize {
        self.open + self.closed.len()
    }

    /// Text for the header.
    pub fn header_text(&self) -> Option<String> {
        let what = if self.shown { "shown" } else { "hidden" };
        (self.known() > 0).then(|| format!("self traffic: {} {what}", self.known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn self_traffic_is_both_ends_of_our_ssh_and_our_process() {
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
        let elsewhere = |ours: &str, theirs: &str| {
            let own = SelfTraffic {
                ssh: vec![SshConnection {
                    client: end(theirs),
                    server: end(ours),
                }],
                ssh_netns: Some(u64::from(sample().netns) + 1),
                ..SelfTraffic::default()
            };
            (
                own.is(&session(ours, theirs)),
                own.is(&session(theirs, ours)),
            )
        };
        assert_eq!(elsewhere("10.0.0.5:22", "10.0.0.9:50003"), (false, true));
        assert_eq!(elsewhere("127.0.0.1:22", "127.0.0.1:50003"), (false, false));
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
