//! Thresholds of the findings: one row of [`THRESHOLDS`] is a setting in the table `[findings]` of the configuration.

/// One row of [`THRESHOLDS`].
#[derive(Debug)]
pub struct Threshold {
    /// Its key in the table `[findings]`.
    pub name: &'static str,
    pub default: f64,
    /// Unit of the number: `%`, `s`; empty: a count.
    pub unit: &'static str,
    pub help: &'static str,
}

const fn threshold(
    name: &'static str,
    default: f64,
    unit: &'static str,
    help: &'static str,
) -> Threshold {
    Threshold {
        name,
        default,
        unit,
        help,
    }
}

/// Every threshold.
#[rustfmt::skip]
pub static THRESHOLDS: &[Threshold] = &[
    threshold("firewall", 3.0, "", "packets to or from one end within 30 s that this host's own rules have dropped"),
    threshold("slow", 5.0, "times", "response time, as a multiple of its usual one"),
    threshold("slow-least", 100.0, "ms", "response time below which none is slow"),
    threshold("slow-always", 1000.0, "ms", "mean response time within 30 s that is slow whatever is usual"),
    threshold("least", 3.0, "", "failures of one kind within 30 s, below which none is a finding"),
    threshold("refusing", 20.0, "%", "share of the connects to a destination that it refused"),
    threshold("unanswered", 20.0, "%", "share of the connects to a destination that got no answer"),
    threshold("unreachable", 20.0, "%", "share of the connects to a destination that the network cannot reach"),
    threshold("resetting", 20.0, "%", "share of the sessions with a destination that it reset"),
    threshold("silent", 5.0, "s", "time in which a destination acknowledged nothing, although we retransmitted"),
    threshold("keepalive", 3.0, "", "idle sessions within 30 s that closed because keep-alive probes got no answer"),
    threshold("ports-low", 90.0, "%", "share of the local ports towards a destination that is in use or in TIME_WAIT"),
    threshold("no-port", 1.0, "", "connects within 30 s that found no free local port"),
    threshold("never-accepted", 3.0, "", "sessions within 30 s that a listener never accepted"),
    threshold("accept-queue", 100.0, "%", "connections that a listener has not accepted, as a share of those that fit its queue"),
    threshold("accept-age", 3.0, "s", "time that a connection waits to be accepted"),
    threshold("half-open", 80.0, "%", "handshakes that are not complete, as a share of the limit of the listener's queue"),
    threshold("close-wait", 10.0, "", "sessions of one process that their peers closed and it did not"),
    threshold("close-wait-age", 30.0, "s", "time from which on such a session counts"),
    threshold("unread", 10.0, "%", "share of a process' open sessions in which received data waits and nothing is read"),
    threshold("unread-age", 5.0, "s", "time without reading from which on such a session counts"),
    threshold("peer-window", 10.0, "%", "share of a process' open sessions whose peers have a full window and read nothing"),
    threshold("peer-window-age", 5.0, "s", "time without progress from which on such a session counts"),
    threshold("fin-wait", 50.0, "", "sessions of one process that it closed and their peers did not"),
    threshold("fin-wait-age", 10.0, "s", "time from which on such a session counts"),
    threshold("orphans", 3.0, "", "sessions that a process closed, while their peers acknowledge nothing of what is left"),
    threshold("retransmitting", 5.0, "%", "share of the bytes sent to a peer or subnet within 10 s that were retransmitted"),
    threshold("bufferbloat", 5.0, "", "sessions through one local address with a round trip that is far above its minimum"),
    threshold("bufferbloat-delay", 50.0, "ms", "excess over the minimum from which on a round trip is long, where it is five times that"),
    threshold("send-buffer", 50.0, "%", "share of the time in which a full send buffer keeps a session from sending"),
    threshold("churn", 20.0, "%", "share of the life of sessions with a destination that is spent connecting"),
    threshold("churn-rate", 10.0, "", "sessions with a destination per second, below which none of that is a finding"),
    threshold("descriptors", 90.0, "%", "open sessions of a process, as a share of the descriptors that it may have"),
    threshold("missed", 1.0, "", "missed sessions within 30 s"),
];

/// The thresholds of this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds(Vec<f64>);

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds(THRESHOLDS.iter().map(|t| t.default).collect())
    }
}

impl Thresholds {
    /// Returns a threshold by its name. One that does not exist is never crossed.
    pub fn of(&self, name: &str) -> f64 {
        let at = THRESHOLDS.iter().position(|t| t.name == name);
        at.map_or(f64::INFINITY, |at| self.0[at])
    }

    /// Returns a threshold that is a time, in ns.
    pub(super) fn ns(&self, name: &str) -> u64 {
        (self.of(name) * 1e9) as u64
    }

    /// Sets a threshold. False if there is none of that name.
    pub fn set(&mut self, name: &str, value: f64) -> bool {
        let at = THRESHOLDS.iter().position(|t| t.name == name);
        at.map(|at| self.0[at] = value).is_some()
    }
}
