//! A program on a terminal of its own: its output, and the state it leaves the terminal in.
//!
//! Nothing is read in the background: the test reads while it waits, so that a terminal can also be closed.

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::requirements::PATIENCE;

/// A program on its terminal.
pub(crate) struct Pty {
    pub(crate) master: Box<dyn MasterPty + Send>,
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) child: Kept,
    settings: String,
    /// Everything written to the terminal so far.
    pub(crate) written: Vec<u8>,
}

/// Creates a command with the environment of an ordinary terminal.
pub(crate) fn command(argv: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::from_argv(argv.iter().map(Into::into).collect());
    // the default is the home directory, which an ordinary user under sudo may not enter
    command.cwd(std::env::current_dir().expect("a directory"));
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    for name in ["NO_COLOR", "COLORTERM", "COLORFGBG"] {
        command.env_remove(name);
    }
    // the configuration and state of this machine's user are not tested, and stay as they are
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env(name, "/dev/null");
    }
    command
}

pub(crate) fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Pty {
    /// Starts it on a terminal of that size.
    pub(crate) fn start(command: CommandBuilder, rows: u16, cols: u16) -> Pty {
        let pair = native_pty_system()
            .openpty(size(rows, cols))
            .expect("a pseudo terminal");
        let settings = settings(pair.master.as_ref());
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program can be started");
        Pty {
            reader: pair.master.try_clone_reader().expect("a reader"),
            master: pair.master,
            child: Kept(child),
            settings,
            written: Vec::new(),
        }
    }

    /// Reads the program's output, waiting a little for it. Returns false if nobody has the terminal open any more.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8])) -> bool {
        let fd = self.master.as_raw_fd().expect("a descriptor");
        // SAFETY: `master` owns the descriptor and outlives the borrow
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&wait)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return true,
            Ok(_) => {}
            Err(e) => panic!("poll: {e}"),
        }
        let mut buffer = [0; 64 * 1024];
        match self.reader.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.written.extend_from_slice(&buffer[..n]);
                take(&buffer[..n]);
                true
            }
        }
    }

    /// Waits for the program to exit, and reads its remaining output.
    pub(crate) fn wait(&mut self, mut take: impl FnMut(&[u8])) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut open = true;
        loop {
            if open {
                open = self.read(&mut take);
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
            if let Some(status) = self.child.0.try_wait().expect("a child of ours") {
                while open && self.read(&mut take) {}
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end; written so far:\n{}",
                self.text()
            );
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// True if the terminal is set as it was before the program started.
    pub(crate) fn is_as_before(&self) -> bool {
        settings(self.master.as_ref()) == self.settings
    }
}

/// Returns what `stty -a` would show.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the settings"))
}

/// A process that is killed when the test ends, however that ends.
pub(crate) struct Kept(pub(crate) Box<dyn Child + Send + Sync>);

impl Drop for Kept {
    fn drop(&mut self) {
        // after a failed test; otherwise it has exited
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
        }
    }
}
