//! Opens and creates files for the main process, in a child that has the rights of the caller and no capabilities.
//!
//! The main process may be root's at the start, and has no rights to files afterwards; so no path is ever opened with
//! other rights than the caller's. It sends paths and gets descriptors.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::CapabilitySet;

use crate::host::caller::Caller;
use crate::host::child::{self, Child, receive, send};
use crate::host::privileges::{give_up, may_change_user};

mod new_file;
mod protocol;
mod segments;
mod serve;

pub use protocol::Place;
use protocol::{Answer, Request};
pub use segments::{ENDING as RECORDING_ENDING, Segment, began, segment_name};

/// Maximum wait for an answer about a file that nobody has asked for, such as the history: the screen must not wait for
/// a home directory on a server that is gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same for the configuration, without which tcplife does not start.
const START: Duration = Duration::from_secs(10);
/// The same for what is only a part of a screen.
const GLANCE: Duration = Duration::from_millis(100);

/// Files whose paths are known at the start.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The configuration.
    pub config: Option<PathBuf>,
    /// The user has named the configuration, so it may also be a pipe.
    pub is_config_named: bool,
    pub history: Option<PathBuf>,
    pub columns: Option<PathBuf>,
    pub hints: Option<PathBuf>,
    /// The recording to write.
    pub recording: Option<PathBuf>,
    /// The recordings to read: those to replay, and the one to compare with.
    pub replay: Vec<PathBuf>,
    /// The last one of them is to be compared with.
    pub has_baseline: bool,
    /// The key that sessions are redacted with.
    pub redact_key: Option<PathBuf>,
    /// The report to write.
    pub report: Option<PathBuf>,
}

impl Places {
    /// Path of a file.
    pub fn of(&self, place: Place) -> Option<&Path> {
        match place {
            Place::Config => self.config.as_deref(),
            Place::History => self.history.as_deref(),
            Place::Columns => self.columns.as_deref(),
            Place::Hints => self.hints.as_deref(),
            Place::Recording => self.recording.as_deref(),
            Place::RedactKey => self.redact_key.as_deref(),
            Place::Report => self.report.as_deref(),
        }
    }
}

/// The main process' side.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    places: Places,
}

/// Where requests go.
#[derive(Debug)]
enum Server {
    Process(Child),
    /// A thread of this process.
    #[cfg(any(test, feature = "testing"))]
    Thread(OwnedFd),
}

impl Server {
    fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Server::Process(child) => child.socket.as_fd(),
            #[cfg(any(test, feature = "testing"))]
            Server::Thread(socket) => socket.as_fd(),
        }
    }
}

impl Broker {
    /// Starts the child. Must be called while this process has a single thread.
    ///
    /// # Errors
    /// If the kernel refuses a process, or its user cannot be the caller.
    pub fn start(places: Places, caller: &Caller) -> anyhow::Result<Self> {
        let is_other = caller.through.is_some();
        if is_other && !may_change_user() {
            anyhow::bail!(
                "cannot open files as {}: the capabilities CAP_SETUID and CAP_SETGID are missing. Start tcplife without \
                 sudo, doas or pkexec, or use -o text",
                caller.described()
            );
        }
        // as whom files are opened, where that is not obvious
        let whom = (is_other || caller.identity.uid == 0).then(|| caller.described());
        let child = child::fork(c"tcplife-files", |socket| {
            let user = is_other.then_some(&caller.identity);
            // a child with too many rights serves nobody
            if child::report(&socket, give_up(user, CapabilitySet::empty())) {
                // it may be waiting for somebody to write to a pipe; a change of user clears this
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
                serve::serve(socket, &places, whom.as_deref());
            }
        })?;
        let opening = || format!("cannot open files as {}", caller.described());
        child.wait_for_report().with_context(opening)?;
        set_socket_timeout(&child.socket, Timeout::Send, Some(PATIENCE)).with_context(opening)?;
        Ok(Broker {
            server: Server::Process(child),
            places,
        })
    }

    /// Serves on a thread of this process, with its rights.
    ///
    /// # Errors
    /// If the kernel refuses descriptors or a thread.
    #[cfg(any(test, feature = "testing"))]
    pub fn in_this_process(places: Places) -> anyhow::Result<Self> {
        let (ours, theirs) = child::sockets()?;
        let known = places.clone();
        crate::host::thread::spawn("tcplife-files", move || serve::serve(theirs, &known, None))?;
        Ok(Broker {
            server: Server::Thread(ours),
            places,
        })
    }

    /// Path of a file.
    pub fn path(&self, place: Place) -> Option<&Path> {
        self.places.of(place)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn read(&self, place: Place) -> io::Result<File> {
        let patience = match place {
            // it may be a pipe that somebody is about to write to
            Place::Config if self.places.is_config_named => None,
            Place::RedactKey => None,
            Place::Config => Some(START),
            _ => Some(PATIENCE),
        };
        self.connect(patience)?.file(&Request::Read(place))
    }

    /// Creates a file under its name, for writing to it from then on; `None`: a file of that name exists.
    ///
    /// # Errors
    /// If the caller may not create it there.
    pub fn create_named(&self, place: Place) -> io::Result<Option<File>> {
        self.connect(None)?.created(&Request::New(place))
    }

    /// Returns the segments of the directory in which the recording is kept.
    ///
    /// # Errors
    /// If it is no directory, or cannot be read.
    pub fn segments(&self) -> io::Result<Vec<Segment>> {
        let connection = self.connect(None)?;
        segments::receive(connection.file(&Request::Segments)?)
    }

    /// Creates the directory of the segments, if there is none, and fails if none can be created in it.
    ///
    /// # Errors
    /// If the caller may not.
    pub fn prepare_segments(&self) -> io::Result<()> {
        self.connect(None)?.done(&Request::PrepareSegments)
    }

    /// Creates a segment, in a new directory if there is none; `None`: there is something of that name.
    ///
    /// # Errors
    /// If the caller may not create it there.
    pub fn new_segment(&self, name: &str) -> io::Result<Option<File>> {
        self.connect(None)?
            .created(&Request::NewSegment(name.into()))
    }

    /// Removes a segment.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn remove_segment(&self, name: &str) -> io::Result<()> {
        self.connect(None)?
            .done(&Request::RemoveSegment(name.into()))
    }

    /// Opens the recordings to replay, each with its path: those that were named, and those in directories that were.
    ///
    /// # Errors
    /// If one cannot be opened, or a directory has none; its path.
    pub fn replayed(&self) -> Result<Vec<(PathBuf, File)>, (PathBuf, io::Error)> {
        let count = self.places.replay.len() - usize::from(self.places.has_baseline);
        self.recordings(0..count)
    }

    /// Opens the recording to compare with, likewise.
    ///
    /// # Errors
    /// See [`Broker::replayed`].
    pub fn baseline(&self) -> Result<Vec<(PathBuf, File)>, (PathBuf, io::Error)> {
        let end = self.places.replay.len();
        self.recordings(end - usize::from(self.places.has_baseline)..end)
    }

    fn recordings(&self, of: Range<usize>) -> Result<Vec<(PathBuf, File)>, (PathBuf, io::Error)> {
        let mut all = Vec::new();
        let paths = (0..).zip(&self.places.replay);
        for (nth, path) in paths.skip(of.start).take(of.len()) {
            let failed = |e| (path.clone(), e);
            let open = |name: String| self.connect(None)?.file(&Request::Replay { nth, name });
            let list = || {
                let connection = self.connect(None)?;
                segments::receive(connection.file(&Request::Recordings(nth))?)
            };
            match list() {
                Ok(segments) if segments.is_empty() => {
                    let none = "the directory has no file that ends with .jsonl.zst";
                    return Err(failed(io::Error::other(none)));
                }
                Ok(segments) => {
                    for Segment { name, .. } in segments {
                        let path = path.join(&name);
                        let file = open(name).map_err(|e| (path.clone(), e))?;
                        all.push((path, file));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                    all.push((path.clone(), open(String::new()).map_err(failed)?));
                }
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(all)
    }

    /// Replaces a file by that content, at once; its directories are created.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn rewrite(&self, place: Place, content: &[u8]) -> io::Result<()> {
        let connection = self.connect(Some(PATIENCE))?;
        let mut file = connection.file(&Request::Rewrite(place))?;
        io::Write::write_all(&mut file, content)?;
        connection.finish(true).map(|_| ())
    }

    /// Creates a file that gets its name when it is complete; `None`: a file of that name exists, and `replace` is false.
    ///
    /// # Errors
    /// If the caller may not create it there, or may not replace what is there.
    pub fn create(&self, path: &Path, replace: bool) -> io::Result<Option<NewFile>> {
        let path = path.into();
        self.connect(None)?
            .new_file(&Request::Create { path, replace })
    }

    /// Creates a recording under its name, for writing to it from then on; `None`: there is something of that name.
    ///
    /// # Errors
    /// If its name does not end as that of a recording, or the caller may not create it there.
    pub fn record(&self, path: &Path) -> io::Result<Option<File>> {
        self.connect(Some(PATIENCE))?
            .created(&Request::Record(path.into()))
    }

    /// Creates a file that gets the name of that place when it is complete; `None`: a file of that name exists.
    ///
    /// # Errors
    /// If the caller may not create it there.
    pub fn begin(&self, place: Place) -> io::Result<Option<NewFile>> {
        self.connect(None)?.new_file(&Request::Begin(place))
    }

    /// Returns the path of a process' program, if the caller may know it.
    ///
    /// # Errors
    /// If not.
    pub fn program(&self, pid: u32) -> io::Result<PathBuf> {
        match self.connect(Some(GLANCE))?.ask(&Request::Program(pid))? {
            (Answer::Path(path), _) => Ok(path),
            _ => Err(unexpected()),
        }
    }

    /// Stops the job that this process is part of. False: all but this process, which the caller may not stop.
    ///
    /// # Errors
    /// If another process of the job would wait for this one forever; then nothing is stopped.
    pub fn stop_job(&self) -> io::Result<bool> {
        match self.connect(Some(PATIENCE))?.ask(&Request::StopJob)?.0 {
            Answer::Stopping { with_parent } => Ok(with_parent),
            _ => Err(unexpected()),
        }
    }

    fn connect(&self, patience: Option<Duration>) -> io::Result<Connection> {
        let (ours, theirs) = child::sockets()?;
        set_socket_timeout(&ours, Timeout::Recv, patience)?;
        // a message without content would look like the end
        send(self.server.socket(), b"+", Some(theirs.as_fd())).map_err(explained)?;
        Ok(Connection(ours))
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    connection: Connection,
}

impl NewFile {
    /// The open file.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name; `replace`: that of an existing one. False if there is one, and it is not to be replaced.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn finish(&self, replace: bool) -> io::Result<bool> {
        self.connection.finish(replace)
    }
}

#[derive(Debug)]
struct Connection(OwnedFd);

impl Connection {
    fn ask(&self, request: &Request) -> io::Result<(Answer, Option<OwnedFd>)> {
        send(self.0.as_fd(), &request.encode(), None).map_err(explained)?;
        let (bytes, fd) = receive(self.0.as_fd())
            .map_err(explained)?
            .ok_or_else(|| explained(io::ErrorKind::BrokenPipe.into()))?;
        match Answer::decode(&bytes).ok_or_else(unexpected)? {
            Answer::Failed { errno, text } => Err(Answer::into_error(errno, text)),
            answer => Ok((answer, fd)),
        }
    }

    fn file(&self, request: &Request) -> io::Result<File> {
        match self.ask(request)? {
            (Answer::Done, Some(file)) => Ok(file.into()),
            _ => Err(unexpected()),
        }
    }

    /// Asks for a file that has its name at once; `None`: there is something of that name.
    fn created(&self, request: &Request) -> io::Result<Option<File>> {
        match self.ask(request)? {
            (Answer::Done, Some(file)) => Ok(Some(file.into())),
            (Answer::Exists, _) => Ok(None),
            _ => Err(unexpected()),
        }
    }

    /// Asks for something that gives nothing back.
    fn done(&self, request: &Request) -> io::Result<()> {
        match self.ask(request)?.0 {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Asks for a file that gets its name when it is complete; `None`: there is one of that name.
    fn new_file(self, request: &Request) -> io::Result<Option<NewFile>> {
        match self.ask(request)? {
            (Answer::Done, Some(file)) => Ok(Some(NewFile {
                file: file.into(),
                connection: self,
            })),
            (Answer::Exists, _) => Ok(None),
            _ => Err(unexpected()),
        }
    }

    fn finish(&self, replace: bool) -> io::Result<bool> {
        match self.ask(&Request::Finish { replace })?.0 {
            Answer::Done => Ok(true),
            Answer::Exists => Ok(false),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> io::Error {
    io::Error::other("the process tcplife-files gave another answer than expected; this is a bug")
}

/// Explains an error of the socket.
fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            io::Error::other("the process tcplife-files, which opens files, is gone")
        }
        io::ErrorKind::WouldBlock => {
            io::Error::other("the process tcplife-files, which opens files, does not answer")
        }
        _ => error,
    }
}
