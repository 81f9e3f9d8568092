//! Open sessions that may be in trouble: each is followed until it makes progress or closes.
//!
//! Owns since when each of them has made no progress. Most open sessions are idle and are none of these.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::aggregate::{GroupBy, GroupKey};
use crate::model::findings::subject::{Destination, Subject};
use crate::model::findings::thresholds::Thresholds;
use crate::model::session::{Age, Direction, Evidence, Session, State};
use crate::model::session_verdict::Progress;
use crate::model::store::Change;

/// Maximum number of sessions followed: far above every threshold.
const KEEP: usize = 1 << 14;
/// Time from which on a connect counts as unanswered, ns: two SYNs were retransmitted meanwhile.
const UNANSWERED_NS: u64 = 3_000_000_000;
/// Unread bytes from which on a session counts although its process opened it, and may never want to read.
const MUCH_UNREAD: u32 = 16 * 1024;

/// Namespaces and ports of listeners.
pub(super) type ListenerPorts = FxHashSet<(u32, u16)>;

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Plight {
    /// A connect without an answer.
    Unanswered,
    /// The peer has closed, the owner has not.
    CloseWait,
    /// The owner has closed, the peer has not.
    FinWait,
    /// The owner does not read.
    Unread,
    /// The peer's window is full.
    WindowFull,
    /// The peer acknowledges nothing although we retransmit.
    Silent,
    /// The owner has closed, and the peer acknowledges nothing of the rest.
    Orphan,
}

/// An open session that may be in trouble.
#[derive(Debug)]
struct Suspect {
    start_ns: u64,
    /// When it was first seen, ns.
    seen_ns: u64,
    /// It may have been in trouble before that.
    is_preexisting: bool,
    process: GroupKey,
    destination: Destination,
    /// Its namespace and local port.
    port: (u32, u16),
    direction: Direction,
    owner: Evidence,
    state: State,
    /// When it was first seen in this state, ns.
    state_ns: u64,
    progress: Progress,
    /// The first FIN; `None`: there is none, or its time is not known.
    fin_ns: Option<u64>,
    unread: u32,
    unacked: u32,
    retransmits: u32,
    rwnd_ms: u32,
    /// Retransmits and time limited by the peer's window when something was acknowledged last.
    retransmits_then: u32,
    rwnd_ms_then: u32,
    /// The process at the other end, if that is on this host and it is known.
    other: Option<GroupKey>,
}

impl Suspect {
    fn new(session: &Session) -> Self {
        Suspect {
            start_ns: session.start_ns,
            seen_ns: session.end_ns,
            is_preexisting: session.age != Age::Exact,
            process: GroupBy::Process.key(session),
            destination: Destination::of(session),
            port: (session.netns, session.lport),
            direction: session.direction,
            owner: session.owner,
            state: session.state,
            state_ns: session.end_ns,
            progress: session.into(),
            fin_ns: None,
            unread: session.unread_bytes,
            unacked: session.unacked_bytes,
            retransmits: session.retransmits,
            rwnd_ms: session.rwnd_limited_ms,
            retransmits_then: session.retransmits,
            rwnd_ms_then: session.rwnd_limited_ms,
            other: None,
        }
    }

    fn take(&mut self, session: &Session) {
        let acked_ns = self.progress.acked_ns;
        self.progress.take(session);
        // what has just begun to wait has not waited for long
        if self.unread == 0 {
            self.progress.read_ns = session.end_ns;
        }
        if self.unacked == 0 {
            self.progress.acked_ns = session.end_ns;
        }
        if self.progress.acked_ns != acked_ns {
            self.retransmits_then = session.retransmits;
            self.rwnd_ms_then = session.rwnd_limited_ms;
        }
        self.process = GroupBy::Process.key(session);
        if self.state != session.state {
            self.state_ns = session.end_ns;
        }
        (self.owner, self.state) = (session.owner, session.state);
        (self.unread, self.unacked) = (session.unread_bytes, session.unacked_bytes);
        self.retransmits = session.retransmits;
        self.rwnd_ms = session.rwnd_limited_ms;
        self.fin_ns = match session.close_us {
            0 | u32::MAX => self.fin_ns,
            us => Some(session.end_ns.saturating_sub(u64::from(us) * 1000)),
        };
    }

    /// The instant of its last progress; a lower bound if none was seen.
    fn without_progress(&self, ns: u64) -> Since {
        Since {
            ns,
            is_lower_bound: self.is_preexisting && ns <= self.seen_ns,
        }
    }

    /// The instant of the first FIN; a lower bound if that came before it was seen.
    fn half_closed(&self) -> Since {
        Since {
            ns: self.fin_ns.unwrap_or(self.state_ns),
            is_lower_bound: self.fin_ns.is_none(),
        }
    }

    /// Calls `found` for each kind of trouble, with its subject, since when it is so, and the bytes that wait.
    fn plights(
        &self,
        now_ns: u64,
        thresholds: &Ages,
        waiting: Option<&ListenerPorts>,
        found: &mut impl FnMut(Plight, Subject, Since, u32),
    ) {
        let passed = |since_ns: u64, ns: u64| now_ns.saturating_sub(since_ns) >= ns;
        let process = Subject::Group(self.process);
        let destination = Subject::Destination(self.destination);
        let progress = &self.progress;
        let (acked_ns, read_ns) = (progress.acked_ns, progress.read_ns);
        let still_ns = progress.moved_ns;
        match self.state {
            State::SynSent if passed(self.start_ns, UNANSWERED_NS) => {
                let since = Since {
                    ns: self.start_ns,
                    is_lower_bound: self.is_preexisting,
                };
                found(Plight::Unanswered, destination, since, 0);
            }
            State::CloseWait => {
                let since_ns = self.fin_ns.unwrap_or(still_ns);
                if passed(since_ns.max(still_ns), thresholds.close_wait) {
                    found(Plight::CloseWait, process, self.half_closed(), self.unread);
                }
            }
            State::FinWait1 | State::FinWait2 => {
                let since_ns = self.fin_ns.unwrap_or(still_ns);
                if passed(since_ns.max(still_ns), thresholds.fin_wait) {
                    found(Plight::FinWait, process, self.half_closed(), 0);
                }
            }
            _ => {}
        }
        let is_closed_by_us = matches!(
            self.state,
            State::FinWait1 | State::LastAck | State::Closing
        );
        if is_closed_by_us && self.unacked > 0 && passed(acked_ns, thresholds.orphan) {
            found(
                Plight::Orphan,
                process,
                self.without_progress(acked_ns),
                self.unacked,
            );
        }
        if self.state != State::Established {
            return;
        }
        // it does not wait in a listener's queue: a process has used it, or no connection waits there
        let is_used = !matches!(self.owner, Evidence::None | Evidence::Listen)
            || waiting.is_some_and(|ports| !ports.contains(&self.port));
        let is_expected = self.direction == Direction::In || self.unread >= MUCH_UNREAD;
        if self.unread > 0 && is_used && is_expected && passed(read_ns, thresholds.unread) {
            found(
                Plight::Unread,
                process,
                self.without_progress(read_ns),
                self.unread,
            );
        }
        if self.unacked == 0 {
            return;
        }
        let stalled_ms = now_ns.saturating_sub(acked_ns) / 1_000_000;
        let limited_ms = self.rwnd_ms.saturating_sub(self.rwnd_ms_then);
        if u64::from(limited_ms) * 2 > stalled_ms {
            if passed(acked_ns, thresholds.peer_window) {
                found(
                    Plight::WindowFull,
                    process,
                    self.without_progress(acked_ns),
                    self.unacked,
                );
            }
        } else if self.retransmits > self.retransmits_then
            && self.direction != Direction::In
            && passed(acked_ns, thresholds.silent)
        {
            found(
                Plight::Silent,
                destination,
                self.without_progress(acked_ns),
                self.unacked,
            );
        }
    }
}

/// Times from which on a session counts, ns.
struct Ages {
    close_wait: u64,
    fin_wait: u64,
    unread: u64,
    peer_window: u64,
    silent: u64,
    orphan: u64,
}

/// Since when a session is in trouble.
#[derive(Clone, Copy, Debug)]
struct Since {
    ns: u64,
    /// It was so before, but nobody knows for how long.
    is_lower_bound: bool,
}

/// Sessions of one subject in the same trouble.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Troubled {
    pub(super) count: u64,
    /// Sum of the bytes that wait.
    pub(super) bytes: u64,
    /// Earliest instant at which one of them was in trouble.
    pub(super) oldest_ns: Option<u64>,
    /// Some were in trouble before they were seen: the oldest may be older.
    pub(super) is_older: bool,
    /// Earliest and latest beginning of those whose beginning is known.
    pub(super) known_ns: Option<(u64, u64)>,
    /// The process at the other end of all of them, if that is one of this host.
    pub(super) other: Option<GroupKey>,
}

impl Troubled {
    fn add(&mut self, since: Since, bytes: u32, other: Option<GroupKey>) {
        self.other = match self.count {
            0 => other,
            _ => self.other.filter(|sole| Some(*sole) == other),
        };
        self.count += 1;
        self.bytes += u64::from(bytes);
        let ns = since.ns;
        self.oldest_ns = Some(self.oldest_ns.map_or(ns, |n| n.min(ns)));
        self.is_older |= since.is_lower_bound;
        if !since.is_lower_bound {
            let (first, last) = self.known_ns.unwrap_or((ns, ns));
            self.known_ns = Some((first.min(ns), last.max(ns)));
        }
    }
}

/// The suspects, by cookie, and what the last count has found.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    followed: FxHashMap<u64, Suspect>,
    found: FxHashMap<(Plight, Subject), Troubled>,
}

impl Suspects {
    /// Applies a change of a session.
    pub(super) fn take(&mut self, change: &Change<'_>) {
        let Some(session) = change.now.filter(|s| is_suspect(s)) else {
            // most sessions that close were none, and a map that is empty need not be searched
            if let Some(session) = change.now.or(change.before)
                && self
                    .followed
                    .get(&session.cookie)
                    .is_some_and(|s| s.start_ns == session.start_ns)
            {
                self.followed.remove(&session.cookie);
            }
            return;
        };
        let other = change.other.map(|other| other.session);
        let other = other.filter(|other| other.owner != Evidence::None);
        let other = other.map(|other| GroupBy::Process.key(other));
        let is_full = self.followed.len() >= KEEP;
        match self.followed.get_mut(&session.cookie) {
            Some(suspect) if suspect.start_ns == session.start_ns => {
                suspect.take(session);
                suspect.other = other.or(suspect.other);
            }
            None if is_full => {}
            _ => {
                // its figures before say since when, if nothing has changed
                let before = change.before.filter(|b| is_suspect(b));
                let mut suspect = Suspect::new(before.unwrap_or(session));
                suspect.take(session);
                suspect.other = other;
                // what was all right before is in trouble since now
                suspect.is_preexisting &= change.before.is_none_or(is_suspect);
                self.followed.insert(session.cookie, suspect);
            }
        }
    }

    /// Counts the sessions that are in trouble now.
    /// `waiting` are the listeners with connections that were not accepted yet, if that is known.
    pub(super) fn count(
        &mut self,
        now_ns: u64,
        thresholds: &Thresholds,
        waiting: Option<&ListenerPorts>,
    ) {
        let ages = Ages {
            close_wait: thresholds.ns("close-wait-age"),
            fin_wait: thresholds.ns("fin-wait-age"),
            unread: thresholds.ns("unread-age"),
            peer_window: thresholds.ns("peer-window-age"),
            silent: thresholds.ns("silent"),
            orphan: thresholds.ns("silent"),
        };
        self.found.clear();
        for suspect in self.followed.values() {
            suspect.plights(
                now_ns,
                &ages,
                waiting,
                &mut |plight, subject, since, bytes| {
                    let troubled = self.found.entry((plight, subject)).or_default();
                    troubled.add(since, bytes, suspect.other);
                },
            );
        }
    }

    /// Iterates over the subjects with sessions in this trouble.
    pub(super) fn of(&self, plight: Plight) -> impl Iterator<Item = (Subject, Troubled)> {
        let of = move |(key, troubled): (&(Plight, Subject), &Troubled)| {
            (key.0 == plight).then_some((key.1, *troubled))
        };
        self.found.iter().filter_map(of)
    }

    /// Returns the sessions of a subject in this trouble.
    pub(super) fn get(&self, plight: Plight, subject: Subject) -> Troubled {
        let found = self.found.get(&(plight, subject));
        found.copied().unwrap_or_default()
    }
}

/// True if a session may be in trouble, or get into it without another event.
fn is_suspect(session: &Session) -> bool {
    let is_waiting = session.unread_bytes > 0 || session.unacked_bytes > 0;
    match session.state {
        State::Closed => false,
        State::Established => is_waiting,
        State::SynRecv => false,
        State::SynSent => session.age != Age::LowerBound || session.retransmits > 0,
        _ => true,
    }
}
