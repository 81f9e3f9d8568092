//! Reading files that may be anything: a pipe that nobody writes to, a device without end, a file of any size. Only a
//! limited part is read; a file that the user did not name is read only if it is a regular one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// If it cannot be read, is no regular file, or is larger.
pub fn read_regular(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read_at_most(open_regular(path)?, max)
}

/// Opens a regular file for reading. Of anything else, a read might never return, and opening it might have an effect.
///
/// # Errors
/// If it cannot be opened, or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let check = |file: fs::Metadata| match file.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    };
    check(fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    // it may have been replaced meanwhile
    check(file.metadata()?)?;
    Ok(file)
}

/// Reads at most `max` bytes.
///
/// # Errors
/// If it cannot be read, or there is more.
pub fn read_at_most(from: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max {
        true => Err(io::Error::other(format!("it is larger than {max} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn read_regular_refuses_pipes_devices_directories_and_large_files() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name| folder.path().join(name);
        let pipe = path("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        fs::write(path("file"), "12345").expect("a file");
        std::os::unix::fs::symlink(path("file"), path("link")).expect("a link");
        std::os::unix::fs::symlink("/dev/zero", path("zero")).expect("a link");
        let read = |name| read_regular(&path(name), 5).map_err(|e| e.to_string());
        assert_eq!(read("file"), Ok(b"12345".to_vec()));
        assert_eq!(read("link"), Ok(b"12345".to_vec()));
        for name in ["pipe", "zero", "."] {
            assert_eq!(read(name), Err("it is not a regular file".into()), "{name}");
        }
        assert!(read("nothing").is_err());
        let larger = read_regular(&path("file"), 4).map_err(|e| e.to_string());
        assert_eq!(larger, Err("it is larger than 4 bytes".into()));
        assert_eq!(
            read_regular(Path::new("/proc/self/comm"), 100)
                .ok()
                .map(|b| b.is_empty()),
            Some(false),
            "a file whose size is not known"
        );
    }

    #[test]
    fn read_at_most_stops_at_the_limit() {
        assert!(read_at_most(io::repeat(b'x'), 1 << 20).is_err());
        assert_eq!(read_at_most(&b"abc"[..], 3).expect("it fits"), b"abc");
    }
}
