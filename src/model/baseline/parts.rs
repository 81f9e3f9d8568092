//! Sums of sessions by the keys that they have in common: their part in the differences of each key.

use std::collections::HashMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::aggregate::GroupKey;
use crate::model::aggregate::bounded_map::Sums;
use crate::model::baseline::diff::{BaselineFigure, Difference, DifferenceKind};
use crate::model::baseline::key::{BaselineKey, KEYS, is_local, keys};
use crate::model::session::{Evidence, Session};

/// Port of a service that takes connections within this host, in a network namespace.
type LocalPort = (u32, u16);

/// Programs that accept connections within this host. Of a connection within the host, the end that connects knows only
/// an address that means nothing.
#[derive(Clone, Debug, Default)]
pub struct Servers(FxHashMap<LocalPort, GroupKey>);

impl Servers {
    /// Maximum number of ports.
    const KEEP: usize = 4096;

    /// Takes the program of a session, if it accepted a connection within this host.
    pub fn take(&mut self, session: &Session) {
        if session.is_client() || session.owner == Evidence::None || !is_local(session) {
            return;
        }
        let port = (session.netns, session.lport);
        if self.0.len() < Self::KEEP || self.0.contains_key(&port) {
            self.0.insert(port, GroupKey::Program(session.comm));
        }
    }
}

/// The keys that a session counts for, and its end of the connection: both ends of a connection within the host are
/// sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keys {
    keys: [Option<BaselineKey>; KEYS],
    is_accepted: bool,
    /// Port of the service, if the connection is within this host.
    local_port: Option<LocalPort>,
}

impl Keys {
    pub fn of(session: &Session) -> Self {
        Keys {
            keys: keys(session),
            is_accepted: !session.is_client(),
            local_port: is_local(session).then(|| (session.netns, session.service_port())),
        }
    }

    fn program(&self) -> Option<GroupKey> {
        let mut programs = self.keys.iter().flatten().filter(|key| key.is_program());
        match programs.next() {
            Some(BaselineKey::Group(program)) => Some(*program),
            _ => None,
        }
    }
}

/// Sums of sessions with the same keys: their part in the differences of each key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Together {
    /// Sessions that count for a key that is gone.
    pub before: u64,
    /// Sessions since the baseline: all, opened ones, failed ones, and those with losses.
    pub since: u64,
    pub opened: u64,
    failed: u64,
    lossy: u64,
    /// Bytes of the opened ones.
    pub opened_bytes: u64,
}

impl Together {
    /// Counts a session since the baseline.
    pub fn count_since(&mut self, session: &Session, opened: bool, lossy: bool) {
        self.since += 1;
        self.opened += u64::from(opened);
        self.opened_bytes += if opened { session.bytes() } else { 0 };
        self.failed += u64::from(session.reason.is_failure());
        self.lossy += u64::from(lossy);
    }

    /// Sessions that contribute to such a difference.
    pub fn part_of(&self, kind: DifferenceKind) -> u64 {
        match kind {
            DifferenceKind::Worse(BaselineFigure::Failed) => self.failed,
            DifferenceKind::Worse(BaselineFigure::Lossy) => self.lossy,
            DifferenceKind::Grown(BaselineFigure::New) => self.opened,
            DifferenceKind::Worse(_) | DifferenceKind::Grown(_) | DifferenceKind::New => self.since,
            DifferenceKind::Gone
            | DifferenceKind::Quiet
            | DifferenceKind::FewerOpen
            | DifferenceKind::NoneKept
            | DifferenceKind::FewerNew => self.before,
        }
    }
}

impl Sums for Together {
    fn weight(&self) -> (bool, u64) {
        (self.failed + self.lossy > 0, self.before + self.since)
    }

    fn add(&mut self, other: &Together) {
        self.before += other.before;
        self.since += other.since;
        self.opened += other.opened;
        self.failed += other.failed;
        self.lossy += other.lossy;
        self.opened_bytes += other.opened_bytes;
    }
}

/// Sums of sessions with the same differing keys, and the programs at both ends as far as they are known.
pub struct Part {
    pub keys: Vec<BaselineKey>,
    pub sums: Together,
    pub is_accepted: bool,
    pub is_local: bool,
    pub client: Option<GroupKey>,
    pub server: Option<GroupKey>,
}

/// Keys and programs that the sessions of a part have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Common {
    /// The keys that differ, with the program that accepts. Others explain nothing.
    keys: [Option<BaselineKey>; KEYS + 1],
    is_accepted: bool,
    local_port: Option<LocalPort>,
    client: Option<GroupKey>,
    server: Option<GroupKey>,
}

/// Sums of sessions by the keys that differ. There may be a million with the same keys each, but few keys differ.
#[derive(Debug, Default)]
pub struct Parts {
    differing: FxHashSet<BaselineKey>,
    sums: HashMap<Common, Together>,
    /// Ports of services that sessions within this host connect to.
    connected: FxHashSet<LocalPort>,
}

impl Parts {
    /// Parts of these differences.
    pub fn of(differences: &[Difference]) -> Self {
        Parts {
            differing: differences.iter().map(|d| d.key).collect(),
            ..Parts::default()
        }
    }

    /// Adds sessions with the same keys.
    pub fn add(&mut self, keys: &Keys, sums: &Together, servers: &Servers) {
        if !keys.is_accepted {
            self.connected.extend(keys.local_port);
        }
        let own = keys.program();
        let port = keys.local_port;
        let (client, server) = match keys.is_accepted {
            true => (None, own),
            false => (own, port.and_then(|port| servers.0.get(&port).copied())),
        };
        let [link, peer, program, service] = keys.keys;
        let server_key = server.map(BaselineKey::Group);
        let server_key = server_key.filter(|key| !keys.keys.contains(&Some(*key)));
        let all = [link, peer, program, service, server_key];
        let all = all.map(|key| key.filter(|key| self.differing.contains(key)));
        if all == [None; KEYS + 1] {
            return;
        }
        let common = Common {
            keys: all,
            is_accepted: keys.is_accepted,
            local_port: port,
            client,
            server,
        };
        self.sums.entry(common).or_default().add(sums);
    }

    /// Returns the sums once for each connection: of those within this host, the end that connected counts, which leads to
    /// both programs.
    pub fn into_parts(self) -> Vec<Part> {
        let connected = self.connected;
        let is_other_end =
            |c: &Common| c.is_accepted && c.local_port.is_some_and(|p| connected.contains(&p));
        let counted = self.sums.into_iter().filter(|(c, _)| !is_other_end(c));
        let part = |(common, sums): (Common, Together)| Part {
            keys: common.keys.into_iter().flatten().collect(),
            sums,
            is_accepted: common.is_accepted,
            is_local: common.local_port.is_some(),
            client: common.client,
            server: common.server,
        };
        counted.map(part).collect()
    }
}

impl Part {
    /// True if its sessions are among those of such a difference of this key. Response times are those of the end that serves: a
    /// program has those of peers as a client only, and its own as a server only.
    pub fn is_of(&self, key: BaselineKey, kind: DifferenceKind) -> bool {
        let end = match kind {
            DifferenceKind::Worse(BaselineFigure::Response) => self.client,
            DifferenceKind::Worse(BaselineFigure::OurResponse) => self.server,
            _ => return true,
        };
        !key.is_program() || end.map(BaselineKey::Group) == Some(key)
    }
}
