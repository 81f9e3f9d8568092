//! The time zone of this process, by tzset(3): `TZ`, else /etc/localtime.
//!
//! Reads regular files only. The search of the library `jiff` opens whatever `TZ` and `TZDIR` name, and a pipe blocks
//! it forever.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::host::bounded_file::read_regular;
use crate::text::sanitize::sanitize;

/// Maximum size of a zone's file: several times the largest.
const LARGEST: u64 = 64 << 10;
/// Places of the zones' files, unless `TZDIR` names another.
const FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/etc/zoneinfo"];

/// Returns the time zone of this process.
///
/// # Errors
/// If `TZ` does not name one; the text says so, and that times are in UTC.
pub fn local() -> Result<TimeZone, String> {
    let folder = std::env::var_os("TZDIR").filter(|dir| !dir.is_empty());
    let mut folders = vec![];
    match folder {
        Some(folder) => folders.push(PathBuf::from(folder)),
        None => folders.extend(FOLDERS.map(PathBuf::from)),
    }
    of(std::env::var_os("TZ").as_deref(), &folders)
}

fn of(tz: Option<&OsStr>, folders: &[PathBuf]) -> Result<TimeZone, String> {
    let Some(tz) = tz else {
        // without the file the host's time is in UTC
        return Ok(from_file(Path::new("/etc/localtime")).unwrap_or(TimeZone::UTC));
    };
    let text = tz.to_string_lossy();
    let name = text.strip_prefix(':').unwrap_or(&text);
    if name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    let mut files = folders.iter().map(|folder| folder.join(name));
    let zone = files.find_map(|file| from_file(&file));
    let zone = zone.or_else(|| match name {
        // without the files of the system, too
        "UTC" | "GMT" | "Etc/UTC" | "Etc/GMT" => Some(TimeZone::UTC),
        _ => TimeZone::posix(name).ok(),
    });
    zone.ok_or_else(|| format!("TZ is no time zone: {}. Times are in UTC", sanitize(&text)))
}

fn from_file(file: &Path) -> Option<TimeZone> {
    let bytes = read_regular(file, LARGEST).ok()?;
    TimeZone::tzif("local", &bytes).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    /// The smallest TZif file: one type of local time, `hours` ahead of UTC.
    fn tzif(hours: u8) -> Vec<u8> {
        let counts = [0, 0, 0, 0, 1, 4_u32].map(u32::to_be_bytes).concat();
        let mut bytes = [&b"TZif"[..], &[0; 16], &counts].concat();
        bytes.extend((i32::from(hours) * 3600).to_be_bytes());
        bytes.extend(b"\0\0AAA\0");
        bytes
    }

    /// The hour of the day at midnight UTC.
    fn hour(tz: &str, folder: &Path) -> Result<i8, String> {
        let zone = of(Some(OsStr::new(tz)), &[folder.to_owned()])?;
        Ok(Timestamp::UNIX_EPOCH.to_zoned(zone).hour())
    }

    #[test]
    fn time_zone_is_a_file_a_rule_or_utc() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path();
        std::fs::write(path.join("Here"), tzif(3)).expect("a zone");
        let here = path.join("Here").display().to_string();
        for (tz, expected) in [
            ("Here", 3),
            (":Here", 3),
            (here.as_str(), 3),
            ("XYZ-5", 5),
            ("UTC0", 0),
            ("", 0),
        ] {
            assert_eq!(hour(tz, path), Ok(expected), "{tz}");
        }
    }

    #[test]
    fn time_zone_utc_needs_no_file() {
        let folder = tempfile::tempdir().expect("a directory");
        for tz in ["UTC", ":UTC", "GMT", "Etc/UTC", "Etc/GMT"] {
            assert_eq!(hour(tz, folder.path()), Ok(0), "{tz}");
        }
    }

    #[test]
    fn time_zone_that_is_none_is_reported() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path();
        mknodat(CWD, path.join("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        std::fs::write(path.join("text"), "no zone").expect("a file");
        for tz in ["pipe", "text", "/dev/zero", "/", "No/Where"] {
            let error = format!("TZ is no time zone: {tz}. Times are in UTC");
            assert_eq!(hour(tz, path), Err(error), "{tz}");
        }
    }
}
