//! Containers, which are identified by their control group.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json as object;

use crate::common::cgroups;
use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::requirements::{PATIENCE, kernel_or_skip, skip, tool_or_skip};
use crate::common::running::Running;
use crate::printed_rows::assert_has;

/// A control group that is removed when the test ends.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
        if let Some(parent) = self.0.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Returns the mount point of cgroup2, if groups can be created there.
fn cgroups() -> Option<PathBuf> {
    let root = cgroups::mount_point()?;
    let group = root.join(format!("tcplife-test-{}", std::process::id()));
    let writable = fs::create_dir(&group).is_ok();
    let _ = fs::remove_dir(&group);
    writable.then_some(root)
}

#[test]
fn container_started_later_is_named_by_its_cgroup() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let Some(root) = cgroups() else {
        skip("no control groups (v2) can be made here");
        return;
    };
    let id = format!(
        "{:064x}",
        0x00c0_ffee_0000_0000_u64 + u64::from(std::process::id())
    );
    let probe = listen(V4);
    let mut tcplife = Running::json(&[], &probe);
    let group = Group(root.join("docker").join(&id));
    fs::create_dir_all(&group.0).expect("a control group");
    let script = format!(
        "echo $$ > '{}/cgroup.procs' && exec 3<>/dev/tcp/127.0.0.1/{} && read -n 1 -u 3",
        group.0.display(),
        port(&probe)
    );
    let mut client = Command::new("bash")
        .args(["-c", &script])
        .spawn()
        .expect("bash can be started");
    let server = probe.accept().expect("bash connects").0;
    let rport = server.peer_addr().expect("it is connected").port();
    drop(server);
    client.wait().expect("bash exits");

    let row = tcplife.row_until(|row| row["lport"] == rport && row["rport"] == port(&probe));
    let cgroup = format!("/docker/{id}");
    let expected = object!({"container": id[..12], "runtime": "docker", "cgroup": cgroup});
    assert_has(&row, &expected);
    // this test itself is in another group
    let pair = Pair::open(&probe, V4);
    let ours = pair.client_port();
    pair.close();
    let row = tcplife.row_until(|row| row["lport"] == ours);
    assert_ne!(row["container"], id[..12], "{row}");
    assert!(
        Path::new(&format!(
            "{}{}",
            root.display(),
            row["cgroup"].as_str().expect("a path")
        ))
        .is_dir()
    );
    tcplife.interrupt();
}

#[test]
fn cgroup_removed_before_its_last_session_closes_is_still_named() {
    if !kernel_or_skip() || !tool_or_skip(&["bash", "-c", "true"]) {
        return;
    }
    let Some(root) = cgroups() else {
        skip("no control groups (v2) can be made here");
        return;
    };
    let probe = listen(V4);
    let mut tcplife = Running::json(&[], &probe);
    let name = format!("tcplife-short-{}.service", std::process::id());
    let group = Group(root.join(&name));
    fs::create_dir(&group.0).expect("a control group");
    // a socket stays in the group that its process had when it was made
    let script = format!(
        "echo $$ > '{}/cgroup.procs' && exec 3<>/dev/tcp/127.0.0.1/{} && echo $$ > '{}/cgroup.procs' \
         && read -n 1 -u 3",
        group.0.display(),
        port(&probe),
        root.display(),
    );
    let mut client = Command::new("bash")
        .args(["-c", &script])
        .spawn()
        .expect("bash can be started");
    let server = probe.accept().expect("bash connects").0;
    let rport = server.peer_addr().expect("it is connected").port();
    // once a later session is printed, the group has been looked up
    let pair = Pair::open(&probe, V4);
    let later = pair.client_port();
    pair.close();
    tcplife.row_until(|row| row["lport"] == later);
    let deadline = Instant::now() + PATIENCE;
    while fs::remove_dir(&group.0).is_err() {
        assert!(Instant::now() < deadline, "bash stays in {name}");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(server);
    client.wait().expect("bash exits");
    let row = tcplife.row_until(|row| row["lport"] == rport && row["rport"] == port(&probe));
    let expected = object!({"cgroup": format!("/{name}"), "unit": name});
    assert_has(&row, &expected);
    tcplife.interrupt();
}
