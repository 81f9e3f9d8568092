//! State of a connection in Zeek's words (`conn_state` in conn.log), as far as one end of it can tell.

use crate::model::session::{Direction, Reason, Session, State};

/// Names in Zeek's order, and their meanings here. Zeek's others (RSTOS0, RSTRH, SH, SHR) are about connections of which an
/// observer saw one direction: an end of the connection sees both.
pub const CONN_STATES: [(&str, &str); 9] = [
    ("S0", "we connected, and no answer came"),
    ("S1", "established, and neither end has closed it"),
    ("SF", "established and closed by both ends"),
    ("REJ", "refused: the answer to the SYN was a reset"),
    ("S2", "established; the end that opened it has closed it"),
    ("S3", "established; the end that accepted it has closed it"),
    ("RSTO", "reset by the end that opened it"),
    ("RSTR", "reset by the end that accepted it"),
    (
        "OTH",
        "its beginning was not seen, or its handshake is not complete",
    ),
];

/// The names of [`CONN_STATES`].
pub static NAMES: [&str; CONN_STATES.len()] = {
    let mut names = [""; CONN_STATES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = CONN_STATES[i].0;
        i += 1;
    }
    names
};

/// End of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Opened,
    Accepted,
}

/// Returns the name; `None` if nothing was sent, or the reason of the close is not known.
pub fn conn_state(session: &Session) -> Option<&'static str> {
    let (us, peer) = match session.direction {
        Direction::Out => (End::Opened, End::Accepted),
        Direction::In => (End::Accepted, End::Opened),
        Direction::Unknown => return Some("OTH"),
    };
    let is_established = session.established_ns != 0;
    let reset_by = |end: End| match (is_established, us, end) {
        // it was in the state of which a close sends nothing
        (false, End::Opened, End::Opened) => "S0",
        (false, _, End::Accepted) => "REJ",
        (_, _, End::Opened) => "RSTO",
        (_, _, End::Accepted) => "RSTR",
    };
    let closed_by = |end: End| match end {
        End::Opened => "S2",
        End::Accepted => "S3",
    };
    let as_it_was = || match session.state_before_close {
        State::SynSent => "S0",
        State::SynRecv => "OTH",
        State::Established | State::Closed => "S1",
        State::FinWait1 | State::FinWait2 => closed_by(us),
        State::CloseWait => closed_by(peer),
        State::LastAck | State::Closing => "SF",
    };
    Some(match session.reason {
        Reason::NoPort | Reason::Unknown => return None,
        Reason::LocalFin | Reason::RemoteFin if is_established => "SF",
        Reason::LocalFin | Reason::RemoteFin => "OTH",
        Reason::LocalReset | Reason::Aborted | Reason::NeverAccepted => reset_by(us),
        Reason::RemoteReset => reset_by(peer),
        Reason::Refused => "REJ",
        Reason::ConnectTimeout | Reason::Cancelled => "S0",
        Reason::Open | Reason::Timeout | Reason::Unreachable | Reason::Checkpoint => as_it_was(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{Numbers, any_session, closed_session};

    #[test]
    fn conn_state_is_what_zeek_calls_the_same_connection() {
        use Direction::{In, Out};
        use State::{CloseWait, Closing, Established, FinWait2, LastAck, SynRecv, SynSent};
        for (direction, reason, before, established, expected) in [
            (Out, Reason::LocalFin, FinWait2, 5, Some("SF")),
            (In, Reason::RemoteFin, LastAck, 5, Some("SF")),
            (Out, Reason::LocalReset, Established, 5, Some("RSTO")),
            (In, Reason::LocalReset, Established, 5, Some("RSTR")),
            (Out, Reason::RemoteReset, Established, 5, Some("RSTR")),
            (In, Reason::RemoteReset, Established, 5, Some("RSTO")),
            (In, Reason::RemoteReset, SynRecv, 0, Some("RSTO")),
            (In, Reason::NeverAccepted, Established, 5, Some("RSTR")),
            (Out, Reason::Aborted, SynSent, 0, Some("S0")),
            (Out, Reason::Refused, SynSent, 0, Some("REJ")),
            (Out, Reason::ConnectTimeout, SynSent, 0, Some("S0")),
            (Out, Reason::Cancelled, SynSent, 0, Some("S0")),
            (Out, Reason::Unreachable, SynSent, 0, Some("S0")),
            (Out, Reason::Timeout, Established, 5, Some("S1")),
            (Out, Reason::Timeout, FinWait2, 5, Some("S2")),
            (In, Reason::Timeout, FinWait2, 5, Some("S3")),
            (Out, Reason::Timeout, CloseWait, 5, Some("S3")),
            (In, Reason::Timeout, Closing, 5, Some("SF")),
            (In, Reason::Timeout, SynRecv, 0, Some("OTH")),
            (Out, Reason::NoPort, SynSent, 0, None),
            (Out, Reason::Unknown, Established, 5, None),
            (
                Direction::Unknown,
                Reason::LocalFin,
                FinWait2,
                0,
                Some("OTH"),
            ),
        ] {
            let session = Session {
                direction,
                reason,
                state_before_close: before,
                established_ns: established,
                ..closed_session()
            };
            let what = format!("{direction:?} {reason:?} {before:?}");
            assert_eq!(conn_state(&session), expected, "{what}");
        }
        let open = Session {
            state: CloseWait,
            state_before_close: CloseWait,
            direction: In,
            reason: Reason::Open,
            ..closed_session()
        };
        assert_eq!(conn_state(&open), Some("S2"));
    }

    #[test]
    fn conn_state_of_any_session_is_a_name_of_the_table() {
        let mut numbers = Numbers::from(5);
        for state in State::ALL {
            for cookie in 0..200 {
                let name = conn_state(&any_session(&mut numbers, cookie, *state));
                assert!(name.is_none_or(|name| NAMES.contains(&name)), "{name:?}");
            }
        }
    }
}
