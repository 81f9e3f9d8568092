//! Network namespaces of a test's own: each is that of a thread, and gone when the test ends.

use std::net::{SocketAddrV6, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded, unbounded};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct Netns {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    tid: i32,
    /// Inode number.
    id: u64,
}

impl Netns {
    /// Creates a namespace with a loopback device.
    pub(crate) fn new() -> Netns {
        let (jobs, ordered) = unbounded::<Job>();
        let (tx, made) = bounded(1);
        let thread = std::thread::spawn(move || {
            // SAFETY: only the namespace changes, for this thread and what it starts
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("a network namespace");
            let its = std::fs::metadata("/proc/thread-self/ns/net").expect("its file");
            tx.send((gettid().as_raw_nonzero().get(), its.ino()))
                .expect("the test waits");
            for job in ordered {
                job();
            }
        });
        let (tid, id) = made.recv().expect("a namespace");
        let netns = Netns {
            jobs: Some(jobs),
            thread: Some(thread),
            tid,
            id,
        };
        netns.ip("link set lo up");
        netns
    }

    /// Its inode number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Runs a job in the namespace: its sockets are there, wherever they are used.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tx, done) = bounded(1);
        let jobs = self.jobs.as_ref().expect("it is there");
        let job = Box::new(move || tx.send(job()).expect("the test waits"));
        jobs.send(job).expect("its thread runs");
        done.recv().expect("the job panicked")
    }

    /// Runs `ip` with these words.
    pub(crate) fn ip(&self, args: &str) {
        let args = args.to_owned();
        self.run(move || {
            let status = Command::new("ip").args(args.split(' ')).status();
            assert!(status.expect("ip").success(), "ip {args}");
        });
    }

    /// Index of an interface.
    pub(crate) fn index_of(&self, interface: &'static str) -> u32 {
        self.run(move || {
            let socket = socket(AddressFamily::INET6, SocketType::STREAM, None).expect("socket");
            name_to_index(&socket, interface).expect("its index")
        })
    }

    /// Connects two link-local ends over one interface.
    pub(crate) fn connect(&self, interface: &'static str, ours: &str, theirs: &str) -> TcpStream {
        let [mut ours, mut theirs]: [SocketAddrV6; 2] =
            [ours, theirs].map(|end| end.parse().expect("an address"));
        let index = self.index_of(interface);
        self.run(move || {
            let socket = socket(AddressFamily::INET6, SocketType::STREAM, None).expect("socket");
            ours.set_scope_id(index);
            theirs.set_scope_id(index);
            bind(&socket, &ours).expect("bind");
            rustix::net::connect(&socket, &theirs).expect("a connection");
            socket.into()
        })
    }

    /// Connects it with another namespace, or with itself: each end gets a name and an address.
    pub(crate) fn link(&self, (name, addr): (&str, &str), other: &Netns, theirs: (&str, &str)) {
        let (peer, peer_addr) = theirs;
        let there = other.tid;
        self.ip(&format!(
            "link add {name} type veth peer name {peer} netns {there}"
        ));
        for (netns, name, addr) in [(self, name, addr), (other, peer, peer_addr)] {
            // no address but ours, and that one at once
            netns.ip(&format!("link set {name} addrgenmode none"));
            let nodad = if addr.contains(':') { " nodad" } else { "" };
            netns.ip(&format!("addr add {addr} dev {name}{nodad}"));
            netns.ip(&format!("link set {name} up"));
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
