//! Signs that a path or an end is slow, as counts of a period: retransmits by cause, and seconds with a closed window.

use std::ops::AddAssign;

use crate::model::fields;
use crate::model::session::Session;

/// Signs of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowSigns {
    /// Segments retransmitted after a timeout.
    pub timeouts: u16,
    /// Segments that the peer's acknowledgments asked for.
    pub fast: u16,
    /// Probes for a lost tail.
    pub probes: u16,
    /// Seconds in which the peer's window was 0 and data waited for it.
    pub peer_window_s: u16,
    /// Seconds in which our window was 0.
    pub our_window_s: u16,
}

impl SlowSigns {
    /// Returns the retransmits between two readings of a session.
    pub fn between(before: &Session, now: &Session) -> SlowSigns {
        let since = |count: fn(&Session) -> u32| {
            let new = count(now).saturating_sub(count(before));
            u16::try_from(new).unwrap_or(u16::MAX)
        };
        SlowSigns {
            timeouts: since(|s| s.retrans_timeout),
            fast: since(|s| s.retrans_fast),
            probes: since(|s| s.retrans_probe),
            ..SlowSigns::default()
        }
    }

    /// Returns the retransmits by cause in words, those with a count; `None`: there were none.
    pub fn retransmits(&self) -> Option<String> {
        let SlowSigns {
            timeouts,
            fast,
            probes,
            ..
        } = *self;
        retransmits_by_cause(timeouts.into(), fast.into(), probes.into())
    }
}

/// Returns retransmits by cause in words, those with a count; `None`: all counts are 0.
pub fn retransmits_by_cause(timeouts: u32, fast: u32, probes: u32) -> Option<String> {
    let parts = [
        match timeouts {
            0 => None,
            1 => Some("1 after a timeout".into()),
            n => Some(format!("{n} after timeouts")),
        },
        (fast > 0).then(|| format!("{fast} fast")),
        (probes > 0).then(|| fields::number(probes.into(), "probe")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl AddAssign for SlowSigns {
    fn add_assign(&mut self, other: Self) {
        let add = |sum: &mut u16, more: u16| *sum = sum.saturating_add(more);
        add(&mut self.timeouts, other.timeouts);
        add(&mut self.fast, other.fast);
        add(&mut self.probes, other.probes);
        add(&mut self.peer_window_s, other.peer_window_s);
        add(&mut self.our_window_s, other.our_window_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmits_by_cause_name_those_that_happened() {
        assert_eq!(retransmits_by_cause(0, 0, 0), None);
        let said = |timeouts, fast, probes| retransmits_by_cause(timeouts, fast, probes);
        assert_eq!(said(3, 0, 1).as_deref(), Some("3 after timeouts, 1 probe"));
        assert_eq!(said(1, 0, 0).as_deref(), Some("1 after a timeout"));
        assert_eq!(said(0, 12, 2).as_deref(), Some("12 fast, 2 probes"));
    }
}
