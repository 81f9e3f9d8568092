//! Containers, which are identified by their control group.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// Makes an OCI bundle with a shell in it, which waits for a line before it connects, and returns its directory.
fn bundle(script: &str, id: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    let spec = Command::new("runc")
        .arg("spec")
        .current_dir(&folder)
        .status();
    assert!(spec.expect("runc can be started").success());
    let root = folder.path().join("rootfs");
    for folder in ["proc", "dev"] {
        fs::create_dir_all(root.join(folder)).expect("a directory");
    }
    let bash = Command::new("sh").args(["-c", "command -v bash"]).output();
    let bash = String::from_utf8(bash.expect("a shell").stdout).expect("a path");
    let bash = bash.trim();
    let libraries = Command::new("ldd").arg(bash).output().expect("ldd");
    let libraries = String::from_utf8(libraries.stdout).expect("paths");
    let libraries = libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for file in libraries.chain([bash]) {
        let copy = root.join(file.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().expect("a directory")).expect("directories");
        fs::copy(file, copy).expect("a copy");
    }
    let file = folder.path().join("config.json");
    let text = fs::read_to_string(&file).expect("runc has written it");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["process"]["terminal"] = object!(false);
    config["process"]["args"] = object!([bash, "-c", script]);
    config["mounts"] = object!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
    ]);
    // on the host's network, and with its name
    config["hostname"] = object!("");
    config["linux"] = object!({
        "namespaces": [{"type": "mount"}],
        "cgroupsPath": format!("/docker/{id}"),
    });
    config["annotations"] = object!({
        "io.kubernetes.cri.container-name": "web\u{1b}[2J",
        "io.kubernetes.cri.sandbox-name": "web-7d4b9",
        "io.kubernetes.cri.sandbox-namespace": "shop",
    });
    fs::write(&file, config.to_string()).expect("writing");
    folder
}

#[test]
fn container_of_runc_has_the_names_of_its_annotations() {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || !kernel_or_skip() || !tool_or_skip(&["runc", "--version"]) {
        return;
    }
    if cgroups().is_none() {
        skip("no control groups (v2) can be made here");
        return;
    }
    let id = format!(
        "{:064x}",
        0x00c0_ffee_0001_0000_u64 + u64::from(std::process::id())
    );
    // runc makes it for the first container since the boot
    fs::create_dir_all("/run/runc").expect("a directory");
    let probe = listen(V4);
    let mut tcplife = Running::json(&[], &probe);
    let connect = format!(
        "while read -r; do exec 3<>/dev/tcp/127.0.0.1/{} && read -n 1 -u 3; exec 3>&-; done",
        port(&probe)
    );
    let bundle = bundle(&connect, &id);
    let mut runc = Command::new("runc")
        .args(["run", &id])
        .current_dir(&bundle)
        .stdin(Stdio::piped())
        .spawn()
        .expect("runc can be started");
    let mut keys = runc.stdin.take().expect("a pipe");
    probe.set_nonblocking(true).expect("a socket");
    let deadline = Instant::now() + PATIENCE;
    // a session that closes before the names have been read does not have them
    let row = loop {
        keys.write_all(b"\n").expect("a pipe");
        let server = loop {
            match probe.accept() {
                Ok((server, _)) => break server,
                Err(e) => assert!(
                    Instant::now() < deadline,
                    "the container does not connect: {e}"
                ),
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let rport = server.peer_addr().expect("it is connected").port();
        drop(server);
        let row = tcplife.row_until(|row| row["lport"] == rport && row["rport"] == port(&probe));
        if !row["container_name"].is_null() || Instant::now() >= deadline {
            break row;
        }
    };
    drop(keys);
    runc.wait().expect("it exits");
    let expected = object!({
        "container": id[..12],
        "container_name": "web?[2J",
        "pod_name": "web-7d4b9",
        "namespace": "shop",
    });
    assert_has(&row, &expected);
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
