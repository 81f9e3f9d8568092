//! Reading files below the directory of a runtime, whatever others have put there.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat2};

use crate::host::bounded_file::read_at_most;

/// Maximum size of a file.
const LARGEST: u64 = 4 << 20;
/// Maximum number of entries of a directory that are looked at.
const MOST_ENTRIES: usize = 16_384;

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
        let file = File::from(self.below(path, OFlags::empty())?);
        // of anything else, a read might never return
        match file.metadata()?.is_file() {
            true => read_at_most(file, LARGEST),
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
