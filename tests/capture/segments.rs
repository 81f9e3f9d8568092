//! Recordings in the segments of a directory: within their limits, whatever happens to the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::Signal;

use crate::common::loopback::{V4, listen, port, session};
use crate::common::requirements::{PATIENCE, kernel_or_skip};
use crate::common::running::Running;
use crate::recording::closes;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// The segments of a directory with their sizes, the oldest first.
fn segments(folder: &Path) -> Vec<(PathBuf, u64)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<(PathBuf, u64)> = files
        .filter_map(|file| Some((file.path(), file.metadata().ok()?.len())))
        .filter(|(path, _)| path.to_string_lossy().ends_with(".jsonl.zst"))
        .collect();
    all.sort();
    all
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn recording_in_a_directory_is_private_and_replayed_as_one() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let path = folder.path().join("black");
    let name = path.to_str().expect("UTF-8");
    let named = format!("{name}/");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let only = port(&listener).to_string();
    let mut clients = Vec::new();
    // two runs, and the second one stopped and started again by a signal
    for round in 0..2 {
        let mut live = Running::json(&["--record", &named, "-L", &only], &listener);
        let client = |live: &mut Running| {
            let client = session(&listener, to, 10, 10);
            live.row_until(|row| row["rport"] == client);
            client
        };
        clients.push(client(&mut live));
        if round == 1 {
            live.signal(Signal::USR1);
            live.error_until("recording stopped");
            // this one is not recorded
            client(&mut live);
            live.signal(Signal::USR1);
            live.error_until("recording again");
            clients.push(client(&mut live));
        }
        assert!(live.interrupt().status.success());
    }
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&path), 0o700);
    let files = segments(&path);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|(file, _)| mode(file) == 0o600));
    let rows = closes(&path, port(&listener));
    let recorded: Vec<u64> = rows
        .iter()
        .filter_map(|row| row["rport"].as_u64())
        .collect();
    let clients: Vec<u64> = clients.into_iter().map(u64::from).collect();
    let ours: Vec<u64> = recorded
        .into_iter()
        .filter(|p| clients.contains(p))
        .collect();
    assert_eq!(ours, clients);
}

#[test]
fn recording_beyond_its_limit_drops_the_oldest_segments_and_no_other_files() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let foreign = path.join("notes.jsonl.zst");
    fs::write(&foreign, "precious").expect("a file");
    // of an earlier run, and older than what is kept
    let old = path.join("tcplife-20200101T000000.000Z.jsonl.zst");
    fs::write(&old, vec![0; 900_000]).expect("a file");
    let name = path.to_str().expect("UTF-8");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let only = port(&listener).to_string();
    let args = ["--record", name, "--record-keep", "1MB", "-L", &only];
    let live = Running::json(&args, &listener);
    let mut most = 0;
    let deadline = Instant::now() + 2 * PATIENCE;
    while old.exists() || segments(path).len() < 4 {
        assert!(Instant::now() < deadline, "{:?}", segments(path));
        for _ in 0..50 {
            session(&listener, to, 10, 10);
        }
        let own = segments(path);
        let own = own.iter().filter(|(path, _)| *path != foreign);
        most = own.map(|(_, size)| size).sum::<u64>().max(most);
    }
    live.interrupt().assert_well();
    assert!(most <= 1_000_000, "{most}");
    assert_eq!(fs::read(&foreign).expect("it is there"), b"precious");
}

#[test]
fn recording_on_a_full_disk_drops_its_oldest_segments_pauses_and_resumes() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let size = c"size=10m";
    if mount("tmpfs", path, "tmpfs", MountFlags::empty(), Some(size)).is_err() {
        return;
    }
    let records = path.join("records");
    let name = format!("{}/", records.display());
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let only = port(&listener).to_string();
    let mut live = Running::json(&["--record", &name, "-L", &only], &listener);
    let churn = || {
        for _ in 0..50 {
            session(&listener, to, 10, 10);
        }
    };
    until("two segments", || {
        churn();
        segments(&records).len() >= 2
    });
    let first = segments(&records)[0].0.clone();
    // others fill the disk
    let filler = path.join("filler");
    let _ = fs::write(&filler, vec![1; 10 << 20]);
    until("the oldest segment is dropped", || {
        churn();
        !first.exists()
    });
    live.error_until("recording paused: less than 1.0MB of the disk are free");
    fs::remove_file(&filler).expect("it is there");
    live.error_until("recording resumed: it lacks ");
    let last = session(&listener, to, 10, 10);
    live.row_until(|row| row["rport"] == last);
    let ended = live.interrupt();
    assert!(ended.status.success());
    let rows = closes(&records, port(&listener));
    assert!(rows.iter().any(|row| row["rport"] == last));
    let _ = unmount(path, UnmountFlags::DETACH);
}

#[test]
fn recording_whose_directory_is_removed_goes_on_in_a_new_one() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let path = folder.path().join("a");
    let name = format!("{}/", path.display());
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let only = port(&listener).to_string();
    let mut live = Running::json(&["--record", &name, "-L", &only], &listener);
    until("a segment", || !segments(&path).is_empty());
    fs::remove_dir_all(&path).expect("it is there");
    session(&listener, to, 10, 10);
    live.error_until("a segment of the recording was removed; it goes on in another one");
    until("another segment", || !segments(&path).is_empty());
    let last = session(&listener, to, 10, 10);
    live.row_until(|row| row["rport"] == last);
    assert!(live.interrupt().status.success());
    let rows = closes(&path, port(&listener));
    assert!(rows.iter().any(|row| row["rport"] == last));
}

#[test]
fn recording_to_stdout_is_one_that_can_be_replayed() {
    if !kernel_or_skip() {
        return;
    }
    let folder = folder();
    let file = folder.path().join("a");
    let listener = listen(V4);
    let to = listener.local_addr().expect("it is bound");
    let out = fs::File::create(&file).expect("a file");
    let live = Running::start_to(&["-o", "none", "--record", "-"], out);
    let mut clients = Vec::new();
    until("rows", || {
        clients.push(session(&listener, to, 10, 10));
        fs::metadata(&file).is_ok_and(|file| file.len() > 0)
            && !closes(&file, port(&listener)).is_empty()
    });
    live.interrupt().assert_well();
    let rows = closes(&file, port(&listener));
    let last = clients.last().copied();
    assert!(
        rows.iter()
            .any(|row| row["rport"].as_u64() == last.map(u64::from))
    );
}
