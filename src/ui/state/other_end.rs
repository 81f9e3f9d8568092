//! The other end of a session, if it is on this host too.
//!
//! An address means something only inside its network namespace: several sessions may have the same ends, reversed. And
//! an address that was translated on the way is another one at the other end. No answer is better than a wrong one.

use std::net::{IpAddr, SocketAddr};

use crate::model::interface::Interface;
use crate::model::local_pairs::{apart_ns, began_together, is_at_the_same_time};
use crate::model::session::{Direction, Session};

/// The other end, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OtherEnd<'a> {
    Session(&'a Session),
    /// The same connection, of which one address or port was translated on the way (REDIRECT, DNAT).
    Translated(&'a Session),
    /// The socket is connected to itself.
    Itself,
    /// Several sessions may be it.
    Ambiguous,
    Unknown,
}

/// Sessions that may be the other end.
#[derive(Debug, Default)]
pub struct Candidates {
    /// In the same network namespace.
    here: Candidate,
    /// In another one.
    elsewhere: Candidate,
    /// With one end that differs.
    translated: Candidate,
}

impl Candidates {
    /// Takes a session, or its newest figures.
    pub fn take(&mut self, mine: &Session, other: &Session) {
        if mine.id() == other.id() || !is_at_the_same_time(mine, other) {
            return;
        }
        let is_here = mine.netns == other.netns;
        // these addresses are others in each namespace
        let (ours, theirs) = mine.ends();
        let is_reachable = is_here || is_routed(ours.ip()) && is_routed(theirs.ip());
        let ends = other.ends();
        if ends == (theirs, ours) {
            if is_here {
                self.here.take(mine, other);
            } else if is_reachable && began_together(mine, other) {
                self.elsewhere.take(mine, other);
            }
        } else if ends == (ours, theirs) {
            // the other end may be its other end
            let is_rival = began_together(mine, other);
            if !is_here {
                self.elsewhere.is_ambiguous |= is_reachable && is_rival;
            } else if mine.interface != other.interface {
                self.here.is_ambiguous |= is_rival;
            }
        } else if is_reachable {
            self.take_translated(mine, other);
        }
    }

    /// Takes a session that shares one end with ours: the client's address survives a translation of the server's.
    fn take_translated(&mut self, mine: &Session, other: &Session) {
        let client_of = |s: &Session| -> Option<SocketAddr> {
            let (ours, theirs) = s.ends();
            match s.direction {
                Direction::Out => Some(ours),
                Direction::In => Some(theirs),
                Direction::Unknown => None,
            }
        };
        if client_of(mine).is_none()
            || client_of(mine) != client_of(other)
            || !began_together(mine, other)
        {
            return;
        }
        if mine.direction == other.direction {
            // the other end may be its other end
            self.translated.is_ambiguous = true;
        } else {
            self.translated.take(mine, other);
        }
    }

    /// The sessions to keep up to date.
    pub fn sessions_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        let all = [&mut self.here, &mut self.elsewhere, &mut self.translated];
        all.into_iter().filter_map(|c| c.session.as_mut())
    }

    /// True if no further session can change the answer: without interfaces, an open session is the only one with its ends
    /// in its namespace.
    pub fn are_enough(&self, mine: &Session) -> bool {
        let is_unique = |s: &Session| s.is_open() && s.interface == Interface::default();
        let known = self.here.session.as_ref().is_some_and(is_unique);
        is_own_other_end(mine) || is_unique(mine) && known
    }

    pub fn best(&self, mine: &Session) -> OtherEnd<'_> {
        if is_own_other_end(mine) {
            return OtherEnd::Itself;
        }
        for (candidate, found) in [
            (&self.here, OtherEnd::Session as fn(_) -> _),
            (&self.elsewhere, OtherEnd::Session),
            (&self.translated, OtherEnd::Translated),
        ] {
            match &candidate.session {
                Some(_) if candidate.is_ambiguous => return OtherEnd::Ambiguous,
                Some(session) => return found(session),
                None => {}
            }
        }
        OtherEnd::Unknown
    }
}

/// A session that may be the other end, the best of its kind.
#[derive(Debug, Default)]
struct Candidate {
    session: Option<Session>,
    /// It could be another session just as well.
    is_ambiguous: bool,
}

impl Candidate {
    fn take(&mut self, mine: &Session, other: &Session) {
        let place = |s: &Session| (s.netns, s.interface, s.ends());
        match &self.session {
            Some(known) if place(known) != place(other) => self.is_ambiguous = true,
            // ports are reused: both ends of a connection begin at the same time
            Some(known)
                if known.id() != other.id() && apart_ns(mine, known) <= apart_ns(mine, other) => {}
            _ => self.session = Some(other.clone()),
        }
    }
}

fn is_own_other_end(session: &Session) -> bool {
    let (ours, theirs) = session.ends();
    ours == theirs
}

/// True for an address that leads from one network namespace to another.
fn is_routed(addr: IpAddr) -> bool {
    let is_local = match addr {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    };
    !is_local && !addr.is_loopback() && !addr.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::{Age, State};
    use crate::testing::sample::closed_session as sample;
    use crate::text::units::S;

    fn end(text: &str) -> SocketAddr {
        text.parse().expect("an address and a port")
    }

    /// An open session in a namespace.
    fn session(cookie: u64, netns: u32, direction: Direction, ours: &str, theirs: &str) -> Session {
        let (ours, theirs) = (end(ours), end(theirs));
        Session {
            cookie,
            netns,
            direction,
            laddr: ours.ip(),
            lport: ours.port(),
            raddr: theirs.ip(),
            rport: theirs.port(),
            state: State::Established,
            ..sample()
        }
    }

    fn client(cookie: u64, netns: u32, ours: &str, theirs: &str) -> Session {
        session(cookie, netns, Direction::Out, ours, theirs)
    }

    fn server(cookie: u64, netns: u32, ours: &str, theirs: &str) -> Session {
        session(cookie, netns, Direction::In, ours, theirs)
    }

    /// A word for the other end of the first session among the others, whatever their order.
    fn found(mine: &Session, others: &[Session]) -> String {
        let found = |others: &mut dyn Iterator<Item = &Session>| {
            let mut candidates = Candidates::default();
            others.for_each(|s| candidates.take(mine, s));
            match candidates.best(mine) {
                OtherEnd::Session(s) => format!("{}", s.cookie),
                OtherEnd::Translated(s) => format!("translated {}", s.cookie),
                other => format!("{other:?}").to_lowercase(),
            }
        };
        let text = found(&mut others.iter());
        assert_eq!(found(&mut others.iter().rev()), text);
        text
    }

    #[test]
    fn other_end_on_loopback_is_in_the_same_namespace() {
        for (a, b) in [
            ("127.0.0.1:7000", "127.0.0.1:7001"),
            ("[::1]:7000", "[::1]:7001"),
            ("[fe80::1]:7000", "[fe80::2]:7001"),
            ("169.254.0.1:7000", "169.254.0.2:7001"),
            ("127.0.0.1:7000", "10.0.0.1:7001"),
        ] {
            let mine = client(1, 1, a, b);
            let (here, elsewhere) = (server(2, 1, b, a), server(3, 2, b, a));
            assert_eq!(found(&mine, &[here, elsewhere.clone()]), "2", "{a}");
            assert_eq!(found(&mine, &[elsewhere]), "unknown", "{a}");
        }
    }

    #[test]
    fn other_end_in_another_namespace_must_be_the_only_one() {
        let (a, b) = ("10.0.0.1:7000", "10.0.0.2:7001");
        let mine = client(1, 1, a, b);
        let theirs = server(2, 2, b, a);
        assert_eq!(found(&mine, std::slice::from_ref(&theirs)), "2");
        assert_eq!(found(&theirs, std::slice::from_ref(&mine)), "1");
        let another = server(3, 3, b, a);
        assert_eq!(found(&mine, &[theirs.clone(), another]), "ambiguous");
        let rival = client(4, 4, a, b);
        assert_eq!(found(&mine, &[theirs.clone(), rival]), "ambiguous");
        let here = server(5, 1, b, a);
        assert_eq!(found(&mine, &[theirs, here]), "5");
        // it began before the start, and ours after it
        let earlier = Session {
            age: Age::LowerBound,
            ..server(6, 2, b, a)
        };
        assert_eq!(found(&mine, &[earlier]), "unknown");
    }

    #[test]
    fn other_end_behind_a_translation_is_found_by_the_client_address() {
        let (a, b) = ("10.75.0.1:40000", "203.0.113.9:80");
        let mine = client(1, 1, a, b);
        let redirected = server(2, 1, "127.0.0.1:9400", a);
        assert_eq!(
            found(&mine, std::slice::from_ref(&redirected)),
            "translated 2"
        );
        assert_eq!(
            found(&redirected, std::slice::from_ref(&mine)),
            "translated 1"
        );
        let published = server(3, 2, "172.17.0.2:80", a);
        assert_eq!(
            found(&mine, std::slice::from_ref(&published)),
            "translated 3"
        );
        assert_eq!(found(&mine, &[redirected.clone(), published]), "ambiguous");
        // the same port to another destination: either may have been translated
        let rival = client(4, 1, a, "203.0.113.10:80");
        assert_eq!(found(&mine, &[redirected.clone(), rival]), "ambiguous");
        let later = Session {
            established_ns: mine.established_ns + 5 * S,
            ..redirected.clone()
        };
        assert_eq!(found(&mine, &[later]), "unknown");
        let exact = server(5, 1, b, a);
        assert_eq!(found(&mine, &[redirected, exact]), "5");
    }

    #[test]
    fn other_end_with_reused_ports_is_the_one_that_began_with_it() {
        let (a, b) = ("127.0.0.1:7000", "127.0.0.1:7001");
        let closed = |cookie, start_ns: u64| Session {
            start_ns,
            established_ns: start_ns,
            end_ns: start_ns + S / 10,
            state: State::Closed,
            ..server(cookie, 1, b, a)
        };
        let mine = Session {
            direction: Direction::Out,
            ..closed(1, 2 * S)
        };
        let mine = Session {
            laddr: mine.raddr,
            raddr: mine.laddr,
            lport: mine.rport,
            rport: mine.lport,
            ..mine
        };
        let others = [
            closed(2, 2 * S - S / 2),
            closed(3, 2 * S + 10),
            closed(4, 3 * S),
        ];
        assert_eq!(found(&mine, &others), "3");
    }

    #[test]
    fn other_end_on_one_of_two_links_with_the_same_addresses_is_ambiguous() {
        let (a, b) = ("[fe80::1]:7000", "[fe80::2]:7001");
        let on = |interface, session| Session {
            interface: Interface::new(interface),
            ..session
        };
        let mine = on("v0", client(1, 1, a, b));
        let theirs = on("v1", server(2, 1, b, a));
        assert_eq!(found(&mine, std::slice::from_ref(&theirs)), "2");
        let another = on("w1", server(3, 1, b, a));
        assert_eq!(found(&mine, &[theirs.clone(), another]), "ambiguous");
        let rival = on("w0", client(4, 1, a, b));
        assert_eq!(found(&mine, &[theirs, rival]), "ambiguous");
    }

    #[test]
    fn other_end_of_socket_connected_to_itself_is_itself() {
        let mine = client(1, 1, "127.0.0.1:7000", "127.0.0.1:7000");
        assert_eq!(found(&mine, &[]), "itself");
    }
}
