//! What is captured at all: the filters of `-p -L -D -4 -6`, which the kernel decides.
//!
//! Responsible for their values and for reading port lists. Not for handing them to the kernel
//! (`collector::bpf`), nor for the filter language.

use std::fmt;
use std::str::FromStr;

/// The sessions that the kernel reports; all of them unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Only what this process owns.
    pub pid: Option<u32>,
    /// Only this family.
    pub family: Option<Family>,
    /// Only these ports of ours.
    pub lports: Option<PortSet>,
    /// Only these ports of the peer's.
    pub rports: Option<PortSet>,
}

impl Capture {
    /// True if every session passes.
    pub fn is_everything(&self) -> bool {
        *self == Capture::default()
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = [
            self.pid.map(|p| format!("pid {p}")),
            self.family.map(|v| v.name().to_owned()),
            self.lports.as_ref().map(|p| format!("lport {p}")),
            self.rports.as_ref().map(|p| format!("rport {p}")),
        ];
        let terms: Vec<String> = terms.into_iter().flatten().collect();
        f.write_str(if terms.is_empty() { "everything" } else { "" })?;
        f.write_str(&terms.join(" and "))
    }
}

/// IPv4 or IPv6, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, by IPv4-mapped IPv6 sockets too.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// `IPv4` or `IPv6`.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    /// 4 or 6.
    pub fn version(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }
}

/// TCP ports, as `22,80,8000-8100` says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSet(Vec<(u16, u16)>);

impl PortSet {
    /// The ranges, both ends included, in the order in which they were given.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::RangeInclusive<u16>> + '_ {
        self.0.iter().map(|&(from, to)| from..=to)
    }

    /// True if the port is one of these.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges().any(|r| r.contains(&port))
    }
}

/// Why a port list cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPorts {
    /// Neither a port nor a range.
    #[error("`{0}` is not a port (0 to 65535) or a range like 8000-8100")]
    NotAPort(String),
    /// The range has nothing in it.
    #[error("the range `{0}` ends before it begins")]
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
    fn port_lists_are_read_and_written_alike() {
        for text in ["22", "22,80", "22,80,8000-8100", "0-65535"] {
            let set: PortSet = text.parse().expect(text);
            assert_eq!(set.to_string(), text);
        }
        let set: PortSet = "22, 8000-8002".parse().expect("a list");
        let inside: Vec<u16> = (0..=u16::MAX).filter(|&p| set.contains(p)).collect();
        assert_eq!(inside, [22, 8000, 8001, 8002]);
    }

    #[test]
    fn wrong_port_lists_are_told_apart() {
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
        assert_eq!(error("90-80"), "the range `90-80` ends before it begins");
    }

    #[test]
    fn a_capture_says_what_it_takes() {
        assert_eq!(Capture::default().to_string(), "everything");
        let capture = Capture {
            pid: Some(7),
            family: Some(Family::V6),
            lports: "22,80".parse().ok(),
            rports: None,
        };
        assert_eq!(capture.to_string(), "pid 7 and IPv6 and lport 22,80");
    }
}
