//! Reading files below the directory of a runtime, whatever others have put there.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat2};

use crate::host::bounded_file::read_at_most;

/// Maximum size of a file.
const LARGEST: u64 = 4 << 20;
/// Maximum number of entries of a directory that are read.
const MOST_ENTRIES: usize = 16_384;

/// An open regular file.
pub struct OpenFile {
    file: File,
    metadata: Metadata,
}

/// Version of a file: its device, inode, time of change (s, ns) and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(u64, u64, i64, i64, u64);

impl OpenFile {
    pub fn version(&self) -> Version {
        let m = &self.metadata;
        Version(m.dev(), m.ino(), m.mtime(), m.mtime_nsec(), m.size())
    }

    pub fn read(self) -> io::Result<Vec<u8>> {
        read_at_most(self.file, LARGEST)
    }
}

/// An open directory of a runtime, which no path leads out of.
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens the directory of a runtime. It may be a link: administrators move it to larger disks.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::empty())?;
        Ok(Folder(folder))
    }

    /// Opens what is below; no part of the path may be a link.
    fn below(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(
            self.0.as_fd(),
            path,
            flags,
            Mode::empty(),
            resolve,
        )?)
    }

    /// Reads a regular file of limited size.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.open_file(path)?.read()
    }

    /// Opens a regular file.
    pub fn open_file(&self, path: &str) -> io::Result<OpenFile> {
        let file = File::from(self.below(path, OFlags::empty())?);
        let metadata = file.metadata()?;
        // of anything else, a read might never return
        match metadata.is_file() {
            true => Ok(OpenFile { file, metadata }),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// Returns the names in a directory, up to a limit.
    pub fn names(&self, path: &str) -> Vec<String> {
        let folder = self.below(path, OFlags::DIRECTORY);
        let Ok(entries) = folder.and_then(|folder| Ok(Dir::new(folder)?)) else {
            return Vec::new();
        };
        let names = entries.take(MOST_ENTRIES).filter_map(|entry| {
            let name = entry.ok()?.file_name().to_str().ok()?.to_owned();
            (!name.starts_with('.')).then_some(name)
        });
        names.collect()
    }
}
