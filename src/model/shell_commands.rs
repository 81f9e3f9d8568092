//! Shell commands that show the same session with other tools.

use std::net::SocketAddr;

use crate::model::session::Session;

/// Returns `ss` and `tcpdump` commands for the session. `inside` is the id of a process in the session's network
/// namespace, if that is not tcplife's own: the session is visible only from inside its namespace.
pub fn shell_commands(session: &Session, inside: Option<u32>) -> [String; 2] {
    let (ours, theirs) = session.ends();
    let interface = session.interface.name().filter(|name| is_plain(name));
    let on_interface = interface.map_or(String::new(), |name| format!(" dev {name}"));
    // a capture on one interface, if only one can see it; tcpdump has numbers of its own
    let zone = session.remote().zone;
    let capture = match interface.filter(|_| zone == session.interface && ours.ip() != theirs.ip())
    {
        Some(name) if name.parse::<u32>().is_err() => name,
        _ => "any",
    };
    let inside = inside.map_or(String::new(), |pid| format!("nsenter -t {pid} -n "));
    let quoted = |end: SocketAddr| {
        if end.is_ipv6() {
            format!("'{end}'") // a shell would expand the brackets
        } else {
            end.to_string()
        }
    };
    [
        format!(
            "{inside}ss -tinemo src {} dst {}{on_interface}",
            quoted(ours),
            quoted(theirs)
        ),
        format!(
            "{inside}tcpdump -nni {capture} host {} and {} and tcp port {} and {}",
            ours.ip(),
            theirs.ip(),
            ours.port(),
            theirs.port()
        ),
    ]
}

/// True for a name that a shell takes as it is. Others are left out: the addresses and ports say enough.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
    name.chars().all(is_plain) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::interface::Interface;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn commands_are_quoted_for_a_shell() {
        let session = Session {
            raddr: "2001:db8::1".parse().expect("an address"),
            laddr: "2001:db8::2".parse().expect("an address"),
            ..sample()
        };
        assert_eq!(
            shell_commands(&session, None),
            [
                "ss -tinemo src '[2001:db8::2]:46644' dst '[2001:db8::1]:28527'",
                "tcpdump -nni any host 2001:db8::2 and 2001:db8::1 and tcp port 46644 and 28527",
            ]
        );
        assert_eq!(
            shell_commands(&sample(), Some(22597))[0],
            "nsenter -t 22597 -n ss -tinemo src 127.0.0.1:46644 dst 127.0.0.1:28527"
        );
    }
    #[test]
    fn commands_name_the_interface_of_a_link_local_session() {
        let on = |interface: &str, raddr: &str| {
            let session = Session {
                laddr: "fe80::2".parse().expect("an address"),
                raddr: raddr.parse().expect("an address"),
                interface: Interface::new(interface),
                ..sample()
            };
            shell_commands(&session, None)
        };
        assert_eq!(
            on("eth1", "fe80::1"),
            [
                "ss -tinemo src '[fe80::2]:46644' dst '[fe80::1]:28527' dev eth1",
                "tcpdump -nni eth1 host fe80::2 and fe80::1 and tcp port 46644 and 28527",
            ]
        );
        for (interface, raddr, dev, capture) in [
            ("7", "fe80::1", " dev 7", "any"),
            // its packets do not leave the host
            ("eth1", "fe80::2", " dev eth1", "any"),
            ("vrf-blue", "2001:db8::1", " dev vrf-blue", "any"),
            ("a;reboot", "fe80::1", "28527'", "any"),
            ("-h", "fe80::1", "28527'", "any"),
        ] {
            let [ss, tcpdump] = on(interface, raddr);
            assert!(ss.ends_with(dev), "{ss}");
            assert!(tcpdump.contains(&format!("-nni {capture} ")), "{tcpdump}");
        }
    }
}
