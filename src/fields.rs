//! What can be said of a session: one row of [`FIELDS`] is a column, a sort key, a filter word, a JSON key and
//! its explanation.
//!
//! Responsible for the names, kinds and values of all figures, and for how a value reads in a cell of a few
//! characters. Not for where cells are placed (`ui`), nor for the fixed classic rows (`output::text`).

use std::cmp::Ordering;
use std::net::IpAddr;

use humansize::{DECIMAL, FormatSizeOptions, format_size};

use crate::session::{Direction, Evidence, Reason, Session, State};

/// A field's value for one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// There is none: never measured, or not known.
    Missing,
    /// A whole number; its unit is the field's [`Kind`].
    Uint(u64),
    /// An address.
    Addr(IpAddr),
    /// A name.
    Text(&'a str),
    /// Yes or no.
    Bool(bool),
}

impl Value<'_> {
    /// The order in which a column sorts. What is missing comes first, below every value.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Uint(a), Value::Uint(b)) => a.cmp(b),
            (Value::Addr(a), Value::Addr(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Missing, Value::Missing) => Ordering::Equal,
            (Value::Missing, _) => Ordering::Less,
            (_, Value::Missing) => Ordering::Greater,
            _ => Ordering::Equal, // a field gives one kind of value only
        }
    }
}

/// What a field's values are, and so how they are read, written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain number.
    Count,
    /// A number that names something: shown as it is.
    Id,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    Rate,
    /// A time in µs.
    Micros,
    /// The IP version: 4 or 6.
    Ip,
    /// A user id, which a filter may give by the user's name.
    User,
    /// An IPv4 or IPv6 address.
    Addr,
    /// A TCP port.
    Port,
    /// Free text.
    Text,
    /// A process's name, of which the kernel keeps 15 bytes.
    Comm,
    /// One of a few names; `-` among them stands for none.
    Names(&'static [&'static str]),
    /// Yes or no.
    Bool,
    /// One of these two other fields, whichever fits: a word of the filter language without a value of its own.
    Either(&'static str, &'static str),
}

impl Kind {
    /// Numbers are aligned right, so that their magnitudes can be seen from afar.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Kind::Count
                | Kind::Id
                | Kind::Ip
                | Kind::Bytes
                | Kind::Rate
                | Kind::Micros
                | Kind::Port
        )
    }
}

/// How a field stands in the dashboard's table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Cells that it needs.
    pub width: u16,
    /// Cells more that it can make use of.
    pub grow: u16,
    /// Which columns go first when the window is narrow: the highest number. 0 stays always.
    pub drop: u8,
    /// Sorted by it, the greatest comes first unless the order is inverted.
    pub descending: bool,
}

/// One row of [`FIELDS`].
pub struct Field {
    /// The word in a filter, in `--help` and in the configuration.
    pub word: &'static str,
    /// The key in JSON lines, with the unit; `None`: not in there.
    pub json: Option<&'static str>,
    /// What it means, in a line.
    pub help: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Its column in the dashboard; `None`: it has none.
    pub column: Option<Column>,
    /// Its value.
    pub get: fn(&Session) -> Value<'_>,
}

impl Field {
    /// True if a filter's bare word is looked for in it: in who talks with whom, and of the names in `status`, which
    /// says all that the others do of how a session stands. A word like `in` or `close` would be found in the owner's
    /// evidence or the direction of most sessions, and `serv` in every unit, where nobody meant it.
    pub fn is_searched(&self) -> bool {
        match self.kind {
            Kind::Comm | Kind::Addr => true,
            Kind::Names(_) => self.word == "status",
            _ => false,
        }
    }
}

/// A field is its word: there is one row of it.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Field {}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({})", self.word)
    }
}

const fn column(
    title: &'static str,
    width: u16,
    grow: u16,
    drop: u8,
    descending: bool,
) -> Option<Column> {
    Some(Column {
        title,
        width,
        grow,
        drop,
        descending,
    })
}

fn text_if(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Missing, Value::Text)
}

fn some_if(known: bool, value: u64) -> Value<'static> {
    if known {
        Value::Uint(value)
    } else {
        Value::Missing
    }
}

/// What `status` can be: every state, then every reason.
const STATUS_NAMES: [&str; State::NAMES.len() + Reason::NAMES.len()] = {
    let mut names = [""; State::NAMES.len() + Reason::NAMES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = if i < State::NAMES.len() {
            State::NAMES[i]
        } else {
            Reason::NAMES[i - State::NAMES.len()]
        };
        i += 1;
    }
    names
};

/// Every field. The order is that of the dashboard's columns and of the JSON keys.
pub static FIELDS: &[Field] = &[
    Field {
        word: "pid",
        json: Some("pid"),
        help: "process id of the owner",
        kind: Kind::Id,
        column: column("PID", 7, 0, 6, false),
        get: |s| some_if(s.owner != Evidence::None, s.pid.into()),
    },
    Field {
        word: "comm",
        json: Some("comm"),
        help: "name of the owning process",
        kind: Kind::Comm,
        column: column("COMM", 8, 7, 0, false),
        get: |s| {
            if s.owner == Evidence::None {
                Value::Missing
            } else {
                Value::Text(s.comm.as_str())
            }
        },
    },
    Field {
        word: "uid",
        json: Some("uid"),
        help: "user id of the socket",
        kind: Kind::Id,
        column: None,
        get: |s| Value::Uint(s.uid.into()),
    },
    Field {
        word: "user",
        json: None,
        help: "user of the socket, by name or id",
        kind: Kind::User,
        column: column("USER", 8, 8, 23, false),
        get: |s| Value::Uint(s.uid.into()),
    },
    Field {
        word: "owner",
        json: Some("owner"),
        help: "how the owner is known",
        kind: Kind::Names(Evidence::NAMES),
        column: column("OWNER", 7, 0, 16, false),
        get: |s| Value::Text(s.owner.name()),
    },
    Field {
        word: "ip",
        json: Some("ip"),
        help: "4 or 6: what is spoken on the wire",
        kind: Kind::Ip,
        column: column("IP", 2, 0, 24, false),
        get: |s| Value::Uint(s.ip().into()),
    },
    Field {
        word: "laddr",
        json: Some("laddr"),
        help: "our address",
        kind: Kind::Addr,
        column: column("LADDR", 15, 24, 10, false),
        get: |s| Value::Addr(s.laddr),
    },
    Field {
        word: "lport",
        json: Some("lport"),
        help: "our port",
        kind: Kind::Port,
        column: column("LPORT", 5, 0, 5, false),
        get: |s| some_if(s.lport != 0, s.lport.into()),
    },
    Field {
        word: "raddr",
        json: Some("raddr"),
        help: "the peer's address",
        kind: Kind::Addr,
        column: column("RADDR", 15, 24, 0, false),
        get: |s| Value::Addr(s.raddr),
    },
    Field {
        word: "rport",
        json: Some("rport"),
        help: "the peer's port",
        kind: Kind::Port,
        column: column("RPORT", 5, 0, 1, false),
        get: |s| Value::Uint(s.rport.into()),
    },
    Field {
        word: "addr",
        json: None,
        help: "address of either end",
        kind: Kind::Either("laddr", "raddr"),
        column: None,
        get: |_| Value::Missing,
    },
    Field {
        word: "port",
        json: None,
        help: "port of either end",
        kind: Kind::Either("lport", "rport"),
        column: None,
        get: |_| Value::Missing,
    },
    Field {
        word: "direction",
        json: Some("direction"),
        help: "who opened it: out is we, in is the peer",
        kind: Kind::Names(Direction::NAMES),
        column: column("DIR", 7, 0, 12, false),
        get: |s| Value::Text(s.direction.name()),
    },
    Field {
        word: "tx",
        json: Some("tx_bytes"),
        help: "bytes of ours that the peer acknowledged",
        kind: Kind::Bytes,
        column: column("TX", 6, 0, 3, true),
        get: |s| Value::Uint(s.tx_bytes),
    },
    Field {
        word: "rx",
        json: Some("rx_bytes"),
        help: "bytes of the peer's that arrived",
        kind: Kind::Bytes,
        column: column("RX", 6, 0, 3, true),
        get: |s| Value::Uint(s.rx_bytes),
    },
    Field {
        word: "bytes",
        json: None,
        help: "bytes of both directions, tx and rx together",
        kind: Kind::Bytes,
        column: column("BYTES", 6, 0, 25, true),
        get: |s| Value::Uint(s.tx_bytes.saturating_add(s.rx_bytes)),
    },
    Field {
        word: "unacked",
        json: Some("unacked_bytes"),
        help: "bytes written and never acknowledged by the peer",
        kind: Kind::Bytes,
        column: column("UNACKED", 7, 0, 14, true),
        get: |s| Value::Uint(s.unacked_bytes.into()),
    },
    Field {
        word: "unread",
        json: Some("unread_bytes"),
        help: "bytes that arrived and were never read by the application",
        kind: Kind::Bytes,
        column: column("UNREAD", 6, 0, 15, true),
        get: |s| Value::Uint(s.unread_bytes.into()),
    },
    Field {
        word: "rate",
        json: None,
        help: "bytes a second now, both directions",
        kind: Kind::Rate,
        column: column("RATE", 6, 0, 7, true),
        get: |s| some_if(s.is_open(), (s.tx_rate + s.rx_rate) as u64),
    },
    Field {
        word: "txrate",
        json: None,
        help: "bytes a second going out now",
        kind: Kind::Rate,
        column: column("TX/s", 6, 0, 17, true),
        get: |s| some_if(s.is_open(), s.tx_rate as u64),
    },
    Field {
        word: "rxrate",
        json: None,
        help: "bytes a second coming in now",
        kind: Kind::Rate,
        column: column("RX/s", 6, 0, 17, true),
        get: |s| some_if(s.is_open(), s.rx_rate as u64),
    },
    Field {
        word: "dur",
        json: Some("duration_us"),
        help: "how long it lasted, or has lasted",
        kind: Kind::Micros,
        column: column("AGE", 7, 0, 4, true),
        get: |s| Value::Uint(s.duration_ns() / 1000),
    },
    Field {
        word: "adopted",
        json: Some("age_is_lower_bound"),
        help: "open before the start, so that its age is a lower bound",
        kind: Kind::Bool,
        column: None,
        get: |s| Value::Bool(s.age_is_lower_bound),
    },
    Field {
        word: "conn",
        json: Some("connect_us"),
        help: "time that the handshake took, of a session that we opened",
        kind: Kind::Micros,
        column: column("CONN", 6, 0, 11, true),
        get: |s| s.connect_us().map_or(Value::Missing, Value::Uint),
    },
    Field {
        word: "close",
        json: Some("close_us"),
        help: "time since the first FIN, until it was over",
        kind: Kind::Micros,
        column: column("CLOSE", 6, 0, 23, true),
        get: |s| some_if(s.close_us != 0, s.close_us.into()),
    },
    Field {
        word: "status",
        json: None,
        help: "its state while it is open, then why it ended",
        kind: Kind::Names(&STATUS_NAMES),
        column: column("STATUS", 13, 2, 2, false),
        get: |s| {
            Value::Text(if s.is_open() {
                s.state.name()
            } else {
                s.reason.name()
            })
        },
    },
    Field {
        word: "state",
        json: None,
        help: "where it stands",
        kind: Kind::Names(State::NAMES),
        column: None,
        get: |s| Value::Text(s.state.name()),
    },
    Field {
        word: "last",
        json: Some("state_before_close"),
        help: "its state before it was over",
        kind: Kind::Names(State::NAMES),
        column: column("LAST", 11, 0, 31, false),
        get: |s| Value::Text(s.state_before_close.name()),
    },
    Field {
        word: "reason",
        json: Some("reason"),
        help: "why it ended",
        kind: Kind::Names(Reason::NAMES),
        column: None,
        get: |s| {
            if s.is_open() {
                Value::Missing
            } else {
                Value::Text(s.reason.name())
            }
        },
    },
    Field {
        word: "rtt",
        json: Some("srtt_us"),
        help: "smoothed round-trip time",
        kind: Kind::Micros,
        column: column("RTT", 6, 0, 8, true),
        get: |s| some_if(s.srtt_us != 0, s.srtt_us.into()),
    },
    Field {
        word: "minrtt",
        json: Some("min_rtt_us"),
        help: "smallest round-trip time",
        kind: Kind::Micros,
        column: column("MINRTT", 6, 0, 13, true),
        get: |s| some_if(s.min_rtt_us != 0, s.min_rtt_us.into()),
    },
    Field {
        word: "retr",
        json: Some("retransmits"),
        help: "segments sent more than once",
        kind: Kind::Count,
        column: column("RETR", 5, 0, 9, true),
        get: |s| Value::Uint(s.retransmits.into()),
    },
    Field {
        word: "retrbytes",
        json: Some("retransmitted_bytes"),
        help: "bytes sent more than once",
        kind: Kind::Bytes,
        column: column("RESENT", 6, 0, 26, true),
        get: |s| Value::Uint(s.retransmitted_bytes),
    },
    Field {
        word: "cwnd",
        json: Some("cwnd"),
        help: "congestion window, segments",
        kind: Kind::Count,
        column: column("CWND", 6, 0, 18, true),
        get: |s| Value::Uint(s.cwnd.into()),
    },
    Field {
        word: "mss",
        json: Some("mss"),
        help: "maximum segment size, bytes",
        kind: Kind::Count,
        column: column("MSS", 5, 0, 19, true),
        get: |s| Value::Uint(s.mss.into()),
    },
    Field {
        word: "busy",
        json: Some("busy_us"),
        help: "time with data on the way or waiting",
        kind: Kind::Micros,
        column: column("BUSY", 6, 0, 27, true),
        get: |s| Value::Uint(s.busy_us()),
    },
    Field {
        word: "rwndlim",
        json: Some("rwnd_limited_us"),
        help: "time in which the peer's receive window was the limit",
        kind: Kind::Micros,
        column: column("RWNDLIM", 7, 0, 28, true),
        get: |s| Value::Uint(s.rwnd_limited_us()),
    },
    Field {
        word: "sndlim",
        json: Some("sndbuf_limited_us"),
        help: "time in which our send buffer was the limit",
        kind: Kind::Micros,
        column: column("SNDLIM", 6, 0, 28, true),
        get: |s| Value::Uint(s.sndbuf_limited_us()),
    },
    Field {
        word: "cookie",
        json: Some("cookie"),
        help: "the socket's cookie, what `ss -e` prints as sk:",
        kind: Kind::Id,
        column: column("COOKIE", 8, 12, 33, false),
        get: |s| Value::Uint(s.cookie),
    },
    Field {
        word: "netns",
        json: Some("netns"),
        help: "network namespace, as `lsns -t net` prints it",
        kind: Kind::Id,
        column: column("NETNS", 10, 0, 20, false),
        get: |s| Value::Uint(s.netns.into()),
    },
    Field {
        word: "cgroup",
        json: Some("cgroup"),
        help: "path of the control group (v2)",
        kind: Kind::Text,
        column: column("CGROUP", 20, 60, 32, false),
        get: |s| text_if(s.cgroup.path.as_deref()),
    },
    Field {
        word: "container",
        json: Some("container"),
        help: "container, by the first twelve characters of its id",
        kind: Kind::Text,
        column: column("CONTAINER", 12, 0, 21, false),
        get: |s| text_if(s.cgroup.within.container()),
    },
    Field {
        word: "runtime",
        json: Some("runtime"),
        help: "what runs the container: docker, containerd, podman and others",
        kind: Kind::Text,
        column: column("RUNTIME", 10, 0, 29, false),
        get: |s| text_if(s.cgroup.within.runtime),
    },
    Field {
        word: "pod",
        json: Some("pod"),
        help: "uid of the Kubernetes pod",
        kind: Kind::Text,
        column: column("POD", 12, 24, 30, false),
        get: |s| text_if(s.cgroup.within.pod.as_deref()),
    },
    Field {
        word: "unit",
        json: Some("unit"),
        help: "systemd unit",
        kind: Kind::Text,
        column: column("UNIT", 15, 10, 22, false),
        get: |s| text_if(s.cgroup.within.unit.as_deref()),
    },
];

/// The field of that word.
pub fn by_word(word: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.word == word)
}

/// The field that puts the busiest sessions on top.
pub fn busiest() -> &'static Field {
    let named = FIELDS.iter().find(|f| f.word == "rate");
    named.unwrap_or(&FIELDS[0])
}

/// The fields that have a column.
pub fn columns() -> impl Iterator<Item = (&'static Field, Column)> {
    FIELDS.iter().filter_map(|f| f.column.map(|c| (f, c)))
}

/// The value as a cell shows it: short, with its unit, `-` for nothing.
pub fn cell(field: &Field, session: &Session) -> String {
    let value = (field.get)(session);
    match (value, field.kind) {
        (Value::Missing, _) => "-".into(),
        (Value::Uint(n), Kind::Bytes) => bytes(n),
        (Value::Uint(0), Kind::Rate) => "-".into(),
        (Value::Uint(n), Kind::Rate) => bytes(n),
        (Value::Uint(us), Kind::Micros) => {
            let lower_bound = field.word == "dur" && session.age_is_lower_bound;
            format!("{}{}", if lower_bound { "≥" } else { "" }, micros(us))
        }
        (Value::Uint(uid), Kind::User) => u32::try_from(uid)
            .ok()
            .and_then(crate::filter::known_user)
            .map_or_else(|| uid.to_string(), str::to_owned),
        (Value::Uint(n), _) => n.to_string(),
        (Value::Addr(a), _) => a.to_string(),
        (Value::Text(t), _) => t.into(),
        (Value::Bool(b), _) => if b { "yes" } else { "no" }.into(),
    }
}

/// Bytes in at most six characters: `0`, `999`, `1.2k`, `10.5M`.
pub fn bytes(n: u64) -> String {
    if n < 1000 {
        return n.to_string();
    }
    let options = FormatSizeOptions::from(DECIMAL)
        .decimal_places(1)
        .decimal_zeroes(1)
        .space_after_value(false);
    let mut text = format_size(n, options);
    text.truncate(text.len() - 1); // "1.2kB": the column says that these are bytes
    text
}

/// So many of something: `1 kind`, `2 kinds`.
pub fn number(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}

/// A time in at most six characters: `0.23ms`, `91.8ms`, `3.07s`, `2m03s`, `4h07m`, `12d03h`.
pub fn micros(us: u64) -> String {
    const S: u64 = 1_000_000;
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..100_000 => format!("{:.1}ms", us as f64 / 1e3),
        100_000..S => format!("{}ms", us / 1000),
        S..=59_999_999 => format!("{:.2}s", us as f64 / 1e6).replace("60.00s", "59.99s"),
        _ => {
            let s = us / S;
            match s {
                0..3600 => format!("{}m{:02}s", s / 60, s % 60),
                3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
                _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
            }
        }
    }
}

/// A time in whole seconds: `0s`, `42s`, `2m03s`.
pub fn seconds(ns: u64) -> String {
    match ns / 1_000_000_000 {
        s @ ..60 => format!("{s}s"),
        s => micros(s * 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::sample;

    #[test]
    fn words_and_keys_are_unique_and_explained() {
        for (i, f) in FIELDS.iter().enumerate() {
            assert!(
                FIELDS[..i].iter().all(|g| g.word != f.word),
                "{} twice",
                f.word
            );
            assert!(
                FIELDS[..i]
                    .iter()
                    .all(|g| g.json.is_none() || g.json != f.json),
                "{:?} twice",
                f.json
            );
            assert!(!f.help.is_empty() && !f.help.ends_with('.'), "{}", f.word);
            assert!(f.word.chars().all(|c| c.is_ascii_lowercase()), "{}", f.word);
        }
    }

    #[test]
    fn either_names_two_other_fields_of_one_kind() {
        for f in FIELDS {
            if let Kind::Either(a, b) = f.kind {
                let kind = |word| by_word(word).expect(word).kind;
                assert_eq!(kind(a), kind(b), "{}", f.word);
                assert!(!matches!(kind(a), Kind::Either(..)), "{}", f.word);
                assert!(f.column.is_none() && f.json.is_none(), "{}", f.word);
            }
        }
    }

    #[test]
    fn a_bare_word_of_a_filter_looks_in_what_is_on_the_screen() {
        let words: Vec<&str> = FIELDS
            .iter()
            .filter(|f| f.is_searched())
            .map(|f| f.word)
            .collect();
        assert_eq!(words, ["comm", "laddr", "raddr", "status"]);
    }

    #[test]
    fn a_heading_fits_its_column() {
        for (f, c) in columns() {
            assert!(c.title.len() <= usize::from(c.width), "{}", f.word);
        }
    }

    #[test]
    fn sizes_are_short() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (51_712, "51.7k"),
            (999_949, "999.9k"),
            (5_000_000_000, "5.0G"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn times_are_short() {
        for (us, text) in [
            (0, "0µs"),
            (999, "999µs"),
            (1_234, "1.2ms"),
            (99_949, "99.9ms"),
            (457_520, "457ms"),
            (3_066_790, "3.07s"),
            (59_999_999, "59.99s"),
            (60_000_000, "1m00s"),
            (3_599_999_999, "59m59s"),
            (14_820_000_000, "4h07m"),
            (1_047_600_000_000, "12d03h"),
        ] {
            assert_eq!(micros(us), text);
            assert!(text.chars().count() <= 6, "{text}");
        }
    }

    #[test]
    fn a_cell_says_what_is_not_known() {
        let mut s = sample();
        let cell_of = |s: &Session, word| cell(by_word(word).expect("a field"), s);
        assert_eq!(cell_of(&s, "dur"), "260µs");
        s.age_is_lower_bound = true;
        assert_eq!(cell_of(&s, "dur"), "≥260µs");
        assert_eq!(cell_of(&s, "conn"), "-");
        assert_eq!(cell_of(&s, "user"), "root");
        s.owner = Evidence::None;
        assert_eq!(
            (cell_of(&s, "pid"), cell_of(&s, "comm")),
            ("-".into(), "-".into())
        );
    }
}
