//! Every case: real sockets in processes of their own, and what is true of them.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use crate::generator::{Cx, End, EndOf, Family, Flag, Net, listener, say, session_is_over, sysctl};
use crate::link::{CUT_IN, CUT_OUT, Quality};
use crate::sys::{self, TcpInfo, Uring};

/// When a case's processes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// While tcplife runs.
    During,
    /// Before it starts; they go on when it runs.
    Before,
}

/// A row of [`CASES`].
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) families: &'static [Family],
    pub(crate) when: When,
    pub(crate) run: fn(&Cx),
}

const V4: &[Family] = &[Family::V4];
const V4_V6: &[Family] = &[Family::V4, Family::V6];
const ALL: &[Family] = &[Family::V4, Family::V6, Family::Mapped];

const fn case(name: &'static str, families: &'static [Family], run: fn(&Cx)) -> Case {
    Case {
        name,
        families,
        when: When::During,
        run,
    }
}

const fn before(name: &'static str, families: &'static [Family], run: fn(&Cx)) -> Case {
    Case {
        name,
        families,
        when: When::Before,
        run,
    }
}

/// All of them. Those that wait longest come first, so that the whole suite takes no longer than they do.
pub(crate) static CASES: &[Case] = &[
    before("listener-from-before", ALL, listener_from_before),
    before("prefork-listener-from-before", V4, prefork_from_before),
    before("established-before", ALL, established_before),
    before("half-closed-before", V4_V6, half_closed_before),
    before("unaccepted-before", V4_V6, unaccepted_before),
    before("never-accepted-from-before", V4, never_accepted_from_before),
    before("orphan-before-fin-wait-1", V4_V6, orphan_fin_wait_1_before),
    before("orphan-before-last-ack", V4, orphan_last_ack_before),
    before("connecting-before", V4, connecting_before),
    before("descriptor-in-flight-before", V4, in_flight_before),
    before("fast-open-before", V4, fast_open_before),
    before("fast-open-ignored-before", V4, fast_open_ignored_before),
    before("retransmitted-before", V4_V6, retransmitted_before),
    case("connect-timeout", V4_V6, connect_timeout),
    case("keepalive-timeout", V4, keepalive_timeout),
    case("never-acknowledged", V4, never_acknowledged),
    case("orphan-timeout", V4, orphan_timeout),
    case("fast-open-data-ignored", V4, fast_open_ignored),
    case("loss-10MB", V4_V6, loss),
    case("client-closes-first", ALL, client_closes_first),
    case("server-closes-first", ALL, server_closes_first),
    case("client-resets", ALL, client_resets),
    case("server-resets", ALL, server_resets),
    case("closed-with-data-unread", ALL, closed_with_data_unread),
    case("half-close-by-client", ALL, half_close_by_client),
    case("half-close-by-server", ALL, half_close_by_server),
    case("shutdown-both-ways", V4_V6, shutdown_both),
    case("nothing-sent", ALL, nothing_sent),
    case("veth-closes", ALL, veth_closes),
    case("simultaneous-close", V4_V6, simultaneous_close),
    case("simultaneous-open", V4_V6, simultaneous_open),
    case("self-connect", V4, self_connect),
    case("fast-open", V4_V6, fast_open),
    case("urgent-data", V4, urgent),
    case("many-small-writes", V4, small_writes),
    case("receiver-full", V4, receiver_full),
    case("prefork", V4_V6, prefork),
    case("prefork-worker-only-writes", V4, prefork_writes),
    case("fork-a-connection", V4, fork_a_connection),
    case("fork-parent-closes-last", V4, fork_parent_closes_last),
    case("threads", V4, threads),
    case("descriptor-passed", V4, descriptor_passed),
    case("inherited-through-exec", V4, inherited),
    case("io-uring", V4_V6, io_uring),
    case("io-uring-closed-by-kernel", V4, io_uring_registered),
    case("exit-with-socket-open", V4, exit_open),
    case("killed-with-socket-open", V4, killed),
    case("child-reads-what-parent-connected", V4, child_reads),
    case("peer-closes-while-others-run", V4, closed_in_softirq),
    case("reuseport-group", V4, reuseport),
    case("refused", ALL, refused),
    case("host-unreachable", V4_V6, host_unreachable),
    case("network-unreachable", V4_V6, network_unreachable),
    case("prohibited", V4_V6, prohibited),
    case("no-way-at-all", V4_V6, no_route),
    case("half-open-peer", V4, half_open_peer),
    case("killed-by-ss", V4_V6, killed_by_ss),
    case("killed-by-ss-unread", V4, killed_by_ss_unread),
    case("connect-cancelled", V4_V6, cancelled),
    case("never-accepted", V4_V6, never_accepted),
    case("reset-before-accept", V4, reset_before_accept),
    case("retransmission-timeout", V4_V6, retransmission_timeout),
    case("link-down", V4, link_down),
    case("no-local-port", V4_V6, no_local_port),
    case("data-after-our-close", V4, data_after_close),
    case("round-trip-time", V4_V6, round_trip_time),
    case("rate-limited", V4, rate_limited),
    case("receive-window-limited", V4, rwnd_limited),
    case("send-buffer-limited", V4, sndbuf_limited),
    case("connect-again-after-refusal", V4, connect_again),
    case("disconnect-and-connect-again", V4, disconnect_again),
    case("shutdown-and-connect-again", V4, shutdown_again),
    case("listener-turned-client", V4, listener_turned_client),
    case("multipath", V4, multipath),
    case("other-protocols", V4, other_protocols),
];

const HERE: Quality = Quality {
    delay: Duration::ZERO,
    lose_every: None,
    rate: None,
    unreachable: None,
};

fn delayed(ms: u64) -> Quality {
    Quality {
        delay: Duration::from_millis(ms),
        ..HERE
    }
}

// ---- bytes, and the ways of closing -------------------------------------------------------------------------

fn client_closes_first(cx: &Cx) {
    exchange_client_closes(cx, &cx.loopback());
}

fn exchange_client_closes(cx: &Cx, net: &Net) {
    cx.two(
        net,
        |mut s| {
            s.read(1000);
            s.write(50_000);
            s.read_to_end();
            s.close("remote-fin");
        },
        |mut c| {
            c.write(1000);
            c.read(50_000);
            c.close("local-fin");
        },
    );
}

fn server_closes_first(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            s.write(50_000);
            s.close("local-fin");
        },
        |mut c| {
            c.write(1000);
            c.read_to_end();
            c.close("remote-fin");
        },
    );
}

fn veth_closes(cx: &Cx) {
    exchange_client_closes(cx, &cx.veth());
}

fn client_resets(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            s.write(50_000);
            s.acknowledged();
            acknowledged.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(1000);
            c.read(50_000);
            acknowledged.wait_for(1);
            c.reset("local-reset");
        },
    );
}

fn server_resets(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(1000);
            acknowledged.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(1000);
            c.acknowledged();
            acknowledged.raise();
            assert_eq!(c.read_error(), libc::ECONNRESET);
            c.close_over("remote-reset");
        },
    );
}

fn closed_with_data_unread(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(10);
            s.write(5000);
            s.acknowledged();
            acknowledged.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(10);
            c.arrived(5000);
            acknowledged.wait_for(1);
            c.close("local-reset");
        },
    );
}

/// The first FIN is ours, and the peer takes its time.
fn half_close_by_client(cx: &Cx) {
    const LINGERS_US: u64 = 30_000;
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            std::thread::sleep(Duration::from_micros(LINGERS_US));
            s.write(30_000);
            s.want_between("close_us", LINGERS_US, 10_000_000);
            s.close("remote-fin");
        },
        |mut c| {
            c.write(1000);
            c.shutdown_write();
            c.read_to_end();
            c.want_between("close_us", LINGERS_US, 10_000_000);
            c.close_over("local-fin");
        },
    );
}

fn half_close_by_server(cx: &Cx) {
    let read = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.write(30_000);
            s.shutdown_write();
            s.read(1000);
            read.raise();
            s.read_to_end();
            s.close_over("local-fin");
        },
        |mut c| {
            c.read_to_end();
            c.write(1000);
            // the record is made when the FIN comes, whatever is read after
            read.wait_for(1);
            c.close("remote-fin");
        },
    );
}

fn shutdown_both(cx: &Cx) {
    let closed = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            s.write(7);
            let window = s.shutdown_write();
            // the descriptor outlives the session
            closed.wait_for(1);
            s.ended("remote-fin", EndOf::Mine(window));
        },
        |mut c| {
            c.write(1000);
            c.shutdown_write();
            c.read_to_end();
            c.state_is(sys::TCP_CLOSE);
            closed.raise();
            c.close_over("local-fin");
        },
    );
}

fn nothing_sent(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            s.close("remote-fin");
        },
        |c| c.close("local-fin"),
    );
}

fn simultaneous_close(cx: &Cx) {
    let now = Flag::new();
    let close = |mut end: End| {
        now.raise();
        now.wait_for(2);
        let fd = end.take_fd();
        let ((), [from, to]) = sys::timed(|| drop(fd));
        // our FIN is acknowledged one round trip later
        let trip = 40_000_000;
        end.ended(
            "local-fin",
            EndOf::Mine([from + trip, to + trip + 20_000_000]),
        );
    };
    cx.two(
        &cx.link(delayed(20)),
        |mut s| {
            s.read(1000);
            s.write(2000);
            s.acknowledged();
            close(s);
        },
        |mut c| {
            c.write(1000);
            c.read(2000);
            close(c);
        },
    );
}

fn simultaneous_open(cx: &Cx) {
    let net = cx.link(delayed(20));
    let now = Flag::new();
    let (a, b) = (net.client(cx.port(0)), net.server(cx.port(1)));
    let open = |local: SocketAddr, remote: SocketAddr| {
        let fd = sys::tcp(local);
        sys::bind(&fd, local);
        now.raise();
        now.wait_for(2);
        End::connect_socket(fd, remote)
    };
    net.enter_server();
    cx.fork("tl-second", || {
        let mut end = open(b, a);
        end.write(2000);
        end.read_to_end();
        end.link_takes_ms(40);
        end.close("remote-fin");
    });
    net.enter_client();
    cx.fork("tl-first", || {
        let mut end = open(a, b);
        end.write(1000);
        end.read(2000);
        end.acknowledged();
        let fd = end.take_fd();
        let ((), window) = sys::timed(|| drop(fd));
        end.link_takes_ms(20);
        end.ended("local-fin", EndOf::Both(window));
    });
    cx.join();
}

fn self_connect(cx: &Cx) {
    let addr = cx.loopback().server(cx.port(0));
    cx.fork("tl-self", || {
        let fd = sys::tcp(addr);
        sys::bind(&fd, addr);
        let mut end = End::connect_socket(fd, addr);
        end.write(100);
        end.read(100);
        end.close("local-fin");
    });
    cx.join();
}

fn fast_open(cx: &Cx) {
    let net = cx.link(delayed(10));
    net.enter_server();
    sysctl("ipv4/tcp_fastopen", "3");
    net.enter_client();
    sysctl("ipv4/tcp_fastopen", "3");
    let listener = net.listener(cx.port(0));
    sys::tcp_option(&listener, libc::TCP_FASTOPEN, 16);
    cx.fork("tl-server", || {
        for _ in 0..2 {
            // the second is accepted, and read from, before its handshake is over
            let mut s = End::accept(&listener);
            s.read(1000);
            s.write(500);
            s.read_to_end();
            s.link_takes_ms(20);
            s.close("remote-fin");
        }
    });
    cx.fork("tl-client", || {
        for data_in_syn in [false, true] {
            let addr = net.server(cx.port(0));
            let fd = sys::tcp(addr);
            let (sent, begun) = sys::timed(|| sys::send_fast_open(&fd, &[b'x'; 1000], addr));
            let mut c = End::connected(fd, addr, begun);
            c.tx = sent as u64;
            c.write(1000 - sent);
            c.read(500);
            if data_in_syn && !TcpInfo::of(c.fd()).syn_data() {
                // the kernel distrusts fast open for a while when a SYN with data took long
                say(&serde_json::json!({"skipped": "the kernel put no data into the SYN"}));
            }
            c.acknowledged();
            c.shutdown_write();
            c.read_to_end();
            c.link_takes_ms(10);
            c.close_over("local-fin");
        }
    });
    cx.join();
}

fn fast_open_ignored(cx: &Cx) {
    let net = cx.loopback();
    // data in the SYN without a cookie, to a listener that knows nothing of it
    sysctl("ipv4/tcp_fastopen", "5");
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let addr = net.server(cx.port(0));
        let fd = sys::tcp(addr);
        let (sent, begun) = sys::timed(|| sys::send_fast_open(&fd, &[b'x'; 1000], addr));
        let mut c = End::connected(fd, addr, begun);
        c.tx = sent as u64;
        c.write(1000 - sent);
        c.acknowledged();
        c.close("local-fin");
    });
    cx.join();
}

fn urgent(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(100);
            sys::poll(s.fd(), libc::POLLPRI);
            let got = sys::recv(s.fd(), &mut [0; 1], libc::MSG_OOB).expect("the urgent byte");
            s.read_some(got);
            s.read_to_end();
            s.close("remote-fin");
        },
        |mut c| {
            c.write(100);
            c.tx += sys::send(c.fd(), b"!", libc::MSG_OOB).expect("urgent") as u64;
            c.write(100);
            c.close("local-fin");
        },
    );
}

fn small_writes(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            s.close("remote-fin");
        },
        |mut c| {
            sys::tcp_option(c.fd(), libc::TCP_NODELAY, 1);
            for _ in 0..2000 {
                c.write(1);
            }
            c.close("local-fin");
        },
    );
}

fn receiver_full(cx: &Cx) {
    let full = Flag::new();
    let seen = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            full.wait_for(1);
            let waiting = sys::queued(s.fd(), libc::FIONREAD);
            s.arrived(waiting);
            // nobody read: the listener, which is this process too, is all that is known
            s.want("owner", "listen");
            seen.raise();
            sys::poll(s.fd(), 0);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write_until_full();
            sys::until("nothing on its way", || TcpInfo::of(c.fd()).unacked() == 0);
            full.raise();
            seen.wait_for(1);
            let waiting = sys::queued(c.fd(), libc::TIOCOUTQ) as u64;
            assert!(waiting > 0, "the queue is full");
            c.tx -= waiting;
            c.want("unacked_bytes", waiting);
            c.reset("local-reset");
        },
    );
}

fn loss(cx: &Cx) {
    let quality = Quality {
        delay: Duration::from_millis(1),
        lose_every: Some(97),
        ..HERE
    };
    let read = Flag::new();
    cx.two(
        &cx.link(quality),
        |mut s| {
            s.read(10_000_000);
            read.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(10_000_000);
            c.acknowledged();
            read.wait_for(1);
            assert!(
                TcpInfo::of(c.fd()).total_retrans() >= 70,
                "packets were lost"
            );
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}

fn never_acknowledged(cx: &Cx) {
    let net = cx.link(HERE);
    let (got, gone) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            keepalive(s.fd());
            got.raise();
            gone.wait_for(1);
            assert_eq!(s.read_error(), libc::ETIMEDOUT);
            let now = sys::now();
            s.ended("timeout", EndOf::Mine([now, now]));
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            got.wait_for(1);
            net.cut(CUT_IN | CUT_OUT);
            c.write(10_000);
            c.tx -= 10_000;
            c.want("unacked_bytes", 10_000);
            gone.raise();
            c.reset("local-reset");
        },
    );
}

// ---- owners -------------------------------------------------------------------------------------------------

fn answer_one(listener: &OwnedFd) {
    let mut s = End::accept(listener);
    s.read(100);
    s.write(200);
    s.read_to_end();
    s.close("remote-fin");
}

fn ask(addr: SocketAddr) {
    let mut c = End::connect(addr);
    c.write(100);
    c.read(200);
    c.close("local-fin");
}

fn ask_often(cx: &Cx, net: &Net, times: usize) {
    net.enter_client();
    cx.fork("tl-client", || {
        for _ in 0..times {
            ask(net.server(cx.port(0)));
        }
    });
}

fn prefork(cx: &Cx) {
    let net = cx.loopback();
    let ready = Flag::new();
    cx.fork("tl-master", || {
        let listener = net.listener(cx.port(0));
        let workers = ["tl-worker-1", "tl-worker-2"].map(|name| {
            sys::fork(|| {
                sys::set_name(name);
                answer_one(&listener);
                answer_one(&listener);
            })
        });
        ready.raise();
        assert_eq!(workers.map(sys::wait), [0, 0]);
    });
    ready.wait_for(1);
    ask_often(cx, &net, 4);
    cx.join();
}

fn prefork_writes(cx: &Cx) {
    let net = cx.loopback();
    let ready = Flag::new();
    cx.fork("tl-master", || {
        let listener = net.listener(cx.port(0));
        let worker = sys::fork(|| {
            sys::set_name("tl-worker");
            let mut s = End::accept(&listener);
            s.write(300);
            s.close("local-fin");
        });
        ready.raise();
        assert_eq!(sys::wait(worker), 0);
    });
    ready.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.read_to_end();
        c.close("remote-fin");
    });
    cx.join();
}

fn fork_a_connection(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        for _ in 0..2 {
            let fd = sys::accept(&listener);
            let alone = Flag::new();
            let child = sys::fork(|| {
                sys::set_name("tl-child");
                alone.wait_for(1);
                // the fork has copied the descriptor, and the parent's is closed
                let mut s = End::accepted(sys::take(&fd));
                s.read(100);
                s.write(200);
                s.read_to_end();
                s.close("remote-fin");
            });
            drop(fd);
            alone.raise();
            assert_eq!(sys::wait(child), 0);
        }
    });
    ask_often(cx, &net, 2);
    cx.join();
}

fn fork_parent_closes_last(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let fd = sys::accept(&listener);
        let child = sys::fork(|| {
            sys::set_name("tl-child");
            let mut s = End::accepted(sys::take(&fd));
            s.read(100);
            s.write(200);
            s.read_to_end();
            // its exit leaves the parent's descriptor, and so the session, open
            let now = sys::now();
            s.ended("remote-fin", EndOf::Mine([now, now + 1_000_000_000]));
        });
        assert_eq!(sys::wait(child), 0);
        drop(fd);
    });
    ask_often(cx, &net, 1);
    cx.join();
}

fn threads(cx: &Cx) {
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

fn descriptor_passed(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let (to_worker, from_acceptor) = sys::unix_pair();
    cx.fork("tl-worker", || {
        let mut s = End::accepted(sys::recv_fd(&from_acceptor));
        s.read(100);
        s.write(200);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-acceptor", || {
        let fd = sys::accept(&listener);
        sys::send_fd(&to_worker, &fd);
    });
    ask_often(cx, &net, 1);
    cx.join();
}

fn inherited(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-inetd", || {
        let fd = sys::accept(&listener);
        sys::keep_over_exec(&fd);
        let error = Command::new("/proc/self/exe")
            .args(["--serve-inherited", &fd.as_raw_fd().to_string()])
            .exec();
        panic!("exec: {error}");
    });
    ask_often(cx, &net, 1);
    cx.join();
}

/// What runs after the exec of [`inherited`].
pub(crate) fn serve_inherited(fd: OwnedFd) {
    sys::mortal(sys::LIFETIME);
    sys::set_name("tl-execd");
    let mut s = End::accepted(fd);
    s.read(100);
    s.write(200);
    s.read_to_end();
    s.close("remote-fin");
}

fn io_uring(cx: &Cx) {
    let net = cx.loopback();
    if Uring::new().is_none() {
        return say(&serde_json::json!({"skipped": "no io_uring"}));
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
        s.read_to_end();
        s.close("remote-fin");
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
fn io_uring_registered(cx: &Cx) {
    let net = cx.loopback();
    if Uring::new().is_none() {
        return say(&serde_json::json!({"skipped": "no io_uring"}));
    }
    let listening = Flag::new();
    cx.fork("tl-server", || {
        // nothing but that it listens tells the owner
        let listener = net.listener(cx.port(0));
        listening.raise();
        let mut ring = Uring::new().expect("io_uring");
        let mut s = End::accept(&listener);
        s.write(10);
        ring.register(&[s.fd()]);
        drop(s.take_fd());
        s.want("owner", "listen");
        let now = sys::now();
        s.ended("local-fin", EndOf::Both([now, now]));
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.read_to_end();
        c.close("remote-fin");
    });
    cx.join();
}

fn exit_open(cx: &Cx) {
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read_to_end();
            s.close("remote-fin");
        },
        |mut c| {
            c.write(100);
            // the descriptor stays open until the exit
            std::mem::forget(c.fd().try_clone());
            let now = sys::now();
            c.ended("local-fin", EndOf::Both([now, now]));
        },
    );
}

fn killed(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    let got = Flag::new();
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(100);
        got.raise();
        s.read_to_end();
        s.close("remote-fin");
    });
    let victim = cx.fork("tl-victim", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        let copy = c.fd().try_clone().expect("dup");
        let now = sys::now();
        c.ended("local-fin", EndOf::Both([now, now]));
        got.raise();
        let _ = sys::recv(&copy, &mut [0; 1], 0);
    });
    got.wait_for(2);
    sys::kill(victim);
    cx.join();
}

/// Decided: who connected stays the owner, whoever reads later.
fn child_reads(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || answer_one(&listener));
    cx.fork("tl-parent", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        let child = sys::fork(|| {
            sys::set_name("tl-child");
            c.read(200);
        });
        assert_eq!(sys::wait(child), 0);
        c.read_some(200);
        c.close("local-fin");
    });
    cx.join();
}

/// The end comes in softirq context, while other processes run.
fn closed_in_softirq(cx: &Cx) {
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
        sys::until("the end", || TcpInfo::of(c.fd()).state() == sys::TCP_CLOSE);
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

fn reuseport(cx: &Cx) {
    const SESSIONS: u32 = 12;
    let net = cx.loopback();
    let (listening, served) = (Flag::new(), Flag::new());
    for name in ["tl-reuse-1", "tl-reuse-2"] {
        cx.fork(name, || {
            let addr = net.server(cx.port(0));
            let fd = sys::tcp(addr);
            sys::setsockopt(&fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1);
            sys::bind(&fd, addr);
            sys::listen(&fd, 64);
            sys::nonblocking(&fd);
            listening.raise();
            sys::until("all sessions", || {
                if let Some(accepted) = sys::try_accept(&fd) {
                    let mut s = End::accepted(accepted);
                    s.read(100);
                    s.write(200);
                    s.read_to_end();
                    s.close("remote-fin");
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

// ---- reasons ------------------------------------------------------------------------------------------------

/// connect() from a port that is known, which fails with that error; the time that it took.
fn attempt(local: SocketAddr, remote: SocketAddr, error: i32) -> (End, [u64; 2]) {
    let fd = sys::tcp(remote);
    sys::bind(&fd, local);
    let (result, window) = sys::timed(|| sys::connect(&fd, remote));
    let got = result.expect_err("must fail").raw_os_error();
    assert_eq!(got, Some(error), "connect");
    let mut end = End::attempt(fd, local, remote, window);
    end.want("connect_us", serde_json::Value::Null);
    (end, window)
}

fn refused(cx: &Cx) {
    let net = cx.loopback();
    cx.fork("tl-client", || {
        let (end, window) = attempt(
            net.client(cx.port(1)),
            net.server(cx.port(0)),
            libc::ECONNREFUSED,
        );
        end.ended("refused", EndOf::Mine(window));
    });
    cx.join();
}

fn connect_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    net.cut(CUT_IN | CUT_OUT);
    sysctl("ipv4/tcp_syn_retries", "1");
    cx.fork("tl-client", || {
        let (mut end, [from, to]) = attempt(
            net.client(cx.port(1)),
            net.server(cx.port(0)),
            libc::ETIMEDOUT,
        );
        // it begins with the call and ends with it
        end.begun = [from, from];
        end.ended("connect-timeout", EndOf::Mine([to, to]));
    });
    cx.join();
}

fn host_unreachable(cx: &Cx) {
    unreachable(cx, [1, 3], [libc::EHOSTUNREACH; 2]);
}

fn network_unreachable(cx: &Cx) {
    unreachable(cx, [0, 0], [libc::ENETUNREACH; 2]);
}

/// A firewall on the way says so.
fn prohibited(cx: &Cx) {
    unreachable(cx, [13, 1], [libc::EHOSTUNREACH, libc::EACCES]);
}

fn unreachable(cx: &Cx, codes: [u8; 2], errors: [i32; 2]) {
    let net = cx.link(Quality {
        unreachable: Some(codes),
        ..HERE
    });
    let error = errors[usize::from(cx.family() == Family::V6)];
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let (end, window) = attempt(local, remote, error);
        end.ended("unreachable", EndOf::Mine(window));
    });
    cx.join();
}

/// No packet, no port, no session.
fn no_route(cx: &Cx) {
    cx.loopback();
    let addr = match cx.family() {
        Family::V6 => "[2001:db8::1]:80",
        _ => "192.0.2.1:80",
    };
    let addr: SocketAddr = addr.parse().expect("an address");
    cx.fork("tl-client", || {
        let error = sys::connect(&sys::tcp(addr), addr).expect_err("there is no route");
        assert!(matches!(
            error.raw_os_error(),
            Some(libc::ENETUNREACH | libc::EADDRNOTAVAIL)
        ));
    });
    cx.join();
}

fn half_open_peer(cx: &Cx) {
    let net = cx.link(HERE);
    let (cut, gone) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            cut.wait_for(1);
            s.reset("local-reset");
            gone.raise();
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            net.cut(CUT_IN | CUT_OUT);
            cut.raise();
            gone.wait_for(1);
            net.cut(0);
            c.write(500);
            let (error, window) = sys::timed(|| c.read_error());
            assert_eq!(error, libc::ECONNRESET);
            c.tx -= 500;
            c.want("unacked_bytes", 500);
            c.ended("remote-reset", EndOf::Mine(window));
        },
    );
}

fn killed_by_ss(cx: &Cx) {
    let read = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(100);
            read.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            read.wait_for(1);
            let port = sys::local_addr(c.fd()).port();
            let (output, window) = sys::timed(|| {
                Command::new("ss")
                    .args(["-tK", &format!("sport = :{port}")])
                    .output()
                    .expect("ss")
            });
            assert!(output.status.success(), "ss -K: {output:?}");
            assert_eq!(c.read_error(), libc::ECONNABORTED);
            c.ended("aborted", EndOf::Mine(window));
        },
    );
}

/// Who kills it is not its owner, even if nobody else has shown.
fn killed_by_ss_unread(cx: &Cx) {
    let accepted = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            accepted.raise();
            let port = sys::peer_addr(s.fd()).expect("connected").port();
            s.arrived(100);
            let (output, window) = sys::timed(|| {
                Command::new("ss")
                    .args(["-tK", &format!("dport = :{port}")])
                    .output()
                    .expect("ss")
            });
            assert!(output.status.success(), "ss -K: {output:?}");
            s.want("owner", "listen");
            s.ended("aborted", EndOf::Mine(window));
        },
        |mut c| {
            c.write(100);
            accepted.wait_for(1);
            assert_eq!(c.read_error(), libc::ECONNRESET);
            c.close_over("remote-reset");
        },
    );
}

fn cancelled(cx: &Cx) {
    let net = cx.link(HERE);
    net.cut(CUT_IN | CUT_OUT);
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let fd = sys::tcp(remote);
        sys::bind(&fd, local);
        sys::nonblocking(&fd);
        let (result, begun) = sys::timed(|| sys::connect(&fd, remote));
        assert_eq!(
            result.expect_err("in progress").raw_os_error(),
            Some(libc::EINPROGRESS)
        );
        End::attempt(fd, local, remote, begun).close("cancelled");
    });
    cx.join();
}

fn never_accepted(cx: &Cx) {
    let net = cx.loopback();
    let (listening, queued) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        let fd = net.listener(cx.port(0));
        listening.raise();
        queued.wait_for(1);
        let server = net.server(cx.port(0));
        let mut open = End::unseen(&fd, server, net.client(cx.port(1)));
        let mut closed = End::unseen(&fd, server, net.client(cx.port(2)));
        let window = drop_listener(fd, &mut [&mut open, &mut closed]);
        for (mut child, bytes) in [(open, 100), (closed, 0)] {
            child.rx = bytes;
            child.want("unread_bytes", bytes);
            child.want("owner", "listen");
            child.ended("never-accepted", EndOf::Mine(window));
        }
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let connect = |port| {
            let (local, remote) = (net.client(port), net.server(cx.port(0)));
            let fd = sys::tcp(remote);
            sys::bind(&fd, local);
            End::connect_socket(fd, remote)
        };
        let mut open = connect(cx.port(1));
        open.write(100);
        open.acknowledged();
        connect(cx.port(2)).close("local-fin");
        // its FIN may be acknowledged a little later; before that, a reset would end it
        session_is_over(cx.port(2));
        queued.raise();
        assert_eq!(open.read_error(), libc::ECONNRESET);
        open.close_over("remote-reset");
    });
    cx.join();
}

/// Closes the listener and every copy of its descriptor; when that was.
fn drop_listener(fd: OwnedFd, ends: &mut [&mut End]) -> [u64; 2] {
    for end in ends {
        drop(end.take_fd());
    }
    sys::timed(|| drop(fd)).1
}

fn reset_before_accept(cx: &Cx) {
    let net = cx.loopback();
    let (listening, reset) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        let fd = net.listener(cx.port(0));
        listening.raise();
        reset.wait_for(1);
        let mut child = End::unseen(&fd, net.server(cx.port(0)), net.client(cx.port(1)));
        drop(sys::accept(&fd));
        child.rx = 100;
        child.want("owner", "listen");
        child.ended("remote-reset", EndOf::Peers);
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let fd = sys::tcp(remote);
        sys::bind(&fd, local);
        let mut c = End::connect_socket(fd, remote);
        c.write(100);
        c.acknowledged();
        c.reset("local-reset");
        reset.raise();
    });
    cx.join();
}

fn keepalive(fd: &OwnedFd) {
    sys::setsockopt(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    sys::tcp_option(fd, libc::TCP_KEEPIDLE, 1);
    sys::tcp_option(fd, libc::TCP_KEEPINTVL, 1);
    sys::tcp_option(fd, libc::TCP_KEEPCNT, 1);
}

fn keepalive_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    let over = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            keepalive(c.fd());
            net.cut(CUT_IN | CUT_OUT);
            assert_eq!(c.read_error(), libc::ETIMEDOUT);
            let now = sys::now();
            c.ended("timeout", EndOf::Mine([now, now]));
            over.raise();
        },
    );
}

fn retransmission_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    let over = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            sys::tcp_option(c.fd(), libc::TCP_USER_TIMEOUT, 700);
            net.cut(CUT_IN | CUT_OUT);
            c.write(1000);
            assert_eq!(c.read_error(), libc::ETIMEDOUT);
            let now = sys::now();
            c.tx -= 1000;
            c.want("unacked_bytes", 1000);
            c.want_between("retransmits", 1, 10);
            c.ended("timeout", EndOf::Mine([now, now]));
            over.raise();
        },
    );
}

fn link_down(cx: &Cx) {
    let net = cx.veth();
    let (down, over) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            let status = Command::new("ip")
                .args(["link", "set", "tl0", "down"])
                .status();
            assert!(status.expect("ip").success());
            down.raise();
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            down.wait_for(1);
            sys::tcp_option(c.fd(), libc::TCP_USER_TIMEOUT, 700);
            c.write(1000);
            let reason = match c.read_error() {
                libc::ETIMEDOUT => "timeout",
                // once ARP has found nobody
                libc::EHOSTUNREACH => "unreachable",
                other => panic!("error {other}"),
            };
            let now = sys::now();
            c.tx -= 1000;
            c.want("unacked_bytes", 1000);
            c.ended(reason, EndOf::Mine([now, now]));
            over.raise();
        },
    );
}

fn orphan_timeout(cx: &Cx) {
    let net = cx.link(HERE);
    sysctl("ipv4/tcp_orphan_retries", "2");
    let over = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(100);
            over.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            c.write(100);
            c.acknowledged();
            net.cut(CUT_IN | CUT_OUT);
            c.write(1000);
            let fd = c.take_fd();
            let ((), window) = sys::timed(|| {
                drop(fd);
                session_is_over(c.local_port());
            });
            c.tx -= 1000;
            c.want("unacked_bytes", 1000);
            c.ended("timeout", EndOf::Mine(window));
            over.raise();
        },
    );
}

fn no_local_port(cx: &Cx) {
    let net = cx.loopback();
    sysctl("ipv4/ip_local_port_range", "40000 40000");
    let listener = net.listener(cx.port(0));
    let over = Flag::new();
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let first = End::connect(remote);
        let fd = sys::tcp(remote);
        let (result, window) = sys::timed(|| sys::connect(&fd, remote));
        let error = result.expect_err("the one port is taken").raw_os_error();
        assert_eq!(error, Some(libc::EADDRNOTAVAIL));
        let mut second = End::attempt(fd, net.client(0), remote, window);
        second.want("lport", serde_json::Value::Null);
        second.ended("no-port", EndOf::Mine(window));
        first.close("local-fin");
        over.raise();
    });
    cx.join();
}

/// We closed in order, and then the peer's data came: our side resets it, and notes the same error as if the
/// peer had.
fn data_after_close(cx: &Cx) {
    let net = cx.link(delayed(20));
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(10);
            read.raise();
            let fd = s.take_fd();
            let ((), [from, to]) = sys::timed(|| drop(fd));
            s.ended(
                "local-reset",
                EndOf::Mine([from + 15_000_000, to + 45_000_000]),
            );
        },
        |mut c| {
            c.write(10);
            read.wait_for(1);
            c.write(700);
            c.want("unacked_bytes", 700);
            sys::until("the reset", || {
                TcpInfo::of(c.fd()).state() == sys::TCP_CLOSE
            });
            let now = sys::now();
            c.tx -= 700;
            c.ended("remote-reset", EndOf::Mine([now - 2_000_000, now]));
        },
    );
}

// ---- quality ------------------------------------------------------------------------------------------------

/// At rest, so that nothing changes any more.
fn as_tcp_info_says(end: &mut End) {
    let info = TcpInfo::of(end.fd());
    end.want("retransmits", info.total_retrans());
    end.want("retransmitted_bytes", info.bytes_retrans());
    end.want("srtt_us", info.rtt());
    end.want("min_rtt_us", info.min_rtt());
    end.want("cwnd", info.cwnd());
    end.want("mss", info.mss());
    end.want("busy_us", info.busy());
    end.want("rwnd_limited_us", info.rwnd_limited());
    end.want("sndbuf_limited_us", info.sndbuf_limited());
}

fn round_trip_time(cx: &Cx) {
    let acknowledged = Flag::new();
    cx.two(
        &cx.link(delayed(10)),
        |mut s| {
            for _ in 0..8 {
                s.read(100);
                s.write(100);
            }
            s.acknowledged();
            acknowledged.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            for _ in 0..8 {
                c.write(100);
                c.read(100);
            }
            acknowledged.wait_for(1);
            let info = TcpInfo::of(c.fd());
            assert!(
                info.min_rtt() < 40_000,
                "once it was near to what the link imposes"
            );
            as_tcp_info_says(&mut c);
            c.want_between("min_rtt_us", 20_000, info.min_rtt());
            c.want_between("srtt_us", 20_000, info.rtt());
            // the call takes longer than the handshake, as its process must be woken
            let call = (c.begun[1] - c.begun[0]) / 1000;
            c.want_between("connect_us", 20_000, call);
            c.reset("local-reset");
        },
    );
}

fn send_all(cx: &Cx, net: &Net, bytes: usize, check: impl Fn(&TcpInfo), tune: impl Fn(&OwnedFd)) {
    let (slow, read) = (Flag::new(), Flag::new());
    cx.two(
        net,
        |mut s| {
            slow.wait_for(1);
            s.read(bytes);
            read.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            tune(c.fd());
            sys::nonblocking(c.fd());
            c.write_until_full();
            if c.tx < bytes as u64 {
                sys::until("0.2 s of waiting", {
                    let end = sys::now() + 200_000_000;
                    move || sys::now() > end
                });
            }
            slow.raise();
            while c.tx < bytes as u64 {
                sys::poll(c.fd(), libc::POLLOUT);
                let room = (bytes as u64 - c.tx).min(65_536) as usize;
                if let Ok(sent) = sys::send(c.fd(), &vec![b'x'; room], 0) {
                    c.tx += sent as u64;
                }
            }
            c.acknowledged();
            read.wait_for(1);
            let info = TcpInfo::of(c.fd());
            check(&info);
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}

fn rate_limited(cx: &Cx) {
    let net = cx.link(Quality {
        rate: Some(2_000_000),
        ..HERE
    });
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(600_000);
            read.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            c.write(600_000);
            c.acknowledged();
            read.wait_for(1);
            let busy = TcpInfo::of(c.fd()).busy();
            assert!(busy > 250_000, "0.3 s at 2 MB/s, not {busy} us");
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}

fn rwnd_limited(cx: &Cx) {
    let check = |info: &TcpInfo| {
        let limited = info.rwnd_limited();
        assert!(limited > 100_000, "the receiver was slow: {limited} us");
    };
    send_all(cx, &cx.loopback(), 12_000_000, check, |_| ());
}

fn sndbuf_limited(cx: &Cx) {
    let net = cx.link(delayed(5));
    let read = Flag::new();
    cx.two(
        &net,
        |mut s| {
            s.read(1_000_000);
            read.raise();
            assert_eq!(s.read_error(), libc::ECONNRESET);
            s.close_over("remote-reset");
        },
        |mut c| {
            sys::setsockopt(c.fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, 40_000);
            c.write(1_000_000);
            c.acknowledged();
            read.wait_for(1);
            if TcpInfo::of(c.fd()).sndbuf_limited() == 0 {
                say(
                    &serde_json::json!({"skipped": "this machine was too slow to fill the buffer"}),
                );
            }
            as_tcp_info_says(&mut c);
            c.reset("local-reset");
        },
    );
}

// ---- one socket, several sessions; what is no session -------------------------------------------------------

fn connect_again(cx: &Cx) {
    let net = cx.loopback();
    let (refused, listening) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        refused.wait_for(1);
        let listener = net.listener(cx.port(0));
        listening.raise();
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let fd = sys::tcp(remote);
        for _ in 0..2 {
            let (result, window) = sys::timed(|| sys::connect(&fd, remote));
            assert_eq!(
                result.expect_err("nobody listens").raw_os_error(),
                Some(libc::ECONNREFUSED)
            );
            let local = SocketAddr::new(remote.ip(), sys::local_addr(&fd).port());
            let copy = fd.try_clone().expect("dup");
            End::attempt(copy, local, remote, window).ended("refused", EndOf::Mine(window));
        }
        refused.raise();
        listening.wait_for(1);
        let mut c = End::connect_socket(fd, remote);
        c.write(100);
        c.read(200);
        c.close("local-fin");
    });
    cx.join();
}

fn disconnect_again(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut first = End::accept(&listener);
        first.read(100);
        first.write(300);
        assert_eq!(first.read_error(), libc::ECONNRESET);
        first.close_over("remote-reset");
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let mut first = End::connect(remote);
        first.write(100);
        first.read(300);
        let fd = first.take_fd();
        let ((), window) = sys::timed(|| sys::disconnect(&fd));
        first.ended("local-reset", EndOf::Mine(window));
        let mut second = End::connect_socket(fd, remote);
        second.write(100);
        second.read(200);
        second.close("local-fin");
    });
    cx.join();
}

fn shutdown_again(cx: &Cx) {
    let net = cx.loopback();
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut first = End::accept(&listener);
        first.read_to_end();
        first.close("remote-fin");
        answer_one(&listener);
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let mut first = End::connect(remote);
        first.write(100);
        first.shutdown_write();
        first.read_to_end();
        first.state_is(sys::TCP_CLOSE);
        let fd = first.take_fd();
        first.ended("local-fin", EndOf::Peers);
        sys::disconnect(&fd);
        let mut second = End::connect_socket(fd, remote);
        second.write(100);
        second.read(200);
        second.close("local-fin");
    });
    cx.join();
}

fn listener_turned_client(cx: &Cx) {
    let net = cx.loopback();
    let listener_fd = net.listener(cx.port(0));
    cx.fork("tl-server", || answer_one(&listener_fd));
    cx.fork("tl-turned", || {
        let fd = listener(net.client(cx.port(1)));
        sys::shutdown(&fd, libc::SHUT_RD);
        let mut c = End::connect_socket(fd, net.server(cx.port(0)));
        c.write(100);
        c.read(200);
        c.close("local-fin");
    });
    cx.join();
}

/// Decided: the subflows are what is on the wire, and each is shown as the TCP session that it is.
fn multipath(cx: &Cx) {
    const IPPROTO_MPTCP: i32 = 262;
    let net = cx.loopback();
    let mptcp = || sys::try_socket(libc::AF_INET, libc::SOCK_STREAM, IPPROTO_MPTCP);
    if mptcp().is_err() {
        return say(&serde_json::json!({"skipped": "no MPTCP"}));
    }
    let listening = Flag::new();
    let addr = net.server(cx.port(0));
    cx.fork("tl-server", || {
        let fd = mptcp().expect("MPTCP");
        sys::bind(&fd, addr);
        sys::listen(&fd, 8);
        listening.raise();
        let mut s = End::accept(&fd);
        s.read(100);
        s.write(200);
        s.read_to_end();
        s.want("owner", "listen");
        s.close_mptcp("remote-fin");
    });
    listening.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect_socket(mptcp().expect("MPTCP"), addr);
        c.write(100);
        c.read(200);
        c.close_mptcp("local-fin");
    });
    cx.join();
}

fn other_protocols(cx: &Cx) {
    let net = cx.loopback();
    cx.fork("tl-udp", || {
        let addr = net.server(cx.port(0));
        let receiver = sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        sys::bind(&receiver, addr);
        let sender = sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        sys::connect(&sender, addr).expect("UDP");
        sys::send(&sender, b"hello", 0).expect("UDP");
        sys::recv(&receiver, &mut [0; 8], 0).expect("UDP");
        let (a, b) = sys::unix_pair();
        sys::send(&a, b"hello", 0).expect("unix");
        sys::recv(&b, &mut [0; 8], 0).expect("unix");
        // few kernels have it
        if let Ok(sctp) = sys::try_socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP) {
            let _ = sys::connect(&sctp, addr);
        }
        // a TCP socket that never does anything
        drop(sys::tcp(addr));
    });
    cx.join();
}

// ---- what was there before tcplife --------------------------------------------------------------------------

fn listener_from_before(cx: &Cx) {
    let net = cx.loopback();
    let (listening, accepted) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        let listener = net.listener(cx.port(0));
        listening.raise();
        answer_one(&listener);
        // it does nothing with this one that would tell whose it is
        let mut s = End::accept(&listener);
        accepted.raise();
        s.want("owner", "listen");
        sys::poll(s.fd(), 0);
        s.close_over("remote-reset");
    });
    listening.wait_for(1);
    cx.hold();
    cx.fork("tl-client", || {
        ask(net.server(cx.port(0)));
        let c = End::connect(net.server(cx.port(0)));
        accepted.wait_for(1);
        c.reset("local-reset");
    });
    cx.join();
}

fn prefork_from_before(cx: &Cx) {
    let net = cx.loopback();
    let listening = Flag::new();
    cx.fork("tl-master", || {
        let listener = net.listener(cx.port(0));
        let worker = sys::fork(|| {
            sys::set_name("tl-worker");
            listening.raise();
            answer_one(&listener);
            answer_one(&listener);
        });
        assert_eq!(sys::wait(worker), 0);
    });
    listening.wait_for(1);
    cx.hold();
    ask_often(cx, &net, 2);
    cx.join();
}

fn from_before(end: &mut End) {
    end.want("age_is_lower_bound", true);
    end.want("connect_us", serde_json::Value::Null);
}

fn established_before(cx: &Cx) {
    let net = cx.loopback();
    let (standing, go, read) = (Flag::new(), Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(1000);
        s.write(50_000);
        s.acknowledged();
        s.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        s.read_to_end();
        from_before(&mut s);
        s.write(7);
        read.wait_for(1);
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(1000);
        c.read(50_000);
        c.acknowledged();
        c.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        c.write(500);
        from_before(&mut c);
        c.want("owner", "read");
        c.shutdown_write();
        c.read(7);
        read.raise();
        c.read_to_end();
        c.close_over("local-fin");
    });
    // a client that only writes: known from the scan until it closes
    cx.fork("tl-quiet", || {
        standing.wait_for(2);
        let own = net.listener(cx.port(1));
        let mut c = End::connect(net.server(cx.port(1)));
        let mut s = End::accept(&own);
        c.write(10);
        s.read(10);
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        from_before(&mut s);
        c.want("owner", "close");
        s.want("owner", "scan");
        c.reset("local-reset");
        s.close_over("remote-reset");
    });
    standing.wait_for(3);
    cx.hold();
    go.raise();
    cx.join();
}

fn half_closed_before(cx: &Cx) {
    let net = cx.loopback();
    let (standing, go, read) = (Flag::new(), Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read_to_end();
        s.state_is(sys::TCP_CLOSE_WAIT);
        s.stands("close-wait", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut s);
        s.want("owner", "close");
        s.write(3000);
        read.wait_for(1);
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(1000);
        c.shutdown_write();
        c.state_is(sys::TCP_FIN_WAIT2);
        c.stands("fin-wait-2", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        c.want("owner", "read");
        c.read(3000);
        read.raise();
        c.read_to_end();
        c.close_over("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

fn unaccepted_before(cx: &Cx) {
    let net = cx.loopback();
    let (standing, go) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        let listener = net.listener(cx.port(0));
        standing.raise();
        go.wait_for(1);
        let mut s = End::accept(&listener);
        from_before(&mut s);
        s.read_to_end();
        s.close("remote-fin");
    });
    standing.wait_for(1);
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(123);
        c.acknowledged();
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        c.want("owner", "close");
        c.close("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

/// Nobody ever had it in hands, before or after: only the listener's owner can be told.
fn never_accepted_from_before(cx: &Cx) {
    let net = cx.loopback();
    let (standing, go) = (Flag::new(), Flag::new());
    cx.fork("tl-server", || {
        let fd = net.listener(cx.port(0));
        standing.raise();
        go.wait_for(1);
        let mut child = End::unseen(&fd, net.server(cx.port(0)), net.client(cx.port(1)));
        let window = drop_listener(fd, &mut [&mut child]);
        child.rx = 123;
        from_before(&mut child);
        child.want("owner", "listen");
        child.ended("never-accepted", EndOf::Mine(window));
    });
    standing.wait_for(1);
    cx.fork("tl-client", || {
        let (local, remote) = (net.client(cx.port(1)), net.server(cx.port(0)));
        let fd = sys::tcp(remote);
        sys::bind(&fd, local);
        let mut c = End::connect_socket(fd, remote);
        c.write(123);
        c.acknowledged();
        standing.raise();
        from_before(&mut c);
        c.want("owner", "scan");
        assert_eq!(c.read_error(), libc::ECONNRESET);
        c.close_over("remote-reset");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

/// Without a process at all: it has exited, and its FIN is on the way.
fn orphan_fin_wait_1_before(cx: &Cx) {
    let net = cx.link(HERE);
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(100);
        standing.raise();
        go.wait_for(1);
        s.read_to_end();
        from_before(&mut s);
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        c.acknowledged();
        standing.wait_for(1);
        net.cut(CUT_IN | CUT_OUT);
        c.write(1000);
        nobody(&mut c);
        drop(c.take_fd());
        let now = sys::now();
        c.ended("local-fin", EndOf::Mine([now, now + 60_000_000_000]));
        standing.raise();
    });
    standing.wait_for(2);
    cx.hold();
    net.cut(0);
    go.raise();
    cx.join();
}

fn nobody(end: &mut End) {
    from_before(end);
    end.want("owner", "unknown");
    end.want("pid", serde_json::Value::Null);
    end.want("comm", serde_json::Value::Null);
}

fn orphan_last_ack_before(cx: &Cx) {
    let net = cx.link(HERE);
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read_to_end();
        standing.wait_for(1);
        net.cut(CUT_IN | CUT_OUT);
        s.write(1000);
        nobody(&mut s);
        drop(s.take_fd());
        let now = sys::now();
        s.ended("remote-fin", EndOf::Mine([now, now + 60_000_000_000]));
        standing.raise();
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(100);
        c.shutdown_write();
        c.state_is(sys::TCP_FIN_WAIT2);
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        // the last data may come with the FIN, and then the end is before the reading
        c.any("owner");
        c.read_to_end();
        c.close_over("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    net.cut(0);
    go.raise();
    cx.join();
}

fn connecting_before(cx: &Cx) {
    let net = cx.link(HERE);
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    net.cut(CUT_IN | CUT_OUT);
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let remote = net.server(cx.port(0));
        let fd = sys::tcp(remote);
        sys::nonblocking(&fd);
        let error = sys::connect(&fd, remote).expect_err("in progress");
        assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
        End::stands_socket(&fd, remote, "syn-sent");
        standing.raise();
        go.wait_for(1);
        let ((), begun) = sys::timed(|| sys::poll(&fd, libc::POLLOUT));
        let mut c = End::connected(fd, remote, begun);
        c.write(100);
        c.want("age_is_lower_bound", true);
        c.want("owner", "close");
        c.close("local-fin");
    });
    standing.wait_for(1);
    cx.hold();
    net.cut(0);
    go.raise();
    cx.join();
}

/// Accepted, sent over a Unix socket, and not received yet: no process has a descriptor of it.
fn in_flight_before(cx: &Cx) {
    let net = cx.loopback();
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    let (to_worker, from_acceptor) = sys::unix_pair();
    cx.fork("tl-worker", || {
        go.wait_for(1);
        let mut s = End::accepted(sys::recv_fd(&from_acceptor));
        from_before(&mut s);
        s.read(100);
        s.write(200);
        s.close("local-fin");
    });
    cx.fork("tl-acceptor", || {
        let fd = sys::accept(&listener);
        sys::send_fd(&to_worker, &fd);
        drop(fd);
        standing.raise();
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        c.want("owner", "read");
        c.write(100);
        c.read_to_end();
        c.close("remote-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

/// Data in the SYN, and nobody saw it: who opened must show all the same.
fn fast_open_before(cx: &Cx) {
    let net = cx.loopback();
    // no cookies: the first SYN carries data, and the listener takes it
    sysctl("ipv4/tcp_fastopen", "1543");
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    sys::tcp_option(&listener, libc::TCP_FASTOPEN, 16);
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(1000);
        s.write(20);
        s.acknowledged();
        s.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut s);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let addr = net.server(cx.port(0));
        let fd = sys::tcp(addr);
        let (sent, begun) = sys::timed(|| sys::send_fast_open(&fd, &[b'x'; 1000], addr));
        let mut c = End::connected(fd, addr, begun);
        c.tx = sent as u64;
        c.write(1000 - sent);
        c.read(20);
        assert!(TcpInfo::of(c.fd()).syn_data(), "data in the SYN");
        c.acknowledged();
        c.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        c.write(100);
        from_before(&mut c);
        c.want("owner", "close");
        c.close("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

/// The data of the SYN was not taken, and sent again: it must not count twice, nor hide who opened.
fn fast_open_ignored_before(cx: &Cx) {
    let net = cx.loopback();
    sysctl("ipv4/tcp_fastopen", "5");
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(1000);
        s.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut s);
        s.want("owner", "close");
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let addr = net.server(cx.port(0));
        let fd = sys::tcp(addr);
        let (sent, begun) = sys::timed(|| sys::send_fast_open(&fd, &[b'x'; 1000], addr));
        let mut c = End::connected(fd, addr, begun);
        c.tx = sent as u64;
        c.write(1000 - sent);
        c.acknowledged();
        c.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut c);
        c.want("owner", "close");
        c.close("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}

/// What was lost and sent again before the start is in the counters, and is not data.
fn retransmitted_before(cx: &Cx) {
    let quality = Quality {
        lose_every: Some(9),
        ..HERE
    };
    let net = cx.link(quality);
    let (standing, go) = (Flag::new(), Flag::new());
    let listener = net.listener(cx.port(0));
    cx.fork("tl-server", || {
        let mut s = End::accept(&listener);
        s.read(300_000);
        s.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        from_before(&mut s);
        s.read_to_end();
        s.close("remote-fin");
    });
    cx.fork("tl-client", || {
        let mut c = End::connect(net.server(cx.port(0)));
        c.write(300_000);
        c.acknowledged();
        assert!(
            TcpInfo::of(c.fd()).total_retrans() > 10,
            "packets were lost"
        );
        c.stands("established", "scan");
        standing.raise();
        go.wait_for(1);
        c.write(200_000);
        c.acknowledged();
        from_before(&mut c);
        c.want("owner", "close");
        c.want_between("retransmits", TcpInfo::of(c.fd()).total_retrans(), 1000);
        c.close("local-fin");
    });
    standing.wait_for(2);
    cx.hold();
    go.raise();
    cx.join();
}
