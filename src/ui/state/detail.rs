//! One session in detail, updated until it closes: its figures, its rate history, and its other end if that is on
//! this host too.
//!
//! Reading /proc is an effect, not done here.

use std::collections::VecDeque;

use crate::host::process_info::ProcessInfo;
use crate::model::session::{Session, SessionId};
use crate::model::store::{Backfill, Change, SessionRef, Store};

/// Snapshots for which rates are kept.
const WATCHED: usize = 300;
/// Closed sessions searched for the other end in one step.
const CHUNK: u64 = 1 << 15;

#[derive(Debug)]
pub struct Detail {
    pub session: Session,
    /// The session as it was when the detail was opened.
    pub first: Session,
    /// The session has disappeared, and its close was missed.
    pub vanished: bool,
    /// Bytes per second sent, one value per snapshot.
    pub tx: VecDeque<f32>,
    /// Bytes per second received, one value per snapshot.
    pub rx: VecDeque<f32>,
    /// Facts from /proc about the owner.
    pub process: Option<ProcessInfo>,
    pub other: Option<Session>,
    /// First visible line.
    pub top: usize,
    asked: u32,
    /// Progress of the search for the other end among closed sessions.
    backfill: Backfill,
}

impl Detail {
    pub fn new(session: Session, store: &Store) -> Self {
        let mut detail = Detail {
            first: session.clone(),
            vanished: false,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            process: None,
            other: None,
            top: 0,
            asked: 0,
            backfill: Backfill::new(store, CHUNK),
            session,
        };
        detail.push_rate_sample();
        let mut open = store.open().map(|(_, s)| s);
        detail.other = open.find(|s| detail.is_other_end(s)).cloned();
        detail.search(store);
        detail
    }

    pub fn id(&self) -> SessionId {
        self.session.id()
    }

    /// The owner's pid, if it is in another network namespace than tcplife.
    pub fn inside(&self) -> Option<u32> {
        let owner = self.process.as_ref().filter(|p| p.pid == self.session.pid);
        owner.filter(|p| p.is_elsewhere).map(|p| p.pid)
    }

    /// Pid of the owner to look up, if that was not requested yet.
    pub fn unknown_process(&mut self) -> Option<u32> {
        let pid = self.session.pid;
        let is_new = pid != 0 && pid != self.asked;
        self.asked = pid;
        is_new.then_some(pid)
    }

    /// Takes a change of any session.
    pub fn take(&mut self, change: &Change<'_>) {
        match (change.before, change.now) {
            (_, Some(now)) if now.id() == self.id() => {
                self.session = now.clone();
                if !now.is_open() {
                    (self.session.tx_rate, self.session.rx_rate) = (0.0, 0.0);
                }
            }
            (Some(before), None) if before.id() == self.id() => self.vanished = true,
            (_, Some(now)) if self.is_other_end(now) => self.other = Some(now.clone()),
            _ => {}
        }
    }

    /// Takes a snapshot. An unchanged session has grown older.
    pub fn take_snapshot(&mut self, store: &Store) {
        for session in std::iter::once(&mut self.session).chain(&mut self.other) {
            let now = store.get(SessionRef::Open(session.cookie));
            if let Some(now) = now.filter(|now| now.id() == session.id()) {
                session.clone_from(now);
            }
        }
        if self.session.is_open() && !self.vanished {
            self.push_rate_sample();
        }
    }

    /// True while the other end is being searched for.
    pub fn is_searching(&self, store: &Store) -> bool {
        self.other.is_none() && !self.backfill.is_done(store)
    }

    /// Searches the next chunk of closed sessions.
    pub fn search(&mut self, store: &Store) {
        if !self.is_searching(store) {
            return;
        }
        let closed = store.closed_in(self.backfill.take_chunk(store)).rev();
        let mut sessions = closed.map(|(_, session)| session);
        self.other = sessions.find(|s| self.is_other_end(s)).cloned();
    }

    fn push_rate_sample(&mut self) {
        for (rates, rate) in [
            (&mut self.tx, self.session.tx_rate),
            (&mut self.rx, self.session.rx_rate),
        ] {
            if rates.len() == WATCHED {
                rates.pop_front();
            }
            rates.push_back(rate);
        }
    }

    /// True for the same addresses and ports reversed, at the same time, because ports are reused.
    fn is_other_end(&self, other: &Session) -> bool {
        /// One end may close a little before the other is first seen.
        const SLACK_NS: u64 = 1_000_000_000;
        let mine = &self.session;
        let begins_in_time =
            |a: &Session, b: &Session| a.is_open() || b.start_ns <= a.end_ns + SLACK_NS;
        mine.rport == other.lport
            && mine.lport == other.rport
            && mine.raddr == other.laddr
            && mine.laddr == other.raddr
            && mine.id() != other.id()
            && begins_in_time(mine, other)
            && begins_in_time(other, mine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::Batch;
    use crate::testing::sample::closed_session as sample;

    fn client() -> Session {
        Session {
            cookie: 1,
            ..sample()
        }
    }

    fn server() -> Session {
        let client = client();
        Session {
            cookie: 2,
            lport: client.rport,
            rport: client.lport,
            ..client
        }
    }

    fn store(closed: Vec<Session>) -> Store {
        let mut store = Store::new(1 << 20);
        store.apply(Batch {
            closed,
            ..Batch::default()
        });
        store
    }

    #[test]
    fn other_end_far_back_in_the_store_is_found() {
        let others = (10..100_000).map(|cookie| Session {
            cookie,
            lport: 9,
            ..sample()
        });
        let all = [server(), client()].into_iter().chain(others);
        let store = store(all.collect());
        let mut detail = Detail::new(client(), &store);
        assert_eq!(detail.other, None);
        let mut steps = 0;
        while detail.is_searching(&store) {
            detail.search(&store);
            steps += 1;
        }
        assert_eq!(detail.other.map(|s| s.cookie), Some(2));
        assert!(steps > 1, "it was not done at once");
    }

    #[test]
    fn other_end_with_same_ports_at_a_later_time_does_not_match() {
        let later = Session {
            start_ns: 60_000_000_000,
            end_ns: 61_000_000_000,
            ..server()
        };
        let store = store(vec![client(), later]);
        assert_eq!(Detail::new(client(), &store).other, None);
    }

    #[test]
    fn other_end_of_socket_connected_to_itself_is_none() {
        let own = Session {
            rport: 46644,
            ..client()
        };
        let store = store(vec![own.clone()]);
        assert_eq!(Detail::new(own, &store).other, None);
    }

    #[test]
    fn other_end_that_opens_later_is_found() {
        let mut detail = Detail::new(client(), &store(vec![]));
        let server = server();
        detail.take(&Change {
            at: None,
            before: None,
            now: Some(&server),
            moved: 0,
            uncounted: 0,
            is_new: true,
            is_back: false,
        });
        assert_eq!(detail.other, Some(server));
    }

    #[test]
    fn owner_is_requested_once_until_it_changes() {
        let mut detail = Detail::new(client(), &store(vec![]));
        assert_eq!(detail.unknown_process(), Some(22597));
        assert_eq!(detail.unknown_process(), None);
        detail.session.pid = 7;
        assert_eq!(detail.unknown_process(), Some(7));
        detail.session.pid = 0;
        assert_eq!(detail.unknown_process(), None);
    }
}
