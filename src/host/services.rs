//! Service names of ports, from the host's services(5).

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::host::bounded_file::read_regular;
use crate::text::sanitize::sanitize;

const FILE: &str = "/etc/services";
/// Maximum size of the file: several times the largest.
const LARGEST: u64 = 8 << 20;

/// Reason that ports have no names.
#[derive(Debug, thiserror::Error)]
pub enum NoServices {
    /// No file: minimal systems and containers come without one.
    #[error("{FILE} does not exist")]
    Missing,
    /// The file cannot be read.
    #[error("cannot read {FILE}: {0}")]
    Unreadable(#[source] io::Error),
    /// The file names no TCP port.
    #[error("{FILE} lists no TCP port")]
    Empty,
}

/// Names of TCP ports.
#[derive(Clone, Debug, Default)]
pub struct Services {
    names: HashMap<u16, Box<str>>,
}

impl Services {
    /// Reads the host's list.
    ///
    /// # Errors
    /// If it names no TCP port, or cannot be read.
    pub fn load() -> Result<Self, NoServices> {
        Services::from_file(Path::new(FILE))
    }

    fn from_file(path: &Path) -> Result<Self, NoServices> {
        let text = read_regular(path, LARGEST).map_err(|error| match error.kind() {
            ErrorKind::NotFound => NoServices::Missing,
            _ => NoServices::Unreadable(error),
        })?;
        let services = Services::parse(&String::from_utf8_lossy(&text));
        match services.names.is_empty() {
            true => Err(NoServices::Empty),
            false => Ok(services),
        }
    }

    /// Parses lines of `NAME PORT/PROTOCOL ALIAS… # COMMENT`; if a port is named twice, the first name wins, as in
    /// getservbyport(3).
    pub(crate) fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            if let (Some(name), Some(port)) = (words.next(), words.next())
                && let Some(port) = port.strip_suffix("/tcp").and_then(|p| p.parse().ok())
            {
                let name = || sanitize(name).into_boxed_str();
                names.entry(port).or_insert_with(name);
            }
        }
        Services { names }
    }

    pub fn name(&self, port: u16) -> Option<&str> {
        self.names.get(&port).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_from_the_tcp_lines_of_the_file() {
        let text = "# services\n\nhttp\t\t80/tcp\t\twww\t# WorldWideWeb\ntftp 69/udp\nwww 80/tcp\n\
                    bad\nworse x/tcp\nbell\u{7}s 7/tcp\n";
        let services = Services::parse(text);
        assert_eq!(services.name(80), Some("http"));
        assert_eq!(services.name(7), Some("bell?s"));
        assert_eq!((services.name(69), services.names.len()), (None, 2));
    }

    #[test]
    fn services_without_a_usable_list_report_why() {
        let why = |path: &Path| Services::from_file(path).expect_err("no names").to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("services");
        assert_eq!(why(&file), "/etc/services does not exist");
        std::fs::write(&file, "# nothing\ntftp 69/udp\n").expect("writing");
        assert_eq!(why(&file), "/etc/services lists no TCP port");
        let error = why(folder.path());
        assert!(error.starts_with("cannot read /etc/services: "), "{error}");
    }
}
