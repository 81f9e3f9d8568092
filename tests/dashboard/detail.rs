//! The detail of one session, with live traffic.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, only};

#[test]
fn detail_of_a_transfer_says_what_limits_it_and_charts_it() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    // the client's end, which sends
    let mut seen = Seen::dashboard(&["-D", &only(&[&listener])]);
    let Pair {
        mut client,
        mut server,
    } = Pair::open(&listener, V4);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    seen.press("\r");
    seen.wait_for("its detail", |s| s.shows("RATES, mean over"));
    let sends = std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(8);
        let mut buffer = [0; 4096];
        client.set_nonblocking(true).expect("a socket");
        while Instant::now() < until {
            while client.write(&[1; 65_536]).is_ok() {}
            // reads far more slowly than the other end can send
            server.read_exact(&mut buffer).expect("it is connected");
            std::thread::sleep(Duration::from_millis(5));
        }
        (client, server)
    });
    seen.wait_for("the limit", |s| {
        s.shows("The peer reads too slowly: its window was 0 in ")
    });
    seen.wait_for("the chart", |s| {
        let has = |name: &str, text: &str| {
            let lines = s.lines();
            lines
                .iter()
                .any(|l| l.starts_with(name) && l.contains(text))
        };
        has("  out", "/s┤") && has("  rtt", "s┤") && s.shows("█")
    });
    assert!(seen.shows("max on this page"), "{}", seen.picture());
    assert!(seen.shows("now"), "{}", seen.picture());
    let ends = sends.join().expect("the transfer");
    seen.wait_for("the end of the transfer", |s| {
        s.shows("Stalled: nothing was acknowledged for")
    });
    drop(ends);
    seen.wait_for("the close", |s| {
        s.shows("closed") && s.shows("RATES, mean over")
    });
    seen.press("q");
    seen.wait_for("the list", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn detail_of_a_refused_session_says_who_refused_it() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let closed = port(&listener);
    drop(listener);
    let mut seen = Seen::dashboard(&["-D", &closed.to_string()]);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, closed)).is_err());
    seen.wait_for("it", |s| s.rows().len() == 1);
    seen.press("\r");
    let said = format!("Refused: 127.0.0.1:{closed} rejected our SYN after ");
    seen.wait_for("the verdict", |s| s.shows(&said));
    seen.press("q");
    seen.wait_for("the list", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn detail_of_a_half_closed_session_says_who_has_not_closed() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(100, 100);
    seen.wait_for("the session", |s| s.rows().len() == 1);
    seen.press("\r");
    seen.wait_for("its detail", |s| s.shows("RATES, mean over"));
    seen.wait_for("idleness", |s| s.shows("Idle for "));
    drop(pair.client);
    seen.wait_for("the verdict", |s| {
        s.shows("Waiting: the peer closed ") && s.shows(" has not (close-wait).")
    });
    drop(pair.server);
    seen.press("q");
    seen.wait_for("the list", |s| s.heading().is_some());
    seen.quit();
}
