//! Files of packages: the recorder's unit and the rights that it has, the scripts of packages, the bill of materials.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::copies::copy_for_everybody;
use crate::common::kept::Kept;
use crate::common::requirements::{PATIENCE, TCPLIFE, kernel_or_skip, tool_or_skip};
use crate::{run, toml};

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn recorder_unit_has_an_exposure_of_at_most_2_of_10() {
    let unit = source("packaging/systemd/tcplife-recorder.service");
    let analyze = ["systemd-analyze", "security", "--offline=yes"];
    if !tool_or_skip(&["systemd-analyze", "--version"]) {
        return;
    }
    let unit = unit.to_str().expect("UTF-8");
    // in tenths
    let run = run(&[&analyze[..], &["--threshold=20", unit]].concat());
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}");
    assert!(report.contains("Overall exposure level"), "{report}");
}

/// Returns the arguments with which the unit starts the program, for another directory.
fn recorder_arguments(folder: &str) -> Vec<String> {
    let unit = source("packaging/systemd/tcplife-recorder.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let start = "ExecStart=/usr/bin/tcplife ";
    let line = unit.lines().find_map(|line| line.strip_prefix(start));
    let arguments = line.expect("a line").split(' ');
    let place = |argument: &str| argument.replace("/var/lib/tcplife", folder);
    arguments.map(place).collect()
}

/// The unit's user and capabilities, by setpriv.
#[test]
fn recorder_with_the_rights_of_its_unit_records() {
    let rights = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all,+bpf,+perfmon",
        "--ambient-caps=-all,+bpf,+perfmon",
        "--bounding-set=-all,+bpf,+perfmon",
        "--no-new-privs",
    ];
    let (_copied, copy) = copy_for_everybody();
    if !kernel_or_skip() || !tool_or_skip(&[&rights[..], &[&copy, "-V"]].concat()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)).expect("an owner");
    let place = folder.path().to_str().expect("UTF-8");
    let recorder = Command::new(rights[0])
        .args(&rights[1..])
        .arg(&copy)
        .args(recorder_arguments(place))
        .spawn();
    let mut recorder = Kept(recorder.expect("the program can be started"));
    let has_recording = || {
        let mut files = fs::read_dir(folder.path()).expect("a directory").flatten();
        files.any(|file| file.metadata().is_ok_and(|file| file.len() > 0))
    };
    let deadline = Instant::now() + PATIENCE;
    while !has_recording() {
        let exited = recorder.0.try_wait().expect("a child of ours");
        assert!(exited.is_none(), "it has exited: {exited:?}");
        assert!(Instant::now() < deadline, "nothing is recorded");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&recorder.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child of ours");
    let status = recorder.exits_within(PATIENCE).expect("it exits");
    assert!(status.success(), "{status}");
    // root opens files of others with the rights of root without capabilities
    let replay = [&copy, "--replay", place, "-o", "json"];
    let replay = run(&[&rights[..], &replay].concat());
    let errors = String::from_utf8_lossy(&replay.stderr);
    assert!(replay.status.success() && errors.is_empty(), "{errors}");
}

/// The unit with everything that it asks for, by systemd in a container that has the programs of this host and nothing else.
#[test]
fn recorder_unit_under_systemd_records() {
    let works = "systemd-nspawn --version && test -x /lib/systemd/systemd && test $(id -u) = 0";
    if !kernel_or_skip() || !tool_or_skip(&["sh", "-c", works]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    // /usr is that of the host, where the program is not installed
    let unit = fs::read_to_string(source("packaging/systemd/tcplife-recorder.service"));
    let unit = unit
        .expect("the unit")
        .replace("/usr/bin/tcplife", "/opt/tcplife");
    let place = |name: &str| folder.path().join(name);
    fs::write(place("unit"), unit).expect("a file");
    fs::create_dir(place("state")).expect("a directory");
    fs::set_permissions(place("state"), fs::Permissions::from_mode(0o700)).expect("a mode");
    let bind = |what: &str, from: &Path, to: &str| format!("--{what}={}:{to}", from.display());
    // all of it is killed with the first process
    let container = Command::new("unshare")
        .args(["--pid", "--mount-proc", "--fork", "--kill-child=KILL"])
        .args(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"])
        .args([
            "--directory=/",
            "--volatile=yes",
            "--private-network",
            "--boot",
        ])
        .args([
            "--capability=all",
            "--system-call-filter=bpf perf_event_open",
        ])
        .arg(bind("bind-ro", Path::new(TCPLIFE), "/opt/tcplife"))
        .arg(bind(
            "bind-ro",
            &place("unit"),
            "/etc/systemd/system/tcplife-recorder.service",
        ))
        .arg(bind("bind", &place("state"), "/var/lib/private"))
        .args(["--console=pipe", "systemd.unit=tcplife-recorder.service"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut container = Kept(container.expect("unshare"));
    let deadline = Instant::now() + 3 * PATIENCE;
    let mut rows = String::new();
    while !rows.contains(r#""reason":"refused""#) {
        let exited = container.0.try_wait().expect("a child of ours");
        assert!(exited.is_none(), "the container has exited: {exited:?}");
        assert!(Instant::now() < deadline, "nothing is recorded: {rows}");
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr();
        // it listens no longer
        let refused = TcpStream::connect(port.expect("an address"));
        assert!(refused.is_err());
        std::thread::sleep(Duration::from_millis(50));
        // root without capabilities, as tcplife opens files, cannot read those of the unit's user
        let recorded = fs::read_dir(place("state/tcplife"));
        let Some(Ok(recorded)) = recorded.ok().and_then(|mut files| files.next()) else {
            continue;
        };
        let replay = Command::new(TCPLIFE)
            .args(["--replay", "-", "-o", "json", "-f", "reason refused"])
            .stdin(File::open(recorded.path()).expect("a recording"))
            .output();
        rows = String::from_utf8(replay.expect("tcplife").stdout).expect("UTF-8");
    }
}

#[test]
fn package_scripts_are_valid_for_a_plain_shell() {
    let scripts = [
        "packaging/deb/postinst",
        "packaging/deb/postrm",
        "packaging/rpm/post.sh",
        "packaging/rpm/postun.sh",
        "packaging/rpm/preun.sh",
        "packaging/alpine/APKBUILD",
    ];
    for script in scripts {
        let file = source(script);
        let run = run(&["sh", "-n", file.to_str().expect("UTF-8")]);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{script}: {errors}");
    }
}

#[test]
fn package_files_have_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("packaging/arch/PKGBUILD", format!("pkgver={version}\n")),
        ("packaging/alpine/APKBUILD", format!("pkgver={version}\n")),
        (
            "packaging/nix/package.nix",
            format!("version = \"{version}\";\n"),
        ),
        (
            "packaging/container/daemonset.yaml",
            format!("image: tcplife:{version}\n"),
        ),
    ] {
        let text = fs::read_to_string(source(file)).expect(file);
        assert!(text.contains(&line), "{file} lacks {line}");
    }
}

#[test]
fn bill_of_materials_has_the_crates_and_the_libraries_in_c() {
    let works = "python3 -c 'import tomllib' && pkg-config --exists libelf zlib && cargo --version";
    if !tool_or_skip(&["sh", "-c", works]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let [sbom, licenses] = ["sbom", "licenses"].map(|name| folder.path().join(name));
    let run = Command::new(source("scripts/sbom.py"))
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .args([&sbom, &licenses])
        .output();
    let run = run.expect("the script can be started");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let text = fs::read_to_string(&sbom).expect("a file");
    let bill: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let parts = bill["components"].as_array().expect("a list");
    let names: Vec<&str> = parts
        .iter()
        .filter_map(|part| part["name"].as_str())
        .collect();
    for name in [
        "libbpf",
        "libelf",
        "zlib",
        "zstd",
        "glibc",
        "libbpf-rs",
        "ratatui",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    // of tests and of the build alone
    for name in ["insta", "proptest", "libbpf-cargo", "serde_derive"] {
        assert!(!names.contains(&name), "{name} is not linked");
    }
    for part in parts {
        let license = part["licenses"][0]["expression"].as_str();
        assert!(license.is_some_and(|text| !text.is_empty()), "{part}");
    }
    let text = fs::read_to_string(&licenses).expect("a file");
    assert!(text.contains("Apache License") && text.contains("ratatui"));
    let listed = |part: &serde_json::Value| {
        let [name, version] = ["name", "version"].map(|key| part[key].as_str());
        format!("{}-{}", name.expect("a name"), version.expect("a version"))
    };
    let listed: Vec<String> = parts.iter().map(listed).collect();
    let linked = crates_named_in_the_program();
    assert!(linked.len() > 50, "the program names {linked:?} only");
    let missing: Vec<&String> = linked.iter().filter(|c| !listed.contains(c)).collect();
    assert!(missing.is_empty(), "linked, but not listed: {missing:?}");
    assert_checksums_are_those_of_the_lock(parts);
}

/// Crates of which the program contains a path of their source, as messages of a panic have it.
fn crates_named_in_the_program() -> BTreeSet<String> {
    let program = fs::read(TCPLIFE).expect("the program");
    let path = regex::bytes::Regex::new("registry/src/[^/]+/([^/]+)/src/").expect("a pattern");
    let names = path.captures_iter(&program);
    names
        .map(|found| String::from_utf8_lossy(&found[1]).into_owned())
        .collect()
}

fn assert_checksums_are_those_of_the_lock(parts: &[serde_json::Value]) {
    let lock = fs::read_to_string(source("Cargo.lock")).expect("a file");
    let lock = toml(&lock);
    let locked = lock["package"].as_array().expect("a list");
    let is_crate = |part: &&serde_json::Value| {
        let url = part["purl"].as_str();
        url.is_some_and(|url| url.starts_with("pkg:cargo/"))
    };
    for part in parts.iter().filter(is_crate) {
        let hash = part["hashes"][0]["content"].as_str();
        let is_same = |package: &&serde_json::Value| {
            ["name", "version"]
                .iter()
                .all(|key| package[key] == part[key])
        };
        let package = locked.iter().find(is_same);
        let package = package.unwrap_or_else(|| panic!("{part} is not locked"));
        let locked = package["checksum"].as_str();
        assert!(locked.is_some() && locked == hash, "{part}: {locked:?}");
    }
}

/// Returns the files of a package, as (source, destination), sorted by destination.
fn assets(list: &serde_json::Value) -> Vec<(String, String)> {
    let list = list.as_array().expect("a list");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let pair = |asset: &serde_json::Value| {
        let (from, to) = match asset.as_array() {
            Some(asset) => (text(&asset[0]), text(&asset[1])),
            None => (text(&asset["source"]), text(&asset["dest"])),
        };
        let to = to.trim_start_matches('/');
        let name = from.rsplit('/').next().expect("a part");
        let to = match to.strip_suffix('/') {
            Some(folder) => format!("{folder}/{name}"),
            None => to.to_owned(),
        };
        (from, to)
    };
    let mut files: Vec<_> = list.iter().map(pair).collect();
    files.sort_by(|a, b| a.1.cmp(&b.1));
    files
}

#[test]
fn packages_for_debian_and_rpm_have_the_same_existing_files() {
    let manifest = fs::read_to_string(source("Cargo.toml")).expect("a file");
    let manifest = toml(&manifest);
    let metadata = &manifest["package"]["metadata"];
    let [deb, rpm] = ["deb", "generate-rpm"].map(|name| assets(&metadata[name]["assets"]));
    let release = fs::read_to_string(source("scripts/release.sh")).expect("a file");
    for (from, _) in deb.iter().chain(&rpm) {
        let is_there = match from.strip_prefix("target/package/") {
            // of each shell, in a loop
            Some(made) => release.contains(made) || release.contains("tcplife.$shell"),
            None if from.contains('*') => true,
            None => source(from).exists(),
        };
        assert!(is_there, "{from} is packaged, and does not exist");
    }
    let sources = |files: &[(String, String)]| -> BTreeSet<String> {
        let unit = "packaging/systemd/tcplife-recorder.service";
        let files = files.iter().map(|(from, _)| from.clone());
        // cargo-deb adds it by itself
        files.filter(|from| from != unit).collect()
    };
    assert_eq!(sources(&deb), sources(&rpm));
}
