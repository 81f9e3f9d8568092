//! Names of containers, from the files of their runtimes.
//!
//! No runtime is queried, so that a host in trouble gets no extra load. Most of the files can be read by root only, and the
//! main process has no such right once it has started. So a child reads them: it may read everything at first, keeps that
//! right alone, and Landlock limits it to the directories of the runtimes. It takes ids of containers and answers with names.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustc_hash::FxHashSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::thread::{CapabilitySet, capabilities};

use crate::host::child::{self, Child};
use crate::host::privileges::{Identity, may_change_user};
use crate::host::sandbox;
use crate::model::cgroup::{ContainerNames, is_id};
use crate::text::sanitize::sanitize;

mod files;
mod sources;

use sources::Cache;
pub use sources::Places;

/// Maximum length of a name, in characters. Kubernetes allows 253.
const LONGEST_NAME: usize = 256;

/// Minimum time between two polls for answers.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Maximum number of requests sent without an answer. They fit the buffer of a socket.
const MOST_OUTSTANDING: usize = 32;
/// Maximum number of requests that wait to be sent.
const MOST_QUEUED: usize = 16_384;

/// The main process' side. Nothing here waits for the child, except at the start.
#[derive(Debug)]
pub struct Namer {
    /// `None`: the kernel does not let it give up its rights, and then it reads nothing.
    child: Option<Child>,
    /// Capabilities of the child.
    rights: CapabilitySet,
    /// Ids that were not sent yet, in the order in which they were asked for.
    queue: VecDeque<String>,
    /// Ids in the queue, and those without an answer.
    pending: FxHashSet<String>,
    /// Number of requests without an answer.
    outstanding: usize,
    polled: Instant,
}

impl Namer {
    /// Starts the child. Must be called while this process has a single thread, and before another child that lives on is
    /// started: that one would keep the socket open.
    ///
    /// # Errors
    /// If the kernel refuses a process or, with `is_strict`, does not let it give up its rights.
    pub fn start(is_strict: bool) -> anyhow::Result<Self> {
        let right = CapabilitySet::DAC_READ_SEARCH;
        let rights = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted);
        let child = child::fork(c"tcplife-names", |socket| {
            let places = Places::of_this_host();
            // nobody's process owns none of the files, so that it could not write to them either
            let user = may_change_user().then_some(Identity::NOBODY);
            let confined = sandbox::confine(user.as_ref(), right, &places.folders(), is_strict);
            // a child with too many rights reads nothing
            if child::report(&socket, confined) {
                serve(&socket, &places);
            }
        })?;
        let starting = "cannot start the process that reads names of containers";
        let child = match child.wait_for_report() {
            Ok(()) => Some(child),
            Err(e) if is_strict => return Err(e).context(starting),
            Err(_) => None,
        };
        let mut rights = rights & right;
        match &child {
            Some(child) => ioctl_fionbio(&child.socket, true).context(starting)?,
            None => rights = CapabilitySet::empty(),
        }
        Ok(Namer::of(child, rights))
    }

    fn of(child: Option<Child>, rights: CapabilitySet) -> Self {
        Namer {
            child,
            rights,
            queue: VecDeque::new(),
            pending: FxHashSet::default(),
            outstanding: 0,
            polled: Instant::now(),
        }
    }

    /// Capabilities of the child, as a mask.
    pub fn rights(&self) -> u64 {
        self.rights.bits()
    }

    /// Asks for the names of a container. False: there is a request for it without an answer, or there are too many.
    pub fn ask(&mut self, id: &str) -> bool {
        let is_new = self.child.is_some()
            && self.queue.len() < MOST_QUEUED
            && self.pending.insert(id.to_owned());
        if is_new {
            self.queue.push_back(id.to_owned());
            self.send();
        }
        is_new
    }

    /// Sends requests from the queue. The others follow when answers have arrived.
    fn send(&mut self) {
        let Some(child) = &self.child else { return };
        while self.outstanding < MOST_OUTSTANDING
            && let Some(id) = self.queue.front()
        {
            match child::send(child.socket.as_fd(), id.as_bytes(), None) {
                Ok(()) => {
                    self.queue.pop_front();
                    self.outstanding += 1;
                }
                // the next poll tries it again
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.forget(),
            }
        }
    }

    /// Forgets the requests: the child is gone, and its answers with it.
    fn forget(&mut self) {
        self.queue.clear();
        self.pending.clear();
        self.outstanding = 0;
    }

    /// True if answers may have arrived since the last poll.
    pub fn is_due(&self) -> bool {
        !self.pending.is_empty() && self.polled.elapsed() >= POLL_INTERVAL
    }

    /// Returns the next answer that has arrived: an id and its names.
    pub fn answer(&mut self) -> Option<(String, ContainerNames)> {
        self.polled = Instant::now();
        self.send();
        match child::receive(self.child.as_ref()?.socket.as_fd()) {
            Ok(Some((bytes, _))) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                let answer = decode(&bytes);
                if let Some((id, _)) = &answer {
                    self.pending.remove(id);
                }
                self.send();
                answer
            }
            // nothing yet
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
            _ => {
                self.forget();
                None
            }
        }
    }

    /// Waits for an answer that is outstanding, until then at most. False: there is none.
    pub fn wait(&self, end: Instant) -> bool {
        let rest = end.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(rest) else {
            return false;
        };
        let Some(child) = &self.child else {
            return false;
        };
        let mut fds = [PollFd::new(&child.socket, PollFlags::IN)];
        self.outstanding > 0 && matches!(poll(&mut fds, Some(&timeout)), Ok(1))
    }
}

/// Maximum number of requests answered per second: users can make control groups that look like those of containers.
const MOST_PER_SECOND: u32 = 500;

/// Answers requests until the main process is gone. A request is the id of a container.
fn serve(socket: &OwnedFd, places: &Places) {
    let second = Duration::from_secs(1);
    let mut cache = Cache::default();
    let (mut started, mut answered) = (Instant::now(), 0);
    while let Ok(Some((bytes, _))) = child::receive(socket.as_fd()) {
        // nothing else becomes a part of a path
        let id = std::str::from_utf8(&bytes).ok().filter(|id| is_id(id));
        let Some(id) = id else { return };
        if answered >= MOST_PER_SECOND {
            std::thread::sleep(second.saturating_sub(started.elapsed()));
        }
        if started.elapsed() >= second {
            (started, answered) = (Instant::now(), 0);
        }
        answered += 1;
        let names = sources::names(places, &mut cache, id);
        if child::send(socket.as_fd(), &encode(id, &names), None).is_err() {
            return;
        }
    }
}

/// Between the parts of an answer; no name has it.
const SEPARATOR: char = '\0';

/// Encodes an answer: the id and the names, empty if they are not known.
fn encode(id: &str, names: &ContainerNames) -> Vec<u8> {
    let ContainerNames {
        container,
        pod,
        namespace,
    } = names;
    let mut text = id.to_owned();
    for name in [container, pod, namespace] {
        text.push(SEPARATOR);
        text.extend(name.iter().flat_map(|name| harmless(name)));
    }
    text.into_bytes()
}

/// Decodes an answer. The child has read what others wrote, so nothing that it sends is trusted.
fn decode(bytes: &[u8]) -> Option<(String, ContainerNames)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut parts = text.split(SEPARATOR);
    let id = parts.next().filter(|id| is_id(id))?;
    let mut name = || {
        let name: String = harmless(parts.next()?).collect();
        (!name.is_empty()).then_some(name)
    };
    let names = ContainerNames {
        container: name(),
        pod: name(),
        namespace: name(),
    };
    Some((id.to_owned(), names))
}

/// Iterates over the characters of a name, of limited number, without those that could drive a terminal.
fn harmless(name: &str) -> impl Iterator<Item = char> {
    let chars: Vec<char> = sanitize(name).chars().take(LONGEST_NAME).collect();
    chars.into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

    fn names(container: &str, pod: &str, namespace: &str) -> ContainerNames {
        let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        ContainerNames {
            container: name(container),
            pod: name(pod),
            namespace: name(namespace),
        }
    }

    #[test]
    fn answer_encoded_is_decoded_unchanged_but_for_harmful_characters() {
        for names in [
            names("web", "web-7d4b9", "shop"),
            names("", "", ""),
            names("größe", "", "x"),
        ] {
            let decoded = decode(&encode(ID, &names));
            assert_eq!(decoded, Some((ID.to_owned(), names)));
        }
        let hostile = names("a\0b\x1b[2J\n", &"x".repeat(5000), "\u{202e}");
        let expected = names("a?b?[2J?", &"x".repeat(LONGEST_NAME), "?");
        let encoded = encode(ID, &hostile);
        assert_eq!(decode(&encoded), Some((ID.to_owned(), expected.clone())));
        // a child that somebody has taken over
        let raw = format!("{ID}\0a\u{1}b\0\0\x1b");
        let expected = names("a?b", "", "?");
        assert_eq!(decode(raw.as_bytes()), Some((ID.to_owned(), expected)));
        assert_eq!(decode(b"../../etc\0web\0\0"), None);
        assert_eq!(decode(b"\xff"), None);
    }

    #[test]
    fn server_answers_ids_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a directory");
        let (ours, theirs) = child::sockets().expect("sockets");
        let places = Places::below(folder.path());
        let server = std::thread::spawn(move || serve(&theirs, &places));
        child::send(ours.as_fd(), ID.as_bytes(), None).expect("sent");
        let (bytes, _) = child::receive(ours.as_fd())
            .expect("an answer")
            .expect("one");
        assert_eq!(
            decode(&bytes),
            Some((ID.to_owned(), ContainerNames::default()))
        );
        child::send(ours.as_fd(), b"../../etc/shadow", None).expect("sent");
        assert!(child::receive(ours.as_fd()).expect("the end").is_none());
        server.join().expect("no panic");
    }

    #[test]
    fn requests_are_sent_as_answers_arrive_and_none_is_lost() {
        let (ours, theirs) = child::sockets().expect("sockets");
        for socket in [&ours, &theirs] {
            ioctl_fionbio(socket, true).expect("not blocking");
        }
        let child = Child {
            pid: rustix::process::Pid::INIT,
            socket: ours,
        };
        let mut namer = Namer::of(Some(child), CapabilitySet::empty());
        let ids: Vec<String> = (0..1000).map(|i| format!("{i:064x}")).collect();
        assert!(ids.iter().all(|id| namer.ask(id)));
        assert!(ids.iter().all(|id| !namer.ask(id)), "asked twice");
        let mut answered = Vec::new();
        while !namer.pending.is_empty() {
            let mut received = 0;
            while let Ok(Some((id, _))) = child::receive(theirs.as_fd()) {
                let id = String::from_utf8(id).expect("an id");
                let answer = encode(&id, &names("web", "", ""));
                received += 1;
                child::send(theirs.as_fd(), &answer, None).expect("sent");
            }
            assert!((1..=MOST_OUTSTANDING).contains(&received), "{received}");
            answered.extend(std::iter::from_fn(|| namer.answer()).map(|(id, _)| id));
        }
        assert_eq!(answered, ids);
        assert!(namer.ask(&ids[0]), "after its answer");
        drop(theirs);
        assert_eq!(namer.answer(), None);
        assert!(!namer.is_due() && namer.queue.is_empty());
    }

    proptest! {
        #[test]
        fn answer_of_any_bytes_has_short_harmless_names(bytes: Vec<u8>, tail in "\\PC*") {
            let _ = decode(&bytes);
            let (_, names) = decode(format!("{ID}\0{tail}").as_bytes()).expect("an answer");
            for name in [names.container, names.pod, names.namespace].into_iter().flatten() {
                prop_assert!(name.chars().count() <= LONGEST_NAME);
                prop_assert_eq!(sanitize(&name), name);
            }
        }
    }
}
