//! The screens that replace the table, with live traffic.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::common::loopback::{Pair, V4, listen, port, session};
use crate::common::pty;
use crate::common::requirements::{TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, argv, only, words};

/// Returns the line that contains all of these, split into words.
fn line(seen: &Seen, holds: &[&str]) -> Option<Vec<String>> {
    let lines = seen.lines();
    let found = lines.iter().find(|l| holds.iter().all(|h| l.contains(h)));
    found.map(|l| words(l))
}

#[test]
fn failures_refused_connections_are_grouped_in_one_line() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let closed = port(&listener);
    drop(listener);
    let mut seen = Seen::dashboard(&["-D", &closed.to_string()]);
    seen.press("f");
    seen.wait_for("the failures", |s| s.shows("Nothing has failed"));
    for _ in 0..30 {
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, closed));
        assert!(refused.is_err(), "nobody listens there");
    }
    let to = format!("127.0.0.1:{closed}");
    seen.wait_for("all thirty", |s| {
        line(s, &["refused", "ECONNREFUSED", &to]).is_some_and(|l| l[0] == "30")
    });
    let rate = &line(&seen, &["ECONNREFUSED"]).expect("a line")[1];
    assert!(rate.parse().is_ok_and(|r: f64| r >= 3.0), "{rate}");
    seen.press("\r");
    seen.wait_for("exactly these sessions", |s| {
        s.heading().is_some() && s.shows("1/30 all") && s.shows("filter: reason refus")
    });
    seen.press("\x7f"); // Backspace
    seen.wait_for("all again", |s| !s.shows("filter:"));
    seen.quit();
}

#[test]
fn distributions_closed_session_is_counted_in_its_duration_bar() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let mut pair = Pair::open(&listener, V4);
    let began = Instant::now();
    pair.exchange(3000, 0);
    seen.wait_for("it", |s| s.rows().len() == 1);
    // it must last this long
    std::thread::sleep(Duration::from_millis(1100).saturating_sub(began.elapsed()));
    let rport = pair.client_port();
    pair.close();
    let lasted = began.elapsed().as_secs_f64();
    seen.press("d");
    seen.wait_for("its duration", |s| {
        s.shows("DURATION     1  max 1.") && s.shows("3.0k")
    });
    // the borders of a decade's bars
    let borders = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let at = borders.iter().rposition(|b| *b <= lasted).expect("a bar");
    // it may have closed a moment before it was measured here
    let near = [at.saturating_sub(1), at];
    seen.wait_for("the bar", |s| {
        let said = |i: &usize| format!("▲ {}s to {}s: 1 (100%)", borders[*i], borders[i + 1]);
        near.iter().any(|i| s.shows(&said(i)))
    });
    seen.press("\r");
    seen.wait_for("the bar's filter", |s| s.shows("ration < "));
    session(&listener, V4, 1, 1); // a short one
    seen.wait_for("the session alone", |s| {
        s.heading().is_some() && s.shows("closed 2") && s.rows().len() == 1
    });
    assert!(
        seen.row(port(&listener), rport).is_some(),
        "{}",
        seen.picture()
    );
    seen.press("\x7fd\t\t\t"); // Backspace, the distributions, the fourth
    seen.wait_for("bytes", |s| s.shows("▸BYTES"));
    seen.press("\x1b[Z"); // Shift-Tab
    seen.wait_for("connect", |s| s.shows("▸CONNECT"));
    seen.press("d");
    seen.wait_for("both sessions", |s| s.rows().len() == 2);
    seen.quit();
}

#[test]
fn baseline_of_a_recording_is_compared_with_now_and_with_another_recording() {
    if !kernel_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let [then, now] = ["then", "now"].map(|name| {
        let file = folder.path().join(format!("{name}.jsonl.zst"));
        file.to_str().expect("UTF-8").to_owned()
    });
    let anywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let listener = TcpListener::bind(anywhere).expect("a port");
    let to = |host: u8| SocketAddr::from(([127, 0, 0, host], port(&listener)));
    let ports = port(&listener).to_string();
    let mut seen = Seen::dashboard(&["-D", &ports, "--record", &then]);
    session(&listener, to(1), 10, 10);
    seen.wait_for("the first peer", |s| s.shows("127.0.0.1"));
    seen.quit();

    let early = format!("{then}@2020-01-01T00:00:00Z");
    let mut seen = Seen::start(pty::command(&argv(&["--baseline", &early])));
    seen.ends("a time before the recording", 1);
    assert!(seen.shows("it has nothing up"), "{}", seen.picture());

    let is_new = |s: &Seen| line(s, &["new", "127.0.0.77"]).is_some() && s.shows(" 1 new");
    let flags = ["-D", &ports, "--baseline", &then, "--record", &now];
    let mut seen = Seen::dashboard(&flags);
    seen.wait_for("what it is compared with", |s| s.shows("compared with "));
    let one = Pair::open(&listener, to(1));
    let other = Pair::open(&listener, to(77));
    seen.wait_for("the other peer", |s| s.shows("127.0.0.77"));
    seen.press("m");
    seen.wait_for("patience", |s| s.shows("Too early: "));
    seen.wait_for("the new one", is_new);
    assert!(line(&seen, &["127.0.0.1 "]).is_none(), "{}", seen.picture());
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
    drop((one, other));

    let flags = ["--replay", &now, "--baseline", &then];
    let mut seen = Seen::start(pty::command(&argv(&flags)));
    seen.wait_for("the recording", |s| s.shows("127.0.0.77"));
    seen.press("m");
    seen.wait_for("the new one", is_new);
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn baseline_peer_appearing_later_is_shown_as_new() {
    if !kernel_or_skip() {
        return;
    }
    let anywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let listener = TcpListener::bind(anywhere).expect("a port");
    let to = |host: u8| SocketAddr::from(([127, 0, 0, host], port(&listener)));
    let mut seen = Seen::dashboard(&["-D", &port(&listener).to_string()]);
    session(&listener, to(1), 10, 10);
    seen.wait_for("the first peer", |s| s.shows("127.0.0.1"));
    seen.press("m");
    seen.wait_for("the baseline", |s| s.shows("baseline set"));
    let other = Pair::open(&listener, to(77));
    seen.wait_for("the other peer", |s| s.shows("127.0.0.77"));
    seen.press("m");
    seen.wait_for("patience", |s| s.shows("Too early: "));
    seen.wait_for("the new one", |s| {
        line(s, &["new", "127.0.0.77"]).is_some() && s.shows(" 1 new")
    });
    assert!(line(&seen, &["127.0.0.1 "]).is_none(), "{}", seen.picture());
    seen.press("\r");
    seen.wait_for("its session", |s| {
        let rows = s.rows();
        s.heading().is_some()
            && s.shows("filter: comm ")
            && rows.len() == 1
            && rows[0].cell("RADDR") == "127.0.0.77"
    });
    seen.press("\x7fmMM");
    seen.wait_for("no difference from now on", |s| s.shows("Too early: "));
    seen.press("x");
    seen.wait_for("a question", |s| s.shows("x again clears the baseline"));
    seen.press("x");
    seen.wait_for("the table", |s| {
        s.heading().is_some() && !s.lines()[1].contains("baseline")
    });
    other.close();
    seen.quit();
}

#[test]
fn tabs_lead_to_every_screen_by_key_and_by_click() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let _pair = Pair::open(&listener, V4);
    let mut seen = Seen::dashboard(&["-L", &only(&[&listener])]);
    let tabs = "Sessions  d Charts  f Fail  m Base  ! Find";
    for shows in [
        "STATUS",
        "where the time goes",
        "what fails",
        "No baseline is set",
        "Findings: ",
        "Listeners: ",
        "Drops: ",
        "Ports: ",
        "HELP ",
        "RADDR",
    ] {
        seen.wait_for(shows, |s| s.lines()[2].starts_with(tabs) && s.shows(shows));
        seen.press("v");
    }
    seen.wait_for("the charts", |s| s.shows("DURATION"));
    // from there by a click on the third tab
    let column = tabs.find("Fail").expect("a tab") + 1;
    seen.press(&format!("\x1b[<0;{column};3M"));
    seen.wait_for("the failures", |s| s.shows("ERRNO"));
    // a step back at a time
    seen.press("q");
    seen.wait_for("the charts again", |s| s.shows("DURATION"));
    seen.press("q");
    seen.quit();
}

#[test]
fn help_is_searched_and_left_to_the_same_screen() {
    if !kernel_or_skip() {
        return;
    }
    let mut seen = Seen::dashboard(&["-L", &only(&[&listen(V4)])]);
    seen.press("f?");
    seen.wait_for("its chapter", |s| s.shows("  Charts, failures, baseline "));
    seen.press("/connect-timeout");
    seen.wait_for("the reason", |s| {
        s.shows("  States, reasons, markers ") && s.shows("hit") && s.shows("  connect-timeout")
    });
    seen.press("xyzzy");
    seen.wait_for("nothing", |s| s.shows("not found"));
    seen.press("\x03");
    seen.wait_for("the chapter before", |s| {
        s.shows("  Charts, failures, baseline ")
    });
    seen.press("1");
    seen.wait_for("the questions", |s| s.shows("Who uses the network now?"));
    seen.press("q");
    seen.wait_for("the failures", |s| s.shows("ERRNO"));
    seen.press("q");
    seen.quit();
}

#[test]
fn host_chart_shows_what_happened_before_it_was_opened() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let refused = port(&listener);
    let mut seen = Seen::dashboard(&[]);
    // the chart begins with the first whole second
    std::thread::sleep(Duration::from_secs(1));
    let mut pair = Pair::open(&listener, V4);
    pair.exchange(300_000, 100_000);
    drop(listener);
    for _ in 0..5 {
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, refused)).is_err());
    }
    pair.close();
    // the chart shows a second only when the next one has begun
    std::thread::sleep(Duration::from_millis(1100));
    seen.press("d");
    seen.wait_for("the chart", |s| s.shows(" HOST  ↑") && s.shows("now"));
    let has = |s: &Seen, name: &str| {
        let lines = s.lines();
        let axis = |l: &String| {
            l.split_once(name)
                .and_then(|(_, l)| Some(l.split_once("┤")?.0.trim().to_owned()))
        };
        let most = lines[3..].iter().find_map(axis);
        most.is_some_and(|most| most != "0.0/s" && most != "0B/s")
    };
    seen.wait_for("all of it", |s| {
        s.is_whole()
            && ["↑", "↓", "opened", "closed", "failed"]
                .iter()
                .all(|name| has(s, name))
    });
    seen.press("\x1b[Z"); // Shift-Tab
    seen.wait_for("the chart alone", |s| {
        s.shows("▸HOST") && !s.shows("DURATION")
    });
    seen.press("q");
    seen.wait_for("the list", |s| s.heading().is_some());
    seen.quit();
}

/// A bash with another name that holds a connection to each port.
struct Client(Child, PathBuf);

impl Client {
    fn start(name: &str, ports: &[u16]) -> Client {
        let dir = std::env::temp_dir().join(format!("tcplife-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let program = dir.join(name);
        let bash = ["/bin/bash", "/usr/bin/bash"].map(Path::new);
        let bash = bash.into_iter().find(|p| p.exists()).expect("bash");
        let _ = std::fs::remove_file(&program);
        std::os::unix::fs::symlink(bash, &program).expect("a link");
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let script = format!(
            "for port in {}; do exec {{fd}}<>/dev/tcp/127.0.0.1/$port; done; read -r -u $fd",
            ports.join(" ")
        );
        let child = Command::new(&program).args(["-c", &script]).spawn();
        Client(child.expect("bash can be started"), dir)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

#[test]
fn baseline_program_that_stops_on_a_busy_host_has_one_line_for_all_its_ports() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let listeners: Vec<TcpListener> = (0..60).map(|_| listen(V4)).collect();
    let ports: Vec<u16> = listeners.iter().map(port).collect();
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut seen = Seen::dashboard(&["-D", &all.join(",")]);
    let orders = Client::start("orders", &ports[..30]);
    let _billing = Client::start("billing", &ports[30..]);
    let accepted: Vec<TcpStream> = listeners
        .iter()
        .map(|l| l.accept().expect("a connection").0)
        .collect();
    seen.wait_for("all of them", |s| s.shows("open 60"));
    seen.press("mm");
    seen.wait_for("patience", |s| {
        (4..10).any(|ago| s.shows(&format!("Too early: {ago} s")))
    });
    seen.wait_for("no difference", |s| s.shows("nothing is worse; "));
    drop(orders);
    seen.wait_for("the one that stopped", |s| {
        line(s, &["orders ports ", "(30)"]).is_some_and(|l| l[0] == "quiet")
    });
    seen.wait_for("its end", |s| {
        line(s, &["orders ports ", "(30)"]).is_some_and(|l| l[0] == "gone")
    });
    let picture = seen.picture();
    let is_of_a_port = |l: &String| l.starts_with("gone  port") || l.starts_with("quiet port");
    assert!(!seen.lines().iter().any(is_of_a_port), "{picture}");
    assert!(!picture.contains("billing"), "{picture}");
    // on a busy machine another line may be the first
    seen.click_on("orders ports ");
    seen.press("\r");
    seen.wait_for("its sessions", |s| {
        s.heading().is_some() && s.shows("filter: comm orders") && s.rows().len() > 10
    });
    seen.press("\x1b");
    seen.wait_for("the screen again", |s| {
        s.shows("orders ports ") && !s.shows("filter: ")
    });
    drop(accepted);
    seen.press("q");
    seen.wait_for("the table", |s| s.heading().is_some());
    seen.quit();
}

#[test]
fn dashboard_of_a_call_with_flags_of_bcc_names_the_call_that_prints_rows() {
    if !kernel_or_skip() {
        return;
    }
    let ports = only(&[&listen(V4)]);
    let mut seen = Seen::start(pty::command(&[TCPLIFE, "-p", "42", "-D", &ports]));
    let rows = format!("rows instead: tcplife -p 42 -D {ports} -o text");
    seen.wait_for("how to get rows", |s| s.shows(&rows));
    seen.quit();
    // who asks for the dashboard knows that
    let mut seen = Seen::dashboard(&["-p", "42", "-D", &ports]);
    assert!(!seen.shows("rows instead"), "{}", seen.picture());
    seen.quit();
}
