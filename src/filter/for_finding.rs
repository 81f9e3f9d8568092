//! Filters that select the sessions that prove a finding.

use crate::filter::for_group::{and_listened_at, and_netns, filter_for_group, filter_for_peer};
use crate::model::findings::{Destination, Finding, Proof, Subject};

/// Returns the filter that selects the sessions of a finding; `None`: no sessions prove it.
pub fn filter_for_finding(finding: &Finding) -> Option<String> {
    let subject = filter_for_subject(&finding.subject);
    let parts = match finding.rule.proof {
        Proof::Sessions { filter, .. } => [Some(filter.to_owned()), subject],
        Proof::Listeners | Proof::Drops | Proof::Ports => [None, subject],
        Proof::Help => return None,
    };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Returns the filter that selects the sessions of a subject; `None`: all of them.
fn filter_for_subject(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Host => None,
        Subject::Destination(Destination { netns, addr, port }) => {
            let (peer, netns) = (filter_for_peer(*addr), and_netns(*netns));
            // the port last: of a long filter the screen shows the beginning and the end
            Some(format!("{peer}{netns} and rport {port}"))
        }
        Subject::Peer { netns, addr } => {
            let (peer, netns) = (filter_for_peer(*addr), and_netns(*netns));
            Some(format!("{peer}{netns}"))
        }
        Subject::Group(key) => Some(filter_for_group(key)),
        Subject::Listener { netns, addr, port } => {
            let addr = addr.map_or_else(String::new, and_listened_at);
            Some(format!("lport {port}{addr}{}", and_netns(*netns)))
        }
        Subject::Local(addr) => Some(format!("laddr {addr}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::filter::Filter;
    use crate::model::aggregate::{GroupBy, GroupKey};
    use crate::model::findings::FINDINGS;
    use crate::testing::sample::closed_session as sample;

    #[test]
    fn filter_of_every_finding_and_subject_is_valid() {
        let addr = |text: &str| text.parse::<IpAddr>().expect("an address");
        let listener = |addr| Subject::Listener {
            netns: 7,
            addr,
            port: 80,
        };
        let subjects = [
            Subject::Host,
            Subject::Destination(Destination::of(&sample())),
            Subject::Peer {
                netns: 7,
                addr: sample().remote(),
            },
            Subject::Group(GroupBy::Process.key(&sample())),
            Subject::Group(GroupBy::subnet(sample().remote())),
            Subject::Group(GroupKey::UnknownOwner),
            listener(None),
            listener(Some(addr("0.0.0.0"))),
            listener(Some(addr("::"))),
            listener(Some(addr("fe80::1"))),
            Subject::Local(addr("10.0.0.1")),
        ];
        for rule in FINDINGS {
            for subject in subjects {
                let finding = Finding {
                    rule,
                    subject,
                    is_preexisting: false,
                    since_ns: 0,
                    ended_ns: None,
                    times: 1,
                    sentence: String::new(),
                    program: None,
                    evidence: Vec::new(),
                };
                if let Some(text) = filter_for_finding(&finding) {
                    Filter::parse(&text).unwrap_or_else(|e| panic!("{}", e.report()));
                }
            }
        }
    }
}
