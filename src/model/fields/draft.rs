//! A session that is being read, value by value: the way back from a row to a [`Session`].

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::model::cgroup::{Cgroup, ContainerNames};
use crate::model::fields::Value;
use crate::model::interface::Interface;
use crate::model::session::{
    Age, Comm, Direction, Evidence, FirstComm, Reason, Session, State, WaitsFor, ZeroWindow,
};
use crate::model::turns::Turns;
use crate::text::sanitize::sanitize;

/// A session of which some values are known. Values of rows that several members of the session depend on wait here until
/// all are read.
#[derive(Clone, Debug)]
pub struct Draft {
    pub session: Session,
    /// First name of the owner, if that was read.
    pub first_comm: Option<Option<Comm>>,
    /// End of the session, ns of boot time; `None`: that of the event.
    pub end_ns: Option<u64>,
    /// Its duration, and the time of its handshake if that was completed, exactly.
    pub duration_ns: Option<u64>,
    pub handshake_ns: Option<u64>,
    /// Its duration, µs.
    pub duration_us: u64,
    /// Time of its handshake, µs; 0: none is known.
    pub connect_us: u64,
    cgroup: Option<CgroupDraft>,
}

/// A control group, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CgroupDraft {
    pub id: u64,
    pub path: Option<String>,
    pub names: ContainerNames,
}

impl Draft {
    /// Begins a session of which nothing is known.
    pub fn new(state: State) -> Self {
        let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Draft::of(Session {
            cookie: 0,
            start_ns: 0,
            established_ns: 0,
            end_ns: 0,
            cgroup: Arc::default(),
            tx_bytes: 0,
            rx_bytes: 0,
            retransmitted_bytes: 0,
            busy_ms: 0,
            rwnd_limited_ms: 0,
            sndbuf_limited_ms: 0,
            close_us: 0,
            unacked_bytes: 0,
            unread_bytes: 0,
            srtt_us: 0,
            min_rtt_us: 0,
            retransmits: 0,
            retrans_timeout: 0,
            retrans_fast: 0,
            retrans_probe: 0,
            cwnd: 0,
            mss: 0,
            turns: Turns::default(),
            waiting_us: 0,
            pid: 0,
            uid: 0,
            netns: 0,
            interface: Interface::default(),
            tx_rate: 0.0,
            rx_rate: 0.0,
            lport: 0,
            rport: 0,
            laddr: unspecified,
            raddr: unspecified,
            comm: Comm::from(""),
            first_comm: FirstComm::default(),
            state,
            state_before_close: state,
            reason: Reason::Open,
            owner: Evidence::None,
            direction: Direction::Unknown,
            waits_for: WaitsFor::Nobody,
            age: Age::Exact,
            zero_window: ZeroWindow::None,
        })
    }

    /// Begins with all values of a session, to be changed.
    pub fn of(session: Session) -> Self {
        Draft {
            session,
            first_comm: None,
            end_ns: None,
            duration_ns: None,
            handshake_ns: None,
            duration_us: 0,
            connect_us: 0,
            cgroup: None,
        }
    }

    /// The control group, to be changed.
    pub fn cgroup_mut(&mut self) -> &mut CgroupDraft {
        let Cgroup {
            id, path, names, ..
        } = &*self.session.cgroup;
        self.cgroup.get_or_insert_with(|| CgroupDraft {
            id: *id,
            path: path.clone(),
            names: names.clone(),
        })
    }

    /// Completes the session. `cgroup` returns the group of what is known of one: sessions share groups.
    pub fn finish(self, cgroup: impl FnOnce(CgroupDraft) -> Arc<Cgroup>) -> Session {
        let mut session = self.session;
        if let Some(draft) = self.cgroup {
            session.cgroup = cgroup(draft);
        }
        if let Some(first) = self.first_comm {
            let first = first.map(|first| FirstComm::new(first, session.comm));
            session.first_comm = first.unwrap_or_default();
        }
        if session.is_open() {
            session.state = session.state_before_close;
        }
        session
    }
}

impl From<CgroupDraft> for Cgroup {
    fn from(draft: CgroupDraft) -> Self {
        Cgroup::new(draft.id, draft.path).named(&draft.names)
    }
}

/// Sets a part of a session to a value, if that could be read.
pub fn set<T>(part: &mut T, value: Option<T>) -> Option<()> {
    *part = value?;
    Some(())
}

/// Reads a number; 0 if it is missing.
pub fn read_number<T: TryFrom<u64> + Default>(value: Value<'_>) -> Option<T> {
    match value {
        Value::Missing => Some(T::default()),
        Value::Uint(n) => T::try_from(n).ok(),
        _ => None,
    }
}

/// Reads a time in µs as whole ms.
pub(super) fn milliseconds(value: Value<'_>) -> Option<u32> {
    let us: u64 = read_number(value)?;
    u32::try_from(us / 1000).ok()
}

/// Reads a text, which may be missing.
pub(super) fn text(value: Value<'_>) -> Option<Option<&str>> {
    match value {
        Value::Missing => Some(None),
        Value::Text(text) => Some(Some(text)),
        _ => None,
    }
}

/// Maximum length of a text in bytes: a path may have as many.
const LONGEST_TEXT: usize = 4096;

/// Reads a text that whoever wrote the row has chosen.
pub(super) fn owned(value: Value<'_>) -> Option<Option<String>> {
    let text = text(value)?;
    let fits = text.is_none_or(|text| text.len() <= LONGEST_TEXT);
    fits.then(|| text.map(sanitize))
}

pub(super) fn addr(value: Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Addr(addr) => Some(addr),
        _ => None,
    }
}

/// Reads one of these names.
pub fn read_name<T: Copy>(value: Value<'_>, names: &[&str], all: &[T]) -> Option<T> {
    match value {
        Value::Text(text) => {
            let at = names.iter().position(|name| *name == text)?;
            all.get(at).copied()
        }
        _ => None,
    }
}
