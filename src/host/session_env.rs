//! The environment of the dashboard: the ssh connection it is used over, and a terminal multiplexer in between.
//!
//! Both are found in the environment variables of this process and of its ancestors: sudo removes the variables from
//! our environment, but not from that of the shell it was called in.

use std::net::{IpAddr, SocketAddr};

use crate::host::proc::{Process, local_port_range};
use crate::host::process_info::parents;
use crate::model::port_use::PortUse;

/// Terminal multiplexer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    Tmux,
    /// GNU screen.
    Screen,
}

/// An ssh connection, as its server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SshConnection {
    /// The user's end.
    pub client: SocketAddr,
    /// This host's end.
    pub server: SocketAddr,
}

/// The environment that the dashboard runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEnv {
    /// Our own process id.
    pub pid: u32,
    /// Multiplexer between us and the terminal.
    pub multiplexer: Option<Multiplexer>,
    /// Connections that the dashboard may be used over. In a multiplexer, one of them may have closed long ago: then it
    /// matches no open session.
    pub ssh: Vec<SshConnection>,
    /// Inode number of the network namespace of the ssh server, if that is among our ancestors.
    pub ssh_netns: Option<u64>,
    /// Inode number of our own network namespace.
    pub netns: Option<u64>,
}

impl SessionEnv {
    /// The local ports that sessions use, of which none is known yet. Reads the range of this network namespace.
    pub fn port_use(&self) -> PortUse {
        let netns = self.netns.and_then(|n| u32::try_from(n).ok());
        PortUse::new(netns.unwrap_or(0), local_port_range().unwrap_or_default())
    }

    /// Reads the environment of this process and its ancestors.
    pub fn detect() -> Self {
        let parents = parents(std::process::id());
        let mut found = SessionEnv {
            pid: std::process::id(),
            multiplexer: of_terminal(&std::env::var("TERM").unwrap_or_default()),
            ssh: Vec::new(),
            ssh_netns: None,
            netns: Process::own().net_namespace_inode(),
        };
        let variable = |name: &str| std::env::var_os(name);
        found.take(&|name| variable(name).map(|v| v.as_os_str().as_encoded_bytes().to_vec()));
        for (pid, name) in parents {
            match name.as_str() {
                "tmux: server" => found.multiplexer = Some(Multiplexer::Tmux),
                "screen" | "SCREEN" => found.multiplexer = Some(Multiplexer::Screen),
                // sshd, sshd-session
                name if name.starts_with("sshd") && found.ssh_netns.is_none() => {
                    found.ssh_netns = Process::new(pid).net_namespace_inode();
                }
                _ => {}
            }
            // an environment that cannot be read counts as empty
            let environment = Process::new(pid).environment();
            found.take(&|name| environment.get(name).map(<[u8]>::to_vec));
        }
        found
    }

    fn take(&mut self, variable: &dyn Fn(&str) -> Option<Vec<u8>>) {
        let is_set = |name| variable(name).is_some_and(|v| !v.is_empty());
        if is_set("TMUX") {
            self.multiplexer = Some(Multiplexer::Tmux);
        } else if is_set("STY") {
            self.multiplexer = Some(Multiplexer::Screen);
        }
        let connection = variable("SSH_CONNECTION");
        let connection = connection.and_then(|v| parse(&String::from_utf8_lossy(&v)));
        self.ssh
            .extend(connection.filter(|c| !self.ssh.contains(c)));
    }
}

/// Detects a multiplexer by TERM: both set it to a name of their own, but tmux may also use screen's.
fn of_terminal(term: &str) -> Option<Multiplexer> {
    match term.split('-').next() {
        Some("tmux") => Some(Multiplexer::Tmux),
        Some("screen") => Some(Multiplexer::Screen),
        _ => None,
    }
}

/// Parses `SSH_CONNECTION`, see sshd(8): the client's address and port, then the server's.
fn parse(text: &str) -> Option<SshConnection> {
    let mut words = text.split_whitespace();
    let mut end = || {
        // a link-local address is followed by its interface
        let address = words.next()?.split('%').next()?.parse::<IpAddr>().ok()?;
        let port = words.next()?.parse().ok()?;
        Some(SocketAddr::new(address.to_canonical(), port))
    };
    Some(SshConnection {
        client: end()?,
        server: end()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().expect("an address and a port")
    }

    #[test]
    fn ssh_connection_is_parsed_as_sshd_writes_it() {
        let connection = |client, server| {
            Some(SshConnection {
                client: end(client),
                server: end(server),
            })
        };
        for (text, expected) in [
            (
                "192.0.2.77 50003 10.0.0.5 22",
                connection("192.0.2.77:50003", "10.0.0.5:22"),
            ),
            (
                "fe80::1%eth0 5 fe80::2%eth0 22",
                connection("[fe80::1]:5", "[fe80::2]:22"),
            ),
            (
                "::ffff:192.0.2.77 5 ::ffff:10.0.0.5 22",
                connection("192.0.2.77:5", "10.0.0.5:22"),
            ),
            ("UNKNOWN 65535 UNKNOWN 65535", None),
            ("192.0.2.77 50003 10.0.0.5", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn session_env_keeps_each_connection_once_and_the_multiplexer() {
        let mut found = SessionEnv::default();
        let shell = |name: &str| match name {
            "SSH_CONNECTION" => Some(b"192.0.2.77 5 10.0.0.5 22".to_vec()),
            "STY" => Some(b"7.pts-0".to_vec()),
            _ => None,
        };
        found.take(&shell);
        found.take(&shell);
        assert_eq!(found.ssh.len(), 1);
        assert_eq!(found.multiplexer, Some(Multiplexer::Screen));
        assert_eq!(of_terminal("tmux-256color"), Some(Multiplexer::Tmux));
        assert_eq!(of_terminal("screen.xterm"), None);
        assert_eq!(of_terminal("xterm-256color"), None);
    }
}
