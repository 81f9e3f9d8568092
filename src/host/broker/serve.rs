//! The broker's side: carries out requests as the caller, until the main process is gone.
//!
//! Somebody else may have taken over the main process. So no request can name a file to read, and the only paths that it can
//! name for writing are those of exports.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::host::bounded_file::open_regular;
use crate::host::broker::Places;
use crate::host::broker::new_file::{Named, NewFile, Replaceable};
use crate::host::broker::protocol::{Answer, Place, Request};
use crate::host::broker::segments;
use crate::host::child::{receive, send};
use crate::host::job::ParentJob;
use crate::host::proc::Process;
use crate::host::thread;

/// Maximum number of connections: more than the main process ever has.
const MOST_CONNECTIONS: usize = 16;

/// Endings of the names of exports and reports.
const EXPORTS: [&str; 6] = ["csv", "json", "jsonl", "html", "htm", "md"];

/// Serves until the socket's other side is gone. A message on the socket is a connection, and each has a thread, so that one
/// waits for no other's disk. `whom`: as whom files are opened, where that explains an error.
pub fn serve(socket: OwnedFd, places: &Places, whom: Option<&str>) {
    let user = Arc::new((places.clone(), whom.map(str::to_owned)));
    while let Ok(Some((_, fd))) = receive(socket.as_fd()) {
        // without a descriptor there is nothing to answer on
        let Some(socket) = fd.filter(|_| Arc::strong_count(&user) <= MOST_CONNECTIONS) else {
            continue;
        };
        let user = Arc::clone(&user);
        let mut connection = Connection { socket, file: None };
        let work = move || while connection.answer(&user.0, user.1.as_deref()) {};
        // if the kernel refuses it, the main process finds the connection closed
        let _ = thread::spawn("tcplife-files", work);
    }
}

/// A connection, and the file that is written over it.
struct Connection {
    socket: OwnedFd,
    file: Option<NewFile>,
}

impl Connection {
    /// Answers a request. Returns false if no other follows on this connection.
    fn answer(&mut self, places: &Places, whom: Option<&str>) -> bool {
        let Ok(Some((bytes, _))) = receive(self.socket.as_fd()) else {
            return false;
        };
        let Some(request) = Request::decode(&bytes) else {
            return false;
        };
        if request == Request::StopJob {
            return self.stop_job();
        }
        let result = self.carry_out(&request, places);
        let (answer, fd) = result.unwrap_or_else(|e| (failed(&e, whom), None));
        let fd = fd.as_ref().map(AsFd::as_fd);
        send(self.socket.as_fd(), &answer.encode(), fd).is_ok()
    }

    /// Stops the job after the answer, which the main process could not read any more.
    fn stop_job(&self) -> bool {
        let job = ParentJob::find();
        let answer = match &job {
            Ok(job) => Answer::Stopping {
                with_parent: job.has_parent,
            },
            Err(e) => failed(e, None),
        };
        let is_sent = send(self.socket.as_fd(), &answer.encode(), None).is_ok();
        if let Ok(job) = job {
            let _ = job.stop();
        }
        is_sent
    }

    fn carry_out(
        &mut self,
        request: &Request,
        places: &Places,
    ) -> io::Result<(Answer, Option<OwnedFd>)> {
        let answer = match request {
            Request::Read(place) => return Ok((Answer::Done, Some(read(places, *place)?))),
            Request::New(place) => {
                return Ok(created(create_new(path(places, *place)?)?));
            }
            Request::Begin(place) => {
                let path = path(places, *place)?;
                return self.create(path, false, Replaceable::Exports);
            }
            Request::Rewrite(place) => {
                let path = path(places, *place)?;
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
                return self.create(path, true, Replaceable::Any);
            }
            Request::Create { path, replace } => {
                check_export(path)?;
                return self.create(path, *replace, Replaceable::Exports);
            }
            Request::Record(path) => {
                check_recording(path)?;
                return Ok(created(create_new(path)?));
            }
            Request::Finish { replace } => {
                let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
                match file.finish(*replace)? {
                    Named::Taken => Answer::Exists,
                    Named::Done => {
                        self.file = None;
                        Answer::Done
                    }
                }
            }
            Request::Segments => {
                let all =
                    segments::list(recording(places)?, |name| segments::began(name).is_some())?;
                return Ok((Answer::Done, Some(segments::send(&all)?)));
            }
            Request::PrepareSegments => {
                segments::prepare(recording(places)?)?;
                Answer::Done
            }
            Request::NewSegment(name) => {
                return Ok(created(segments::create(recording(places)?, name)?));
            }
            Request::RemoveSegment(name) => {
                segments::remove(recording(places)?, name)?;
                Answer::Done
            }
            Request::Recordings(nth) => {
                let all = segments::list(replayed(places, *nth)?, segments::is_recording)?;
                return Ok((Answer::Done, Some(segments::send(&all)?)));
            }
            Request::Replay { nth, name } => {
                let path = replayed(places, *nth)?;
                let file = match name.is_empty() {
                    true => open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?,
                    false => segments::read(path, name)?,
                };
                return Ok((Answer::Done, Some(file)));
            }
            Request::Program(pid) => Answer::Path(Process::new(*pid).program()?),
            // answered before
            Request::StopJob => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok((answer, None))
    }

    fn create(
        &mut self,
        path: &Path,
        replace: bool,
        what: Replaceable,
    ) -> io::Result<(Answer, Option<OwnedFd>)> {
        // one file for each connection: the earlier one goes first
        self.file = None;
        self.file = NewFile::create(path, replace, what)?;
        let file = self
            .file
            .as_ref()
            .map(|new| new.file().try_clone_to_owned());
        Ok(created(file.transpose()?))
    }
}

/// Fails for a path that no export should have: programs take their orders from files of other names, and from hidden ones.
fn check_export(path: &Path) -> io::Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_export =
        ending.is_some_and(|e| EXPORTS.iter().any(|known| known.eq_ignore_ascii_case(e)));
    if !is_export && !is_recording(path) {
        let wrong = "its name does not end like that of an export or of a report";
        return Err(io::Error::other(wrong));
    }
    refuse_hidden(path)
}

/// The same for a path that no recording should have.
fn check_recording(path: &Path) -> io::Result<()> {
    if !is_recording(path) {
        let wrong = format!("its name does not end in {}", segments::ENDING);
        return Err(io::Error::other(wrong));
    }
    refuse_hidden(path)
}

fn is_recording(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.ends_with(segments::ENDING.as_bytes())
}

fn refuse_hidden(path: &Path) -> io::Result<()> {
    let is_hidden = |part: Component<'_>| matches!(part, Component::Normal(name) if name.as_bytes().first() == Some(&b'.'));
    match path.components().any(is_hidden) {
        true => Err(io::Error::other(
            "exports to hidden files and directories are refused",
        )),
        false => Ok(()),
    }
}

/// Opens a file for reading: any that the user has named, else a regular one only.
fn read(places: &Places, place: Place) -> io::Result<OwnedFd> {
    let path = path(places, place)?;
    if place == Place::RedactKey || place == Place::Config && places.is_config_named {
        return Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    }
    Ok(open_regular(path)?.into())
}

/// The answer to a request for a new file; `None`: there is something of that name.
fn created(file: Option<OwnedFd>) -> (Answer, Option<OwnedFd>) {
    let answer = match &file {
        Some(_) => Answer::Done,
        None => Answer::Exists,
    };
    (answer, file)
}

/// The path of a place.
fn path(places: &Places, place: Place) -> io::Result<&Path> {
    Ok(places.of(place).ok_or(io::ErrorKind::NotFound)?)
}

/// The path of the recording that is written.
fn recording(places: &Places) -> io::Result<&Path> {
    path(places, Place::Recording)
}

/// The path of a recording that is read.
fn replayed(places: &Places, nth: u8) -> io::Result<&Path> {
    let path = places.replay.get(usize::from(nth));
    Ok(path.ok_or(io::ErrorKind::NotFound)?)
}

/// Creates a file, readable and writable by its user only; `None`: there is something of that name.
pub(super) fn create_new(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::EXIST) => Ok(None),
        Err(e) => Err(e.into()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_path_that_another_program_may_take_orders_from_is_refused() {
        for path in [
            "a.csv",
            "/tmp/b c.JSON",
            "../d.jsonl",
            "./e.csv",
            "/f.d/g.h.csv",
            "incident.html",
            "incident.md",
        ] {
            assert!(check_export(Path::new(path)).is_ok(), "{path}");
        }
        for path in [
            "/etc/cron.d/a",
            "a",
            "",
            "/",
            "authorized_keys",
            ".a.csv",
            "/root/.config/a.json",
            "b.sh",
        ] {
            assert!(check_export(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn recording_path_of_another_ending_or_in_a_hidden_directory_is_refused() {
        assert!(check_recording(Path::new("/tmp/a.jsonl.zst")).is_ok());
        for path in ["a.csv", "a.zst", "", "/root/.ssh/a.jsonl.zst", ".jsonl.zst"] {
            assert!(check_recording(Path::new(path)).is_err(), "{path}");
        }
    }
}
