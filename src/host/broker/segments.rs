//! Files of a directory in which a recording is kept: their names, and what the broker does with them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{Access, AtFlags, CWD, MemfdFlags, Mode, OFlags, accessat, memfd_create, open};
use rustix::io::Errno;

/// Beginning of the names of segments that tcplife writes.
const FIRST: &str = "tcplife-";
/// Time in such a name: digits, so that the order of the names is that of the times.
const TIME: &str = "%Y%m%dT%H%M%S.%3fZ";
/// Ending of the names of recordings.
pub const ENDING: &str = ".jsonl.zst";

/// A file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written to, s since 1970.
    pub written_s: i64,
}

/// Returns the name of the segment that begins at that time.
pub fn segment_name(began: Timestamp) -> String {
    format!("{FIRST}{}{ENDING}", began.strftime(TIME))
}

/// Returns when the segment of that name began; `None`: tcplife gives no such name.
pub fn began(name: &str) -> Option<Timestamp> {
    let time = name.strip_prefix(FIRST)?.strip_suffix(ENDING)?;
    let is_time = time.len() == "20261130T031200.000Z".len();
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let (date, rest) = digits.split_at_checked(8)?;
    let (time_of_day, ms) = rest.split_at_checked(6)?;
    let iso = format!("{date}T{time_of_day}.{ms}Z");
    let at: Timestamp = iso.parse().ok()?;
    (is_time && segment_name(at) == name).then_some(at)
}

/// True if a file of that name in a directory is a recording to replay.
pub(super) fn is_recording(name: &str) -> bool {
    name.ends_with(ENDING) && !name.starts_with('.') && !name.contains('/')
}

/// Returns the regular files of a directory whose names pass, in the order of their names.
pub(super) fn list(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Segment>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        // one that is gone by now is none
        let Some(file) = entry.metadata().ok().filter(fs::Metadata::is_file) else {
            continue;
        };
        if is_wanted(&name) {
            all.push(Segment {
                name,
                size: file.len(),
                written_s: file.mtime(),
            });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Puts a list where the main process can read it, however long it is.
pub(super) fn send(list: &[Segment]) -> io::Result<OwnedFd> {
    let mut file = fs::File::from(memfd_create("segments", MemfdFlags::CLOEXEC)?);
    for Segment {
        name,
        size,
        written_s,
    } in list
    {
        writeln!(file, "{size} {written_s} {name}")?;
    }
    file.rewind()?;
    Ok(file.into())
}

/// Reads such a list.
pub(super) fn receive(mut file: fs::File) -> io::Result<Vec<Segment>> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let segment = |line: &str| {
        let mut words = line.splitn(3, ' ');
        Some(Segment {
            size: words.next()?.parse().ok()?,
            written_s: words.next()?.parse().ok()?,
            name: words.next()?.to_owned(),
        })
    };
    Ok(text.lines().filter_map(segment).collect())
}

/// Creates a segment; its directory too, if that is not there. `None`: there is something of that name.
pub(super) fn create(folder: &Path, name: &str) -> io::Result<Option<OwnedFd>> {
    let path = folder.join(checked(name)?);
    match super::serve::create_new(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            create_folder(folder)?;
            super::serve::create_new(&path)
        }
        other => other,
    }
}

/// Creates the directory, if there is none, and fails if this user may not create files in it.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    match accessat(
        CWD,
        folder,
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    ) {
        Err(Errno::NOENT) => create_folder(folder),
        other => Ok(other?),
    }
}

/// Only for its user: what is recorded is nobody else's business.
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// Removes a segment.
pub(super) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    fs::remove_file(folder.join(checked(name)?))
}

/// Opens a recording of a directory for reading.
pub(super) fn read(folder: &Path, name: &str) -> io::Result<OwnedFd> {
    if !is_recording(name) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(open(folder.join(name), flags, Mode::empty())?)
}

/// Fails for a name that tcplife does not give: the main process must not create or remove any other file.
fn checked(name: &str) -> io::Result<&OsStr> {
    match began(name) {
        Some(_) => Ok(OsStr::new(name)),
        None => Err(Errno::INVAL.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_name_says_when_it_began_and_no_other_name_does() {
        let at: Timestamp = "2026-11-30T03:12:04.123Z".parse().expect("a time");
        let name = segment_name(at);
        assert_eq!(name, "tcplife-20261130T031204.123Z.jsonl.zst");
        assert_eq!(began(&name), Some(at));
        for other in [
            "tcplife-20261130T031204Z.jsonl.zst",
            "tcplife-20261330T031204.123Z.jsonl.zst",
            "../tcplife-20261130T031204.123Z.jsonl.zst",
            "tcplife-2026113éT031204.12Z.jsonl.zst",
            "notes.jsonl.zst",
            "",
        ] {
            assert_eq!(began(other), None, "{other}");
            assert!(create(Path::new("/nowhere"), other).is_err());
            assert!(remove(Path::new("/nowhere"), other).is_err());
        }
    }
}
