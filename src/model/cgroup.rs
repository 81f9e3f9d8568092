//! Control groups, and what their paths reveal: the container, pod or systemd unit.
//!
//! Based on the naming of container runtimes and systemd. No runtime is queried, so that a host in trouble gets no
//! extra load.

use std::fmt;
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use crate::model::name_table::NameTable;
use crate::text::sanitize::sanitize;

/// A control group (v2). The default is an unknown one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// The kernel's id, the inode number of its directory; 0: the kernel is older than Linux 5.15.
    pub id: u64,
    /// Path below the mount point; `None`: it is gone, or the hierarchy cannot be read.
    pub path: Option<String>,
    /// Workload in it, as far as the path reveals.
    pub within: Within,
    /// Names of its container, as far as they are known.
    pub names: ContainerNames,
    counted_for: CountedFor,
}

/// The workload of a group, once a session was counted for it. It follows from the rest of the group.
#[derive(Clone, Debug, Default)]
struct CountedFor(OnceLock<Workload>);

impl PartialEq for CountedFor {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CountedFor {}

/// Names that a container has for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerNames {
    pub container: Option<String>,
    /// Name of the Kubernetes pod.
    pub pod: Option<String>,
    /// Kubernetes namespace.
    pub namespace: Option<String>,
}

impl ContainerNames {
    pub fn is_empty(&self) -> bool {
        *self == ContainerNames::default()
    }

    /// The names in one text: `pod/container`, or the one of them that is known.
    fn label(&self) -> Option<String> {
        match (&self.pod, &self.container) {
            (Some(pod), Some(container)) => Some(format!("{pod}/{container}")),
            (pod, container) => container.clone().or_else(|| pod.clone()),
        }
    }
}

/// Workload of a control group, as far as its path reveals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Container id, in the length that the runtime uses.
    pub container: Option<String>,
    /// Runtime of the container: `docker`, `containerd`, …
    pub runtime: Option<&'static str>,
    /// Uid of the Kubernetes pod.
    pub pod: Option<String>,
    pub unit: Option<String>,
}

impl Cgroup {
    /// Creates the group of an id, with its path if known.
    pub fn new(id: u64, path: Option<String>) -> Self {
        let path = path.map(|p| sanitize(&p));
        let within = path.as_deref().map(Within::read).unwrap_or_default();
        let names = ContainerNames {
            // a container that has no id has a name
            container: within.container.clone().filter(|name| !is_id(name)),
            ..ContainerNames::default()
        };
        Cgroup {
            id,
            path,
            within,
            names,
            counted_for: CountedFor::default(),
        }
    }

    /// The same group with these names of its container.
    pub fn named(&self, names: &ContainerNames) -> Self {
        Cgroup {
            names: names.clone(),
            // the new names are not those that its workload is shown by
            counted_for: CountedFor::default(),
            ..self.clone()
        }
    }

    /// The workload that sessions of this group are counted for. Its name gets a number here and not when the group is
    /// found: any user may make groups, and those without sessions must not fill the table.
    pub fn workload(&self) -> Workload {
        *self.counted_for.0.get_or_init(|| {
            let workload = self.within.workload(&WORKLOADS);
            if let (Workload::Container(id), Some(_), Some(label)) =
                (workload, self.container_id(), self.names.label())
            {
                let mut labels = LABELS.write().unwrap_or_else(PoisonError::into_inner);
                labels.insert(id, label.into());
            }
            workload
        })
    }

    /// The id of its container, if that has one.
    pub fn container_id(&self) -> Option<&str> {
        self.within.container.as_deref().filter(|id| is_id(id))
    }
}

/// The container or the unit that a session is counted for. It is small, as there are many sums and sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// Neither a container nor a unit is known.
    #[default]
    Unknown,
    /// A container, by the text of its field in filters.
    Container(WorkloadName),
    Unit(WorkloadName),
    /// One of those that are not told apart, as there are too many.
    Other,
}

/// The name of a container or a unit, or a container's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadName(u16);

static WORKLOADS: LazyLock<NameTable> = LazyLock::new(NameTable::default);

/// Names that containers are shown by instead of their ids, as far as they are known.
static LABELS: LazyLock<RwLock<FxHashMap<WorkloadName, Box<str>>>> = LazyLock::new(RwLock::default);

impl WorkloadName {
    /// The name as it is in filters.
    pub fn as_str(self) -> &'static str {
        WORKLOADS.name(self.0).unwrap_or_default()
    }
}

/// The name for people: a container with an id is shown by its name.
impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = LABELS.read().unwrap_or_else(PoisonError::into_inner);
        f.write_str(labels.get(self).map_or(self.as_str(), |label| label))
    }
}

/// How a runtime names the directory of a container: the text before and after its id, and the directory it must be in.
/// The first match wins.
struct Naming {
    runtime: &'static str,
    parent: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

const fn naming(
    runtime: &'static str,
    parent: &'static str,
    prefix: &'static str,
    suffix: &'static str,
) -> Naming {
    Naming {
        runtime,
        parent,
        prefix,
        suffix,
    }
}

/// Runtimes whose container ids are hexadecimal. With the systemd driver they are scopes, with the cgroupfs driver
/// plain directories.
const NAMINGS: &[Naming] = &[
    naming("docker", "", "docker-", ".scope"),
    naming("docker", "docker", "", ""),
    naming("containerd", "", "cri-containerd-", ".scope"),
    naming("containerd", "", "nerdctl-", ".scope"),
    naming("cri-o", "", "crio-", ".scope"),
    naming("cri-o", "", "crio-", ""),
    naming("podman", "", "libpod-", ".scope"),
    naming("podman", "", "libpod-", ""),
    // Kubernetes with the cgroupfs driver: the directory below the pod's does not reveal the runtime
    naming("kubernetes", "pod", "", ""),
];

/// Runtimes whose containers and machines have names.
const NAMED: &[Naming] = &[
    naming("lxc", "", "lxc.payload.", ""),
    naming("lxc", "lxc", "", ""),
    naming("nspawn", "machine.slice", "systemd-nspawn@", ".service"),
    naming("machine", "machine.slice", "machine-", ".scope"),
];

/// How runtimes name the directories of containers: the directory that they must be in, and the text before the id or the
/// name; both may be empty.
pub fn namings() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = NAMINGS.iter().chain(NAMED);
    all.map(|naming| (naming.parent, naming.prefix))
}

impl Within {
    /// Parses a path like `/system.slice/docker-0123….scope`.
    pub fn read(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        let mut within = Within::default();
        for (i, part) in parts.iter().enumerate() {
            let parent = i.checked_sub(1).map_or("", |p| parts[p]);
            if let Some(uid) = pod_uid(part) {
                within.pod = Some(uid);
            }
            let container = find(NAMINGS, parent, part, is_id)
                .or_else(|| find(NAMED, parent, part, |name| !name.is_empty()));
            // nested containers: the process is in the inner one
            if let Some((runtime, id)) = container {
                (within.runtime, within.container) = (Some(runtime), Some(id));
            }
            if within.container.is_none()
                && [".service", ".scope", ".socket"]
                    .iter()
                    .any(|s| part.ends_with(s))
            {
                within.unit = Some(unescape(part));
            }
        }
        if within.container.is_some() {
            within.unit = None;
        }
        within
    }

    fn workload(&self, table: &NameTable) -> Workload {
        let name = |name| table.own_number(name).map(WorkloadName);
        let workload = match (self.container(), &self.unit) {
            (Some(container), _) => name(container).map(Workload::Container),
            (None, Some(unit)) => name(unit).map(Workload::Unit),
            (None, None) => Some(Workload::Unknown),
        };
        workload.unwrap_or(Workload::Other)
    }

    /// The container's name, or its id cut to twelve characters as runtimes print it.
    pub fn container(&self) -> Option<&str> {
        let id = self.container.as_deref()?;
        Some(if is_id(id) { &id[..12] } else { id })
    }
}

fn find(
    table: &[Naming],
    parent: &str,
    part: &str,
    valid: impl Fn(&str) -> bool,
) -> Option<(&'static str, String)> {
    table.iter().find_map(|n| {
        let under = match n.parent {
            "pod" => pod_uid(parent).is_some(),
            name => name.is_empty() || parent == name,
        };
        let id = part.strip_prefix(n.prefix)?.strip_suffix(n.suffix)?;
        (under && valid(id)).then(|| (n.runtime, unescape(id)))
    })
}

/// Container ids are 64 hexadecimal digits; some runtimes use 32 to 64.
pub fn is_id(text: &str) -> bool {
    text.len() >= 32 && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns the pod's uid from `pod<uid>` or `kubepods-burstable-pod<uid>.slice`, where systemd has `_` for `-`. Static
/// pods have a hash as their uid.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.strip_prefix("kubepods") {
        Some(rest) => rest.rsplit_once("-pod")?.1,
        None => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let plain = uid.bytes().filter(|&b| b != b'-').count() == 32;
    (plain && uid.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())).then_some(uid)
}

/// Decodes `\x2d`, which systemd writes for a `-` that is part of a name (systemd.unit(5)).
pub fn unescape(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("\\x") {
        out += &rest[..at];
        let hex = rest.get(at + 2..at + 4);
        match hex
            .and_then(|h| u8::from_str_radix(h, 16).ok())
            .filter(|b| (0x20..0x7f).contains(b))
        {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out += "\\x";
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
    const POD: &str = "8f3c7a52-0d0b-4bd3-9f2c-7f6a1c9b2e11";

    #[test]
    fn cgroup_path_gives_container_pod_and_unit() {
        let pod_slice = POD.replace('-', "_");
        for (path, runtime, container, pod, unit) in [
            (
                format!("/system.slice/docker-{ID}.scope"),
                Some("docker"),
                Some(ID),
                None,
                None,
            ),
            (
                format!("/docker/{ID}"),
                Some("docker"),
                Some(ID),
                None,
                None,
            ),
            (
                format!("/docker/{ID}/init.scope"),
                Some("docker"),
                Some(ID),
                None,
                None,
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod_slice}.slice/cri-containerd-{ID}.scope"
                ),
                Some("containerd"),
                Some(ID),
                Some(POD),
                None,
            ),
            (
                format!("/kubepods.slice/kubepods-pod{pod_slice}.slice/crio-{ID}.scope"),
                Some("cri-o"),
                Some(ID),
                Some(POD),
                None,
            ),
            (
                format!("/kubepods/besteffort/pod{POD}/{ID}"),
                Some("kubernetes"),
                Some(ID),
                Some(POD),
                None,
            ),
            (
                format!("/kubepods/besteffort/pod{POD}/crio-{ID}"),
                Some("cri-o"),
                Some(ID),
                Some(POD),
                None,
            ),
            (
                format!("/system.slice/nerdctl-{ID}.scope"),
                Some("containerd"),
                Some(ID),
                None,
                None,
            ),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                Some("podman"),
                Some(ID),
                None,
                None,
            ),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"
                ),
                Some("podman"),
                Some(ID),
                None,
                None,
            ),
            (
                format!("/libpod_parent/libpod-{ID}"),
                Some("podman"),
                Some(ID),
                None,
                None,
            ),
            // the runtime's own helper is not the container
            (
                format!("/machine.slice/libpod-conmon-{ID}.scope"),
                None,
                None,
                None,
                Some("libpod-conmon-…"),
            ),
            (
                "/lxc.payload.web/init.scope".into(),
                Some("lxc"),
                Some("web"),
                None,
                None,
            ),
            ("/lxc/web".into(), Some("lxc"), Some("web"), None, None),
            (
                "/machine.slice/systemd-nspawn@web.service/payload".into(),
                Some("nspawn"),
                Some("web"),
                None,
                None,
            ),
            (
                r"/machine.slice/machine-qemu\x2d1\x2dweb.scope".into(),
                Some("machine"),
                Some("qemu-1-web"),
                None,
                None,
            ),
            (
                "/system.slice/nginx.service".into(),
                None,
                None,
                None,
                Some("nginx.service"),
            ),
            (
                r"/system.slice/system-getty.slice/foo\x2dbar.service".into(),
                None,
                None,
                None,
                Some("foo-bar.service"),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope".into(),
                None,
                None,
                None,
                Some("session-3.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service".into(),
                None,
                None,
                None,
                Some("firefox.service"),
            ),
            ("/docker/not-an-id".into(), None, None, None, None),
            ("/".into(), None, None, None, None),
            (String::new(), None, None, None, None),
            (
                r"/\x/\xzz/\x1b.service".into(),
                None,
                None,
                None,
                Some(r"\x1b.service"),
            ),
        ] {
            let read = Within::read(&path);
            let unit = unit.map(|u: &str| u.replace('…', &format!("{ID}.scope")));
            let want = Within {
                container: container.map(str::to_owned),
                runtime,
                pod: pod.map(str::to_owned),
                unit,
            };
            assert_eq!(read, want, "{path}");
        }
    }

    #[test]
    fn workload_of_a_container_is_shown_by_its_names_once_they_are_known() {
        let id = ID.replace("4d5f", "aaaa");
        let group = Cgroup::new(1, Some(format!("/docker/{id}")));
        let Workload::Container(name) = group.workload() else {
            panic!("{:?}", group.workload());
        };
        assert_eq!(name.to_string(), "aaaa6a7b8c9d");
        for (pod, container, shown) in [
            (None, None, "aaaa6a7b8c9d"),
            (None, Some("nginx"), "nginx"),
            (Some("web-1"), Some("nginx"), "web-1/nginx"),
            (Some("web-1"), None, "web-1"),
        ] {
            let named = group.named(&ContainerNames {
                container: container.map(str::to_owned),
                pod: pod.map(str::to_owned),
                namespace: None,
            });
            assert_eq!(named.workload(), group.workload(), "{shown}");
            assert_eq!(name.to_string(), shown);
            assert_eq!(name.as_str(), "aaaa6a7b8c9d");
        }
    }

    #[test]
    fn workloads_after_the_table_is_full_are_one() {
        let table = NameTable::default();
        let unit = |i: u32| Within {
            unit: Some(format!("{i}.service")),
            ..Within::default()
        };
        let first = unit(0).workload(&table);
        assert!(matches!(first, Workload::Unit(_)));
        for i in 1..70_000 {
            table.number(&format!("{i}.service"));
        }
        assert_eq!(unit(0).workload(&table), first);
        assert_eq!(unit(69_999).workload(&table), Workload::Other);
        assert_eq!(Within::default().workload(&table), Workload::Unknown);
    }

    #[test]
    fn container_id_is_shortened_as_runtimes_print_it() {
        let read = |path: &str| Within::read(path).container().map(str::to_owned);
        assert_eq!(
            read(&format!("/docker/{ID}")).as_deref(),
            Some("4d5f6a7b8c9d")
        );
        assert_eq!(
            read("/lxc/a-rather-long-name").as_deref(),
            Some("a-rather-long-name")
        );
        assert_eq!(read("/system.slice/nginx.service"), None);
    }
}
