//! A line run without privileges.

use std::fs;

use crate::common::confined::{assert_confined, assert_confined_but_for};
use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::kernel_or_skip;
use crate::common::running::Running;

/// The user that a process of root becomes.
const NOBODY: u32 = 65_534;

fn can_run() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "needs root");
    kernel_or_skip() && is_root
}

#[test]
fn sandbox_every_thread_of_a_line_run_is_confined_and_it_goes_on() {
    if !can_run() {
        return;
    }
    let listener = listen(V4);
    let port_text = port(&listener).to_string();
    let mut run = Running::json(&["-L", &port_text], &listener);
    assert_confined(run.pid(), NOBODY);
    let client = session(&listener, V4, 100, 200);
    let row = run.row_until(|row| row["rport"] == client);
    assert_eq!(
        (&row["tx_bytes"], &row["rx_bytes"]),
        (&200.into(), &100.into())
    );
    let sandbox = run.interrupt().take_summary()["sandbox"].take();
    assert_eq!(sandbox["uid"], NOBODY);
    assert_eq!(sandbox["capabilities"], serde_json::json!([]));
    assert_eq!(sandbox["mode"], "default");
    assert_eq!(
        (&sandbox["no_new_privs"], &sandbox["seccomp"]),
        (&true.into(), &true.into())
    );
    assert!(sandbox["landlock"].as_u64() >= Some(1), "{sandbox}");
}

/// The capability that reads every file, as a mask (include/uapi/linux/capability.h).
const CAP_DAC_READ_SEARCH: u64 = 1 << 2;

#[test]
fn sandbox_process_that_reads_container_names_can_read_nothing_else() {
    if !can_run() {
        return;
    }
    let listener = listen(V4);
    let run = Running::json(&["-L", &port(&listener).to_string()], &listener);
    let pid = run.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("it runs");
    let is_it = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name == "tcplife-names\n")
    };
    let pids = children
        .split_whitespace()
        .map(|pid| pid.parse().expect("a pid"));
    let names = pids.into_iter().find(is_it).expect("the child");
    assert_confined_but_for(names, NOBODY, CAP_DAC_READ_SEARCH);
    let sandbox = run.interrupt().take_summary()["sandbox"].take();
    let rights = serde_json::json!(["CAP_DAC_READ_SEARCH"]);
    assert_eq!(sandbox["container_names"], rights);
    assert!(!fs::exists(format!("/proc/{names}")).expect("/proc"));
}

#[test]
fn sandbox_off_keeps_the_user_and_says_so() {
    if !can_run() {
        return;
    }
    let listener = listen(V4);
    let run = Running::json(
        &["--sandbox", "off", "-L", &port(&listener).to_string()],
        &listener,
    );
    let sandbox = run.interrupt().take_summary()["sandbox"].take();
    assert_eq!(
        (&sandbox["mode"], &sandbox["uid"]),
        (&"off".into(), &0.into())
    );
    assert_eq!(
        (&sandbox["landlock"], &sandbox["seccomp"]),
        (&0.into(), &false.into())
    );
    assert!(
        sandbox["capabilities"]
            .as_array()
            .is_some_and(|c| c.len() > 10),
        "{sandbox}"
    );
}
