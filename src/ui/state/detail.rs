//! One session in detail, updated until it closes: its figures, its rate history, and its other end.
//!
//! Reading /proc is an effect, not done here.

use std::collections::VecDeque;

use crate::host::process_info::ProcessInfo;
use crate::model::bottleneck::{Reading, TimeSpent};
use crate::model::session::{Age, Comm, Session, SessionId};
use crate::model::session_verdict::{Progress, Watched};
use crate::model::store::{Backfill, Change, SessionRef, Slot, Store};
use crate::text::units::S;
use crate::ui::state::other_end::{Candidates, OtherEnd};
use crate::ui::state::session_history::SessionHistory;

/// Maximum and minimum length of the latest period for which the bottleneck is shown, ns.
const RECENT_NS: u64 = 10_000_000_000;
const LEAST_NS: u64 = 900_000_000;
/// Sessions searched for the other end in one step.
const CHUNK: u64 = 1 << 15;

#[derive(Debug)]
pub struct Detail {
    pub session: Session,
    /// Readings of the last [`RECENT_NS`], and the newest one before, the oldest first.
    readings: VecDeque<Reading>,
    /// The session has disappeared, and its close was missed.
    pub vanished: bool,
    /// Rates and round-trip times since the detail was opened.
    pub history: SessionHistory,
    progress: Progress,
    /// Facts from /proc about the owner.
    pub process: Option<ProcessInfo>,
    /// The processes that have a descriptor of it, as last looked up.
    pub holders: Vec<(u32, Comm)>,
    /// Network namespace of the owner, as last looked up, if that is another one than tcplife's.
    pub other_netns: Option<u32>,
    candidates: Candidates,
    /// The session as it closed during a pause.
    later: Option<Session>,
    /// First visible line; `usize::MAX`: that of the last page, also if the session gets more lines.
    pub top: usize,
    asked: u32,
    /// Slots of open sessions from this one on are still to be searched for the other end; `None`: none are.
    next_open: Option<Slot>,
    /// Progress of the search among closed sessions.
    backfill: Backfill,
}

impl Detail {
    pub fn new(session: Session, store: &Store) -> Self {
        let mut detail = Detail {
            readings: VecDeque::new(),
            vanished: false,
            history: SessionHistory::new(&session),
            progress: Progress::from(&session),
            process: None,
            holders: Vec::new(),
            other_netns: None,
            candidates: Candidates::default(),
            later: None,
            top: 0,
            asked: 0,
            next_open: Some(0),
            backfill: Backfill::new(store, CHUNK),
            session,
        };
        detail.push_reading();
        detail.search_from_the_start(store);
        detail
    }

    fn search_from_the_start(&mut self, store: &Store) {
        self.candidates = Candidates::default();
        self.next_open = Some(0);
        self.backfill = Backfill::new(store, CHUNK);
        self.search(store);
    }

    pub fn id(&self) -> SessionId {
        self.session.id()
    }

    /// The owner's pid, if it is in the session's network namespace and tcplife is not. A socket can be in another one than
    /// its process.
    pub fn inside(&self) -> Option<u32> {
        let (pid, netns) = (self.session.pid, self.session.netns);
        (pid != 0 && self.other_netns == Some(netns)).then_some(pid)
    }

    /// Pid of the owner to look up, if that was not requested yet.
    pub fn unknown_process(&mut self) -> Option<u32> {
        let pid = self.session.pid;
        let is_new = pid != 0 && pid != self.asked;
        self.asked = pid;
        is_new.then_some(pid)
    }

    /// Shows a session again that was watched since it was left: its other end is searched for again.
    pub fn reopened(mut self, store: &Store) -> Self {
        self.top = 0;
        // facts of /proc are of the moment
        self.asked = 0;
        self.search_from_the_start(store);
        self
    }

    /// Takes a change of any session while another screen is shown: only its own counts.
    pub fn take_own(&mut self, change: &Change<'_>) {
        let is_own = |s: &Session| s.id() == self.id();
        if change.now.or(change.before).is_some_and(is_own) {
            self.take(change);
        }
    }

    /// Takes a change that is not shown yet.
    pub fn pass(&mut self, change: &Change<'_>) {
        if let Some(now) = change.now.filter(|now| now.id() == self.id()) {
            self.later = Some(now.clone());
        }
    }

    /// Shows the session as it is now.
    pub fn settle(&mut self) {
        if let Some(later) = self.later.take() {
            self.set(&later);
        }
    }

    fn set(&mut self, now: &Session) {
        self.session = now.clone();
        if !now.is_open() {
            (self.session.tx_rate, self.session.rx_rate) = (0.0, 0.0);
            self.push_reading();
        }
    }

    /// Takes a change of any session.
    pub fn take(&mut self, change: &Change<'_>) {
        match (change.before, change.now) {
            (_, Some(now)) if now.id() == self.id() => self.set(now),
            (Some(before), None) if before.id() == self.id() => self.vanished = true,
            (_, Some(now)) => self.candidates.take(&self.session, now),
            _ => {}
        }
    }

    /// Takes a snapshot. An unchanged session has grown older.
    pub fn take_snapshot(&mut self, store: &Store) {
        for session in std::iter::once(&mut self.session).chain(self.candidates.sessions_mut()) {
            let now = store.get(SessionRef::Open(session.cookie));
            if let Some(now) = now.filter(|now| now.id() == session.id()) {
                session.clone_from(now);
            }
        }
        if self.session.is_open() && !self.vanished {
            self.push_reading();
        }
    }

    /// How its latest time was spent, and how long that is, ns; `None` until it was watched for a second.
    pub fn recently(&self) -> Option<(TimeSpent, u64)> {
        let (first, last) = (self.readings.front()?, self.readings.back()?);
        let ns = last.at_ns.saturating_sub(first.at_ns);
        (ns >= LEAST_NS).then(|| (TimeSpent::between(first, last), ns))
    }

    /// The mean rates of the last seconds, bytes sent and received per second, each with true if it covers them. Else it
    /// covers the session's life if that is as short, what the page has watched, or the time between the last two
    /// snapshots.
    pub fn mean_rates(&self, seconds: u64) -> [(f32, bool); 2] {
        let session = &self.session;
        let lived_ns = session.end_ns.saturating_sub(session.start_ns);
        let is_young = session.age == Age::Exact && lived_ns < seconds * S;
        let ends = [
            (&self.history.tx, session.tx_bytes, session.tx_rate),
            (&self.history.rx, session.rx_bytes, session.rx_rate),
        ];
        ends.map(
            |(course, bytes, rate)| match self.history.mean(course, seconds) {
                Some((mean, true)) => (mean, true),
                _ if is_young => (bytes as f32 * S as f32 / lived_ns.max(S) as f32, false),
                Some((mean, false)) => (mean, false),
                None => (rate, false),
            },
        )
    }

    /// Everything that a verdict may look at.
    pub fn watched(&self) -> Watched<'_> {
        Watched {
            session: &self.session,
            vanished: self.vanished,
            progress: &self.progress,
            lately: self.recently(),
            signs: self.history.lately(),
        }
    }

    fn push_reading(&mut self) {
        self.history.take(&self.session);
        self.progress.take(&self.session);
        let now = Reading::from(&self.session);
        self.readings.push_back(now);
        let is_old = |r: &Reading| r.at_ns + RECENT_NS <= now.at_ns;
        while self.readings.get(1).is_some_and(is_old) {
            self.readings.pop_front();
        }
    }

    /// The other end; `None`: it is still being searched for.
    pub fn other_end(&self, store: &Store) -> Option<OtherEnd<'_>> {
        (!self.is_searching(store)).then(|| self.candidates.best(&self.session))
    }

    /// True while the other end is being searched for.
    pub fn is_searching(&self, store: &Store) -> bool {
        self.next_open.is_some()
            || !self.backfill.is_done(store) && !self.candidates.are_enough(&self.session)
    }

    /// Searches the next open sessions; after the last ones, closed ones.
    pub fn search(&mut self, store: &Store) {
        if let Some(from) = self.next_open {
            let to = from + CHUNK as Slot;
            for (_, session) in store.open_in(from..to) {
                self.candidates.take(&self.session, session);
            }
            self.next_open = (to < store.open_slots()).then_some(to);
            if self.next_open.is_some() {
                return;
            }
        }
        if self.is_searching(store) {
            for (_, session) in store.closed_in(self.backfill.take_chunk(store)) {
                self.candidates.take(&self.session, session);
            }
        }
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
        assert_eq!(detail.other_end(&store), None);
        let mut steps = 0;
        while detail.is_searching(&store) {
            detail.search(&store);
            steps += 1;
        }
        assert_eq!(detail.other_end(&store), Some(OtherEnd::Session(&server())));
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
        let detail = Detail::new(client(), &store);
        assert_eq!(detail.other_end(&store), Some(OtherEnd::Unknown));
    }

    #[test]
    fn other_end_that_opens_later_is_found() {
        let store = store(vec![]);
        let mut detail = Detail::new(client(), &store);
        let server = server();
        detail.take(&Change {
            now: Some(&server),
            is_new: true,
            ..Change::default()
        });
        assert_eq!(detail.other_end(&store), Some(OtherEnd::Session(&server)));
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
