//! The broker's side: carries out requests as the caller, until the main process is gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::{fs, mem};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::host::bounded_file::open_regular;
use crate::host::broker::Places;
use crate::host::broker::new_file::{Named, NewFile};
use crate::host::broker::protocol::{Answer, Place, Request};
use crate::host::child::{receive, send};
use crate::host::job::ParentJob;
use crate::host::proc::Process;

/// Maximum number of connections: more than the main process ever has.
const MOST_CONNECTIONS: usize = 16;

/// A connection, and the file that is written over it.
struct Connection {
    socket: OwnedFd,
    file: Option<NewFile>,
    /// The job to stop once that is answered.
    job: Option<ParentJob>,
}

/// Serves until the socket's other side is gone. A message on the socket is a connection. `whom`: as whom files are opened,
/// where that explains an error.
pub fn serve(socket: OwnedFd, places: &Places, whom: Option<&str>) {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let sockets = std::iter::once(&socket).chain(connections.iter().map(|c| &c.socket));
        let mut fds: Vec<PollFd<'_>> = sockets.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut are_ready = ready[1..].iter();
        connections.retain_mut(|c| !are_ready.next().is_some_and(|r| *r) || c.answer(places, whom));
        if ready[0] {
            match receive(socket.as_fd()) {
                Ok(Some((_, Some(socket)))) if connections.len() < MOST_CONNECTIONS => {
                    connections.push(Connection {
                        socket,
                        file: None,
                        job: None,
                    });
                }
                // without a descriptor there is nothing to answer on
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

impl Connection {
    /// Answers a request. False: the connection is over.
    fn answer(&mut self, places: &Places, whom: Option<&str>) -> bool {
        let Ok(Some((bytes, _))) = receive(self.socket.as_fd()) else {
            return false;
        };
        let Some(request) = Request::decode(&bytes) else {
            return false;
        };
        let (answer, file) = match self.carry_out(&request, places) {
            Ok((answer, file)) => (answer, file),
            Err(e) => (failed(&e, whom), None),
        };
        let fd = match (&file, &self.file) {
            (Some(file), _) => Some(file.as_fd()),
            (None, Some(created)) if is_new(&request) && answer == Answer::Done => {
                Some(created.file())
            }
            _ => None,
        };
        let is_sent = send(self.socket.as_fd(), &answer.encode(), fd).is_ok();
        // after the answer, for which the main process must not be stopped
        if let Some(job) = self.job.take() {
            let _ = job.stop();
        }
        is_sent
    }

    fn carry_out(
        &mut self,
        request: &Request,
        places: &Places,
    ) -> io::Result<(Answer, Option<OwnedFd>)> {
        let done = |answer| Ok((answer, None));
        match request {
            Request::Read(place) => Ok((Answer::Done, Some(read(places, *place)?))),
            Request::Rewrite(place) => {
                let path = places.of(*place).ok_or(io::ErrorKind::NotFound)?;
                // somebody who links it to /dev/null wants it to stay empty
                if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
                    return Err(io::Error::other("it exists and is not a regular file"));
                }
                if let Some(folder) = path.parent() {
                    fs::DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(folder)?;
                }
                self.create(path, true).map(|answer| (answer, None))
            }
            Request::Create { path, replace } => {
                self.create(path, *replace).map(|answer| (answer, None))
            }
            Request::Finish { replace } => {
                let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
                match file.finish(*replace)? {
                    Named::Taken => done(Answer::Exists),
                    Named::Done => {
                        self.file = None;
                        done(Answer::Done)
                    }
                }
            }
            Request::Program(pid) => match Process::new(*pid).program() {
                Ok(path) => done(Answer::Path(path)),
                Err(e) => Err(e),
            },
            Request::StopJob => {
                let job = ParentJob::find()?;
                self.job = Some(job);
                done(match job.has_parent {
                    true => Answer::Done,
                    false => Answer::Exists,
                })
            }
        }
    }

    fn create(&mut self, path: &Path, replace: bool) -> io::Result<Answer> {
        // one file for each connection
        drop(mem::take(&mut self.file));
        self.file = NewFile::create(path, replace)?;
        Ok(match self.file {
            Some(_) => Answer::Done,
            None => Answer::Exists,
        })
    }
}

fn is_new(request: &Request) -> bool {
    matches!(request, Request::Rewrite(_) | Request::Create { .. })
}

/// Opens a file for reading: any that the user has named, else a regular one only.
fn read(places: &Places, place: Place) -> io::Result<OwnedFd> {
    let path = places.of(place).ok_or(io::ErrorKind::NotFound)?;
    if place == Place::Config && places.is_config_named {
        return Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    }
    Ok(open_regular(path)?.into())
}

/// Describes an error; whom the files are opened as, if that explains it.
fn failed(error: &io::Error, whom: Option<&str>) -> Answer {
    let errno = error.raw_os_error().unwrap_or(0);
    let mut text = match errno {
        0 => error.to_string(),
        _ => String::new(),
    };
    if let (io::ErrorKind::PermissionDenied, Some(whom)) = (error.kind(), whom) {
        text = format!("permission denied to {whom}");
    }
    Answer::Failed { errno, text }
}
