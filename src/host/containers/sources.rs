//! The files of container runtimes that have names: one row of [`SOURCES`] is a file and its format.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::host::containers::files::{Folder, Version};
use crate::model::cgroup::ContainerNames;

/// Finds the names of a container: in a directory, a file below it, by an id.
type Read = fn(&mut Cache, &Folder, &str, &str) -> Option<ContainerNames>;

/// A file with names.
struct Source {
    /// A directory that only the runtime and root can write to.
    folder: &'static str,
    /// Path of the file below it. `{id}` is the container's id, `*` any directory.
    path: &'static str,
    read: Read,
}

const fn source(folder: &'static str, path: &'static str, read: Read) -> Source {
    Source { folder, path, read }
}

/// Every source, in the order in which they are tried.
const SOURCES: &[Source] = &[
    // containerd: Kubernetes and nerdctl; for Docker it has no names. The first `*` is containerd's own namespace.
    source(
        "/run/containerd",
        "io.containerd.runtime.v2.task/*/{id}/config.json",
        bundle,
    ),
    source("/var/lib/docker", "containers/{id}/config.v2.json", docker),
    // CRI-O; Podman's file has no names
    source(
        "/run/containers/storage",
        "overlay-containers/{id}/userdata/config.json",
        bundle,
    ),
    source(
        "/var/lib/containers/storage",
        "overlay-containers/{id}/userdata/config.json",
        bundle,
    ),
    // Podman; the second file has the containers of `podman run --rm`
    source(
        "/var/lib/containers/storage",
        "overlay-containers/containers.json",
        storage,
    ),
    source(
        "/var/lib/containers/storage",
        "overlay-containers/volatile-containers.json",
        storage,
    ),
    source("/run/crun", "{id}/config.json", bundle),
    source("/run/runc", "{id}/state.json", runc),
    // links that the kubelet makes, whatever the runtime
    source("/var/log/containers", ".", log_links),
];

/// Keys of annotations and labels for each of the three names: of containerd's CRI plugin, of CRI-O and the kubelet's
/// labels, of nerdctl.
const CONTAINER: [&str; 3] = [
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
    "nerdctl/name",
];
const POD: [&str; 2] = ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
const NAMESPACE: [&str; 2] = [
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.pod.namespace",
];

/// The directories of the runtimes.
#[derive(Clone, Debug)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    pub fn of_this_host() -> Self {
        Places { root: "/".into() }
    }

    /// The same below another root.
    #[cfg(test)]
    pub fn below(root: &std::path::Path) -> Self {
        Places { root: root.into() }
    }

    fn folder(&self, source: &Source) -> PathBuf {
        self.root.join(source.folder.trim_start_matches('/'))
    }

    /// The directories that are read.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = SOURCES.iter().map(|s| self.folder(s)).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// Content of the files and directories that have the names of many containers, so that they are not read for each of them.
#[derive(Debug, Default)]
pub struct Cache {
    /// Lists of containers by their path.
    lists: HashMap<String, List>,
    /// Names in the links of the kubelet by id, and when they were read.
    links: Option<(Instant, HashMap<String, ContainerNames>)>,
}

#[derive(Debug)]
struct List {
    version: Version,
    /// Names by id.
    names: HashMap<String, String>,
}

/// Minimum time between two reads of the links.
const LINKS_INTERVAL: Duration = Duration::from_secs(1);

/// Returns the names of a container, whose id is valid: those of the first source that has any.
pub fn names(places: &Places, cache: &mut Cache, id: &str) -> ContainerNames {
    let found = SOURCES.iter().find_map(|source| {
        let folder = Folder::open(&places.folder(source)).ok()?;
        let path = source.path.replace("{id}", id);
        let paths = match path.split_once('*') {
            Some((before, after)) => {
                let parts = folder.names(before.trim_end_matches('/'));
                parts
                    .iter()
                    .map(|part| format!("{before}{part}{after}"))
                    .collect()
            }
            None => vec![path],
        };
        let names = |path: &String| (source.read)(cache, &folder, path, id);
        paths
            .iter()
            .find_map(names)
            .filter(|names| !names.is_empty())
    });
    found.unwrap_or_default()
}

fn json(folder: &Folder, path: &str) -> Option<Value> {
    serde_json::from_slice(&folder.read(path).ok()?).ok()
}

/// Takes the names from annotations or labels.
fn labelled<'a>(get: impl Fn(&str) -> Option<&'a str>) -> ContainerNames {
    let first = |keys: &[&str]| {
        let value = keys.iter().find_map(|key| get(key));
        value.filter(|name| !name.is_empty()).map(str::to_owned)
    };
    ContainerNames {
        container: first(&CONTAINER),
        pod: first(&POD),
        namespace: first(&NAMESPACE),
    }
}

fn of_object(labels: &Map<String, Value>) -> ContainerNames {
    labelled(|key| labels.get(key)?.as_str())
}

/// Reads the configuration of an OCI bundle (runtime-spec, config.md: `annotations`).
fn bundle(_: &mut Cache, folder: &Folder, path: &str, _: &str) -> Option<ContainerNames> {
    Some(of_object(
        json(folder, path)?.get("annotations")?.as_object()?,
    ))
}

/// Reads runc's state: its labels are the bundle's annotations, as `key=value`.
fn runc(_: &mut Cache, folder: &Folder, path: &str, _: &str) -> Option<ContainerNames> {
    let state = json(folder, path)?;
    let labels = state.get("config")?.get("labels")?.as_array()?;
    let value = |key: &str| {
        let mut pairs = labels
            .iter()
            .filter_map(|label| label.as_str()?.split_once('='));
        pairs.find_map(|(name, value)| (name == key).then_some(value))
    };
    Some(labelled(value))
}

/// Reads Docker's configuration of a container: a name like `/web`, and the kubelet's labels.
fn docker(_: &mut Cache, folder: &Folder, path: &str, _: &str) -> Option<ContainerNames> {
    let state = json(folder, path)?;
    let labels = state
        .get("Config")
        .and_then(|c| c.get("Labels")?.as_object());
    let mut names = labels.map(of_object).unwrap_or_default();
    if names.container.is_none() {
        let name = state.get("Name")?.as_str()?;
        names.container = Some(name.trim_start_matches('/').to_owned()).filter(|n| !n.is_empty());
    }
    Some(names)
}

/// Finds a container in the list of a store (containers/storage), which is read again only if it has changed.
fn storage(cache: &mut Cache, folder: &Folder, path: &str, id: &str) -> Option<ContainerNames> {
    let file = folder.open_file(path).ok()?;
    let version = file.version();
    let is_current = |list: &List| list.version == version;
    if !cache.lists.get(path).is_some_and(is_current) {
        let content = file.read().ok();
        let parsed = content.and_then(|content| serde_json::from_slice(&content).ok());
        let names = names_by_id(&parsed.unwrap_or_default());
        let list = List { version, names };
        cache.lists.insert(path.to_owned(), list);
    }
    let name = cache.lists.get(path)?.names.get(id)?;
    Some(ContainerNames {
        container: Some(name.clone()),
        ..ContainerNames::default()
    })
}

/// Returns the first name of each container of a list.
fn names_by_id(list: &Value) -> HashMap<String, String> {
    let containers = list.as_array().into_iter().flatten();
    let names = containers.filter_map(|container| {
        let id = container.get("id")?.as_str()?;
        let name = container.get("names")?.get(0)?.as_str()?;
        Some((id.to_owned(), name.to_owned()))
    });
    names.collect()
}

/// Finds a container in the names of the kubelet's links, which are read again after a while.
fn log_links(cache: &mut Cache, folder: &Folder, path: &str, id: &str) -> Option<ContainerNames> {
    let is_old = |read: &Instant| read.elapsed() >= LINKS_INTERVAL;
    if cache.links.as_ref().is_none_or(|(read, _)| is_old(read)) {
        let links = folder.names(path);
        let names = links.iter().filter_map(|link| names_in_link(link));
        cache.links = Some((Instant::now(), names.collect()));
    }
    let (_, links) = cache.links.as_ref()?;
    links.get(id).cloned()
}

/// Parses the name of a link, `<pod>_<namespace>_<container>-<id>.log`: the id and the names.
fn names_in_link(link: &str) -> Option<(String, ContainerNames)> {
    let (names, id) = link.strip_suffix(".log")?.rsplit_once('-')?;
    let mut parts = names.split('_');
    let mut part = || parts.next().map(str::to_owned);
    let (pod, namespace, container) = (part()?, part()?, part()?);
    let names = ContainerNames {
        container: Some(container),
        pod: Some(pod),
        namespace: Some(namespace),
    };
    Some((id.to_owned(), names))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const ID: &str = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

    /// A host with the directories of runtimes.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Host {
            Host(tempfile::tempdir().expect("a directory"))
        }

        fn path(&self, path: &str) -> PathBuf {
            let path = self.0.path().join(path.replace("{id}", ID));
            fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
            path
        }

        fn with(path: &str, content: &str) -> Host {
            let host = Host::new();
            fs::write(host.path(path), content.replace("{id}", ID)).expect("a file");
            host
        }

        fn read(&self, cache: &mut Cache) -> ContainerNames {
            names(&Places::below(self.0.path()), cache, ID)
        }

        /// The container's name, the pod's and the namespace, `-` for those that are not known.
        fn names(&self) -> String {
            let ContainerNames {
                container,
                pod,
                namespace,
            } = self.read(&mut Cache::default());
            [container, pod, namespace]
                .map(|name| name.unwrap_or_else(|| "-".into()))
                .join(" ")
        }
    }

    #[test]
    fn names_are_found_in_the_files_of_every_runtime() {
        for (path, content, expected) in [
            // containerd/pkg/cri/annotations
            (
                "run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json",
                include_str!("testdata/containerd-config.json"),
                "nginx web-7d4b9c5f6d-x2x7k shop",
            ),
            // the container of a pod's namespaces
            (
                "run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json",
                r#"{"annotations": {"io.kubernetes.cri.container-type": "sandbox",
                   "io.kubernetes.cri.sandbox-name": "web-1", "io.kubernetes.cri.sandbox-namespace": "shop"}}"#,
                "- web-1 shop",
            ),
            (
                "run/containerd/io.containerd.runtime.v2.task/default/{id}/config.json",
                r#"{"annotations": {"nerdctl/name": "web", "nerdctl/namespace": "default"}}"#,
                "web - -",
            ),
            (
                "var/lib/docker/containers/{id}/config.v2.json",
                include_str!("testdata/docker-config.v2.json"),
                "web - -",
            ),
            // Kubernetes with cri-dockerd
            (
                "var/lib/docker/containers/{id}/config.v2.json",
                r#"{"Name": "/k8s_nginx_web-1_shop_0", "Config": {"Labels": {"io.kubernetes.container.name": "nginx",
                   "io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop"}}}"#,
                "nginx web-1 shop",
            ),
            // cri-o/internal/annotations
            (
                "run/containers/storage/overlay-containers/{id}/userdata/config.json",
                include_str!("testdata/crio-config.json"),
                "nginx web-7d4b9c5f6d-x2x7k shop",
            ),
            // containers/storage: container.go
            (
                "var/lib/containers/storage/overlay-containers/containers.json",
                include_str!("testdata/podman-containers.json"),
                "web - -",
            ),
            (
                "var/lib/containers/storage/overlay-containers/volatile-containers.json",
                include_str!("testdata/podman-containers.json"),
                "web - -",
            ),
            (
                "run/crun/{id}/config.json",
                r#"{"ociVersion": "1.0.0", "annotations": {"io.kubernetes.container.name": "web"}}"#,
                "web - -",
            ),
            // written by runc 1.1.5, shortened
            (
                "run/runc/{id}/state.json",
                include_str!("testdata/runc-state.json"),
                "web web-1 shop",
            ),
            (
                "var/log/containers/web-1_shop_nginx-{id}.log",
                "",
                "nginx web-1 shop",
            ),
        ] {
            assert_eq!(Host::with(path, content).names(), expected, "{path}");
        }
    }

    #[test]
    fn files_without_names_leave_it_to_the_next() {
        // Docker's containers are containerd's, too, without names there
        let host = Host::with(
            "var/lib/docker/containers/{id}/config.v2.json",
            r#"{"Name": "/web"}"#,
        );
        let task = host.path("run/containerd/io.containerd.runtime.v2.task/moby/{id}/config.json");
        fs::write(task, r#"{"annotations": {"other": "x"}}"#).expect("a file");
        assert_eq!(host.names(), "web - -");
        assert_eq!(Host::new().names(), "- - -");
    }

    #[test]
    fn files_that_are_damaged_large_or_links_give_no_names() {
        const PATH: &str = "run/crun/{id}/config.json";
        let good = r#"{"annotations": {"io.kubernetes.container.name": "web"}}"#;
        let deep = "[".repeat(100_000);
        let large = format!("{good}{}", " ".repeat(4 << 20));
        for content in [
            "",
            "{",
            "[]",
            "null",
            r#"{"annotations": 1}"#,
            &deep,
            &large,
        ] {
            let start: String = content.chars().take(20).collect();
            assert_eq!(Host::with(PATH, content).names(), "- - -", "{start}");
        }
        let outside = tempfile::NamedTempFile::new().expect("a file");
        fs::write(outside.path(), good).expect("writing");
        let host = Host::new();
        symlink(outside.path(), host.path(PATH)).expect("a link");
        assert_eq!(host.names(), "- - -");
        let host = Host::new();
        fs::create_dir_all(host.0.path().join("elsewhere")).expect("a directory");
        fs::write(host.0.path().join("elsewhere/config.json"), good).expect("a file");
        let folder = host.path("run/crun/{id}");
        symlink(host.0.path().join("elsewhere"), &folder).expect("a link");
        assert_eq!(host.names(), "- - -");
        // the directory of a runtime may be on another disk
        let host = Host::with("disk/containers/{id}/config.v2.json", r#"{"Name": "/web"}"#);
        symlink(host.0.path().join("disk"), host.path("var/lib/docker")).expect("a link");
        assert_eq!(host.names(), "web - -");
    }

    #[test]
    fn list_of_containers_is_read_again_only_if_it_has_changed() {
        const PATH: &str = "var/lib/containers/storage/overlay-containers/containers.json";
        let list = |name: &str| format!(r#"[{{"id": "{ID}", "names": ["{name}"]}}]"#);
        let host = Host::with(PATH, &list("web"));
        let mut cache = Cache::default();
        let mut name = || host.read(&mut cache).container;
        assert_eq!(name().as_deref(), Some("web"));
        // the same version with other content: what is remembered counts
        let path = host.path(PATH);
        let modified = fs::metadata(&path).and_then(|m| m.modified()).expect("it");
        fs::write(&path, list("wob")).expect("writing");
        let file = fs::File::options().write(true).open(&path).expect("a file");
        file.set_modified(modified).expect("a time");
        assert_eq!(name().as_deref(), Some("web"));
        fs::write(&path, list("other")).expect("writing");
        assert_eq!(name().as_deref(), Some("other"));
        fs::write(&path, "{").expect("writing");
        assert_eq!(name(), None);
        fs::remove_file(&path).expect("removing");
        assert_eq!(name(), None);
    }

    #[test]
    fn links_of_the_kubelet_are_read_at_most_once_per_second() {
        let host = Host::with("var/log/containers/other", "");
        let mut cache = Cache::default();
        assert!(host.read(&mut cache).is_empty());
        let link = host.path("var/log/containers/web-1_shop_nginx-{id}.log");
        fs::write(link, "").expect("a file");
        let read = cache.links.as_ref().expect("read").0;
        let names = host.read(&mut cache);
        let is_soon = cache.links.as_ref().expect("read").0 == read;
        assert_eq!(names.is_empty(), is_soon, "the second may be over");
        cache.links = cache
            .links
            .map(|(read, links)| (read - LINKS_INTERVAL, links));
        assert_eq!(host.read(&mut cache).pod.as_deref(), Some("web-1"));
    }

    #[test]
    fn pipe_that_nobody_writes_does_not_hold_up_the_reader() {
        let host = Host::new();
        let pipe = host.path("run/crun/{id}/config.json");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .expect("a pipe");
        assert_eq!(host.names(), "- - -");
    }
}
