//! Export to a file that exists completely or not at all, and never replaces another one unasked.
//!
//! It is written on a thread of its own, so that a slow disk holds up nobody; the [`Broker`] creates it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::host::broker::Broker;
use crate::host::thread;
use crate::output::black_box::Saver;

/// Maximum number of blocks that wait for the disk.
const WAITING_BLOCKS: usize = 2;
/// Maximum wait for the thread to remove an unfinished file.
const PATIENCE: Duration = Duration::from_secs(1);

/// Report of the writer thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterReport {
    /// It can take a block.
    Ready,
    /// A file of that name exists, and nothing was written. Final.
    Exists,
    /// All is written, but a file of that name was created meanwhile: [`Writer::replace`] or drop it.
    Taken,
    /// The file is complete. Final.
    Done,
    /// It failed, for this reason, and nothing is left of the file. Final.
    Failed(String),
}

impl WriterReport {
    /// True if no other report follows.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            WriterReport::Exists | WriterReport::Done | WriterReport::Failed(_)
        )
    }
}

/// A part of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub bytes: Vec<u8>,
    /// No block follows.
    pub is_last: bool,
}

/// Command to the writer thread.
enum WriterCommand {
    Write(Block),
    /// Write all of a black box.
    Save(Box<Saver>),
    Replace,
}

/// A file being written. If dropped before it is done, nothing is left of it.
#[derive(Debug)]
pub struct Writer {
    orders: Option<Sender<WriterCommand>>,
    /// Reports of the writer thread.
    pub said: Receiver<WriterReport>,
}

impl Writer {
    /// Starts to write a file of that name; `replace`: instead of an existing one.
    ///
    /// # Errors
    /// If the kernel refuses a thread. All other errors are reported by the thread.
    pub fn start(broker: Arc<Broker>, path: PathBuf, replace: bool) -> anyhow::Result<Writer> {
        let (orders, told) = unbounded();
        let (tx, said) = bounded(WAITING_BLOCKS + 1);
        thread::spawn("tcplife-export", move || {
            let last = write(&broker, &path, replace, &told, &tx);
            // the receiver may be gone, and then nobody needs to know
            let last = last.unwrap_or_else(|e| Some(WriterReport::Failed(reason(&e))));
            last.map(|said| tx.send(said));
        })?;
        Ok(Writer {
            orders: Some(orders),
            said,
        })
    }

    /// Hands over a block. There may be as many as there were [`WriterReport::Ready`] reports.
    pub fn write(&self, block: Block) {
        self.order(WriterCommand::Write(block));
    }

    /// Hands over a black box, in the place of all blocks.
    pub fn save(&self, saver: Saver) {
        self.order(WriterCommand::Save(Box::new(saver)));
    }

    /// Replaces the file that was created meanwhile.
    pub fn replace(&self) {
        self.order(WriterCommand::Replace);
    }

    /// Cancels the export. Returns true if it was too late, and the file is complete.
    pub fn cancel(mut self) -> bool {
        self.stop()
    }

    fn stop(&mut self) -> bool {
        self.orders = None;
        // a disk that does not answer is not waited for: when it does, nothing of the file stays
        let deadline = Instant::now() + PATIENCE;
        let mut is_done = false;
        while let Ok(said) = self.said.recv_deadline(deadline) {
            is_done |= said == WriterReport::Done;
        }
        is_done
    }

    fn order(&self, order: WriterCommand) {
        // a thread that has exited has reported why
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes the blocks. `None`: the export was cancelled, and nothing is left of it.
fn write(
    broker: &Broker,
    path: &Path,
    mut replace: bool,
    orders: &Receiver<WriterCommand>,
    said: &Sender<WriterReport>,
) -> io::Result<Option<WriterReport>> {
    let Some(mut new) = broker.create(path, replace)? else {
        return Ok(Some(WriterReport::Exists));
    };
    for _ in 0..WAITING_BLOCKS {
        if said.send(WriterReport::Ready).is_err() {
            return Ok(None);
        }
    }
    loop {
        let Ok(order) = orders.recv() else {
            return Ok(None);
        };
        match order {
            WriterCommand::Write(block) => {
                new.file().write_all(&block.bytes)?;
                if !block.is_last {
                    if said.send(WriterReport::Ready).is_err() {
                        return Ok(None);
                    }
                    continue;
                }
                // some disks report only now that they are full
                new.file().sync_all()?;
            }
            WriterCommand::Save(mut saver) => {
                let mut is_last = false;
                while !is_last {
                    if orders.try_recv().is_err_and(|e| e.is_disconnected()) {
                        return Ok(None);
                    }
                    let block = saver.block()?;
                    new.file().write_all(&block.bytes)?;
                    is_last = block.is_last;
                }
                new.file().sync_all()?;
            }
            WriterCommand::Replace => replace = true,
        }
        // that may have taken a while
        if orders.try_recv().is_err_and(|e| e.is_disconnected()) {
            return Ok(None);
        }
        if new.finish(replace)? {
            return Ok(Some(WriterReport::Done));
        }
        if said.send(WriterReport::Taken).is_err() {
            return Ok(None);
        }
    }
}

/// Formats an error without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crate::host::broker::Places;

    use super::*;

    fn start(path: PathBuf, replace: bool) -> Writer {
        let broker = Broker::in_this_process(Places::default()).expect("a broker");
        Writer::start(Arc::new(broker), path, replace).expect("a thread")
    }

    fn block(text: &str, is_last: bool) -> Block {
        Block {
            bytes: text.into(),
            is_last,
        }
    }

    fn folder() -> tempfile::TempDir {
        tempfile::Builder::new()
            .prefix("tcplife")
            .tempdir()
            .expect("a directory")
    }

    fn next(writer: &Writer) -> WriterReport {
        writer
            .said
            .recv_timeout(Duration::from_secs(10))
            .expect("it says something")
    }

    /// Writes a text, and returns the last report.
    fn written(writer: &Writer, text: &str) -> WriterReport {
        match next(writer) {
            WriterReport::Ready => writer.write(block(text, true)),
            other => return other,
        }
        loop {
            match next(writer) {
                WriterReport::Ready => {}
                other => return other,
            }
        }
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn export_file_appears_complete_and_readable_by_its_user_only() {
        let folder = folder();
        let path = folder.path().join("a.csv");
        let writer = start(path.clone(), false);
        for text in ["one ", "two "] {
            assert_eq!(next(&writer), WriterReport::Ready);
            writer.write(block(text, false));
        }
        assert!(!path.exists(), "not before it is whole");
        assert_eq!(written(&writer, "three"), WriterReport::Done);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "one two three");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(&folder), ["a.csv"]);
    }

    #[test]
    fn export_existing_file_is_replaced_only_on_request() {
        let folder = folder();
        let path = folder.path().join("a.csv");
        fs::write(&path, "event,time,old").expect("a file");
        let start = |replace| start(path.clone(), replace);
        assert_eq!(written(&start(false), "new"), WriterReport::Exists);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "event,time,old");
        assert_eq!(written(&start(true), "new"), WriterReport::Done);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new");
    }

    #[test]
    fn export_file_created_meanwhile_is_not_overwritten() {
        let folder = folder();
        let path = folder.path().join("a.csv");
        let writer = start(path.clone(), false);
        assert_eq!(next(&writer), WriterReport::Ready);
        fs::write(&path, "event,time,somebody's").expect("a file");
        writer.write(block("ours", true));
        assert_eq!(next(&writer), WriterReport::Ready);
        assert_eq!(next(&writer), WriterReport::Taken);
        assert_eq!(
            fs::read_to_string(&path).expect("a file"),
            "event,time,somebody's"
        );
        writer.replace();
        assert_eq!(next(&writer), WriterReport::Done);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "ours");
        assert_eq!(names(&folder), ["a.csv"]);
    }

    #[test]
    fn export_dropped_writer_leaves_no_file() {
        let folder = folder();
        let writer = start(folder.path().join("a.csv"), false);
        assert_eq!(next(&writer), WriterReport::Ready);
        writer.write(block("half of it", false));
        drop(writer);
        assert_eq!(names(&folder), [] as [&str; 0]);
    }

    #[test]
    fn export_cancelled_at_any_moment_reports_whether_the_file_exists() {
        let folder = folder();
        for i in 0..50 {
            let path = folder.path().join(format!("{i}.csv"));
            let writer = start(path.clone(), false);
            assert_eq!(next(&writer), WriterReport::Ready);
            writer.write(block("all of it", true));
            // at any moment
            std::thread::sleep(Duration::from_micros(i * 20));
            assert_eq!(writer.cancel(), path.exists());
        }
    }

    #[test]
    fn export_to_a_symlink_replaces_the_link_and_not_its_target() {
        let folder = folder();
        let (path, other) = (folder.path().join("a.csv"), folder.path().join("passwd"));
        fs::write(&other, "precious").expect("a file");
        std::os::unix::fs::symlink(&other, &path).expect("a link");
        let start_there = |replace| start(path.clone(), replace);
        assert_eq!(written(&start_there(false), "new"), WriterReport::Exists);
        assert_eq!(written(&start_there(true), "new"), WriterReport::Done);
        assert_eq!(fs::read_to_string(&other).expect("a file"), "precious");
        assert!(!path.is_symlink());
        // a dangling link must not create a file elsewhere
        let dangling = folder.path().join("b.csv");
        std::os::unix::fs::symlink(folder.path().join("made"), &dangling).expect("a link");
        let writer = start(dangling, false);
        assert_eq!(written(&writer, "new"), WriterReport::Exists);
    }

    #[test]
    fn export_does_not_replace_what_is_no_export() {
        let folder = folder();
        let path = folder.path().join("daemon.json");
        for (there, is_replaced) in [
            ("{}", false),
            ("event,tim", false),
            ("", true),
            ("{\"event\":\"open\"}\n", true),
        ] {
            fs::write(&path, there).expect("a file");
            let last = written(&start(path.clone(), true), "new");
            assert_eq!(last == WriterReport::Done, is_replaced, "{there}: {last:?}");
            let now = fs::read_to_string(&path).expect("a file");
            assert_eq!(now, if is_replaced { "new" } else { there });
        }
    }

    #[test]
    fn export_failure_is_reported_with_its_reason() {
        let folder = folder();
        let failed = |path: PathBuf| {
            let writer = start(path, true);
            match written(&writer, "new") {
                WriterReport::Failed(reason) => reason,
                other => panic!("{other:?}"),
            }
        };
        fs::create_dir(folder.path().join("folder.csv")).expect("a directory");
        let pipe = folder.path().join("pipe.csv");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("a pipe");
        assert_eq!(
            failed(folder.path().join("none/a.csv")),
            "No such file or directory"
        );
        assert_eq!(failed(folder.path().join("folder.csv")), "is a directory");
        assert_eq!(
            failed(pipe),
            "it exists and is not a regular file",
            "a pipe stays what it is"
        );
    }
}
