//! Data kept between runs, in files of lines in the state directory: used filters and chosen columns.
//!
//! If the directory is not writable, nothing is reported: history then lasts for the run.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::output::export_file::temporary;

/// Maximum number of lines kept.
const KEPT: usize = 200;

/// Path of a state file by the XDG base directory specification: in `$XDG_STATE_HOME`, or `~/.local/state`.
pub fn file(name: &str, state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let state = state_home.filter(|p| p.is_absolute());
    let state = state.or_else(|| {
        home.filter(|p| p.is_absolute())
            .map(|h| h.join(".local/state"))
    });
    state.map(|s| s.join("tcplife").join(name))
}

/// Reads the lines, the newest last; empty if there is no such file.
pub fn load(path: &Path) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
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
        fs::remove_dir_all(folder).expect("cleaning up");
    }
}
