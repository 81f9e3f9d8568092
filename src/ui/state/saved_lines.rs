//! Data kept between runs, in files of lines in the state directory: used filters and chosen columns.
//!
//! If the directory is not writable, nothing is reported: history then lasts for the run. A file that is not a regular
//! one, such as a link to /dev/null, is neither read nor replaced.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::filter::LONGEST;
use crate::host::bounded_file::read_regular;
use crate::output::export_file::temporary;

/// Maximum number of lines kept.
const KEPT: usize = 200;
/// Maximum size of a file: so many lines, each as long as a filter may be.
const LARGEST: u64 = (KEPT * (LONGEST + 1)) as u64;

/// Path of a state file by the XDG base directory specification: in `$XDG_STATE_HOME`, or `~/.local/state`.
pub fn file(name: &str, state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let state = state_home.filter(|p| p.is_absolute());
    let state = state.or_else(|| {
        home.filter(|p| p.is_absolute())
            .map(|h| h.join(".local/state"))
    });
    state.map(|s| s.join("tcplife").join(name))
}

/// Reads the lines, the newest last, without those that no filter could be; empty if there is no such file, or it is
/// larger than [`save`] writes it.
pub fn load(path: &Path) -> Vec<String> {
    let text = read_regular(path, LARGEST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_used = |line: &&str| !line.trim().is_empty() && line.len() <= LONGEST;
    let lines: Vec<&str> = text.lines().filter(is_used).collect();
    lines[lines.len().saturating_sub(KEPT)..]
        .iter()
        .map(|&l| l.to_owned())
        .collect()
}

/// Writes the lines atomically, readable by the user only.
///
/// # Errors
/// If the directory or the file cannot be written.
pub fn save(path: &Path, lines: &[String]) -> std::io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let text: String = lines[lines.len().saturating_sub(KEPT)..]
        .iter()
        .map(|l| format!("{l}\n"))
        .collect();
    let mut file = temporary(path)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_path_follows_the_xdg_specification() {
        let path = |state: Option<&str>, home: Option<&str>| {
            file("history", state.map(Into::into), home.map(Into::into))
        };
        assert_eq!(
            path(Some("/s"), Some("/h")),
            Some("/s/tcplife/history".into())
        );
        assert_eq!(
            path(Some("relative"), Some("/h")),
            Some("/h/.local/state/tcplife/history".into())
        );
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn history_saved_is_loaded_without_the_oldest_lines() {
        let folder = std::env::temp_dir().join(format!("tcplife-history-{}", std::process::id()));
        let path = folder.join("deep/history");
        assert_eq!(load(&path), Vec::<String>::new());
        let lines: Vec<String> = (0..KEPT + 5).map(|i| format!("port {i}")).collect();
        save(&path, &lines).expect("saving");
        assert_eq!(load(&path), lines[5..]);
        fs::write(&path, b"port 1\n\xff\xfe\n\n").expect("writing");
        assert_eq!(load(&path).len(), 2);
        let long = format!("{}\nport 1\n", "x".repeat(LONGEST + 1));
        fs::write(&path, long).expect("writing");
        assert_eq!(load(&path), ["port 1"]);
        fs::write(&path, "x".repeat(LARGEST as usize + 1)).expect("writing");
        assert_eq!(load(&path), [""; 0]);
        fs::remove_file(&path).expect("removing");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert_eq!(load(&path), [""; 0]);
        save(&path, &lines).expect("saving");
        assert!(
            fs::symlink_metadata(&path).expect("a link").is_symlink(),
            "it stays as it is"
        );
        fs::remove_dir_all(folder).expect("cleaning up");
    }
}
