//! Community ID of a session: a hash of its addresses and ports that Zeek, Suricata, Wireshark and others compute
//! too, so that the records of a connection can be joined with its sessions.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha1::{Digest as _, Sha1};

use crate::model::session::Session;

/// Community ID, version 1 with seed 0, of a session. It is computed when it is formatted.
#[derive(Clone, Copy, Debug)]
pub struct CommunityId<'a>(&'a Session);

/// TCP's protocol number in IP.
const TCP: u8 = 6;

impl<'a> CommunityId<'a> {
    /// Returns the id; `None` while a session has no local port.
    pub fn of(session: &'a Session) -> Option<Self> {
        (session.lport != 0).then_some(CommunityId(session))
    }
}

/// Both ends of a connection have the same id, but comparing addresses is enough for one session at two times.
impl PartialEq for CommunityId<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ends() == other.0.ends()
    }
}

impl fmt::Display for CommunityId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, remote) = self.0.ends();
        f.write_str(&text(local, remote))
    }
}

/// Both directions of a connection have the same id: the lesser end is hashed first.
fn text(one: SocketAddr, other: SocketAddr) -> String {
    let (one, other) = (one.min(other), one.max(other));
    let seed = [0_u8; 2];
    let mut hash = Sha1::new_with_prefix(seed);
    for addr in [one.ip(), other.ip()] {
        match addr {
            IpAddr::V4(addr) => hash.update(addr.octets()),
            IpAddr::V6(addr) => hash.update(addr.octets()),
        }
    }
    hash.update([TCP, 0]);
    for port in [one.port(), other.port()] {
        hash.update(port.to_be_bytes());
    }
    format!("1:{}", BASE64_STANDARD.encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::closed_session;

    #[test]
    fn community_id_is_that_of_the_specification_in_both_directions() {
        // its vectors for TCP
        for (one, other, id) in [
            (
                "128.232.110.120:34855",
                "66.35.250.204:80",
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943",
                "[2607:f8b0:400c:c03::1a]:25",
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
        ] {
            let end = |end: &str| end.parse::<SocketAddr>().expect("an address");
            for (local, remote) in [(one, other), (other, one)].map(|(a, b)| (end(a), end(b))) {
                let session = Session {
                    laddr: local.ip(),
                    lport: local.port(),
                    raddr: remote.ip(),
                    rport: remote.port(),
                    ..closed_session()
                };
                let found = CommunityId::of(&session).map(|id| id.to_string());
                assert_eq!(found.as_deref(), Some(id));
            }
        }
    }

    #[test]
    fn community_id_without_a_local_port_is_unknown() {
        let session = Session {
            lport: 0,
            ..closed_session()
        };
        assert_eq!(CommunityId::of(&session), None);
    }
}
