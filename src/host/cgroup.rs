//! Resolves the kernel's cgroup ids to paths of control groups, by walking the hierarchy.
//!
//! `model::cgroup` reads the container, pod or unit from a path; their names come from `host::containers`. No runtime is
//! queried, so that a host in trouble gets no extra load.

use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::host::containers::Namer;
use crate::host::proc::{Mount, Process};
use crate::host::thread;
use crate::model::cgroup::{Cgroup, ContainerNames};

/// Cache of cgroup paths by id, filled by walking the hierarchy.
#[derive(Debug)]
pub struct Cgroups {
    root: Option<PathBuf>,
    known: FxHashMap<u64, Arc<Cgroup>>,
    /// A group was noted that is not known yet.
    is_behind: bool,
    pace: Pace,
    namer: Option<Namer>,
    containers: FxHashMap<String, Container>,
}

/// A container with an id, and what was asked about it.
#[derive(Debug)]
struct Container {
    names: ContainerNames,
    /// Ids of its control groups.
    groups: Vec<u64>,
    /// Number of requests, and the time of the last one or of its answer.
    tries: u32,
    tried: Instant,
}

/// Maximum number of attempts to find the names of a container: some runtimes write them after its start.
const TRIES: u32 = 4;
/// Time after an attempt, times the number of attempts.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Maximum wait at the start for the names of the containers that run already.
const START: Duration = Duration::from_millis(200);

/// Pace of walks: in the long run they take at most a share of a processor, as a hierarchy may have tens of thousands of
/// directories. Time that was left over counts, so that a group made soon after a walk is found while its sessions are open.
#[derive(Debug)]
struct Pace {
    /// When the last walk ended, and the CPU time that was left over then, less what it took.
    since: Instant,
    left: i64,
}

impl Pace {
    /// Share of a processor: one part of so many.
    const SHARE: i64 = 20;
    /// Maximum CPU time that is left over, ns: many walks of a small hierarchy.
    const MOST: i64 = 50_000_000;

    fn new() -> Self {
        Pace {
            since: Instant::now(),
            left: Self::MOST,
        }
    }

    /// CPU time left at a moment, ns.
    fn left(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.since).as_nanos();
        let earned = i64::try_from(passed).unwrap_or(i64::MAX) / Self::SHARE;
        self.left.saturating_add(earned).min(Self::MOST)
    }

    /// Spends the CPU time of a walk that ended at a moment: on a busy host the walk takes longer than that.
    fn spend(&mut self, cpu: Duration, at: Instant) {
        let spent = i64::try_from(cpu.as_nanos()).unwrap_or(i64::MAX);
        self.left = self.left(at).saturating_sub(spent);
        self.since = at;
    }
}

/// Maximum number of cached groups, including those that are gone.
const REMEMBERED: usize = 65_536;

impl Cgroups {
    /// Creates a cache for this host, where cgroup2 is mounted, with the names of the containers that run.
    pub fn of_this_host(namer: Option<Namer>) -> Self {
        let mut cgroups = Cgroups::below(mount_point(), namer);
        let end = Instant::now() + START;
        while cgroups.namer.as_ref().is_some_and(|namer| namer.wait(end)) {
            cgroups.take_names();
        }
        cgroups
    }

    /// Creates a cache without a hierarchy.
    #[cfg(test)]
    pub fn none() -> Self {
        Cgroups::below(None, None)
    }

    fn below(root: Option<PathBuf>, namer: Option<Namer>) -> Self {
        let mut cgroups = Cgroups {
            root,
            known: FxHashMap::default(),
            is_behind: false,
            pace: Pace::new(),
            namer,
            containers: FxHashMap::default(),
        };
        cgroups.walk();
        cgroups
    }

    /// Notes a group that will be asked for, so that it is looked up while it exists.
    pub fn note(&mut self, id: u64) {
        self.is_behind |= !self.known.contains_key(&id);
        self.catch_up();
    }

    /// Looks up what was noted, as soon as that does not take too much time.
    pub fn catch_up(&mut self) {
        if self.is_behind && self.may_walk() {
            self.walk();
        }
    }

    fn may_walk(&self) -> bool {
        self.pace.left(Instant::now()) > 0
    }

    /// Returns the group of an id. A group made since the last walk is found by the next.
    pub fn get(&mut self, id: u64) -> Arc<Cgroup> {
        if self.namer.as_ref().is_some_and(Namer::is_due) {
            self.take_names();
        }
        if let Some(cgroup) = self.known.get(&id) {
            let cgroup = Arc::clone(cgroup);
            if cgroup.names.is_empty() {
                self.ask_again(&cgroup);
            }
            return cgroup;
        }
        let nothing = Arc::new(Cgroup::new(id, None));
        if self.may_walk() {
            self.walk();
            // an id without a directory is gone for good: ids are not reused while the host runs
            return Arc::clone(self.known.entry(id).or_insert(nothing));
        }
        nothing
    }

    /// Adds the current groups. Groups that are gone stay known: their sessions may close later.
    fn walk(&mut self) {
        let cpu = thread::cpu_time();
        self.read();
        self.is_behind = false;
        let cpu = thread::cpu_time().saturating_sub(cpu);
        self.pace.spend(cpu, Instant::now());
    }

    /// Takes the names that have arrived. The groups of these containers are replaced, so that sessions that are read from
    /// now on have them; sessions themselves do not change.
    fn take_names(&mut self) {
        let Some(namer) = &mut self.namer else { return };
        while let Some((id, names)) = namer.answer() {
            let Some(container) = self.containers.get_mut(&id) else {
                continue;
            };
            for group in &container.groups {
                if let Some(known) = self.known.get_mut(group) {
                    *known = Arc::new(known.named(&names));
                }
            }
            container.names = names;
            container.tried = Instant::now();
        }
    }

    /// Asks once more for the names of a group's container, after a while.
    fn ask_again(&mut self, cgroup: &Cgroup) {
        let container = cgroup
            .container_id()
            .and_then(|id| Some((id, self.containers.get_mut(id)?)));
        if let (Some(namer), Some((id, container))) = (&mut self.namer, container)
            && container.tries < TRIES
            && container.tried.elapsed() >= BETWEEN_TRIES * container.tries
        {
            container.ask(id, namer);
        }
    }

    /// Adds a group that was found. The names of a new container are asked for at once, while its sessions are still open.
    fn add(&mut self, cgroup: Cgroup) {
        let mut cgroup = cgroup;
        if let (Some(namer), Some(id)) = (&mut self.namer, cgroup.container_id()) {
            let container = self.containers.entry(id.to_owned());
            let container = container.or_insert_with(|| {
                let mut container = Container {
                    names: ContainerNames::default(),
                    groups: Vec::new(),
                    tries: 0,
                    tried: Instant::now(),
                };
                container.ask(id, namer);
                container
            });
            container.groups.push(cgroup.id);
            cgroup = cgroup.named(&container.names);
        }
        self.known.insert(cgroup.id, Arc::new(cgroup));
    }

    fn read(&mut self) {
        if self.known.len() > REMEMBERED {
            self.known.clear();
            self.containers.clear();
        }
        let Some(root) = self.root.clone() else {
            return;
        };
        let Ok(meta) = fs::metadata(&root) else {
            return;
        };
        let mut waiting = vec![(
            std::os::unix::fs::MetadataExt::ino(&meta),
            PathBuf::from("/"),
        )];
        while let Some((id, path)) = waiting.pop() {
            let below = root.join(path.strip_prefix("/").unwrap_or(Path::new("")));
            for entry in fs::read_dir(below).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    waiting.push((entry.ino(), path.join(entry.file_name())));
                }
            }
            if !self.known.contains_key(&id) {
                let path = path.to_string_lossy().into_owned();
                self.add(Cgroup::new(id, Some(path)));
            }
        }
    }
}

impl Container {
    fn ask(&mut self, id: &str, namer: &mut Namer) {
        if namer.ask(id) {
            self.tries += 1;
            self.tried = Instant::now();
        }
    }
}

/// Directory where the control groups of this host are mounted.
pub fn mount_point() -> Option<PathBuf> {
    cgroup2_mount(Process::own().mounts())
}

/// Returns the first mount of type cgroup2.
fn cgroup2_mount(mounts: Vec<Mount>) -> Option<PathBuf> {
    let first = mounts.into_iter().find(|m| m.kind == "cgroup2");
    first.map(|m| m.point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup2_mount_is_found_among_others() {
        let mounts = b"31 24 0:27 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro\n\
                      32 31 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:7 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            cgroup2_mount(Mount::parse_all(mounts)),
            Some("/sys/fs/cgroup/unified".into())
        );
        assert_eq!(
            cgroup2_mount(Mount::parse_all(b"31 24 0:27 / /sys rw - sysfs sysfs rw\n")),
            None
        );
        assert_eq!(cgroup2_mount(Mount::parse_all(b"nonsense")), None);
    }

    #[test]
    fn walks_take_a_share_of_the_time_and_what_was_left_over_before() {
        let mut pace = Pace::new();
        let start = pace.since;
        let ms = Duration::from_millis;
        // small walks one after the other, up to what was left over
        for _ in 0..9 {
            pace.spend(ms(5), start);
        }
        assert!(pace.left(start) > 0);
        pace.spend(ms(5), start);
        assert_eq!(pace.left(start), 0);
        // a large one is paid for by the time after it
        pace.spend(ms(100), start);
        assert!(pace.left(start + ms(2_000)) <= 0);
        assert!(pace.left(start + ms(2_001)) > 0);
        // there is never more left than for a while
        assert_eq!(pace.left(start + ms(3_600_000)), Pace::MOST);
    }

    #[test]
    fn cgroup_path_is_found_by_inode_and_outlives_its_directory() {
        use std::os::unix::fs::MetadataExt;
        let root = std::env::temp_dir().join(format!("tcplife-cgroups-{}", std::process::id()));
        fs::create_dir_all(root.join("system.slice/a.service")).expect("directories");
        let inode = |path: &str| fs::metadata(root.join(path)).expect("a directory").ino();
        let a = inode("system.slice/a.service");
        let mut cgroups = Cgroups::below(Some(root.clone()), None);
        assert_eq!(
            cgroups.get(a).path.as_deref(),
            Some("/system.slice/a.service")
        );
        assert_eq!(cgroups.get(inode("")).path.as_deref(), Some("/"));
        assert_eq!(cgroups.get(u64::MAX).path, None);

        fs::create_dir(root.join("b.service")).expect("a directory");
        let b = inode("b.service");
        assert_eq!(cgroups.get(b).within.unit.as_deref(), Some("b.service"));
        fs::remove_dir_all(&root).expect("removing the directories");
        cgroups.walk();
        assert_eq!(
            cgroups.get(a).path.as_deref(),
            Some("/system.slice/a.service")
        );
    }
}
