//! Names of ports: what is usually served there.
//!
//! Responsible for the host's list of them, services(5), and for a short one where the host has none.

use std::collections::HashMap;
use std::path::Path;

use crate::text::sanitize::clean;

/// Where the host's list is.
const FILE: &str = "/etc/services";

/// What one meets most, by the IANA registry of service names or by the servers that are known under them.
const USUAL: &[(u16, &str)] = &[
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (53, "domain"),
    (80, "http"),
    (110, "pop3"),
    (111, "sunrpc"),
    (143, "imap2"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "https"),
    (445, "microsoft-ds"),
    (465, "submissions"),
    (514, "shell"),
    (587, "submission"),
    (636, "ldaps"),
    (853, "domain-s"),
    (873, "rsync"),
    (993, "imaps"),
    (995, "pop3s"),
    (1433, "ms-sql-s"),
    (1883, "mqtt"),
    (2049, "nfs"),
    (2379, "etcd-client"),
    (2380, "etcd-server"),
    (3128, "squid"),
    (3306, "mysql"),
    (3389, "ms-wbt-server"),
    (5432, "postgresql"),
    (5671, "amqps"),
    (5672, "amqp"),
    (5900, "vnc"),
    (6379, "redis"),
    (6443, "kubernetes"),
    (8080, "http-alt"),
    (9092, "kafka"),
    (9200, "elasticsearch"),
    (11211, "memcached"),
    (27017, "mongodb"),
];

/// Names of TCP ports.
#[derive(Clone, Debug, Default)]
pub struct Services {
    names: HashMap<u16, Box<str>>,
}

impl Services {
    /// The host's list; the short one if it has none.
    pub fn load() -> Self {
        Services::from_file(Path::new(FILE))
    }

    fn from_file(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        let services = Services::parse(&String::from_utf8_lossy(&text));
        if services.names.is_empty() {
            let names = USUAL.iter().map(|(port, name)| (*port, (*name).into()));
            return Services {
                names: names.collect(),
            };
        }
        services
    }

    /// Lines of `NAME PORT/PROTOCOL ALIAS… # COMMENT`; of several the first counts, as for getservbyport(3).
    fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            if let (Some(name), Some(port)) = (words.next(), words.next())
                && let Some(port) = port.strip_suffix("/tcp").and_then(|p| p.parse().ok())
            {
                let name = || clean(name).into_boxed_str();
                names.entry(port).or_insert_with(name);
            }
        }
        Services { names }
    }

    /// What is usually served at a port.
    pub fn name(&self, port: u16) -> Option<&str> {
        self.names.get(&port).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_list_is_read() {
        let text = "# services\n\nhttp\t\t80/tcp\t\twww\t# WorldWideWeb\ntftp 69/udp\nwww 80/tcp\n\
                    bad\nworse x/tcp\nbell\u{7}s 7/tcp\n";
        let services = Services::parse(text);
        assert_eq!(services.name(80), Some("http"));
        assert_eq!(services.name(7), Some("bell?s"));
        assert_eq!((services.name(69), services.names.len()), (None, 2));
    }

    #[test]
    fn without_a_list_the_usual_ones_are_known() {
        let services = Services::from_file(Path::new("/none"));
        assert_eq!(services.name(443), Some("https"));
        assert_eq!(services.name(50_000), None);
        assert!(USUAL.windows(2).all(|w| w[0].0 < w[1].0), "each once");
    }
}
