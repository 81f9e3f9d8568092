//! A file that has no name until it is complete, in the broker.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, accessat, linkat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::host::proc::Process;

/// Readable and writable by its user only.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Result of giving a file its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Done,
    /// A file of that name exists.
    Taken,
}

/// Existing files that a new one may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaceable {
    Any,
    /// Files that begin like an export.
    Exports,
}

/// Beginnings of exports, in each format; an empty file is none yet.
const BEGINNINGS: [&[u8]; 2] = [b"event,time,", b"{\"event\":"];

/// The file. Dropped without a name, nothing is left of it.
#[derive(Debug)]
pub struct NewFile {
    folder: OwnedFd,
    name: OsString,
    file: OwnedFd,
    replaceable: Replaceable,
    /// Name until it is complete, where the file system knows no files without one.
    temporary: Option<OsString>,
}

impl NewFile {
    /// Creates a file that is to get that path; `None`: there is a file of that name, and `replace` is false.
    ///
    /// # Errors
    /// If the directory is not writable, or what is there is not to be replaced: a directory, a device, a file that this
    /// user may not write to.
    pub fn create(
        path: &Path,
        replace: bool,
        replaceable: Replaceable,
    ) -> io::Result<Option<Self>> {
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let parent = match parent.as_os_str().is_empty() {
            true => Path::new("."),
            false => parent,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, parent, flags, Mode::empty())?;
        if is_there(folder.as_fd(), name, replaceable, replace)? && !replace {
            return Ok(None);
        }
        let (file, temporary) = unnamed(folder.as_fd())?;
        Ok(Some(NewFile {
            folder,
            name: name.to_owned(),
            file,
            replaceable,
            temporary,
        }))
    }

    /// The open file.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives the file its name; `replace`: that of another one, at once.
    ///
    /// # Errors
    /// If the kernel refuses, or what is there by now is not to be replaced.
    pub fn finish(&mut self, replace: bool) -> io::Result<Named> {
        let folder = self.folder.as_fd();
        if is_there(folder, &self.name, self.replaceable, replace)? && !replace {
            return Ok(Named::Taken);
        }
        let result = match &self.temporary {
            Some(temporary) if replace => renameat(folder, temporary, folder, &self.name),
            Some(temporary) => rename_new(folder, temporary, &self.name),
            None if replace => self.replace(),
            None => self.link(&self.name),
        };
        match result {
            Ok(()) => {
                self.temporary = None;
                Ok(Named::Done)
            }
            Err(Errno::EXIST) if !replace => Ok(Named::Taken),
            Err(e) => Err(e.into()),
        }
    }

    fn link(&self, name: &OsStr) -> rustix::io::Result<()> {
        let open = path_of(self.file.as_fd());
        linkat(CWD, open, &self.folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    /// A link replaces nothing, so the file gets a temporary name first.
    fn replace(&self) -> rustix::io::Result<()> {
        let temporary = temporary_name()?;
        self.link(&temporary)?;
        let renamed = renameat(&self.folder, &temporary, &self.folder, &self.name);
        renamed.inspect_err(|_| {
            let _ = unlinkat(&self.folder, &temporary, AtFlags::empty());
        })
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = unlinkat(&self.folder, temporary, AtFlags::empty());
        }
    }
}

/// True if there is something of that name that may be replaced. A symbolic link is replaced itself, and its target stays
/// as it is.
fn is_there(
    folder: BorrowedFd<'_>,
    name: &OsStr,
    replaceable: Replaceable,
    replace: bool,
) -> io::Result<bool> {
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Err(io::ErrorKind::IsADirectory.into()),
        FileType::Symlink => Ok(true),
        // who may write to a directory may replace the files in it, even those that they may not write to
        FileType::RegularFile => {
            accessat(folder, name, Access::WRITE_OK, AtFlags::EACCESS)?;
            // the question whether to replace it comes first
            if replace && replaceable == Replaceable::Exports && !is_export(folder, name)? {
                return Err(io::Error::other(
                    "it is no export of tcplife, and is not replaced",
                ));
            }
            Ok(true)
        }
        _ => Err(io::Error::other("it exists and is not a regular file")),
    }
}

/// True for a file that begins like an export, or is empty.
fn is_export(folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    let mut bytes = [0; 16];
    let count = rustix::io::read(&file, &mut bytes)?;
    let begins = |text: &&[u8]| bytes[..count].starts_with(text);
    Ok(count == 0 || BEGINNINGS.iter().any(begins))
}

/// Creates a file without a name, or with a temporary one where that is not possible.
fn unnamed(folder: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<OsString>)> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(folder, ".", flags | OFlags::TMPFILE, MODE) {
        // without /proc it could never get a name
        Ok(file)
            if accessat(CWD, path_of(file.as_fd()), Access::EXISTS, AtFlags::empty()).is_ok() =>
        {
            return Ok((file, None));
        }
        // a file system without such files, or a kernel that takes the flag for a directory's
        Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        Err(e) => return Err(e),
    }
    // unpredictable name and O_EXCL: in a directory that everybody may write to, nobody's link is followed
    let name = temporary_name()?;
    let file = openat(folder, &name, flags | OFlags::CREATE | OFlags::EXCL, MODE)?;
    Ok((file, Some(name)))
}

/// Path of an open file in /proc.
fn path_of(file: BorrowedFd<'_>) -> PathBuf {
    Process::own().descriptor(file.as_raw_fd().unsigned_abs())
}

fn temporary_name() -> rustix::io::Result<OsString> {
    let mut random = [0; 8];
    getrandom(&mut random, GetRandomFlags::empty())?;
    let mut name = String::from(".tcplife-");
    for byte in random {
        // writing to a string cannot fail
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name.into())
}

/// Renames, but replaces nothing.
fn rename_new(folder: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // a file system that cannot do that
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(folder, from, folder, to, AtFlags::empty())?;
            unlinkat(folder, from, AtFlags::empty())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn file_with_a_temporary_name_behaves_like_one_without() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("a");
        let names = || fs::read_dir(folder.path()).expect("a directory").count();
        let create = |replace| {
            let mut file = NewFile::create(&path, replace, Replaceable::Any)?
                .expect("no such file, or replaced");
            let name = temporary_name()?;
            file.link(&name)?;
            file.temporary = Some(name);
            io::Result::Ok(file)
        };
        drop(create(false).expect("a file"));
        assert_eq!(names(), 0);
        let mut file = create(false).expect("a file");
        rustix::io::write(file.file(), b"one").expect("writing");
        assert_eq!(file.finish(false).expect("a name"), Named::Done);
        drop(file);
        assert_eq!(fs::read(&path).expect("a file"), b"one");
        let mut second = create(true).expect("a file");
        assert_eq!(second.finish(false).expect("taken"), Named::Taken);
        assert_eq!(second.finish(true).expect("replaced"), Named::Done);
        drop(second);
        assert_eq!((names(), fs::read(&path).expect("a file")), (1, vec![]));
    }

    #[test]
    fn path_without_a_file_name_is_refused() {
        for path in ["/", "..", "/tmp/.."] {
            let refused = NewFile::create(Path::new(path), true, Replaceable::Any);
            assert!(refused.is_err(), "{path}");
        }
    }
}
