//! Names shown instead of addresses and ports, and which addresses need one.
//!
//! The number of names is limited, and a name is looked up again after its TTL. Only addresses on the screen are looked
//! up, by `crate::host::resolver`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use unicode_width::UnicodeWidthStr;

use crate::host::resolver::Answer;
use crate::host::services::Services;
use crate::model::aggregate::GroupKey;
use crate::model::batch::Clock;
use crate::model::failures::Failure;
use crate::model::fields;
use crate::model::fields::{Field, FieldKind, Value};
use crate::model::interface::{Interface, ZonedAddr};
use crate::model::session::Session;

/// Maximum number of addresses remembered.
const MOST: usize = 10_000;

/// Names of addresses and ports.
#[derive(Debug)]
pub struct Names {
    /// Finds user names, which are always shown.
    pub user: fn(u32) -> Option<&'static str>,
    /// Addresses are shown by name.
    pub addresses: bool,
    /// Ports are shown by service name.
    pub ports: bool,
    /// Time of day of instants.
    pub times: TimesOfDay,
    known: HashMap<IpAddr, KnownName>,
    pub services: Option<Services>,
}

/// Converts instants to local times of day.
#[derive(Clone, Debug)]
pub struct TimesOfDay {
    pub clock: Clock,
    pub zone: TimeZone,
    /// Time of the last snapshot, ns: times of the same day have no date.
    pub now_ns: u64,
    /// A moment of the past or of a recording is shown, instead of now.
    pub is_then: bool,
}

impl Default for TimesOfDay {
    fn default() -> Self {
        TimesOfDay {
            clock: Clock::default(),
            zone: TimeZone::UTC,
            now_ns: 0,
            is_then: false,
        }
    }
}

impl TimesOfDay {
    /// Names the moment that is shown.
    pub fn now_text(&self) -> String {
        match self.is_then {
            true => self.text(self.now_ns),
            false => "now".into(),
        }
    }

    fn local(&self, ns: u64) -> Zoned {
        self.clock.wall(ns).to_zoned(self.zone.clone())
    }

    /// Formats an instant, given in ns of boot time.
    pub fn text(&self, ns: u64) -> String {
        self.text_of(self.clock.wall(ns))
    }

    /// Formats a time: to the second on the day of the last snapshot, else with its date.
    pub fn text_of(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone.clone());
        let format = match at.date() == self.local(self.now_ns).date() {
            true => "%H:%M:%S",
            false => "%Y-%m-%d %H:%M",
        };
        at.strftime(format).to_string()
    }

    /// Formats the date of an instant for a narrow cell: `Nov 29`.
    fn date(&self, ns: u64) -> String {
        self.local(ns).strftime("%b %d").to_string()
    }
}

#[derive(Debug)]
struct KnownName {
    name: Option<Arc<str>>,
    until_ns: u64,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            user: |_| None,
            addresses: false,
            ports: false,
            times: TimesOfDay::default(),
            known: HashMap::new(),
            services: None,
        }
    }
}

impl Names {
    /// Text of a field, without names of addresses and ports.
    pub fn plain_cell(&self, field: &Field, session: &Session) -> String {
        let name = match ((field.get)(session), field.kind) {
            (Value::Uint(uid), FieldKind::User) => u32::try_from(uid).ok().and_then(self.user),
            (Value::Uint(ns), FieldKind::Moment) => return self.times.text(ns),
            _ => None,
        };
        name.map_or_else(|| fields::cell(field, session), str::to_owned)
    }

    /// The name of an address, if addresses are shown by name and it is known. One with a zone has none: a name would hide
    /// the zone.
    pub fn address(&self, addr: ZonedAddr) -> Option<&str> {
        let is_named = self.addresses && addr.zone == Interface::default();
        let known = self.known.get(&addr.addr).filter(|_| is_named)?;
        known.name.as_deref()
    }

    /// The name of a port, if ports are shown by name and it is known.
    pub fn port(&self, port: u16) -> Option<&str> {
        self.services.as_ref().filter(|_| self.ports)?.name(port)
    }

    /// The name of a session's port, if that end serves. The other end's port is ephemeral, and its name would mean
    /// nothing.
    fn served(&self, session: &Session, port: u64) -> Option<&str> {
        let port = u16::try_from(port).ok();
        self.port(port.filter(|port| *port == session.service_port())?)
    }

    /// Text of a field, by name if there is one. A port's name that does not fit says less than its number.
    pub fn cell(&self, field: &Field, session: &Session, width: u16) -> String {
        let name = match ((field.get)(session), field.kind) {
            (Value::Addr(addr), _) => self.address(ZonedAddr::new(addr, session.interface)),
            (Value::Uint(port), FieldKind::Port) => self
                .served(session, port)
                .filter(|name| name.width() <= width.into()),
            _ => None,
        };
        let text = name.map_or_else(|| self.plain_cell(field, session), str::to_owned);
        match ((field.get)(session), field.kind) {
            _ if text.width() <= width.into() => text,
            (Value::Uint(n), FieldKind::Bytes | FieldKind::Rate) => fields::narrow_bytes(n),
            (Value::Uint(ns), FieldKind::Moment) => self.times.date(ns),
            (Value::Uint(us), FieldKind::Micros) => {
                let bound = fields::bound(field, session);
                let room = usize::from(width).saturating_sub(bound.width());
                format!("{bound}{}", fields::narrow_micros(us, room))
            }
            _ => text,
        }
    }

    /// Name of an aggregate's key, by host or service name if there is one.
    pub fn talker(&self, key: GroupKey, width: usize) -> String {
        let name = match key {
            GroupKey::Peer(addr) => self.address(addr),
            GroupKey::Port(port) => self.port(port).filter(|name| name.width() <= width),
            _ => None,
        };
        name.map_or_else(|| key.to_string(), str::to_owned)
    }

    /// Both ends by name, the local one first; `None`: neither has a name.
    pub fn ends(&self, session: &Session) -> Option<(String, String)> {
        let ends = [
            (session.local(), session.lport),
            (session.remote(), session.rport),
        ];
        let [ours, theirs] =
            ends.map(|(addr, port)| self.end(addr, port, self.served(session, port.into())));
        (ours.is_some() || theirs.is_some()).then(|| {
            let plain = session.end_texts();
            (ours.unwrap_or(plain.0), theirs.unwrap_or(plain.1))
        })
    }

    /// Destination of failures, by name where known.
    pub fn destination(&self, failure: &Failure) -> String {
        let service = self.port(failure.port);
        failure.destination(match failure.addr {
            Some(addr) => self.end(addr, failure.port, service),
            None => service.map(|name| format!(":{name}")),
        })
    }

    /// One end by name; `None`: it has no name.
    pub fn end(&self, addr: ZonedAddr, port: u16, service: Option<&str>) -> Option<String> {
        let host = self.address(addr);
        if host.is_none() && service.is_none() {
            return None;
        }
        let host = match (host, addr.addr) {
            (Some(host), _) => host.to_owned(),
            (None, IpAddr::V4(_)) => addr.to_string(),
            (None, IpAddr::V6(_)) => format!("[{addr}]"),
        };
        let port = service.map_or_else(|| port.to_string(), str::to_owned);
        Some(format!("{host}:{port}"))
    }

    /// Takes an answer that arrived at `now_ns`.
    pub fn learn(&mut self, answer: Answer, now_ns: u64) {
        if self.known.len() >= MOST && !self.known.contains_key(&answer.addr) {
            self.known.retain(|_, known| known.until_ns > now_ns);
            if self.known.len() >= MOST {
                self.known.clear(); // addresses on the screen are looked up again
            }
        }
        let ttl_ns = u64::try_from(answer.ttl.as_nanos()).unwrap_or(u64::MAX);
        let known = KnownName {
            name: answer.name,
            until_ns: now_ns.saturating_add(ttl_ns),
        };
        self.known.insert(answer.addr, known);
    }

    pub fn is_wanted(&self, addr: IpAddr, now_ns: u64) -> bool {
        let known = self.known.get(&addr);
        known.is_none_or(|k| k.until_ns <= now_ns) && !addr.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::text::units::S;

    fn answer(i: u32, ttl_s: u64) -> Answer {
        Answer {
            addr: std::net::Ipv4Addr::from_bits(i).into(),
            name: Some(format!("host-{i}").into()),
            ttl: Duration::from_secs(ttl_s),
        }
    }

    #[test]
    fn names_are_bounded_and_expire_after_their_ttl() {
        let mut names = Names {
            addresses: true,
            ..Names::default()
        };
        let first = answer(1, 30).addr;
        assert!(names.is_wanted(first, 0));
        names.learn(answer(1, 30), 0);
        assert!(!names.is_wanted(first, 29 * S));
        assert!(names.is_wanted(first, 30 * S));
        // until there is a newer answer the old one is better than none
        let plain = ZonedAddr::new(first, Interface::default());
        assert_eq!(names.address(plain), Some("host-1"));
        for i in 0..25_000 {
            names.learn(answer(i + 2, 3600), 31 * S);
            assert!(names.known.len() <= MOST);
        }
        assert!(!names.is_wanted(answer(25_001, 0).addr, 32 * S));
    }
}
