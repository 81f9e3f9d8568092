//! Owners: processes that share, pass on, inherit and lose their sockets.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::net::{RecvFlags, SendFlags, sockopt};
use rustix::process::{Signal, kill_process};

use super::shared_parts::{
    answer, answer_one, ask, ask_often, delayed, drain, workers, written_or,
};
use crate::generator::{Cx, End, EndOf, Flag, Net, skip};
use crate::sys;
use crate::uring::Uring;

pub(super) fn prefork(cx: &Cx) {
    let net = cx.loopback();
    workers(cx, &net, &["tl-worker-1", "tl-worker-2"], |listener| {
        answer_one(listener);
        answer_one(listener);
    });
    ask_often(cx, &net, 4);
    cx.join();
}

pub(super) fn prefork_worker_only_writes(cx: &Cx) {
    let net = cx.loopback();
    workers(cx, &net, &["tl-worker"], |listener| {
        let mut s = End::accept(listener);
        s.write(300);
        s.close("local-fin");
    });
    cx.fork("tl-client", || {
        drain(End::connect(net.server(cx.port(0))));
    });
    cx.join();
}

/// This process, which listens: the owner of a session for which nothing better is known.
fn listens() -> [(&'static str, serde_json::Value); 3] {
    [
        ("pid", std::process::id().into()),
        ("comm", sys::process_name().into()),
        ("owner", "listen".into()),
    ]
}

/// Writes twice and does nothing else with the session, until the client resets it.
fn only_write(mut s: End, listens: [(&'static str, serde_json::Value); 3], written: Flag) {
    s.write(100);
    s.write(200);
    s.acknowledged();
    if !sys::sees_writes() {
        for (key, value) in listens {
            s.want(key, value);
        }
    }
    written.raise();
    s.broken();
    s.close_over("remote-reset");
}

fn reset_when(cx: &Cx, net: &Net, written: Flag) {
    let addr = net.server(cx.port(0));
    cx.fork("tl-client", || {
        let mut c = End::connect(addr);
        c.read(300);
        written.wait_for(1);
        c.reset("local-reset");
    });
}

/// It accepts and forks, and its child only writes. The client resets before any scan of open files.
pub(super) fn worker_only_writes(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let (listens, written) = (listens(), Flag::new());
    cx.fork("tl-server", || {
        let fd = sys::accept(&listener);
        let child = sys::fork("tl-worker", move || {
            only_write(End::accepted(fd), listens, written);
        });
        assert_eq!(sys::wait(child), 0);
    });
    reset_when(cx, &net, written);
    cx.join();
}

pub(super) fn passed_to_a_writer(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let (listens, written) = (listens(), Flag::new());
    let (to_worker, from_acceptor) = sys::unix_pair();
    cx.fork("tl-worker", || {
        let fd = sys::recv_fd(&from_acceptor);
        only_write(End::accepted(fd), listens, written);
    });
    cx.fork("tl-acceptor", || {
        let fd = sys::accept(&listener);
        sys::send_fd(&to_worker, &fd);
    });
    reset_when(cx, &net, written);
    cx.join();
}

/// One process writes, then another one reads, then the first writes again: the reader is the owner.
pub(super) fn reader_after_writer(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let (written, read) = (Flag::new(), Flag::new());
    cx.fork("tl-writer", || {
        let fd = sys::accept(&listener);
        let copy = fd.try_clone().expect("dup");
        let child = sys::fork("tl-reader", move || {
            let mut s = End::accepted(copy);
            s.read(100);
            read.raise();
            written.wait_for(1);
            s.wrote(300);
            s.broken();
            s.close_over("remote-reset");
        });
        let write = |count| {
            let sent = sys::send(&fd, &vec![b'x'; count], SendFlags::empty());
            assert_eq!(sent, Ok(count));
        };
        write(100);
        read.wait_for(1);
        write(200);
        sys::until("acknowledgements", || sys::unacknowledged(&fd) == 0);
        written.raise();
        assert_eq!(sys::wait(child), 0);
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.read(100);
        c.write(100);
        c.read(200);
        written.wait_for(1);
        c.reset("local-reset");
    });
    cx.join();
}

/// Nothing but writes shows its names.
pub(super) fn renamed_between_writes(cx: &Cx) {
    let net = cx.loopback();
    let written = Flag::new();
    cx.server(&net, |listener| {
        let mut s = End::accept(&listener);
        let listens = listens();
        s.write(50);
        rename(&mut s, "tl-new-writer");
        s.write(50);
        if !sys::sees_writes() {
            s.want("first_comm", serde_json::Value::Null);
            for (key, value) in listens {
                s.want(key, value);
            }
        }
        s.acknowledged();
        written.raise();
        s.broken();
        s.close_over("remote-reset");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.read(100);
        written.wait_for(1);
        c.reset("local-reset");
    });
    cx.join();
}

pub(super) fn fork_a_connection(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        for _ in 0..2 {
            let fd = sys::accept(&listener);
            let alone = Flag::new();
            // the child has a copy of the descriptor, and the parent's is closed with the closure
            let child = sys::fork("tl-child", move || {
                alone.wait_for(1);
                answer(End::accepted(fd));
            });
            alone.raise();
            assert_eq!(sys::wait(child), 0);
        }
    });
    ask_often(cx, &net, 2);
    cx.join();
}

pub(super) fn fork_parent_closes_last(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let fd = sys::accept(&listener);
        let copy = fd.try_clone().expect("dup");
        let child = sys::fork("tl-child", move || {
            let mut s = End::accepted(copy);
            s.read(100);
            s.write(200);
            s.read_to_end();
            // the parent's descriptor keeps the session open after the exit
            let now = sys::now();
            s.ended("remote-fin", EndOf::Mine([now, now + 1_000_000_000]));
        });
        assert_eq!(sys::wait(child), 0);
        drop(fd);
    });
    ask_often(cx, &net, 1);
    cx.join();
}

pub(super) fn threads(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let in_thread = |name: &'static str, f: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    sys::set_name(name);
                    f();
                })
                .join()
                .expect("the thread");
        });
    };
    cx.fork("tl-server", || {
        in_thread("tl-thread-s", &|| answer_one(&listener))
    });
    let addr = net.server(cx.port(0));
    cx.fork("tl-client", || in_thread("tl-thread-c", &|| ask(addr)));
    cx.join();
}

pub(super) fn descriptor_passed(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let (to_worker, from_acceptor) = sys::unix_pair();
    cx.fork("tl-worker", || {
        answer(End::accepted(sys::recv_fd(&from_acceptor)));
    });
    cx.fork("tl-acceptor", || {
        let fd = sys::accept(&listener);
        sys::send_fd(&to_worker, &fd);
    });
    ask_often(cx, &net, 1);
    cx.join();
}

pub(super) fn inherited_through_exec(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-inetd", || {
        let fd = sys::accept(&listener);
        sys::keep_over_exec(&fd);
        exec_server(&fd, 0);
    });
    ask_often(cx, &net, 1);
    cx.join();
}

/// It reads before and after.
pub(super) fn executed_another_program(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-inetd", || {
        let fd = sys::accept(&listener);
        sys::keep_over_exec(&fd);
        let got = sys::recv(&fd, &mut [0; 40], RecvFlags::empty());
        exec_server(&fd, got.expect("recv"));
    });
    ask_often(cx, &net, 1);
    cx.join();
}

fn exec_server(fd: &OwnedFd, has_read: usize) {
    let error = Command::new("/proc/self/exe")
        .arg("--serve-inherited")
        .args([fd.as_raw_fd().to_string(), has_read.to_string()])
        .exec();
    panic!("exec: {error}");
}

/// Runs after [`exec_server`]. The program before has read that many bytes of the question.
pub(crate) fn serve_inherited(fd: OwnedFd, has_read: usize) {
    sys::mortal(sys::LIFETIME);
    sys::set_name("tl-execd");
    let mut s = End::accepted(fd);
    if has_read > 0 {
        s.read_some(has_read);
        s.want("first_comm", "tl-inetd");
    }
    s.read(100 - has_read);
    s.write(200);
    drain(s);
}

pub(super) fn io_uring(cx: &Cx) {
    let net = cx.loopback();
    if Uring::new().is_none() {
        return skip("no io_uring");
    }
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut ring = Uring::new().expect("io_uring");
        let mut s = End::accept(&listener);
        while s.rx < 100 {
            let got = ring.recv(s.fd(), &mut [0; 100]);
            s.read_some(got);
        }
        s.tx += ring.send(s.fd(), &[b'x'; 200]) as u64;
        drain(s);
    });
    cx.fork("tl-client", || {
        let mut ring = Uring::new().expect("io_uring");
        let addr = net.server(cx.port(0));
        let fd = sys::tcp(addr);
        let ((), begun) = sys::timed(|| ring.connect(&fd, addr));
        let mut c = End::connected(fd, addr, begun);
        c.tx += ring.send(c.fd(), &[b'x'; 100]) as u64;
        while c.rx < 200 {
            let got = ring.recv(c.fd(), &mut [0; 200]);
            c.read_some(got);
        }
        c.close("local-fin");
    });
    cx.join();
}

/// The ring holds the last reference, and the kernel takes the ring apart in a worker of its own.
pub(super) fn io_uring_closed_by_kernel(cx: &Cx) {
    let net = cx.loopback();
    if Uring::new().is_none() {
        return skip("no io_uring");
    }
    // nothing but its listener and its write shows the owner
    cx.server(&net, |listener| {
        let mut ring = Uring::new().expect("io_uring");
        let mut s = End::accept(&listener);
        s.write(10);
        ring.register(&[s.fd()]);
        drop(s.take_fd());
        s.want("owner", written_or("listen"));
        s.ended("local-fin", EndOf::from_now());
    });
    cx.fork("tl-client", || {
        drain(End::connect(net.server(cx.port(0))));
    });
    cx.join();
}

pub(super) fn exit_with_socket_open(cx: &Cx) {
    cx.two(&cx.loopback(), drain, |mut c| {
        c.write(100);
        // the descriptor stays open until the exit
        std::mem::forget(c.fd().try_clone());
        c.ended("local-fin", EndOf::from_now());
    });
}

pub(super) fn killed_with_socket_open(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let got = Flag::new();
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(100);
        got.raise();
        drain(s);
    });
    let victim = cx.fork("tl-victim", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        let copy = c.fd().try_clone().expect("dup");
        c.ended("local-fin", EndOf::from_now());
        got.raise();
        let _ = sys::recv(&copy, &mut [0; 1], RecvFlags::empty());
    });
    got.wait_for(2);
    kill_process(victim, Signal::KILL).expect("it runs");
    cx.join();
}

/// By decision, the process that connected stays the owner, whoever reads later.
pub(super) fn child_reads_what_parent_connected(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || answer_one(&listener));
    cx.fork("tl-parent", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        let child = sys::fork("tl-child", || c.read(200));
        assert_eq!(sys::wait(child), 0);
        c.read_some(200);
        c.close("local-fin");
    });
    cx.join();
}

/// It closes in softirq context, while other processes run.
pub(super) fn closed_in_softirq(cx: &Cx) {
    let net = cx.link(delayed(2));
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.write(100);
        s.read_to_end();
        s.link_takes_ms(4);
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.read(100);
        c.shutdown_write();
        c.link_takes_ms(2);
        // busy: whatever comes in on this processor interrupts this process, or the link's
        c.state_is(sys::TCP_CLOSE);
        c.close_over("local-fin");
    });
    for name in ["tl-busy-1", "tl-busy-2"] {
        cx.fork(name, || {
            let end = sys::now() + 30_000_000;
            while sys::now() < end {}
        });
    }
    cx.join();
}

pub(super) fn reuseport(cx: &Cx) {
    const SESSIONS: u32 = 12;
    let net = cx.loopback();
    let (listening, served) = (Flag::new(), Flag::new());
    for name in ["tl-reuse-1", "tl-reuse-2"] {
        cx.fork(name, || {
            let addr = net.server(cx.port(0));
            let fd = sys::tcp(addr);
            sockopt::set_socket_reuseport(&fd, true).expect("SO_REUSEPORT");
            sys::bind(&fd, addr);
            sys::listen(&fd, 64);
            sys::nonblocking(&fd);
            listening.raise();
            sys::until("all sessions", || {
                if let Ok(accepted) = rustix::net::accept(&fd) {
                    answer(End::accepted(accepted));
                    served.raise();
                }
                served.0.load(std::sync::atomic::Ordering::SeqCst) >= SESSIONS
            });
        });
    }
    listening.wait_for(2);
    ask_often(cx, &net, SESSIONS as usize);
    cx.join();
}

/// This process, the end's owner, takes another name.
fn rename(end: &mut End, name: &str) {
    end.want("first_comm", sys::process_name());
    sys::set_name(name);
}

/// The name is the one at the last evidence, as `ss` shows it.
pub(super) fn renamed(cx: &Cx) {
    let net = cx.loopback();
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            rename(&mut s, "tl-new-server");
            drain(s);
        },
        |mut c| {
            c.write(100);
            rename(&mut c, "tl-new-client");
            c.close("local-fin");
        },
    );
    cx.join();
}

/// A reader that has another name at each read, and is killed: nothing but reads shows its name.
pub(super) fn renamed_between_reads(cx: &Cx) {
    let net = cx.loopback();
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            rename(&mut s, "tl-second-name");
            read.raise();
            s.read(100);
            read.raise();
            s.broken();
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(100);
            read.wait_for(1);
            c.write(100);
            read.wait_for(2);
            c.reset("local-reset");
        },
    );
    cx.join();
}
