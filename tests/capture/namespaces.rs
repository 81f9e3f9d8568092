//! tcplife in namespaces of its own, as in a container: what a reader there sees is true there.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json as object};

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::common::running::Running;
use crate::printed_rows::{assert_has, comm_of, me};

/// Returns this command, if it works here.
fn command<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let works = tool_or_skip(&[words, &["true"]].concat());
    (kernel_or_skip() && works).then(|| words.to_vec())
}

/// A session of this process. Returns the row of its client.
fn row_of_client(tcplife: &mut Running, probe: &TcpListener) -> Value {
    let pair = Pair::open(probe, V4);
    let lport = pair.client_port();
    pair.close();
    tcplife.row_until(|row| row["lport"] == lport)
}

/// A session within the namespaces: bash connects to the probe, prints its pid there, and exits. Returns its row.
fn row_of_bash(tcplife: &mut Running, enter: &[&str], probe: &TcpListener) -> (u32, Value) {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; echo $$; read -u 3",
        port(probe)
    );
    let mut bash = Command::new(enter[0]);
    bash.args(&enter[1..]).args(["bash", "-c", &script]);
    let bash = bash
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash can be started");
    let server = probe.accept().expect("bash connects").0;
    let lport = server.peer_addr().expect("it is connected").port();
    drop(server);
    let output = bash.wait_with_output().expect("bash exits").stdout;
    let pid = String::from_utf8(output).expect("a number");
    let row = tcplife.row_until(|row| row["lport"] == lport && row["rport"] == port(probe));
    (pid.trim().parse().expect("a number"), row)
}

fn assert_is_now(row: &Value) {
    let time: Timestamp = row["time"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let off = Timestamp::now().duration_since(time).as_secs();
    assert!((-5..60).contains(&off), "{off} s off: {row}");
    assert!(row["duration_us"].as_u64() < Some(60_000_000), "{row}");
    assert_eq!(row["preexisting"], false, "{row}");
}

#[test]
fn pid_namespace_rows_have_the_pids_that_are_seen_there() {
    let Some(unshare) = command(&["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    else {
        return;
    };
    let probe = listen(V4);
    let mut tcplife = Running::json_by(&unshare, &[], &probe);
    // this process is outside: it has a name, and no pid there
    let row = row_of_client(&mut tcplife, &probe);
    let expected = object!({"pid": null, "comm": comm_of(me()), "owner": "connect"});
    assert_has(&row, &expected);

    let inside = tcplife.child_of_command();
    let target = inside.to_string();
    let enter = ["nsenter", "--target", &target, "--pid", "--mount"];
    let (pid, row) = row_of_bash(&mut tcplife, &enter, &probe);
    assert_has(&row, &object!({"pid": pid, "comm": "bash"}));
    assert!(pid < 1000, "an id of the new namespace: {pid}");
}

/// /proc shows the ids of the namespace above, so those are what a reader can look up.
#[test]
fn pid_namespace_without_its_own_proc_rows_have_the_pids_of_proc() {
    let Some(unshare) = command(&["unshare", "--pid", "--fork", "--kill-child"]) else {
        return;
    };
    let probe = listen(V4);
    let mut tcplife = Running::json_by(&unshare, &[], &probe);
    let row = row_of_client(&mut tcplife, &probe);
    assert_has(&row, &object!({"pid": me(), "comm": comm_of(me())}));
}

#[test]
fn time_namespace_rows_have_the_time_of_day() {
    for ahead in ["1000000", "-500"] {
        let Some(unshare) = command(&[
            "unshare",
            "--time",
            "--boottime",
            ahead,
            "--monotonic",
            ahead,
        ]) else {
            return;
        };
        let probe = listen(V4);
        // open before the start: its age is a lower bound of a moment, not of days
        let old = Pair::open(&probe, V4);
        let mut tcplife = Running::json_by(&unshare, &[], &probe);
        let lport = old.client_port();
        old.close();
        let row = tcplife.row_until(|row| row["lport"] == lport);
        assert_eq!(row["preexisting"], true, "{row}");
        assert!(row["duration_us"].as_u64() < Some(60_000_000), "{row}");
        assert_is_now(&row_of_client(&mut tcplife, &probe));
    }
}
