//! Data kept between runs, in files of lines in the state directory: used filters, chosen columns, and hints given.
//!
//! If the directory is not writable, nothing is reported: history then lasts for the run. A file that is not a regular
//! one, such as a link to /dev/null, is neither read nor replaced.

use std::io;
use std::path::PathBuf;

use crate::filter::LONGEST;
use crate::host::bounded_file::read_at_most;
use crate::host::broker::{Broker, Place};

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
pub fn load(broker: &Broker, place: Place) -> Vec<String> {
    let text = broker
        .read(place)
        .and_then(|file| read_at_most(file, LARGEST));
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_used = |line: &&str| !line.trim().is_empty() && line.len() <= LONGEST;
    let lines: Vec<&str> = text.lines().filter(is_used).collect();
    lines[lines.len().saturating_sub(KEPT)..]
        .iter()
        .map(|&l| l.to_owned())
        .collect()
}

/// True if there is no such file, where there could be one.
pub fn is_missing(broker: &Broker, place: Place) -> bool {
    let found = broker.read(place);
    broker.path(place).is_some() && found.is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
}

/// Writes the lines atomically, readable by the user only.
///
/// # Errors
/// If the directory or the file cannot be written.
pub fn save(broker: &Broker, place: Place, lines: &[String]) -> io::Result<()> {
    let text: String = lines[lines.len().saturating_sub(KEPT)..]
        .iter()
        .map(|l| format!("{l}\n"))
        .collect();
    broker.rewrite(place, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::host::broker::Places;

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
        let places = Places {
            history: Some(path.clone()),
            ..Places::default()
        };
        let broker = Broker::in_this_process(places).expect("a broker");
        let load = || load(&broker, Place::History);
        let save = |lines: &[String]| save(&broker, Place::History, lines);
        assert_eq!(load(), Vec::<String>::new());
        assert!(is_missing(&broker, Place::History));
        assert!(!is_missing(&broker, Place::Hints), "it has no path");
        let lines: Vec<String> = (0..KEPT + 5).map(|i| format!("port {i}")).collect();
        save(&lines).expect("saving");
        assert_eq!(load(), lines[5..]);
        assert!(!is_missing(&broker, Place::History));
        fs::write(&path, b"port 1\n\xff\xfe\n\n").expect("writing");
        assert_eq!(load().len(), 2);
        let long = format!("{}\nport 1\n", "x".repeat(LONGEST + 1));
        fs::write(&path, long).expect("writing");
        assert_eq!(load(), ["port 1"]);
        fs::write(&path, "x".repeat(LARGEST as usize + 1)).expect("writing");
        assert_eq!(load(), [""; 0]);
        fs::remove_file(&path).expect("removing");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert_eq!(load(), [""; 0]);
        assert!(save(&lines).is_err());
        assert!(
            fs::symlink_metadata(&path).expect("a link").is_symlink(),
            "it stays as it is"
        );
        fs::remove_dir_all(folder).expect("cleaning up");
    }
}
