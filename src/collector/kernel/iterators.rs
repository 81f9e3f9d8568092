//! Attaches the iterators and walks them.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, FromRawFd};

use anyhow::Context as _;
use libbpf_rs::{Iter, IterOpts, Link, MapCore as _, MapIterOpts, MapMut, ProgramMut, libbpf_sys};

use crate::collector::kernel::features::Walk;
use crate::collector::kernel::load::refused;
use crate::collector::kernel::preflight::StartError;
use crate::collector::kernel::shared::{ScanPass, SharedState};
use crate::collector::kernel::skel;

/// Attached iterators.
pub(super) struct Iterators {
    pub(super) scan: Link,
    pub(super) scan_orphans: Link,
    /// One after the other they report all open sessions. The second one finds those in other network namespaces.
    pub(super) live: Vec<Link>,
    pub(super) holders: Link,
    /// `None`: the kernel cannot run it.
    pub(super) listeners: Option<Link>,
}

impl Iterators {
    pub(super) fn attach(
        progs: &skel::TcplifeProgs<'_>,
        walk: Walk,
        states: BorrowedFd<'_>,
    ) -> Result<Self, StartError> {
        let states = IterOpts::Map(MapIterOpts::from_fd(states));
        let live = match walk {
            Walk::Map => vec![attach_iterator(&progs.dump_open_sessions, states)?],
            Walk::Files => {
                let held = loaded_of([&progs.dump_held_sessions, &progs.dump_read_sessions]);
                vec![
                    attach_iterator(&progs.dump_tcp_sessions, IterOpts::None)?,
                    attach_iterator(held, IterOpts::None)?,
                ]
            }
        };
        let scan = loaded_of([
            &progs.scan_files,
            &progs.scan_files_unrolled,
            &progs.scan_files_reading,
        ]);
        Ok(Iterators {
            scan: attach_iterator(scan, IterOpts::None)?,
            scan_orphans: attach_iterator(&progs.scan_orphans, IterOpts::None)?,
            live,
            holders: attach_iterator(&progs.find_holders, IterOpts::None)?,
            listeners: match progs.read_listeners.autoload() {
                true => Some(attach_iterator(&progs.read_listeners, IterOpts::None)?),
                false => None,
            },
        })
    }
}

/// The one program that was loaded, of several that do the same on different kernels.
fn loaded_of<'p, 'o, const N: usize>(programs: [&'p ProgramMut<'o>; N]) -> &'p ProgramMut<'o> {
    let loaded = programs.iter().find(|program| program.autoload());
    // if there is none, attaching says so
    loaded.unwrap_or(&programs[0])
}

pub(super) fn attach_iterator(
    program: &ProgramMut<'_>,
    options: IterOpts<'_>,
) -> Result<Link, StartError> {
    let link = program.attach_iter_with_opts(options);
    link.map_err(refused("attaching the BPF iterators"))
}

/// Scans the open files of all processes for owners.
pub(super) struct Scanner<'a> {
    link: &'a Link,
    /// Maps that one scan fills and nothing else needs.
    scratch: [&'a MapMut<'a>; 2],
    /// Owners that a scan has found of sockets that it can only read: needed until the next one.
    notes: &'a MapMut<'a>,
    /// The last scan has filled them.
    is_filled: Cell<bool>,
    variables: &'a SharedState<'a>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(
        link: &'a Link,
        scratch: [&'a MapMut<'a>; 2],
        notes: &'a MapMut<'a>,
        variables: &'a SharedState<'a>,
    ) -> Self {
        Scanner {
            link,
            scratch,
            notes,
            is_filled: Cell::new(false),
            variables,
        }
    }

    pub(super) fn scan(&self) -> anyhow::Result<()> {
        self.pass(&[ScanPass::Listeners, ScanPass::Sessions])
    }

    /// Finds other owners for the listeners of a process that has exited.
    pub(super) fn scan_listeners_of(&self, gone: u32) -> anyhow::Result<()> {
        self.variables.set_gone_owner(gone);
        let result = self.pass(&[ScanPass::Listeners]);
        self.variables.set_gone_owner(0);
        result
    }

    fn pass(&self, passes: &[ScanPass]) -> anyhow::Result<()> {
        // an entry that stayed could hide the owner of a later socket at the same address
        self.forget()?;
        clear(self.notes)?;
        self.is_filled.set(true);
        for pass in passes {
            self.variables.set_scan_pass(*pass);
            walk_silent(self.link).context("cannot scan the open files of all processes")?;
        }
        Ok(())
    }

    /// Frees the memory of the last scan. With many sockets that takes a while, so it can wait until there
    /// is nothing else to do.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        if self.is_filled.take() {
            for map in self.scratch {
                clear(map)?;
            }
        }
        Ok(())
    }
}

/// Runs an iterator that writes nothing, in a process that has nothing but its link.
pub fn run_iterator(link: BorrowedFd<'_>) -> anyhow::Result<()> {
    // SAFETY: creates a descriptor, or returns an error
    let fd = unsafe { libbpf_sys::bpf_iter_create(link.as_raw_fd()) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd)).context("cannot run a BPF iterator");
    }
    // SAFETY: it has just been created, and belongs to nobody else
    let iterator = unsafe { File::from_raw_fd(fd) };
    read_all(iterator, &mut |bytes| Ok(bytes.len())).context("cannot run a BPF iterator")
}

/// Runs an iterator that writes nothing.
pub(super) fn walk_silent(link: &Link) -> anyhow::Result<()> {
    walk(link, &mut |bytes| Ok(bytes.len()))
}

/// Runs an iterator and passes its output to `take`, which returns how many bytes it has consumed. It gets the rest
/// again, followed by more output.
pub(super) fn walk(
    link: &Link,
    take: &mut dyn FnMut(&[u8]) -> anyhow::Result<usize>,
) -> anyhow::Result<()> {
    read_all(Iter::new(link)?, take)
}

/// Reads an iterator whose program never asks for a break to its end.
fn read_all(
    mut iterator: impl Read,
    take: &mut dyn FnMut(&[u8]) -> anyhow::Result<usize>,
) -> anyhow::Result<()> {
    // the kernel hands out 32 kB at a time
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        match iterator.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(n) => filled += n,
            // A call ends so when it has visited a million objects and written nothing; the next one goes on from there
            // (kernel/bpf/bpf_iter.c, MAX_ITER_OBJECTS).
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        }
        let done = take(&buffer[..filled])?;
        buffer.copy_within(done..filled, 0);
        filled -= done;
    }
}

/// An iterator that is read in parts.
pub(super) struct PartialWalk(Iter);

impl PartialWalk {
    pub(super) fn begin(link: &Link) -> anyhow::Result<Self> {
        Ok(PartialWalk(Iter::new(link)?))
    }

    /// Runs the program, which writes nothing, until it ends a part by returning 1. False: that was the last part.
    pub(super) fn run_part(&mut self) -> anyhow::Result<bool> {
        loop {
            match self.0.read(&mut [0]) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Reads all entries of a hash map, many at a time, and passes each key and value to `take`.
pub(super) fn read_map(map: &MapMut<'_>, take: &mut dyn FnMut(&[u8], &[u8])) -> anyhow::Result<()> {
    in_batches(map, libbpf_sys::bpf_map_lookup_batch, take).context("cannot read a BPF map")
}

/// Removes all entries of a hash map that a scan has filled.
fn clear(map: &MapMut<'_>) -> anyhow::Result<()> {
    let remove = libbpf_sys::bpf_map_lookup_and_delete_batch;
    in_batches(map, remove, &mut |_, _| {}).context("cannot forget what a scan has found")
}

/// Libbpf's functions for many entries at once: the map, the position before and after, room for keys and values, their
/// number, and options.
type BatchCall = unsafe extern "C" fn(
    c_int,
    *mut c_void,
    *mut c_void,
    *mut c_void,
    *mut c_void,
    *mut u32,
    *const libbpf_sys::bpf_map_batch_opts,
) -> c_int;

/// Calls a function for all entries of a hash map, many at a time, and passes each key and value to `take`.
fn in_batches(
    map: &MapMut<'_>,
    call: BatchCall,
    take: &mut dyn FnMut(&[u8], &[u8]),
) -> io::Result<()> {
    /// Entries of a batch: more than one bucket of the map has.
    const BATCH: usize = 1024;
    // the kernel wants at least four bytes for the position
    let (key_size, value_size) = (map.key_size() as usize, map.value_size() as usize);
    let mut keys = vec![0_u8; BATCH * key_size];
    let mut values = vec![0_u8; BATCH * value_size];
    let mut position = vec![0_u8; key_size.max(4)];
    let mut is_first = true;
    loop {
        let mut count = BATCH as u32;
        let from = match std::mem::take(&mut is_first) {
            true => std::ptr::null_mut(),
            false => position.as_mut_ptr(),
        };
        // SAFETY: the keys and values have room for `count` entries, and the position for one key; the kernel reads the
        // old position before it writes the new one.
        let result = unsafe {
            call(
                map.as_fd().as_raw_fd(),
                from.cast(),
                position.as_mut_ptr().cast(),
                keys.as_mut_ptr().cast(),
                values.as_mut_ptr().cast(),
                &raw mut count,
                std::ptr::null(),
            )
        };
        let is_last = result == -libc::ENOENT;
        if result < 0 && !is_last {
            return Err(io::Error::from_raw_os_error(-result));
        }
        let entries = keys
            .chunks_exact(key_size)
            .zip(values.chunks_exact(value_size));
        for (key, value) in entries.take(count as usize) {
            take(key, value);
        }
        if is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers to the calls that read an iterator; then it has ended.
    struct Answers(VecDeque<io::Result<&'static [u8]>>);

    impl Read for Answers {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some(answer) => answer.map(|bytes| {
                    buffer[..bytes.len()].copy_from_slice(bytes);
                    bytes.len()
                }),
                None => Ok(0),
            }
        }
    }

    /// Reads the answers in pairs of bytes, and returns these.
    fn pairs(answers: Vec<io::Result<&'static [u8]>>) -> anyhow::Result<Vec<[u8; 2]>> {
        let mut found = Vec::new();
        read_all(Answers(answers.into()), &mut |bytes| {
            let whole = bytes.chunks_exact(2);
            let rest = whole.remainder().len();
            found.extend(whole.map(|pair| [pair[0], pair[1]]));
            Ok(bytes.len() - rest)
        })?;
        Ok(found)
    }

    #[test]
    fn read_all_goes_on_after_a_million_silent_objects_and_a_signal() {
        let stopped = |errno| Err(io::Error::from_raw_os_error(errno));
        let answers = vec![
            stopped(libc::EAGAIN),
            Ok(&b"abc"[..]),
            stopped(libc::EINTR),
            stopped(libc::EAGAIN),
            Ok(&b"d"[..]),
        ];
        assert_eq!(pairs(answers).expect("read"), [*b"ab", *b"cd"]);
    }

    #[test]
    fn read_all_with_another_error_fails() {
        let answers = vec![
            Ok(&b"ab"[..]),
            Err(io::Error::from_raw_os_error(libc::ENOMEM)),
        ];
        assert!(pairs(answers).is_err());
    }
}
