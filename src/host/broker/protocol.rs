//! Messages between the main process and the broker.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A file whose path the broker has known since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Config,
    History,
    Columns,
    Hints,
    Recording,
    RedactKey,
    Report,
}

impl Place {
    const ALL: [Place; 7] = [
        Place::Config,
        Place::History,
        Place::Columns,
        Place::Hints,
        Place::Recording,
        Place::RedactKey,
        Place::Report,
    ];
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Opens a file for reading.
    Read(Place),
    /// Creates a file under its name, unless there is one.
    New(Place),
    /// Creates a file without a name, to become that one, unless there is one.
    Begin(Place),
    /// The same, to replace it; its directories are created, too.
    Rewrite(Place),
    /// Creates a file without a name for any path, unless a file of that name exists and is not to be replaced.
    Create { path: PathBuf, replace: bool },
    /// Creates a recording of any path under its name, unless there is something of that name.
    Record(PathBuf),
    /// Gives the created file its name.
    Finish { replace: bool },
    /// Lists the segments of the recording that is written.
    Segments,
    /// Creates the directory of the segments, unless there is one that is writable.
    PrepareSegments,
    /// Creates a segment.
    NewSegment(String),
    /// Removes a segment.
    RemoveSegment(String),
    /// Lists the recordings of a directory to replay, by its number.
    Recordings(u8),
    /// Opens a file to replay, by its number; its name, if it is a file of a directory.
    Replay { nth: u8, name: String },
    /// Reads the path of a process' program.
    Program(u32),
    /// Stops the job that this process is part of, once that is answered.
    StopJob,
}

/// An answer. A descriptor that belongs to it follows beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// A file of that name exists.
    Exists,
    /// The job is about to be stopped: with the main process, or it must stop itself.
    Stopping { with_parent: bool },
    /// The path that was asked for.
    Path(PathBuf),
    /// The system's error, 0 if it is none of those, and what to add to it.
    Failed { errno: i32, text: String },
}

impl Answer {
    /// The error that a failure is for the main process.
    pub fn into_error(errno: i32, text: String) -> io::Error {
        let error = io::Error::from_raw_os_error(errno);
        match (errno, text.is_empty()) {
            (_, true) => error,
            (0, false) => io::Error::other(text),
            (_, false) => io::Error::new(error.kind(), text),
        }
    }
}

impl Request {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let place = |tag, place: &Place| vec![tag, *place as u8];
        match self {
            Request::Read(of) => place(b'r', of),
            Request::New(of) => place(b'n', of),
            Request::Begin(of) => place(b'b', of),
            Request::Rewrite(of) => place(b'w', of),
            Request::Create { path, replace } => {
                [&[b'c', u8::from(*replace)], path.as_os_str().as_bytes()].concat()
            }
            Request::Record(path) => [b"k", path.as_os_str().as_bytes()].concat(),
            Request::Finish { replace } => vec![b'f', u8::from(*replace)],
            Request::Segments => vec![b'l'],
            Request::PrepareSegments => vec![b'm'],
            Request::NewSegment(name) => [b"g", name.as_bytes()].concat(),
            Request::RemoveSegment(name) => [b"u", name.as_bytes()].concat(),
            Request::Recordings(nth) => vec![b'd', *nth],
            Request::Replay { nth, name } => [&[b'o', *nth], name.as_bytes()].concat(),
            Request::Program(pid) => [&[b'p'][..], &pid.to_le_bytes()].concat(),
            Request::StopJob => vec![b's'],
        }
    }

    /// Decodes it; `None`: it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let flag = |byte: &u8| match byte {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let place = |byte: &u8| Place::ALL.get(usize::from(*byte)).copied();
        Some(match bytes {
            [b'r', of] => Request::Read(place(of)?),
            [b'n', of] => Request::New(place(of)?),
            [b'b', of] => Request::Begin(place(of)?),
            [b'w', of] => Request::Rewrite(place(of)?),
            [b'c', replace, path @ ..] if !path.is_empty() => Request::Create {
                path: Path::new(OsStr::from_bytes(path)).into(),
                replace: flag(replace)?,
            },
            [b'k', path @ ..] if !path.is_empty() => {
                Request::Record(Path::new(OsStr::from_bytes(path)).into())
            }
            [b'f', replace] => Request::Finish {
                replace: flag(replace)?,
            },
            [b'l'] => Request::Segments,
            [b'm'] => Request::PrepareSegments,
            [b'g', name @ ..] => Request::NewSegment(text(name)?),
            [b'u', name @ ..] => Request::RemoveSegment(text(name)?),
            [b'd', nth] => Request::Recordings(*nth),
            [b'o', nth, name @ ..] => Request::Replay {
                nth: *nth,
                name: text(name)?,
            },
            [b'p', pid @ ..] => Request::Program(u32::from_le_bytes(pid.try_into().ok()?)),
            [b's'] => Request::StopJob,
            _ => return None,
        })
    }
}

impl Answer {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Answer::Done => vec![b'd'],
            Answer::Exists => vec![b'e'],
            Answer::Stopping { with_parent } => vec![b's', u8::from(*with_parent)],
            Answer::Path(path) => [b"p", path.as_os_str().as_bytes()].concat(),
            Answer::Failed { errno, text } => {
                [&[b'f'][..], &errno.to_le_bytes(), text.as_bytes()].concat()
            }
        }
    }

    /// Decodes it; `None`: it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [b'd'] => Answer::Done,
            [b'e'] => Answer::Exists,
            [b's', with_parent] => Answer::Stopping {
                with_parent: *with_parent == 1,
            },
            [b'p', path @ ..] => Answer::Path(std::ffi::OsString::from_vec(path.to_vec()).into()),
            [b'f', rest @ ..] => {
                let (errno, text) = rest.split_first_chunk()?;
                Answer::Failed {
                    errno: i32::from_le_bytes(*errno),
                    text: String::from_utf8_lossy(text).into_owned(),
                }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn message_encoded_is_decoded_unchanged() {
        let path = PathBuf::from(OsStr::from_bytes(b"/a b/\xff"));
        let requests = [
            Request::Read(Place::Config),
            Request::Read(Place::Columns),
            Request::Read(Place::Hints),
            Request::New(Place::Recording),
            Request::Begin(Place::Report),
            Request::Rewrite(Place::History),
            Request::Create {
                path: path.clone(),
                replace: true,
            },
            Request::Record(path.clone()),
            Request::Finish { replace: false },
            Request::Segments,
            Request::PrepareSegments,
            Request::NewSegment("a".into()),
            Request::RemoveSegment("b".into()),
            Request::Recordings(1),
            Request::Replay {
                nth: 2,
                name: "c".into(),
            },
            Request::Program(4_194_304),
            Request::StopJob,
        ];
        for request in requests {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let failed = |errno, text: &str| Answer::Failed {
            errno,
            text: text.into(),
        };
        let answers = [
            Answer::Done,
            Answer::Exists,
            Answer::Stopping { with_parent: true },
            Answer::Path(path),
            failed(13, ""),
            failed(0, "x"),
        ];
        for answer in answers {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
    }

    proptest! {
        #[test]
        fn message_of_any_bytes_is_decoded_to_what_encodes_to_it(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(request) = Request::decode(&bytes) {
                prop_assert_eq!(request.encode(), bytes.clone());
            }
            let _ = Answer::decode(&bytes);
        }
    }
}
