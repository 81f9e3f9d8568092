//! The capture filter: what the kernel reports at all (`-p -L -D -4 -6` and network namespaces).
//!
//! It also reads port lists, and intersects and unites filters. `collector::kernel::shared` hands it to the kernel; the
//! filter language is in `filter`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::model::listener::Listener;

/// The sessions that the kernel reports; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureFilter {
    /// Only sessions owned by this process.
    pub pid: Option<u32>,
    /// Only this network namespace, by its inode number.
    pub netns: Option<u32>,
    pub family: Option<Family>,
    /// Only these local ports.
    pub lports: Option<PortSet>,
    /// Only these ports of the peer.
    pub rports: Option<PortSet>,
    /// Only these ports, on either end.
    pub ports: Option<PortSet>,
}

impl CaptureFilter {
    /// True if it accepts every session.
    pub fn is_everything(&self) -> bool {
        *self == CaptureFilter::default()
    }

    /// Returns the filter that accepts no session, the result of contradictory filters. An empty set of ports expresses
    /// this to the kernel without a flag of its own.
    pub fn nothing() -> Self {
        CaptureFilter {
            lports: Some(PortSet::default()),
            ..CaptureFilter::default()
        }
    }

    /// True if it accepts no session.
    pub fn is_nothing(&self) -> bool {
        let empty = |ports: &Option<PortSet>| ports.as_ref().is_some_and(PortSet::is_empty);
        empty(&self.lports) || empty(&self.rports) || empty(&self.ports)
    }

    /// True if the session passes: the same decision as `is_captured()` in record.bpf.h.
    pub fn accepts(&self, session: &crate::model::session::Session) -> bool {
        let has = |ports: &Option<PortSet>, port| ports.as_ref().is_none_or(|p| p.contains(port));
        self.pid.is_none_or(|pid| pid == session.pid)
            && self.netns.is_none_or(|netns| netns == session.netns)
            && self.family.is_none_or(|f| f.version() == session.ip())
            && has(&self.lports, session.lport)
            && has(&self.rports, session.rport)
            && (has(&self.ports, session.lport) || has(&self.ports, session.rport))
    }

    /// True if packets between these ends of a network namespace are surely of sessions that it accepts, whoever owns
    /// them. A port of 0 stands for any, a namespace of 0 for one that is not known.
    pub fn accepts_ends(&self, netns: u32, local: SocketAddr, remote: SocketAddr) -> bool {
        let has = |ports: &Option<PortSet>, end: SocketAddr| {
            let port = end.port();
            ports.as_ref().is_none_or(|p| port != 0 && p.contains(port))
        };
        self.netns.is_none_or(|wanted| wanted == netns)
            && self.family.is_none_or(|f| f == Family::of(local.ip()))
            && has(&self.lports, local)
            && has(&self.rports, remote)
            && (has(&self.ports, local) || has(&self.ports, remote))
    }

    /// True if it accepts sessions of this listener whatever port their peers have.
    pub fn accepts_listener(&self, listener: &Listener) -> bool {
        let Listener {
            netns, addr, port, ..
        } = *listener;
        let has = |ports: &Option<PortSet>| ports.as_ref().is_none_or(|p| p.contains(port));
        let takes = |family| match family == Family::of(addr) {
            true => true,
            false => family == Family::V4 && addr.is_unspecified() && !listener.v6_only,
        };
        self.pid.is_none_or(|pid| pid == listener.pid)
            && self.netns.is_none_or(|wanted| wanted == netns)
            && self.family.is_none_or(takes)
            && has(&self.lports)
            && self.rports.is_none()
            && has(&self.ports)
    }

    /// Returns the narrowest filter that accepts what both accept. It may accept more if both want ports of either end:
    /// a capture filter cannot say "one of these, and one of those".
    pub fn intersection(&self, other: &CaptureFilter) -> CaptureFilter {
        let both = || {
            Some(CaptureFilter {
                pid: common(self.pid, other.pid)?,
                netns: common(self.netns, other.netns)?,
                family: common(self.family, other.family)?,
                lports: narrowed(&self.lports, &other.lports)?,
                rports: narrowed(&self.rports, &other.rports)?,
                ports: match (&self.ports, &other.ports) {
                    (Some(a), Some(b)) if b.is_within(a) => Some(b.clone()),
                    (a, b) => a.as_ref().or(b.as_ref()).cloned(),
                },
            })
        };
        both().unwrap_or_else(CaptureFilter::nothing)
    }

    /// Returns the narrowest filter that accepts what either accepts. It may accept more: a capture filter cannot say
    /// "this local port or that remote one", except as "one of the two, on either end".
    pub fn union(&self, other: &CaptureFilter) -> CaptureFilter {
        if self.is_nothing() {
            return other.clone();
        }
        if other.is_nothing() {
            return self.clone();
        }
        let lports = widened(&self.lports, &other.lports);
        let rports = widened(&self.rports, &other.rports);
        let ports = match (&lports, &rports) {
            (None, None) => widened(&self.of_either_end(), &other.of_either_end()),
            _ => widened(&self.ports, &other.ports),
        };
        CaptureFilter {
            pid: self.pid.filter(|_| self.pid == other.pid),
            netns: self.netns.filter(|_| self.netns == other.netns),
            family: self.family.filter(|_| self.family == other.family),
            lports,
            rports,
            ports,
        }
    }

    /// A set of ports such that every accepted session has one of them, on either end.
    fn of_either_end(&self) -> Option<PortSet> {
        let of_one = self.lports.as_ref().or(self.rports.as_ref());
        self.ports.as_ref().or(of_one).cloned()
    }
}

/// Returns the value that satisfies both conditions; outer `None` if there is none. A condition of `None` accepts
/// anything.
fn common<T: PartialEq + Copy>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => None,
        _ => Some(a.or(b)),
    }
}

/// Returns the ports that satisfy both conditions; outer `None` if there are none.
fn narrowed(a: &Option<PortSet>, b: &Option<PortSet>) -> Option<Option<PortSet>> {
    let ports = match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(b)),
        _ => a.as_ref().or(b.as_ref()).cloned(),
    };
    let empty = ports.as_ref().is_some_and(PortSet::is_empty);
    (!empty).then_some(ports)
}

/// Returns the ports that satisfy either condition.
fn widened(a: &Option<PortSet>, b: &Option<PortSet>) -> Option<PortSet> {
    let ports = a.as_ref()?.union(b.as_ref()?);
    (!ports.is_everything()).then_some(ports)
}

impl fmt::Display for CaptureFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("nothing");
        }
        let terms = [
            self.pid.map(|p| format!("pid {p}")),
            self.netns.map(|n| format!("netns {n}")),
            self.family.map(|v| v.name().to_owned()),
            self.lports.as_ref().map(|p| format!("lport {p}")),
            self.rports.as_ref().map(|p| format!("rport {p}")),
            self.ports.as_ref().map(|p| format!("port {p}")),
        ];
        let terms: Vec<String> = terms.into_iter().flatten().collect();
        f.write_str(if terms.is_empty() { "everything" } else { "" })?;
        f.write_str(&terms.join(" and "))
    }
}

/// IP version on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, including that of IPv4-mapped IPv6 sockets.
    V4,
    V6,
}

impl Family {
    /// The version of an address.
    pub fn of(addr: IpAddr) -> Self {
        match addr.is_ipv4() {
            true => Family::V4,
            false => Family::V6,
        }
    }

    /// Returns `IPv4` or `IPv6`.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// Returns 4 or 6.
    pub fn version(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }
}

/// Set of TCP ports, written as `22,80,8000-8100`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSet(Vec<(u16, u16)>);

impl PortSet {
    /// Builds a set from inclusive ranges in any order; adjacent ones are joined.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let mut sorted: Vec<(u16, u16)> = ranges.into_iter().filter(|(a, b)| a <= b).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
        for (from, to) in sorted {
            match joined.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
                _ => joined.push((from, to)),
            }
        }
        PortSet(joined)
    }

    /// True if it contains no port.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if it contains every port.
    pub fn is_everything(&self) -> bool {
        self.joined() == [(0, u16::MAX)]
    }

    pub fn union(&self, other: &PortSet) -> PortSet {
        PortSet::from_ranges(self.0.iter().chain(&other.0).copied())
    }

    pub fn intersection(&self, other: &PortSet) -> PortSet {
        let (a, b) = (self.joined(), other.joined());
        let (mut i, mut j) = (0, 0);
        let mut common = Vec::new();
        while let (Some(&(a_from, a_to)), Some(&(b_from, b_to))) = (a.get(i), b.get(j)) {
            if a_from.max(b_from) <= a_to.min(b_to) {
                common.push((a_from.max(b_from), a_to.min(b_to)));
            }
            if a_to < b_to { i += 1 } else { j += 1 }
        }
        PortSet(common)
    }

    /// True if this is a subset of `others`.
    fn is_within(&self, others: &PortSet) -> bool {
        self.intersection(others).0 == self.joined()
    }

    fn joined(&self) -> Vec<(u16, u16)> {
        PortSet::from_ranges(self.0.iter().copied()).0
    }

    /// Iterates over the inclusive ranges, in the order in which they were given.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::RangeInclusive<u16>> + '_ {
        self.0.iter().map(|&(from, to)| from..=to)
    }

    /// True if the port is in it.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges().any(|r| r.contains(&port))
    }
}

/// Reason that a port list cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPorts {
    /// Neither a port nor a range.
    #[error("`{0}` is not a port (0 to 65535) or a range like 8000-8100")]
    NotAPort(String),
    /// The range is empty.
    #[error("the range `{0}` is reversed")]
    Backwards(String),
}

impl FromStr for PortSet {
    type Err = BadPorts;

    fn from_str(text: &str) -> Result<Self, BadPorts> {
        let port = |t: &str| t.trim().parse::<u16>().ok();
        text.split(',')
            .map(|item| {
                let ends = match item.split_once('-') {
                    Some((from, to)) => port(from).zip(port(to)),
                    None => port(item).map(|p| (p, p)),
                };
                match ends {
                    None => Err(BadPorts::NotAPort(item.to_owned())),
                    Some((from, to)) if from > to => Err(BadPorts::Backwards(item.to_owned())),
                    Some(ends) => Ok(ends),
                }
            })
            .collect::<Result<_, _>>()
            .map(PortSet)
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(from, to)) in self.0.iter().enumerate() {
            f.write_str(if i > 0 { "," } else { "" })?;
            if from == to {
                write!(f, "{from}")?
            } else {
                write!(f, "{from}-{to}")?
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_list_parsed_and_written_is_unchanged() {
        for text in ["22", "22,80", "22,80,8000-8100", "0-65535"] {
            let set: PortSet = text.parse().expect(text);
            assert_eq!(set.to_string(), text);
        }
        let set: PortSet = "22, 8000-8002".parse().expect("a list");
        let inside: Vec<u16> = (0..=u16::MAX).filter(|&p| set.contains(p)).collect();
        assert_eq!(inside, [22, 8000, 8001, 8002]);
    }

    #[test]
    fn port_list_invalid_is_reported_with_the_reason() {
        let error = |text: &str| text.parse::<PortSet>().expect_err(text).to_string();
        assert_eq!(
            error("22,http"),
            "`http` is not a port (0 to 65535) or a range like 8000-8100"
        );
        assert_eq!(
            error("65536"),
            "`65536` is not a port (0 to 65535) or a range like 8000-8100"
        );
        assert_eq!(
            error(""),
            "`` is not a port (0 to 65535) or a range like 8000-8100"
        );
        assert_eq!(error("90-80"), "the range `90-80` is reversed");
    }

    #[test]
    fn capture_filter_is_written_as_its_conditions() {
        assert_eq!(CaptureFilter::default().to_string(), "everything");
        let capture = CaptureFilter {
            pid: Some(7),
            netns: Some(4_026_531_840),
            family: Some(Family::V6),
            lports: "22,80".parse().ok(),
            ..CaptureFilter::default()
        };
        let said = "pid 7 and netns 4026531840 and IPv6 and lport 22,80";
        assert_eq!(capture.to_string(), said);
    }

    fn ports(text: &str) -> PortSet {
        text.parse().expect(text)
    }

    #[test]
    fn port_set_union_and_intersection_are_exact() {
        for (a, b, union, intersection) in [
            ("22", "80", "22,80", ""),
            ("22,80-90", "85-100", "22,80-100", "85-90"),
            ("1-10,20-30", "5-25", "1-30", "5-10,20-25"),
            ("0-65535", "7,9", "0-65535", "7,9"),
            ("9,8,7", "7", "7-9", "7"),
            ("65535", "65534", "65534-65535", ""),
        ] {
            let (a, b) = (ports(a), ports(b));
            assert_eq!(a.union(&b).to_string(), union);
            assert_eq!(b.union(&a).to_string(), union);
            assert_eq!(a.intersection(&b).to_string(), intersection);
            assert_eq!(b.intersection(&a).to_string(), intersection);
        }
        assert!(ports("0-100,50-65535").is_everything());
        assert!(!ports("1-65535").is_everything());
    }

    #[test]
    fn capture_filter_intersection_is_exact() {
        let capture = |pid, family, l: &str, r: &str| CaptureFilter {
            pid,
            family,
            lports: l.parse().ok(),
            rports: r.parse().ok(),
            ..CaptureFilter::default()
        };
        let all = CaptureFilter::default();
        let a = capture(Some(7), None, "22,80", "");
        let b = capture(None, Some(Family::V4), "80-90", "443");
        assert_eq!(
            a.intersection(&b).to_string(),
            "pid 7 and IPv4 and lport 80 and rport 443"
        );
        assert_eq!(a.intersection(&all), a);
        for (x, y) in [
            (
                capture(Some(7), None, "", ""),
                capture(Some(8), None, "", ""),
            ),
            (
                capture(None, Some(Family::V4), "", ""),
                capture(None, Some(Family::V6), "", ""),
            ),
            (capture(None, None, "22", ""), capture(None, None, "23", "")),
            (CaptureFilter::nothing(), all),
        ] {
            assert_eq!(x.intersection(&y), CaptureFilter::nothing(), "{x} with {y}");
            assert!(x.intersection(&y).is_nothing());
        }
        assert_eq!(CaptureFilter::nothing().to_string(), "nothing");
    }

    #[test]
    fn capture_filter_union_accepts_what_either_accepts() {
        let capture = |l: &str, r: &str| CaptureFilter {
            lports: l.parse().ok(),
            rports: r.parse().ok(),
            ..CaptureFilter::default()
        };
        let of = |a: CaptureFilter, b: CaptureFilter| a.union(&b).to_string();
        assert_eq!(of(capture("22", ""), capture("80", "")), "lport 22,80");
        assert_eq!(of(capture("22", ""), capture("", "80")), "port 22,80");
        assert_eq!(
            of(
                capture("22", "").union(&capture("", "80")),
                capture("", "8")
            ),
            "port 8,22,80"
        );
        assert_eq!(
            of(capture("0-99", ""), capture("100-65535", "")),
            "everything"
        );
        assert_eq!(of(CaptureFilter::nothing(), capture("22", "")), "lport 22");
        assert_eq!(of(capture("22", ""), CaptureFilter::nothing()), "lport 22");
    }

    #[test]
    fn capture_filter_accepts_ends_only_if_their_ports_are_known() {
        let accepts = |capture: &CaptureFilter, netns, local: &str, remote: &str| {
            let end = |text: &str| text.parse().expect("an end");
            capture.accepts_ends(netns, end(local), end(remote))
        };
        let (here, there) = ("10.0.0.1:80", "10.0.0.9:443");
        let capture = CaptureFilter {
            lports: Some(ports("0-80")),
            ..CaptureFilter::default()
        };
        assert!(accepts(&capture, 7, here, there));
        assert!(!accepts(&capture, 7, there, here));
        assert!(!accepts(&capture, 7, "10.0.0.1:0", there), "any port");
        let capture = CaptureFilter {
            ports: Some(ports("443")),
            ..CaptureFilter::default()
        };
        assert!(accepts(&capture, 7, here, there) && accepts(&capture, 7, there, here));
        assert!(!accepts(&capture, 7, here, "10.0.0.9:0"));
        let capture = CaptureFilter {
            netns: Some(7),
            family: Some(Family::V4),
            ..CaptureFilter::default()
        };
        assert!(accepts(&capture, 7, here, there));
        assert!(!accepts(&capture, 8, here, there) && !accepts(&capture, 0, here, there));
        assert!(!accepts(&capture, 7, "[fd00::1]:80", "[fd00::9]:443"));
    }

    #[test]
    fn capture_filter_accepts_listeners_of_its_process_ports_and_version() {
        let listener = |addr: &str, v6_only| Listener {
            addr: addr.parse().expect("an address"),
            v6_only,
            ..crate::testing::sample::listener()
        };
        let of_family = |family, addr, v6_only| {
            let capture = CaptureFilter {
                family: Some(family),
                ..CaptureFilter::default()
            };
            capture.accepts_listener(&listener(addr, v6_only))
        };
        assert!(of_family(Family::V4, "0.0.0.0", false));
        assert!(of_family(Family::V4, "::", false), "both versions");
        assert!(!of_family(Family::V4, "::", true));
        assert!(!of_family(Family::V4, "::1", false));
        assert!(of_family(Family::V6, "::", true));
        assert!(!of_family(Family::V6, "0.0.0.0", false));
        let accepts = |pid, l: &str, r: &str, either: &str| {
            CaptureFilter {
                pid,
                lports: l.parse().ok(),
                rports: r.parse().ok(),
                ports: either.parse().ok(),
                ..CaptureFilter::default()
            }
            .accepts_listener(&listener("0.0.0.0", false))
        };
        assert!(accepts(Some(812), "80", "", "80") && !accepts(Some(813), "", "", ""));
        assert!(!accepts(None, "81", "", "") && !accepts(None, "", "", "81"));
        assert!(!accepts(None, "", "80", ""), "clients have any port");
    }

    #[test]
    fn capture_filter_accepts_the_same_sessions_as_the_kernel() {
        let s = crate::testing::sample::closed_session();
        let accepts = |pid, family, l: &str, r: &str| {
            CaptureFilter {
                pid,
                family,
                lports: l.parse().ok(),
                rports: r.parse().ok(),
                ..CaptureFilter::default()
            }
            .accepts(&s)
        };
        let within = |netns| CaptureFilter {
            netns: Some(netns),
            ..CaptureFilter::default()
        };
        assert!(within(s.netns).accepts(&s));
        assert!(!within(s.netns + 1).accepts(&s));
        assert!(accepts(None, None, "", ""));
        assert!(accepts(Some(22597), Some(Family::V4), "46644", "28527"));
        assert!(!accepts(Some(22598), None, "", ""));
        assert!(!accepts(None, Some(Family::V6), "", ""));
        assert!(!accepts(None, None, "28527", ""));
        assert!(!accepts(None, None, "", "46644"));
        assert!(!CaptureFilter::nothing().accepts(&s));
        for (either, is_accepted) in [("46644", true), ("28527", true), ("1-9", false)] {
            let capture = CaptureFilter {
                ports: either.parse().ok(),
                ..CaptureFilter::default()
            };
            assert_eq!(capture.accepts(&s), is_accepted, "{either}");
        }
    }
}
