//! Tables of phrases of other tools, and of words within them.

use Means::{Begins, Counts, Is, Nothing, Sizes};

use crate::filter::foreign::NO_CLOCK as BY_TIME;

/// Meaning of a phrase.
pub enum Means {
    /// Beginning of a term, which a value completes.
    Begins(&'static str),
    /// Condition by itself. Wireshark compares it with 1 or 0.
    Is(&'static str),
    /// The same as `Nothing`, before a number.
    Counts(&'static str, &'static str),
    /// Bytes compared by this operator, before a size. Any other number needs a field.
    Sizes(&'static str),
    /// No session can be selected by it, for this reason, and what can be written instead.
    Nothing(&'static str, &'static str),
}

// a refusal is a RST, too
const CLOSED_BY_RESET: &str = "reason local-reset,remote-reset,refused";
const NOT_CONNECTED: &str = "reason refused,connect-timeout,unreachable,cancelled,no-port";
const CLOSED_BY_FIN: &str = "reason local-fin,remote-fin";
const NO_CONTENT: &str = "what a session transfers is not looked at";
const BY_NAME: &str = "`comm contains sql` looks at the name of the process";
const NO_FLAGS: &str = "flags of packets are not kept";
const BY_REASON: &str = "the reason says how a session closed: `reason reset`, `reason refused`";
const NO_ORDER: &str = "the order is not part of a filter";
const BY_MENU: &str = "the sort menu of the dashboard has every column: `s` in the list";
const NO_COUNT: &str = "the number of lines is not part of a filter";
const BY_ORDER: &str = "what the table is sorted by is on top: `s` in the list chooses it";
const NO_SIZES: &str = "sizes of packets are not kept";
const BY_BYTES: &str = "`bytes > 1000` is about all that a session has moved";
pub const NO_FUNCTIONS: &str = "a filter has no functions";
pub const BY_TERMS: &str =
    "it consists of terms like `comm curl` or `rport 443`, with `and`, `or`, `not`";
const NO_CLOCK: &str = "the time of day is not part of a filter";
pub const NO_FIELD: &str = "a number without a field";
pub const BY_FIELD: &str = "write what is compared, like `rtt > 100ms`, `retransmits > 10`";
pub const NO_PIPES: &str = "a filter has no pipes";
pub const BY_SCREEN: &str =
    "it only selects: `port 443 and comm curl`; `o` chooses what is printed";
const NO_NEITHER: &str = "`neither` joins nothing";
const BY_NOT: &str = "write `not comm nginx and not comm curl`";
const NO_LINK: &str = "only IP addresses are known, nothing below them";
const BY_ADDRESS: &str =
    "write `host 10.0.0.5`, or `interface eth0` for sockets that are bound to one";

/// Phrases by their words, the longer ones first where one begins another.
pub const PHRASES: &[(&[&str], Means)] = &[
    (&["src", "or", "dst", "port"], Begins("port")),
    (&["src", "or", "dst", "portrange"], Begins("port")),
    (&["src", "or", "dst", "host"], Begins("addr")),
    (&["src", "or", "dst", "net"], Begins("addr")),
    (&["src", "or", "dst"], Begins("addr")),
    (&["dst", "or", "src", "port"], Begins("port")),
    (&["dst", "or", "src", "portrange"], Begins("port")),
    (&["dst", "or", "src", "host"], Begins("addr")),
    (&["dst", "or", "src", "net"], Begins("addr")),
    (&["dst", "or", "src"], Begins("addr")),
    (&["ip", "host"], Begins("addr")),
    (&["ip6", "host"], Begins("addr")),
    (&["ip", "net"], Begins("addr")),
    (&["ip6", "net"], Begins("addr")),
    (&["ip", "src"], Begins("laddr")),
    (&["ip6", "src"], Begins("laddr")),
    (&["ip", "dst"], Begins("raddr")),
    (&["ip6", "dst"], Begins("raddr")),
    (&["ip", "saddr"], Begins("laddr")),
    (&["ip6", "saddr"], Begins("laddr")),
    (&["ip", "daddr"], Begins("raddr")),
    (&["ip6", "daddr"], Begins("raddr")),
    (&["ct", "state"], Begins("state")),
    (&["meta", "skuid"], Begins("uid")),
    (&["process", "name"], Begins("comm")),
    (&["process", "named"], Begins("comm")),
    (&["process", "called"], Begins("comm")),
    (&["process", "id"], Begins("pid")),
    (&["user", "id"], Begins("uid")),
    (&["container", "name"], Begins("containername")),
    (&["container", "id"], Begins("container")),
    (&["pod", "name"], Begins("podname")),
    (&["bytes", "sent"], Begins("tx")),
    (&["data", "sent"], Begins("tx")),
    (&["tx", "bytes"], Begins("tx")),
    (&["sent", "bytes"], Begins("tx")),
    (&["bytes", "received"], Begins("rx")),
    (&["data", "received"], Begins("rx")),
    (&["rx", "bytes"], Begins("rx")),
    (&["received", "bytes"], Begins("rx")),
    (&["tx", "rate"], Begins("txrate")),
    (&["send", "rate"], Begins("txrate")),
    (&["upload", "rate"], Begins("txrate")),
    (&["rx", "rate"], Begins("rxrate")),
    (&["receive", "rate"], Begins("rxrate")),
    (&["download", "rate"], Begins("rxrate")),
    (&["response", "time"], Begins("resp")),
    (&["round", "trip", "time"], Begins("rtt")),
    (&["round-trip", "time"], Begins("rtt")),
    (&["connect", "time"], Begins("connect")),
    (&["handshake", "time"], Begins("connect")),
    (&["close", "time"], Begins("close")),
    (&["lost", "packets"], Begins("retransmits")),
    (&["program", "name"], Begins("comm")),
    (&["user", "name"], Begins("user")),
    (&["owned", "by"], Begins("user")),
    (&["run", "by"], Begins("user")),
    (&["talking", "to"], Begins("dst")),
    (&["talks", "to"], Begins("dst")),
    (&["connected", "to"], Begins("dst")),
    (&["connecting", "to"], Begins("dst")),
    (&["connects", "to"], Begins("dst")),
    (&["port", "number"], Begins("port")),
    (&["ip", "and"], Begins("ipv4 and")),
    (&["ip", "proto", "tcp"], Is("tcp")),
    (&["ip", "proto", "6"], Is("tcp")),
    (&["proto", "tcp"], Is("tcp")),
    (&["proto", "6"], Is("tcp")),
    (&["for", "more", "than"], Begins("duration >")),
    (&["for", "longer", "than"], Begins("duration >")),
    (&["for", "over"], Begins("duration >")),
    (&["for", "at", "least"], Begins("duration >=")),
    (&["for", "less", "than"], Begins("duration <")),
    (&["lasting", "more", "than"], Begins("duration >")),
    (&["lasting", "longer", "than"], Begins("duration >")),
    (&["lasting", "less", "than"], Begins("duration <")),
    (&["lasting", "over"], Begins("duration >")),
    (&["sending", "more", "than"], Begins("txrate >")),
    (&["sending", "over"], Begins("txrate >")),
    (&["receiving", "more", "than"], Begins("rxrate >")),
    (&["receiving", "over"], Begins("rxrate >")),
    (&["moved", "over"], Begins("bytes >")),
    (&["moved", "more", "than"], Begins("bytes >")),
    (&["older", "than"], Begins("duration >")),
    (&["longer", "than"], Begins("duration >")),
    (&["younger", "than"], Begins("duration <")),
    (&["shorter", "than"], Begins("duration <")),
    (&["larger", "than"], Begins("bytes >")),
    (&["bigger", "than"], Begins("bytes >")),
    (&["smaller", "than"], Begins("bytes <")),
    (&["newer", "than"], Begins("duration <")),
    (&["more", "than"], Sizes(">")),
    (&["less", "than"], Sizes("<")),
    (&["at", "least"], Sizes(">=")),
    (&["at", "most"], Sizes("<=")),
    (&["over"], Sizes(">")),
    (&["above"], Sizes(">")),
    (&["under"], Sizes("<")),
    (&["below"], Sizes("<")),
    (&["last", "ack"], Is("state last-ack")),
    (&["last", "minute"], Nothing(NO_CLOCK, BY_TIME)),
    (&["last", "hour"], Nothing(NO_CLOCK, BY_TIME)),
    (&["last", "day"], Nothing(NO_CLOCK, BY_TIME)),
    (&["last"], Counts(NO_CLOCK, BY_TIME)),
    (&["the", "last"], Nothing(NO_CLOCK, BY_TIME)),
    (&["in", "the", "last"], Nothing(NO_CLOCK, BY_TIME)),
    (&["in", "the", "past"], Nothing(NO_CLOCK, BY_TIME)),
    (&["within"], Counts(NO_CLOCK, BY_TIME)),
    (&["between"], Counts(NO_CLOCK, BY_TIME)),
    (&["--since"], Nothing(NO_CLOCK, BY_TIME)),
    (&["--until"], Nothing(NO_CLOCK, BY_TIME)),
    (&["neither"], Nothing(NO_NEITHER, BY_NOT)),
    (&["gateway"], Counts(NO_LINK, BY_ADDRESS)),
    (&["in"], Begins("addr")),
    (&["less"], Counts(NO_SIZES, BY_BYTES)),
    (&["greater"], Counts(NO_SIZES, BY_BYTES)),
    (&["frame.len"], Nothing(NO_SIZES, BY_BYTES)),
    (&["ip.len"], Nothing(NO_SIZES, BY_BYTES)),
    (&["tcp.len"], Nothing(NO_SIZES, BY_BYTES)),
    (&["-p", "tcp"], Is("tcp")),
    (&["-o"], Begins("")),
    (&["contains"], Begins("")),
    // the command and the query around a filter
    (&["tcpdump"], Begins("")),
    (&["tshark"], Begins("")),
    (&["lsof"], Begins("")),
    (&["-np"], Begins("")),
    (&["ss", "-t"], Begins("")),
    (&["ss", "-tn"], Begins("")),
    (&["ss", "-ta"], Begins("")),
    (&["ss", "-tan"], Begins("")),
    (&["ss", "-tnp"], Begins("")),
    (&["ss", "-tanp"], Begins("")),
    (&["-t"], Begins("")),
    (&["where"], Begins("")),
    (&["what", "is"], Begins("")),
    (&["what", "are"], Begins("")),
    (&["who", "is"], Begins("")),
    (&["took"], Begins("")),
    (&["lasting"], Begins("")),
    (&["lasted"], Begins("")),
    (&["lived"], Begins("")),
    (&["moved"], Begins("")),
    (&["transferred"], Begins("")),
    (&["that", "are"], Begins("")),
    (&["that", "is"], Begins("")),
    (&["that", "have"], Begins("")),
    (&["which", "are"], Begins("")),
    (&["which", "have"], Begins("")),
    (&["show", "me"], Begins("")),
    (&["show"], Begins("")),
    (&["list"], Begins("")),
    (&["find"], Begins("")),
    (&["display"], Begins("")),
    (&["only"], Begins("")),
    (&["just"], Begins("")),
    (&["still"], Begins("")),
    (&["either"], Begins("")),
    (&["-m", "multiport"], Begins("")),
    (&["-m", "state"], Begins("")),
    (&["-m", "conntrack"], Begins("")),
    (&["-m", "owner"], Begins("")),
    (&["--uid-owner"], Begins("uid")),
    (&["--ctstate"], Begins("state")),
    (&["netstat", "-an"], Is("tcp")),
    (&["netstat", "-tn"], Is("tcp")),
    (&["netstat", "-tan"], Is("tcp")),
    (&["-itcp"], Is("tcp")),
    (&["-stcp:established"], Is("state established")),
    (&["grep", "-v"], Begins("not")),
    (&["grep", "-i"], Begins("")),
    (&["grep", "-E"], Begins("comm ~")),
    (&["egrep"], Begins("comm ~")),
    (&["-E"], Begins("comm ~")),
    (&["grep"], Begins("")),
    (&["-v"], Begins("not")),
    (&["-i"], Begins("")),
    (&["-e"], Begins("")),
    (&["|", "grep"], Begins("")),
    (&["select", "*", "where"], Begins("")),
    (&["order", "by"], Nothing(NO_ORDER, BY_MENU)),
    (&["limit"], Counts(NO_COUNT, BY_ORDER)),
    (&["top"], Counts(NO_COUNT, BY_ORDER)),
    (&["head"], Counts(NO_COUNT, BY_ORDER)),
    (&["first"], Counts(NO_COUNT, BY_ORDER)),
    (&["exclude", "state"], Begins("not state")),
    (&["exclude"], Begins("not")),
    (&["excluding"], Begins("not")),
    (&["except"], Begins("not")),
    (&["unless"], Begins("not")),
    (&["without"], Begins("not")),
    (&["but", "not"], Begins("not")),
    (&["all", "but"], Begins("not")),
    (&["anything", "but"], Begins("not")),
    (&["anything", "except"], Begins("not")),
    (&["all", "except"], Begins("not")),
    (&["everything", "but"], Begins("not")),
    (&["everything", "except"], Begins("not")),
    (&["state", "all"], Is("tcp")),
    (
        &["state", "synchronized"],
        Is("open and not state syn-sent"),
    ),
    (&["all"], Is("tcp")),
    (&["any"], Is("tcp")),
    (&["anything"], Is("tcp")),
    (&["true"], Is("tcp")),
    (&["false"], Is("not tcp")),
    (&["none"], Is("not tcp")),
    (&["nothing"], Is("not tcp")),
    // flags, as tcpdump and firewalls list them
    (&["syn", ","], Nothing(NO_FLAGS, BY_REASON)),
    (&["rst", ","], Nothing(NO_FLAGS, BY_REASON)),
    (&["fin", ","], Nothing(NO_FLAGS, BY_REASON)),
    (&["psh", ","], Nothing(NO_FLAGS, BY_REASON)),
    (&["syn", "sent"], Is("state syn-sent")),
    (&["syn", "received"], Is("state syn-recv")),
    (&["close", "wait"], Is("state close-wait")),
    (&["timeouts"], Is("reason timeout")),
    (&["resets"], Is("reason remote-reset,local-reset")),
    (&["tcp-syn"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp-ack"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp-push"], Nothing(NO_FLAGS, BY_REASON)),
    (&["everything"], Is("tcp")),
    (&["loopback"], Is("addr 127.0.0.0/8,::1")),
    // what STATUS says, in two words
    (&["peer", "closed"], Is("reason remote-fin")),
    (&["closed", "by", "peer"], Is("reason remote-fin")),
    (&["closed", "by", "the", "peer"], Is("reason remote-fin")),
    (&["closed", "by", "us"], Is("reason local-fin")),
    (
        &["closed", "by", "reset"],
        Is("reason remote-reset,local-reset"),
    ),
    (&["failed", "to", "connect"], Is(NOT_CONNECTED)),
    (&["connect", "failed"], Is(NOT_CONNECTED)),
    (&["connects", "failed"], Is(NOT_CONNECTED)),
    (&["connectfailed"], Is(NOT_CONNECTED)),
    (&["connect-failed"], Is(NOT_CONNECTED)),
    (&["connect", "failure"], Is(NOT_CONNECTED)),
    (&["connect", "failures"], Is(NOT_CONNECTED)),
    (&["connect", "error"], Is(NOT_CONNECTED)),
    (&["connect", "errors"], Is(NOT_CONNECTED)),
    (&["connection", "failed"], Is(NOT_CONNECTED)),
    (&["connection", "failure"], Is(NOT_CONNECTED)),
    (&["connection", "failures"], Is(NOT_CONNECTED)),
    (&["connection", "error"], Is(NOT_CONNECTED)),
    (&["connection", "errors"], Is(NOT_CONNECTED)),
    (&["connections", "failed"], Is(NOT_CONNECTED)),
    (&["failed", "connects"], Is(NOT_CONNECTED)),
    (&["failed", "connection", "attempt"], Is(NOT_CONNECTED)),
    (&["failed", "connection", "attempts"], Is(NOT_CONNECTED)),
    (&["failed", "connect", "attempts"], Is(NOT_CONNECTED)),
    (&["failed", "connect"], Is(NOT_CONNECTED)),
    (&["failed", "attempts"], Is(NOT_CONNECTED)),
    (&["failed", "connection"], Is(NOT_CONNECTED)),
    (&["failed", "connections"], Is(NOT_CONNECTED)),
    (&["failed", "handshake"], Is(NOT_CONNECTED)),
    (&["failed", "handshakes"], Is(NOT_CONNECTED)),
    (&["handshake", "failed"], Is(NOT_CONNECTED)),
    (&["never", "connected"], Is(NOT_CONNECTED)),
    (&["never", "established"], Is(NOT_CONNECTED)),
    (&["initiated", "by", "us"], Is("outbound")),
    (&["initiated", "by", "peer"], Is("inbound")),
    (&["opened", "by", "us"], Is("outbound")),
    (&["opened", "by", "peer"], Is("inbound")),
    (&["peer", "reset"], Is("reason remote-reset")),
    (&["reset", "by", "peer"], Is("reason remote-reset")),
    (&["reset", "by", "us"], Is("reason local-reset")),
    (&["no", "answer"], Is("reason connect-timeout")),
    (&["gave", "up"], Is("reason cancelled")),
    // as errors are logged
    (&["connection", "refused"], Is("reason refused")),
    (&["connection-refused"], Is("reason refused")),
    (
        &["connection", "reset", "by", "peer"],
        Is("reason remote-reset"),
    ),
    (
        &["connection", "reset"],
        Is("reason remote-reset,local-reset"),
    ),
    (&["connection-reset"], Is("reason remote-reset,local-reset")),
    (&["connection", "timed", "out"], Is("reason timeout")),
    (&["timed", "out"], Is("reason timeout")),
    // what ERRNO says on the screen of failures
    (&["econnrefused"], Is("reason refused")),
    (&["econnreset"], Is("reason remote-reset")),
    (&["etimedout"], Is("reason timeout")),
    (&["no", "route", "to", "host"], Is("reason unreachable")),
    (&["no", "route"], Is("reason unreachable")),
    (&["host", "unreachable"], Is("reason unreachable")),
    (&["host", "is", "unreachable"], Is("reason unreachable")),
    (&["network", "unreachable"], Is("reason unreachable")),
    (&["network", "is", "unreachable"], Is("reason unreachable")),
    (&["e*unreach"], Is("reason unreachable")),
    (&["ehostunreach"], Is("reason unreachable")),
    (&["enetunreach"], Is("reason unreachable")),
    (&["eaddrnotavail"], Is("reason no-port")),
    (&["econnaborted"], Is("reason aborted")),
    (&["error"], Is("failed")),
    (&["errors"], Is("failed")),
    (&["fail"], Is("failed")),
    (&["fails"], Is("failed")),
    (&["failure"], Is("failed")),
    (&["failures"], Is("failed")),
    (&["tcp.analysis.flags"], Is("retransmits > 0")),
    (&["tcp.analysis.retransmission"], Is("retransmits > 0")),
    (&["tcp.analysis.fast_retransmission"], Is("retransfast > 0")),
    (&["tcp.analysis.lost_segment"], Is("retransmits > 0")),
    (
        &["tcp.analysis.zero_window"],
        Is("zerowindow peer,ours,both"),
    ),
    (&["zero", "window"], Is("zerowindow peer,ours,both")),
    (&["zero-window"], Is("zerowindow peer,ours,both")),
    (&["retransmission"], Is("retransmits > 0")),
    (&["retransmit"], Is("retransmits > 0")),
    (&["retrans"], Is("retransmits > 0")),
    (&["packet", "loss"], Is("retransmits > 0")),
    (&["loss"], Is("retransmits > 0")),
    (&["lossy"], Is("retransmits > 0")),
    (&["retransmissions"], Is("retransmits > 0")),
    (&["tcp.flags.reset"], Is(CLOSED_BY_RESET)),
    (&["tcp.flags.fin"], Is(CLOSED_BY_FIN)),
    (&["tcp.connection.rst"], Is(CLOSED_BY_RESET)),
    (&["tcp.connection.fin"], Is(CLOSED_BY_FIN)),
    (&["rst"], Is(CLOSED_BY_RESET)),
    (&["tcp-rst"], Is(CLOSED_BY_RESET)),
    (&["fin"], Is(CLOSED_BY_FIN)),
    (&["tcp-fin"], Is(CLOSED_BY_FIN)),
    (
        &["tcp[tcpflags]", "&", "tcp-rst", "!=", "0"],
        Is(CLOSED_BY_RESET),
    ),
    (
        &["tcp[tcpflags]", "&", "tcp-fin", "!=", "0"],
        Is(CLOSED_BY_FIN),
    ),
    (&["tcp[tcpflags]"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp[13]"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp.flags"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp.flags.syn"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp.flags.ack"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp.flags.push"], Nothing(NO_FLAGS, BY_REASON)),
    (&["tcp", "contains"], Nothing(NO_CONTENT, BY_NAME)),
    (&["tcp.payload", "contains"], Nothing(NO_CONTENT, BY_NAME)),
    (&["frame", "contains"], Nothing(NO_CONTENT, BY_NAME)),
    (&["data", "contains"], Nothing(NO_CONTENT, BY_NAME)),
    (&["http", "contains"], Nothing(NO_CONTENT, BY_NAME)),
    (&["ether", "host"], Nothing(NO_LINK, BY_ADDRESS)),
    (&["ether", "src"], Nothing(NO_LINK, BY_ADDRESS)),
    (&["ether", "dst"], Nothing(NO_LINK, BY_ADDRESS)),
    (&["eth.addr"], Nothing(NO_LINK, BY_ADDRESS)),
    (&["eth.src"], Nothing(NO_LINK, BY_ADDRESS)),
    (&["eth.dst"], Nothing(NO_LINK, BY_ADDRESS)),
];

/// Words that stand before a field, and say nothing there: `on port 443`.
pub const FILLERS: &[&str] = &[
    "on", "in", "with", "by", "at", "of", "for", "using", "having", "via", "where", "the", "whose",
    "has", "have", "is", "tcp",
];

/// Words for several values of a field, which `and` lists: `ports 80 and 443`.
pub const PLURALS: &[(&str, &str)] = &[
    ("ports", "port"),
    ("processes", "comm"),
    ("programs", "comm"),
    ("commands", "comm"),
    ("pids", "pid"),
    ("users", "user"),
    ("hosts", "addr"),
    ("ips", "addr"),
    ("addresses", "addr"),
    ("networks", "addr"),
    ("subnets", "addr"),
    ("states", "state"),
    ("reasons", "reason"),
    ("containers", "containername"),
    ("pods", "podname"),
    ("namespaces", "namespace"),
];

/// Words for what a filter selects anyway.
pub const NOUNS: &[&str] = &[
    "connection",
    "connections",
    "conns",
    "session",
    "sessions",
    "socket",
    "sockets",
    "flow",
    "flows",
    "traffic",
    "transfers",
    "connects",
    "attempts",
];

/// Words before a field of which a session has only the sum.
pub const SUMS: &[&str] = &["total", "sum", "overall", "combined"];

/// Words before a field for a function of several values.
pub const MEANS: &[&str] = &[
    "avg", "average", "mean", "median", "max", "maximum", "min", "minimum", "p50", "p90", "p95",
    "p99",
];

/// Functions of jq of a text, with the operator for each.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("test", "~"),
    ("match", "~"),
    ("contains", "contains"),
    ("startswith", "startswith"),
    ("endswith", "endswith"),
];

/// Commands after a pipe that do not select.
pub const PIPED: &[&str] = &[
    "stats",
    "sort",
    "head",
    "tail",
    "count",
    "table",
    "top",
    "wc",
    "awk",
    "sed",
    "cut",
    "uniq",
    "summarize",
    "project",
    "extend",
    "eval",
    "json",
    "jq",
    "less",
    "more",
    "xargs",
    "take",
    "limit",
];

/// First words of what comes after a condition in SQL and with grep.
pub const TAILS: &[&str] = &["limit", "order", "-v"];

/// Words for the error of a session, before what it is.
pub const ERRORS: &[&str] = &[
    "error",
    "err",
    "errno",
    "errcode",
    "error.code",
    "error.type",
    "error.message",
    "error_code",
    "errorcode",
];

/// Numbers of errors, and their names.
pub const ERRNOS: &[(&str, &str)] = &[
    ("99", "EADDRNOTAVAIL"),
    ("101", "ENETUNREACH"),
    ("103", "ECONNABORTED"),
    ("104", "ECONNRESET"),
    ("110", "ETIMEDOUT"),
    ("111", "ECONNREFUSED"),
    ("113", "EHOSTUNREACH"),
];

/// Functions and fields of other languages for a field that has a value.
pub const EXISTS: &[&str] = &[
    "_exists_",
    "exists",
    "has",
    "isnotnull",
    "isnotempty",
    "is_not_null",
    "not_null",
    "isset",
    "defined",
];

/// Functions and fields of other languages for a field that has none.
pub const MISSING: &[&str] = &["_missing_", "missing", "isnull", "isempty", "is_null"];

/// Names of other tools for a figure of the client or the server, and the terms that compare it.
pub const ROLES: &[(&[&str], &str)] = &[
    (
        &[
            "client_ip",
            "client.ip",
            "clientip",
            "client_address",
            "client.address",
            "network.client.ip",
            "id.orig_h",
        ],
        "(outbound and laddr VALUE or inbound and raddr VALUE)",
    ),
    (
        &[
            "server_ip",
            "server.ip",
            "serverip",
            "server_address",
            "server.address",
            "network.server.ip",
            "id.resp_h",
        ],
        "(outbound and raddr VALUE or inbound and laddr VALUE)",
    ),
    (
        &[
            "client_port",
            "client.port",
            "clientport",
            "network.client.port",
            "id.orig_p",
        ],
        "(outbound and lport VALUE or inbound and rport VALUE)",
    ),
    (
        &["orig_bytes", "orig_ip_bytes", "client.bytes"],
        "(outbound and tx VALUE or inbound and rx VALUE)",
    ),
    (
        &["resp_bytes", "resp_ip_bytes", "server.bytes"],
        "(outbound and rx VALUE or inbound and tx VALUE)",
    ),
    (
        &[
            "client_service",
            "client.service",
            "client_process",
            "client.process",
        ],
        "(outbound and comm VALUE)",
    ),
    (
        &[
            "server_service",
            "server.service",
            "server_process",
            "server.process",
        ],
        "(inbound and comm VALUE)",
    ),
];

/// Ends of names that say the unit, and the unit here.
pub const UNIT_ENDS: &[(&str, &str)] = &[
    ("_us", "us"),
    ("_usec", "us"),
    ("_micros", "us"),
    ("_ms", "ms"),
    ("_msec", "ms"),
    ("_millis", "ms"),
    ("_s", "s"),
    ("_sec", "s"),
    ("_secs", "s"),
    ("_seconds", "s"),
    ("_min", "m"),
    ("_mins", "m"),
    ("_minutes", "m"),
    ("_hours", "h"),
    ("_bytes", "b"),
    ("_kb", "kb"),
    ("_mb", "mb"),
    ("_gb", "gb"),
    ("_kib", "kib"),
    ("_mib", "mib"),
    ("_gib", "gib"),
    ("_bps", "bps"),
    ("_kbps", "kbps"),
    ("_mbps", "mbps"),
    ("_gbps", "gbps"),
];

/// Words for no value.
pub const NULLS: &[&str] = &["null", "none", "nil", "empty", "missing", "undefined"];
