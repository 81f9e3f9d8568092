//! Stdout for rows, whose reader may stall.
//!
//! Lets a run end even if its reader stalls; output always ends on a row boundary.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::host::proc::Process;
use crate::host::signals::{Watch, is_ignored};

/// Grace period for a stalled reader when the run is to end.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of rows that are written at once.
const FULL: usize = 8 << 10;
/// Bytes that a pipe with any room takes as a whole and without waiting: PIPE_BUF of Linux.
const PIPE_BUF: usize = 4096;

/// End of a run, and the number of rows that nobody had taken by then.
#[derive(Debug)]
pub struct End {
    pub signals: Watch,
    pub started: Instant,
    pub at: Option<Instant>,
    /// Rows go to stdout, so the run ends when its reader is gone.
    pub has_reader: bool,
    untaken: Cell<u64>,
}

impl End {
    /// Ends the run on a signal, or after this time. A hangup that was ignored at the start does not count: nohup.
    ///
    /// # Errors
    /// If the kernel refuses what catches signals.
    pub fn new(after: Option<Duration>) -> anyhow::Result<Self> {
        let mut signals = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        Ok(End::with(Watch::new(&signals)?, after))
    }

    fn with(signals: Watch, after: Option<Duration>) -> Self {
        let started = Instant::now();
        End {
            signals,
            started,
            at: after.map(|time| started + time),
            has_reader: true,
            untaken: Cell::new(0),
        }
    }

    /// Returns the number of rows that were dropped because the reader took nothing.
    pub fn untaken(&self) -> u64 {
        self.untaken.get()
    }
}

/// True if stdout was closed when the program started (`>&-`).
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before Rust's own start, which opens /dev/null instead of a closed descriptor.
#[used]
// SAFETY: the C library calls the functions of this section in turn, and this one takes nothing and returns nothing
#[unsafe(link_section = ".init_array")]
static NOTE_CLOSED: extern "C" fn() = {
    extern "C" fn note_closed() {
        // SAFETY: asks for the flags of a descriptor, which may be closed
        let is_open = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } != -1;
        WAS_CLOSED.store(!is_open, Ordering::Relaxed);
    }
    note_closed
};

/// Fails if stdout was closed when the program started: everything written would vanish without a word.
///
/// # Errors
/// If it was.
pub fn check_open() -> anyhow::Result<()> {
    match WAS_CLOSED.load(Ordering::Relaxed) {
        true => anyhow::bail!("cannot write to stdout: it is closed"),
        false => Ok(()),
    }
}

/// Returns stdout. A terminal is opened again, so that non-blocking mode affects only this program: the open file of
/// stdin and stdout is shared with the shell. If it may not be opened, as after su, writes block.
///
/// It is opened once, because later the process may have lost the right to.
///
/// # Errors
/// If the kernel refuses a descriptor.
pub fn stdout() -> io::Result<OwnedFd> {
    static OPENED: OnceLock<OwnedFd> = OnceLock::new();
    let opened = match OPENED.get() {
        Some(opened) => opened,
        None => {
            let opened = open_stdout()?;
            OPENED.get_or_init(|| opened)
        }
    };
    opened.try_clone()
}

fn open_stdout() -> io::Result<OwnedFd> {
    let stdout = io::stdout();
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if stdout.is_terminal()
        && let Ok(terminal) = rustix::fs::open(Process::own().descriptor(1), flags, Mode::empty())
    {
        return Ok(terminal);
    }
    stdout.as_fd().try_clone_to_owned()
}

/// Writes rows that a [`BufWriter`](io::BufWriter) in front of it collects. During the run, a reader may take its time;
/// once the run is to end, a reader that takes nothing for a second gets no more.
#[derive(Debug)]
pub struct DeadlineWriter<'a> {
    out: OwnedFd,
    end: &'a End,
    /// False for a file, which takes whatever there is: polling it would only cost time.
    may_wait: bool,
    is_terminal: bool,
    rows: Vec<u8>,
}

impl<'a> DeadlineWriter<'a> {
    /// Creates a writer to `out` until that end.
    pub fn new(out: OwnedFd, end: &'a End) -> Self {
        let is_terminal = out.is_terminal();
        let kind = fstat(&out).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let may_wait = is_terminal || matches!(kind, Ok(FileType::Fifo | FileType::Socket));
        DeadlineWriter {
            out,
            end,
            may_wait,
            is_terminal,
            rows: Vec::with_capacity(2 * FULL),
        }
    }

    /// Hands over this many of the waiting bytes.
    fn hand_on(&mut self, len: usize) -> io::Result<()> {
        let mut done = 0;
        let mut result = Ok(());
        while done < len && result.is_ok() {
            match self.write_some(&self.rows[done..len]) {
                Ok(more) => done += more,
                Err(e) => result = Err(e),
            }
        }
        self.rows.drain(..done);
        result
    }

    /// Writes some of the bytes, or drops all of them. Returns how many were written or dropped.
    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.may_wait && (self.end.untaken() > 0 || !self.wait_for_room()?) {
            let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
            self.end.untaken.set(self.end.untaken() + lines as u64);
            return Ok(bytes.len());
        }
        let piece = if self.may_wait { piece(bytes) } else { bytes };
        match rustix::io::write(&self.out, piece) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => Ok(written),
            // polled again
            Err(Errno::INTR | Errno::AGAIN) => Ok(0),
            // the terminal is gone
            Err(Errno::IO) if self.is_terminal => Err(io::ErrorKind::BrokenPipe.into()),
            Err(e) => Err(e.into()),
        }
    }

    /// Waits until the reader has room for more, or is gone. Returns false if the run is to end and the reader stalls.
    fn wait_for_room(&self) -> io::Result<bool> {
        let mut give_up: Option<Instant> = None;
        loop {
            let until = give_up.or(self.end.at);
            let left = until.map(|at| at.saturating_duration_since(Instant::now()));
            // at most a hundred years, which fit
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [
                PollFd::new(&self.out, PollFlags::OUT),
                PollFd::new(self.end.signals.waker(), PollFlags::IN),
            ];
            // the waker stays readable once a signal has come
            let asked = if give_up.is_some() { 1 } else { 2 };
            match poll(&mut fds[..asked], timeout.as_ref()) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            let is_over = !fds[1].revents().is_empty() || left.is_some_and(|left| left.is_zero());
            match give_up {
                _ if !fds[0].revents().is_empty() => return Ok(true),
                None if is_over => give_up = Some(Instant::now() + PATIENCE),
                Some(_) if is_over => return Ok(false),
                _ => {}
            }
        }
    }
}

/// Returns as much as a pipe takes at once: whole rows, unless a single row is longer.
fn piece(bytes: &[u8]) -> &[u8] {
    let most = &bytes[..bytes.len().min(PIPE_BUF)];
    &most[..rows_end(most)]
}

/// Returns the end of the last whole row; the length if there is none.
fn rows_end(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|&byte| byte == b'\n');
    last.map_or(bytes.len(), |at| at + 1)
}

impl Write for DeadlineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rows.extend_from_slice(bytes);
        if self.rows.len() >= FULL {
            self.hand_on(rows_end(&self.rows))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on(self.rows.len())
    }
}

/// Prints a message on stderr, unless that is closed or would block: it may be the pipe that nobody reads.
pub fn print_to_stderr(message: &str) {
    let mut stderr = io::stderr().lock();
    let fd = stderr.as_fd();
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let now = Timespec::default();
    if poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::OUT) {
        let _ = writeln!(stderr, "tcplife: {message}");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::*;

    fn ends_after(time: Duration) -> End {
        End::with(Watch::new(&[]).expect("it catches nothing"), Some(time))
    }

    /// Writes rows of all lengths, so that their ends are nowhere in particular; in small pieces, like JSON.
    fn write_rows(count: usize, out: &mut DeadlineWriter) {
        for nth in 0..count {
            for part in [&nth.to_string(), " ", &"x".repeat(nth % 700), "\n"] {
                out.write_all(part.as_bytes()).expect("the reader is there");
            }
        }
        out.flush().expect("the reader is there");
    }

    fn assert_rows_are_whole(text: &str) -> usize {
        for (nth, row) in text.split_inclusive('\n').enumerate() {
            assert_eq!(row, format!("{nth} {}\n", "x".repeat(nth % 700)));
        }
        text.lines().count()
    }

    fn read_all(mut reader: PipeReader) -> String {
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        text
    }

    #[test]
    fn stdout_with_stalled_reader_ends_on_a_row_boundary() {
        let (reader, writer) = pipe().expect("a pipe");
        let end = ends_after(Duration::from_millis(1));
        let began = Instant::now();
        write_rows(1000, &mut DeadlineWriter::new(writer.into(), &end));
        assert!(began.elapsed() >= PATIENCE, "it could have read yet");
        let taken = assert_rows_are_whole(&read_all(reader));
        assert!(taken > 0);
        assert_eq!(taken as u64 + end.untaken(), 1000);
    }

    #[test]
    fn stdout_with_active_reader_gets_all_rows_after_the_deadline() {
        let (reader, writer) = pipe().expect("a pipe");
        let end = ends_after(Duration::ZERO);
        let reading = std::thread::spawn(|| read_all(reader));
        write_rows(10_000, &mut DeadlineWriter::new(writer.into(), &end));
        let text = reading.join().expect("it reads");
        assert_eq!(assert_rows_are_whole(&text), 10_000);
        assert_eq!(end.untaken(), 0);
    }

    #[test]
    fn stdout_row_larger_than_the_pipe_arrives_complete() {
        let (reader, writer) = pipe().expect("a pipe");
        let end = ends_after(Duration::from_secs(3600));
        let row = format!("{}\n", "x".repeat(3 * FULL));
        let mut out = DeadlineWriter::new(writer.into(), &end);
        out.write_all(row.as_bytes()).expect("there is room");
        out.flush().expect("there is room");
        drop(out);
        assert_eq!(read_all(reader), row);
    }

    #[test]
    fn stdout_with_closed_reader_is_a_broken_pipe_error() {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let end = ends_after(Duration::from_secs(3600));
        let mut out = DeadlineWriter::new(writer.into(), &end);
        out.write_all(b"row\n").expect("it waits");
        let error = out.flush().expect_err("nobody reads it");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
