//! Child processes with one task each, forked before there is a second thread.

use std::ffi::{CStr, c_int};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown,
    socketpair,
};
use rustix::process::{Pid, WaitOptions, setpgid, waitpid};

use crate::host::thread;

/// Maximum size of a message: a path (PATH_MAX), and a few bytes.
const LONGEST: usize = 4096 + 16;

/// Creates two connected sockets that keep the bounds of messages.
///
/// # Errors
/// If the kernel refuses the descriptors.
pub fn sockets() -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    Ok(socketpair(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// A child process, and the socket that it is reached by. When this is dropped, the child exits.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    pub socket: OwnedFd,
}

/// Report of a child that has succeeded; any other is an error.
const DONE: &str = "done";

/// Reports to the parent how something has gone. False: the parent is gone, or it has failed.
pub fn report<E: std::fmt::Display>(socket: &OwnedFd, result: Result<(), E>) -> bool {
    let is_done = result.is_ok();
    let text = result.map_or_else(|e| format!("{e:#}"), |()| DONE.to_owned());
    send(socket.as_fd(), text.as_bytes(), None).is_ok() && is_done
}

impl Child {
    /// Waits for the child's [`report`].
    ///
    /// # Errors
    /// The error that it reports, or that it has ended without a report.
    pub fn wait_for_report(&self) -> anyhow::Result<()> {
        let report = receive(self.socket.as_fd())?;
        let (report, _) = report.context("its process was killed")?;
        match String::from_utf8_lossy(&report) {
            done if done == DONE => Ok(()),
            error => Err(anyhow::anyhow!("{error}")),
        }
    }
}

/// Maximum wait for a child to exit.
const PATIENCE: Duration = Duration::from_millis(200);

impl Drop for Child {
    /// Waits a while for the child to exit, so that no zombie of it is left to a process that may not expect one.
    fn drop(&mut self) {
        // the child sees the end of the connection, although other descriptors of it may exist
        let _ = shutdown(&self.socket, Shutdown::Both);
        let deadline = Instant::now() + PATIENCE;
        while let Ok(None) = waitpid(Some(self.pid), WaitOptions::NOHANG)
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Forks a child that does `work` with its end of a pair of sockets, and exits. Must be called while this process has a
/// single thread.
///
/// # Errors
/// If the kernel refuses descriptors or a process.
pub fn fork(name: &CStr, work: impl FnOnce(OwnedFd)) -> anyhow::Result<Child> {
    let starting = || format!("cannot start the process {}", name.to_string_lossy());
    let (ours, theirs) = sockets().with_context(starting)?;
    // SAFETY: there is one thread, so that the child finds no lock that another one has taken
    let pid = unsafe { libc::fork() };
    if pid == -1 {
        return Err(thread::refused(io::Error::last_os_error())).with_context(starting);
    }
    match Pid::from_raw(pid) {
        Some(pid) => Ok(Child { pid, socket: ours }),
        None => {
            drop(ours);
            // a panic must not continue as a second main process
            let result = catch_unwind(AssertUnwindSafe(|| {
                settle(name);
                work(theirs);
            }));
            // SAFETY: ends the process without running what is left of its parent's code
            unsafe { libc::_exit(c_int::from(result.is_err())) }
        }
    }
}

/// Makes the child independent of its parent's terminal, pipes and job.
fn settle(name: &CStr) {
    let _ = rustix::thread::set_name(name);
    // it exits when its parent has exited, and not with the job, nor does it stop with it: then it could not notice
    let _ = setpgid(None, None);
    // a reader of our output must not wait for the end of the child
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        for fd in 0..3 {
            // SAFETY: replaces a descriptor that nothing in this process owns
            unsafe { libc::dup2(null.as_fd().as_raw_fd(), fd) };
        }
    }
}

/// Sends a message, with a descriptor or without.
///
/// # Errors
/// If nobody receives it, or it is too long.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    if bytes.len() > LONGEST {
        return Err(Errno::NAMETOOLONG.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        beside.push(SendAncillaryMessage::ScmRights(fds));
    }
    let bytes = [IoSlice::new(bytes)];
    loop {
        match sendmsg(socket, &bytes, &mut beside, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Receives a message, and the descriptor beside it; `None`: the other side is gone.
///
/// # Errors
/// If there is none in time, or the socket fails.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; LONGEST];
    let received = loop {
        let mut into = [IoSliceMut::new(&mut bytes)];
        match recvmsg(socket, &mut into, &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    let fd = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    bytes.truncate(received);
    Ok((received > 0).then_some((bytes, fd)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_longer_than_a_path_is_refused() {
        let (ours, _theirs) = sockets().expect("sockets");
        let error = send(ours.as_fd(), &[b'c'; LONGEST + 1], None).expect_err("too long");
        assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
    }

    #[test]
    fn message_arrives_whole_with_its_descriptor() {
        let (ours, theirs) = sockets().expect("sockets");
        send(ours.as_fd(), b"one", None).expect("sent");
        send(ours.as_fd(), b"two", Some(ours.as_fd())).expect("sent");
        let (bytes, fd) = receive(theirs.as_fd())
            .expect("received")
            .expect("a message");
        assert!(bytes == b"one" && fd.is_none());
        let (bytes, fd) = receive(theirs.as_fd())
            .expect("received")
            .expect("a message");
        assert!(bytes == b"two" && fd.is_some());
        drop((ours, fd));
        assert!(receive(theirs.as_fd()).expect("the end").is_none());
    }
}
