//! Loads the BPF programs and attaches the tracepoints.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Btf, Link, OpenObject, PrintLevel, ProgramMut};

use crate::collector::kernel::drops::DropReasons;
use crate::collector::kernel::features::{Features, FileSocket, Walk};
use crate::collector::kernel::listeners::can_walk_maps;
use crate::collector::kernel::preflight::StartError;
use crate::collector::kernel::write_watch::WriteTracepoint;
use crate::collector::kernel::{CollectorConfig, shared, skel};

thread_local! {
    /// Messages of libbpf while this thread loaded the programs.
    static COMPLAINTS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps libbpf's messages, which would otherwise go to stderr and into the middle of the dashboard.
pub(super) fn keep_complaint(_level: PrintLevel, message: String) {
    COMPLAINTS.with_borrow_mut(|kept| {
        if kept.len() < 16 * 1024 {
            kept.push_str(&message);
        }
    });
}

pub(super) fn refused(doing: &'static str) -> impl FnOnce(libbpf_rs::Error) -> StartError {
    move |error| StartError::Refused {
        doing,
        error: format!("{error:#}"),
        detail: COMPLAINTS.with_borrow(|kept| {
            let lines: Vec<&str> = kept.lines().filter(|l| !l.trim().is_empty()).collect();
            let last = &lines[lines.len().saturating_sub(6)..];
            if last.is_empty() {
                String::new()
            } else {
                format!("\nlibbpf says:\n  {}", last.join("\n  "))
            }
        }),
    }
}

/// Reads the types of the running kernel.
pub(super) fn kernel_types() -> Result<Btf<'static>, StartError> {
    Btf::from_vmlinux().map_err(refused("reading the kernel's type information"))
}

/// True if the kernel has a function of this name, such as a helper of BPF programs.
pub(super) fn has_function(types: &Btf<'_>, name: &str) -> bool {
    types
        .type_by_name::<libbpf_rs::btf::types::Func<'_>>(name)
        .is_some()
}

/// Loads the programs into the kernel, without attaching them.
pub(super) fn load<'o>(
    builder: skel::TcplifeSkelBuilder,
    object: &'o mut MaybeUninit<OpenObject>,
    config: &CollectorConfig,
    types: &Btf<'_>,
    features: Features,
    drops: Option<&DropReasons>,
) -> Result<skel::TcplifeSkel<'o>, StartError> {
    let mut open = builder
        .open(object)
        .map_err(refused("opening the BPF programs"))?;
    open.maps
        .sessions
        .set_max_entries(config.ring_bytes)
        .map_err(refused("setting the size of the ring buffer"))?;
    let is_map = features.walk == Walk::Map;
    let only_reads = features.files == FileSocket::ReadOnly;
    open.progs.dump_open_sessions.set_autoload(is_map);
    open.progs.dump_tcp_sessions.set_autoload(!is_map);
    let (held, read) = (
        &mut open.progs.dump_held_sessions,
        &mut open.progs.dump_read_sessions,
    );
    held.set_autoload(!is_map && !only_reads);
    read.set_autoload(!is_map && only_reads);
    // from Linux 5.17 on
    let has_loops = has_function(types, "bpf_loop");
    open.progs.scan_files.set_autoload(has_loops && !only_reads);
    open.progs
        .scan_files_unrolled
        .set_autoload(!has_loops && !only_reads);
    open.progs.scan_files_reading.set_autoload(only_reads);
    let reads_listeners = can_walk_maps(types);
    open.progs.read_listeners.set_autoload(reads_listeners);
    let writer = WriteTracepoint::of_this_kernel(types);
    let (locked, done) = (&mut open.progs.on_write, &mut open.progs.on_write_done);
    locked.set_autoload(writer == Some(WriteTracepoint::Locked));
    done.set_autoload(writer == Some(WriteTracepoint::Done));
    open.progs.on_drop.set_autoload(drops.is_some());
    if let Some(rodata) = open.maps.rodata_data.as_deref_mut() {
        if let Some(reasons) = drops {
            rodata.no_reason = reasons.none;
            rodata.no_socket = reasons.no_socket;
            rodata.has_receiver = reasons.has_receiver.into();
        }
        rodata.walks_files = u32::from(!is_map);
        rodata.only_reads_files = u32::from(only_reads);
        rodata.wake_above_bytes = u64::from(config.ring_bytes) / 4;
    }
    if let Some(bss) = open.maps.bss_data.as_deref_mut() {
        bss.filters[0] = shared::kernel_filter(&config.capture);
    }
    open.load().map_err(refused("loading the BPF programs"))
}

/// Attaches the tracepoints. From here on no session is missed, as long as the links are kept.
pub(super) fn attach_tracepoints(progs: &skel::TcplifeProgs<'_>) -> Result<[Link; 4], StartError> {
    // The kernel runs the programs of a tracepoint in the order in which they were attached (kernel/tracepoint.c,
    // func_add). on_state must come before on_state_nested, which skips the transitions that on_state has left a note
    // of: in the other order the note comes too late, and each transition is handled twice.
    Ok([
        attach_tracepoint(&progs.on_state)?,
        attach_tracepoint(&progs.on_state_nested)?,
        attach_tracepoint(&progs.on_read)?,
        attach_tracepoint(&progs.on_retransmit)?,
    ])
}

pub(super) fn attach_tracepoint(program: &ProgramMut<'_>) -> Result<Link, StartError> {
    let attaching = "attaching the BPF programs to the kernel's tracepoints";
    program.attach_trace().map_err(refused(attaching))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use libbpf_rs::{MapCore as _, MapFlags, RingBufferBuilder};

    use super::*;
    use crate::collector::kernel::preflight;
    use crate::collector::kernel::skel::types;

    /// True if the programs can be loaded here. If not, reports it on the real stderr, or fails where they must load.
    fn kernel_or_skip() -> bool {
        let Err(lack) = preflight::check() else {
            return true;
        };
        assert!(
            std::env::var_os("TCPLIFE_REQUIRE_KERNEL").is_none_or(|v| v.is_empty() || v == "0"),
            "TCPLIFE_REQUIRE_KERNEL is set, and a test cannot run: {lack}"
        );
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        let _ = writeln!(io::stderr(), "\n*** SKIPPED {name}: {lack}");
        false
    }

    /// Returns the kernel's type information with these names replaced.
    fn btf_without(names: &[&str]) -> tempfile::NamedTempFile {
        let mut btf = std::fs::read("/sys/kernel/btf/vmlinux").expect("the kernel's types");
        for name in names {
            let string = format!("\0{name}\0");
            // the strings come last
            let at = btf
                .windows(string.len())
                .rposition(|w| w == string.as_bytes());
            let at = at.unwrap_or_else(|| panic!("no {name} in the kernel's types"));
            btf[at + 1] = b'X';
        }
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&btf).expect("it is written");
        file
    }

    fn loaded<'o>(
        builder: skel::TcplifeSkelBuilder,
        object: &'o mut MaybeUninit<OpenObject>,
    ) -> skel::TcplifeSkel<'o> {
        let types = kernel_types().expect("the kernel's types");
        let config = CollectorConfig::for_tests();
        let at_most = Features {
            walk: Walk::Files,
            ..Features::ALL
        };
        let features = Features::of_this_kernel(&types, at_most);
        load(builder, object, &config, &types, features, None).expect("the programs load")
    }

    /// Kernels without CONFIG_IPV6 and CONFIG_NET_NS, and older than 5.15, lack members that the programs read.
    #[test]
    fn load_btf_without_optional_members_reports_sessions() {
        if !kernel_or_skip() {
            return;
        }
        let btf = btf_without(&["skc_v6_daddr", "skc_v6_rcv_saddr", "net", "cgroup"]);
        let mut builder = skel::TcplifeSkelBuilder::default();
        let options = builder.object_builder_mut();
        options.btf_custom_path(btf.path()).expect("a path");
        let mut object = MaybeUninit::uninit();
        let skel = loaded(builder, &mut object);
        let _links = attach_tracepoints(&skel.progs).expect("they attach");

        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it is bound");
        let client = TcpStream::connect(addr).expect("loopback");
        drop(listener.accept().expect("a client"));
        drop(client);
        let ours = RefCell::new(Vec::new());
        let mut ring = RingBufferBuilder::new();
        ring.add(&skel.maps.sessions, |bytes| {
            let r: types::session_record =
                bytemuck::try_pod_read_unaligned(bytes).expect("a record");
            if r.lport == addr.port() || r.rport == addr.port() {
                let figures = (r.ip, r.netns, r.cgroup, r.laddr[0], r.raddr[0]);
                ours.borrow_mut().push(figures);
            }
            0
        })
        .expect("a ring");
        let ring = ring.build().expect("a ring");
        let end = Instant::now() + Duration::from_secs(10);
        while ours.borrow().len() < 2 && Instant::now() < end {
            ring.consume().expect("records");
            std::thread::sleep(Duration::from_millis(5));
        }
        let ours = ours.borrow();
        assert_eq!(*ours, [(4, 0, 0, 127, 127); 2]);
    }

    /// Returns how many of these transitions leave a note by on_state for on_state_nested. They happen on this thread's
    /// CPU, within listen().
    fn notes_left(skel: &skel::TcplifeSkel<'_>, transitions: usize) -> usize {
        const CLOSE_TO_LISTEN: u64 = 7 << 8 | 10;
        let cpu = rustix::thread::sched_getcpu();
        let mut only = rustix::thread::CpuSet::new();
        only.set(cpu);
        rustix::thread::sched_setaffinity(None, &only).expect("a thread that stays where it is");
        let mut seen = 0;
        let mut left = 0;
        for _ in 0..transitions {
            let _listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let followed = &skel.maps.followed;
            let notes = followed.lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY);
            let note = notes.expect("the map can be read").expect("its only value");
            let word = |i: usize| note[cpu].chunks(8).nth(i).expect("two words").try_into();
            let [sk, states] = [0, 1].map(|i| u64::from_ne_bytes(word(i).expect("8 bytes")));
            seen += usize::from(states == CLOSE_TO_LISTEN);
            left += usize::from(sk != 0);
        }
        // other tasks may use this CPU, too
        assert!(seen > transitions / 2, "on_state was run for {seen}");
        left
    }

    #[test]
    fn follow_transition_is_handled_by_one_program() {
        if !kernel_or_skip() {
            return;
        }
        let mut object = MaybeUninit::uninit();
        let builder = skel::TcplifeSkelBuilder::default();
        let skel = loaded(builder, &mut object);
        let links = attach_tracepoints(&skel.progs).expect("they attach");
        // an interrupt in the few ns after on_state_nested has done its work may leave one
        let left = notes_left(&skel, 100);
        assert!(
            left < 10,
            "on_state_nested found {} of 100 notes",
            100 - left
        );
        drop(links);

        let attach = |program: &ProgramMut<'_>| program.attach_trace().expect("it attaches");
        let _turned_around = [&skel.progs.on_state_nested, &skel.progs.on_state].map(attach);
        let left = notes_left(&skel, 100);
        assert!(
            left > 90,
            "on_state_nested ran first and found {} notes",
            100 - left
        );
    }
}
