//! Shell commands that show the same session with other tools.

use std::net::SocketAddr;

use crate::model::session::Session;

/// Returns `ss` and `tcpdump` commands for the session. `inside` is the id of a process in the session's network
/// namespace, if that is not tcplife's own: the session is visible only from inside its namespace.
pub fn shell_commands(session: &Session, inside: Option<u32>) -> [String; 2] {
    let (ours, theirs) = session.ends();
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
            "{inside}ss -tinemo src {} dst {}",
            quoted(ours),
            quoted(theirs)
        ),
        format!(
            "{inside}tcpdump -nni any host {} and {} and tcp port {} and {}",
            ours.ip(),
            theirs.ip(),
            ours.port(),
            theirs.port()
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
