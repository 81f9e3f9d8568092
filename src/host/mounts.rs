//! The mounts that this process sees.
//!
//! Responsible for reading /proc/self/mountinfo (proc_pid_mountinfo(5)). Not for what is looked for among them.

use std::path::PathBuf;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What of the file system is mounted: a directory, or of a namespace `net:[…]` and the like.
    pub root: String,
    /// Where.
    pub point: PathBuf,
    /// The type of the file system.
    pub kind: String,
}

/// All of them; none without /proc.
pub fn mounts() -> Vec<Mount> {
    read(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

/// The mounts of such a file; a line that is none is passed over.
pub(crate) fn read(mountinfo: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut words = mount.split(' ').skip(3);
        Some(Mount {
            root: words.next()?.to_owned(),
            point: unescaped(words.next()?).into(),
            kind: kind.split(' ').next()?.to_owned(),
        })
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// Spaces and the like are written as `\040`, in octal.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split('\\');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece
            .get(..3)
            .map(|d| (u8::from_str_radix(d, 8), &piece[3..]))
        {
            Some((Ok(byte), rest)) => {
                plain.push(char::from(byte));
                plain.push_str(rest);
            }
            _ => {
                plain.push('\\');
                plain.push_str(piece);
            }
        }
    }
    plain
}
