//! Words of other tools (tcpdump, Wireshark, ss, bcc, SQL) with one meaning here, and those that have none.

use crate::filter::expr::Op;
use crate::model::fields::{Field, by_word};

/// A word of other tools for a field.
struct Foreign {
    words: &'static [&'static str],
    /// The fields that it may mean.
    fields: &'static [&'static str],
    /// True for words that hardly anyone searches for; others name a field only before a value that it takes.
    is_certain: bool,
}

const fn certain(words: &'static [&'static str], fields: &'static [&'static str]) -> Foreign {
    let is_certain = true;
    Foreign {
        words,
        fields,
        is_certain,
    }
}

const fn likely(words: &'static [&'static str], fields: &'static [&'static str]) -> Foreign {
    let is_certain = false;
    Foreign {
        words,
        fields,
        is_certain,
    }
}

const FOREIGN: &[Foreign] = &[
    certain(
        &[
            "host",
            "net",
            "subnet",
            "cidr",
            "ip.addr",
            "ipv6.addr",
            "ip.host",
            "ipv6.host",
            "fd.ip",
            "fd.cip",
            "fd.sip",
            "fd.net",
            "fd.cnet",
            "fd.snet",
        ],
        &["addr"],
    ),
    certain(&["ip.src", "ipv6.src", "saddr", "fd.lip"], &["laddr"]),
    certain(&["ip.dst", "ipv6.dst", "daddr", "fd.rip"], &["raddr"]),
    certain(&["tcp.port", "portrange", "fd.port"], &["port"]),
    certain(
        &["tcp.srcport", "srcport", "fd.lport", "--sports"],
        &["lport"],
    ),
    certain(
        &["tcp.dstport", "dstport", "fd.rport", "--dports"],
        &["rport"],
    ),
    certain(
        &[
            "fd.sport",
            "server_port",
            "server.port",
            "serverport",
            "network.server.port",
            "id.resp_p",
        ],
        &["service"],
    ),
    certain(
        &[
            "proc.name",
            "process.name",
            "process_name",
            "processname",
            "process.executable",
        ],
        &["comm"],
    ),
    certain(&["proc.pid", "process.pid", "process_id"], &["pid"]),
    certain(&["container.id", "container_id"], &["container"]),
    certain(&["user.name"], &["user"]),
    certain(&["user.uid", "skuid"], &["uid"]),
    certain(&["_systemd_unit"], &["unit"]),
    certain(&["tcp.analysis.initial_rtt"], &["connect"]),
    certain(&["ip.version"], &["ip"]),
    certain(&["tcp.analysis.ack_rtt"], &["rtt"]),
    certain(&["tcp.options.mss_val"], &["mss"]),
    certain(&["recv-q", "recvq"], &["unread"]),
    certain(&["send-q", "sendq"], &["unacked"]),
    certain(
        &[
            "bytes_sent",
            "bytes.sent",
            "sent_bytes",
            "bytes_out",
            "source.bytes",
        ],
        &["tx"],
    ),
    certain(
        &[
            "bytes_received",
            "bytes.received",
            "received_bytes",
            "bytes_recv",
            "bytes_in",
            "destination.bytes",
        ],
        &["rx"],
    ),
    certain(
        &[
            "tx+rx",
            "rx+tx",
            "network.bytes",
            "total_bytes",
            "bytes_total",
        ],
        &["bytes"],
    ),
    certain(&["bytes/s", "b/s", "byterate"], &["rate"]),
    certain(&["role", "network.direction"], &["direction"]),
    certain(&["-p"], &["pid"]),
    certain(&["-l"], &["lport"]),
    certain(&["-d"], &["rport"]),
    certain(&["-s"], &["laddr"]),
    certain(&["-u"], &["user"]),
    certain(&["-c"], &["comm"]),
    likely(&["local", "source"], &["laddr"]),
    likely(&["remote", "dest", "destination"], &["raddr"]),
    likely(
        &[
            "cmd", "exe", "proc", "name", "procname", "prog", "app", "task",
        ],
        &["comm"],
    ),
    likely(&["tgid"], &["pid"]),
    likely(&["username"], &["user"]),
    likely(&["family", "version"], &["ip"]),
    likely(&["throughput", "bandwidth", "bitrate"], &["rate"]),
    likely(&["sent", "send"], &["tx"]),
    likely(&["received", "recv"], &["rx"]),
    likely(&["size", "total", "len", "length"], &["bytes"]),
    likely(&["elapsed", "uptime", "time"], &["duration"]),
    likely(
        &[
            "retrans",
            "retries",
            "retransmit",
            "retransmission",
            "retransmissions",
        ],
        &["retransmits"],
    ),
    likely(&["srtt"], &["rtt"]),
    likely(&["ns"], &["netns"]),
    likely(&["sk"], &["cookie"]),
    likely(&["svc"], &["service"]),
    likely(&["closedat", "endtime"], &["ended"]),
    likely(&["why"], &["reason"]),
    likely(&["iface", "dev", "device"], &["interface"]),
    likely(&["from", "to"], &["laddr", "raddr"]),
    likely(&["latency"], &["rtt", "connect"]),
];

/// Words that, before `port`, `host` or `net`, name one end.
const SIDES: &[(&[&str], [&str; 2])] = &[
    (
        &["src", "laddr", "source", "local", "from"],
        ["laddr", "lport"],
    ),
    (
        &[
            "dst",
            "raddr",
            "dest",
            "destination",
            "remote",
            "peer",
            "to",
        ],
        ["raddr", "rport"],
    ),
];

/// Words of other languages for operators.
const OPERATORS: &[(&str, Op)] = &[
    ("eq", Op::Eq),
    ("is", Op::Eq),
    ("equals", Op::Eq),
    ("ne", Op::Ne),
    ("neq", Op::Ne),
    ("lt", Op::Lt),
    ("le", Op::Le),
    ("gt", Op::Gt),
    ("ge", Op::Ge),
    ("lte", Op::Le),
    ("gte", Op::Ge),
    ("matches", Op::Match),
    ("rlike", Op::Match),
    ("regexp", Op::Match),
    ("regex", Op::Match),
    ("over", Op::Gt),
    ("above", Op::Gt),
    ("under", Op::Lt),
    ("below", Op::Lt),
];

/// Adds wildcards to a value.
type Pattern = fn(&str) -> String;

/// Words for operators that compare with a part of a text, the wildcards that they mean, and true for those that ignore case.
const PATTERNS: &[(&str, Pattern, bool)] = &[
    ("contains", |text| format!("*{text}*"), false),
    ("includes", |text| format!("*{text}*"), false),
    ("has", |text| format!("*{text}*"), true),
    ("startswith", |text| format!("{text}*"), false),
    ("hasprefix", |text| format!("{text}*"), true),
    ("endswith", |text| format!("*{text}"), false),
    ("hassuffix", |text| format!("*{text}"), true),
    ("like", |text| text.replace('%', "*"), false),
    ("ilike", |text| text.replace('%', "*"), true),
    ("glob", str::to_owned, false),
];

/// Operators of several words, and of one that another one is in, with the operator here; the longer ones first.
const SPOKEN: &[(&[&str], &str)] = &[
    (&["is", "greater", "than"], ">"),
    (&["is", "more", "than"], ">"),
    (&["is", "less", "than"], "<"),
    (&["is", "at", "least"], ">="),
    (&["is", "at", "most"], "<="),
    (&["is", "either"], "="),
    (&["is", "one", "of"], "="),
    (&["is", "any", "of"], "="),
    (&["is", "in"], "in"),
    (&["is", "not", "in"], "not in"),
    (&["one", "of"], "="),
    (&["any", "of"], "="),
    (&["within"], "<"),
    (&["is", "like"], "like"),
    (&["does", "not", "contain"], "not contains"),
    (&["does", "not", "match"], "!~"),
    (&["greater", "than"], ">"),
    (&["larger", "than"], ">"),
    (&["bigger", "than"], ">"),
    (&["higher", "than"], ">"),
    (&["longer", "than"], ">"),
    (&["older", "than"], ">"),
    (&["more", "than"], ">"),
    (&["less", "than"], "<"),
    (&["fewer", "than"], "<"),
    (&["lower", "than"], "<"),
    (&["smaller", "than"], "<"),
    (&["shorter", "than"], "<"),
    (&["younger", "than"], "<"),
    (&["at", "least"], ">="),
    (&["at", "most"], "<="),
    (&["other", "than"], "!="),
    (&["different", "from"], "!="),
    (&["equal", "to"], "="),
    (&["equals", "to"], "="),
    (&["starts", "with"], "startswith"),
    (&["begins", "with"], "startswith"),
    (&["ends", "with"], "endswith"),
    (&["matches", "regex"], "~"),
    (&["regex", "match"], "~"),
    (&["notin"], "not in"),
];

/// Words for what did not fail.
pub const SUCCESS: &[&str] = &["success", "successful", "succeeded", "ok", "good"];

/// Words by which nobody means a process or a state, and what says what they mean.
const VAGUE: &[(&[&str], &str)] = &[
    (
        &[
            "slow", "slower", "slowest", "fast", "faster", "fastest", "high", "low", "lag", "laggy",
        ],
        "say how slow: `rtt > 100ms`, `resp > 1s`, `duration > 5s`",
    ),
    (
        &[
            "big", "bigger", "biggest", "large", "larger", "largest", "huge", "heavy", "small",
            "smallest", "most", "least", "long", "longest", "oldest", "newest", "busiest",
        ],
        "say how much: `bytes > 10MB`, `duration > 1h`",
    ),
    (
        &[
            "idle",
            "stuck",
            "hanging",
            "hung",
            "idle_time",
            "idletime",
            "idle_for",
            "inactive",
            "inactivity",
            "last_activity",
            "lastactivity",
            "last_seen",
            "lastseen",
        ],
        "`waiting > 10s` selects sessions that have had no answer for 10 s; for leaks `state close-wait`",
    ),
    (
        &["client", "server", "clients", "servers"],
        "write `outbound` where this host is the client, `inbound` where it is the server",
    ),
    (
        &["half-open", "halfopen", "half-closed", "embryonic"],
        "write `state syn-recv,syn-sent` in the handshake, `state close-wait,fin-wait-2` after one FIN",
    ),
    (
        &["throughput", "bandwidth", "bitrate"],
        "say how much: `rate > 1MB/s`",
    ),
    (&["started"], BY_DURATION),
    (
        &["internal", "private"],
        "write `raddr 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16`; within this host is `loopback`",
    ),
    (
        &["external", "public", "internet", "wan"],
        "write `not raddr 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8,::1`",
    ),
    (
        SUCCESS,
        "write `not failed`, or `reason local-fin,remote-fin`",
    ),
    (
        &["from", "to"],
        "write an address or a port, `dst 10.0.0.5`, `dst port 5432`, or a process, `comm postgres`",
    ),
    (
        &["xor", "nand"],
        "write `(open and not ipv6) or (ipv6 and not open)` for one of two",
    ),
    (&["mask", "netmask"], "a network looks like `10.0.0.0/8`"),
    (
        &["dropped", "drops"],
        "`retransmits > 0` lost packets; the screen `D` has those dropped here",
    ),
    (
        &[
            "ago",
            "today",
            "yesterday",
            "now",
            "minute",
            "minutes",
            "hour",
            "hours",
            "recent",
            "recently",
            "since",
            "until",
            "before",
            "after",
        ],
        NO_CLOCK,
    ),
    (
        &[
            "if", "then", "else", "when", "using", "having", "via", "please", "the", "of", "for",
            "with", "in", "on", "by", "at", "than", "then", "that", "which", "who", "what", "how",
            "is", "are", "was", "me", "my", "only", "just", "still", "show", "exists", "nor",
            "neither", "but", "more", "over", "under", "within", "between", "owned", "talks",
            "talking", "newer",
        ],
        "leave it out, or write a term like `port 443`",
    ),
];

/// How sessions are selected by time.
pub const NO_CLOCK: &str = "`ended < 5m` closed in the last 5 minutes, `duration < 5m` is younger; a recording has --from and --to";

/// How sessions are selected by their start.
pub const BY_DURATION: &str = "`duration > 5m` started more than 5 minutes ago, `duration < 5m` after that; it takes no clock times";

/// Words of other tools for the start of a session.
const STARTS: &[&str] = &[
    "start",
    "started",
    "starttime",
    "start_time",
    "started_at",
    "startedat",
    "opened",
    "created",
];

/// Words of other tools for a time of day, which no field is.
const CLOCKS: &[&str] = &[
    "date",
    "timestamp",
    "_time",
    "@timestamp",
    "timegenerated",
    "earliest",
    "latest",
    "datetime",
    "frame.time",
    "frame.time_epoch",
    "event.start",
    "event.end",
];

/// Names of what other tools know of a connection and no field here is, with terms that come near.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &[
            "client.ip",
            "client.address",
            "client_ip",
            "clientip",
            "network.client.ip",
        ],
        "write `addr 10.0.0.5`, or `inbound and raddr 10.0.0.5` where this host is the server",
    ),
    (
        &[
            "server.ip",
            "server.address",
            "server_ip",
            "serverip",
            "network.server.ip",
        ],
        "write `addr 10.0.0.5`, or `outbound and raddr 10.0.0.5` where this host is the client",
    ),
    (
        &["client.port", "client_port"],
        "write `port 443`, or `rport 443` for the peer's",
    ),
    (
        &[
            "hostname",
            "host.name",
            "domain",
            "fqdn",
            "node.name",
            "instance",
            "country",
            "asn",
        ],
        "the peer is known by its address: write `addr 10.0.0.5`",
    ),
    (
        &[
            "image",
            "image.name",
            "container.image.name",
            "container_image",
        ],
        "images are not known; write `containername web`, `podname ~ web`",
    ),
    (
        &[
            "error",
            "err",
            "errno",
            "errcode",
            "errorcode",
            "error.code",
            "error.type",
            "error.message",
            "error_code",
        ],
        "write `reason refused`, or `failed` for every error",
    ),
    (
        &[
            "network.transport",
            "transport",
            "network.protocol",
            "ip.proto",
        ],
        "every session is TCP: leave it out",
    ),
    (&["network.type"], "write `ipv4` or `ipv6`"),
    (
        &["service.name", "app.name", "application.name", "job"],
        "write `comm nginx` for a process, `service 443` for a port",
    ),
    (
        &["_exists_"],
        "write a field after it, like `container is not null`",
    ),
    (
        &["result", "outcome", "event.outcome"],
        "write `failed` or `not failed`",
    ),
    (
        &["bps", "bitrate_bps", "mbps", "kbps"],
        "rates are in bytes per second: 1 Mbit/s is `rate > 125kB`",
    ),
    (
        &["ping", "jitter", "rtt_var", "rttvar"],
        "write `rtt > 50ms`, or `connect > 50ms` for the handshake",
    ),
    (
        &["packets", "pkts", "segments", "loss", "packet_loss", "lost"],
        "packets are not counted, except retransmitted ones: `retransmits > 0`",
    ),
    (
        &[
            "url",
            "path",
            "method",
            "status_code",
            "http.status",
            "request",
            "uri",
            "query",
            "header",
            "useragent",
            "body",
        ],
        "what a session transfers is not looked at: write `port 443`, `comm curl`",
    ),
    (
        &[
            "ppid",
            "pgid",
            "sid",
            "tid",
            "cpid",
            "parent",
            "parent_pid",
            "process.parent.pid",
        ],
        "only the process itself is known: `pid 1234`, `comm nginx`",
    ),
    (
        &["gid", "egid", "group", "auid", "loginuid"],
        "only the user of the socket is known: `uid 1000`, `user www`",
    ),
    (
        &["rto", "ato"],
        "write `rtt > 200ms`, or `retranstimeout > 0` where it elapsed",
    ),
    (
        &["tcp.stream", "stream", "flow_id", "flow.id"],
        "sessions have no numbers: write `cookie 1234`, or `communityid ~ ^1:`",
    ),
    (
        &[
            "window",
            "win",
            "wnd",
            "rwnd",
            "rcv_wnd",
            "snd_wnd",
            "tcp.window_size",
            "tcp.window_size_value",
        ],
        "write `zerowindow peer,ours,both` for a receive window of 0; `cwnd > 10` is the congestion window",
    ),
    (
        &["cpu", "mem", "memory", "load"],
        "a session has none: write `bytes > 10MB`, `rate > 1MB`",
    ),
    (
        &[
            "cmdline",
            "args",
            "process.args",
            "process.command_line",
            "command_line",
        ],
        "only the name of a process is known: `comm java`, `pid 1234`",
    ),
];

/// Words that can match no session, with the reason, and what shows it.
const NEVER: &[(&[&str], &str, &str)] = &[
    (
        &["udp", "icmp", "icmp6", "arp", "sctp", "unix"],
        "only TCP sessions are shown",
        "",
    ),
    (
        &["multicast", "broadcast"],
        "TCP has no multicast and no broadcast",
        "",
    ),
    (
        &["vlan", "mpls", "pppoe"],
        "only IP addresses are known, nothing below them",
        "",
    ),
    (
        &["local"],
        "it needs an address, like `local 10.0.0.5`; within this host is `loopback`",
        "",
    ),
    (
        &["remote"],
        "it needs an address, like `remote 10.0.0.5`; beyond this host is `not loopback`",
        "",
    ),
    (
        &["listen", "listening"],
        "listening sockets are no sessions",
        "the screen `L` lists them",
    ),
    (
        &["time-wait", "timewait"],
        "a session counts as closed when it enters TIME-WAIT",
        "write `state closed`",
    ),
];

/// Beginnings of Wireshark's names for parts of packets.
const PACKETS: &[&str] = &[
    "tcp.", "ip.", "ipv6.", "frame.", "eth.", "http.", "http2.", "tls.", "dns.",
];

/// The field that a word always names.
pub fn field_named(word: &str) -> Option<&'static Field> {
    // a flag, as other tools write it
    let word = word.strip_prefix("--").unwrap_or(word);
    // and as jq does
    let word = word.strip_prefix(['.', '@']).unwrap_or(word);
    let within = NAMESPACES.iter().find_map(|space| word.strip_prefix(space));
    let side = || within.unwrap_or(word).split_once(['_', '.']);
    let lower = word.to_ascii_lowercase();
    by_word(&lower)
        .or_else(|| joined(&lower))
        .or_else(|| side().and_then(|(side, what)| field_of_side(side, what)))
        .or_else(|| humps(word).and_then(|(side, what)| field_of_side(side, what)))
}

/// Beginnings of names in the schemas of other tools, like ECS and OpenTelemetry.
const NAMESPACES: &[&str] = &["kubernetes.", "k8s.", "event.", "network.", "docker."];

/// Ends of names that say the unit. A time is compared with one that has its own.
const UNITS: &[&str] = &["_us", "_ms", "_seconds", "_bytes"];

/// The field of a name in lower case that consists of its parts: `pod_name`, `container.name`, `kubernetes.pod.name`.
fn joined(name: &str) -> Option<&'static Field> {
    let own = NAMESPACES.iter().find_map(|space| name.strip_prefix(space));
    let parts = own.unwrap_or(name);
    let parts = parts
        .strip_suffix(".name")
        .filter(|p| by_word(p).is_some_and(|f| f.word == "namespace"))
        .unwrap_or(parts);
    let bare = UNITS.iter().find_map(|unit| parts.strip_suffix(unit));
    by_word(&parts.replace(['_', '.'], "")).or_else(|| by_word(bare?))
}

/// The two words of one in camel case: `DestPort`.
fn humps(word: &str) -> Option<(&str, &str)> {
    let is_hump =
        |(_, pair): &(usize, &[u8])| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let (at, _) = word.as_bytes().windows(2).enumerate().find(is_hump)?;
    word.split_at_checked(at + 1)
}

/// The operator that several words stand for after a field, and their number.
pub fn spoken(words: &[&str]) -> Option<(&'static str, usize)> {
    let is_it = |(spoken, _): &&(&[&str], &str)| {
        let same = spoken
            .iter()
            .zip(words)
            .all(|(a, b)| a.eq_ignore_ascii_case(b));
        spoken.len() <= words.len() && same
    };
    let (spoken, op) = SPOKEN.iter().find(is_it)?;
    Some((op, spoken.len()))
}

/// Terms for a word that says nothing by itself.
pub fn vague(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let found = VAGUE
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()));
    found.map(|(_, help)| *help)
}

/// Terms that come near to what a word of other tools names, which no field is.
pub fn elsewhere(word: &str) -> Option<&'static str> {
    let word = word.trim_start_matches(['@', '.']);
    let is_it = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    let found = ELSEWHERE.iter().find(|(words, _)| is_it(words));
    found.map(|(_, help)| *help)
}

/// True for a word of other tools for a time of day.
pub fn is_clock(word: &str) -> bool {
    by_clock(word).is_some()
}

/// Terms for a word of other tools for a time of day.
pub fn by_clock(word: &str) -> Option<&'static str> {
    let is_in = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    match word {
        _ if is_in(STARTS) => Some(BY_DURATION),
        _ if is_in(CLOCKS) => Some(NO_CLOCK),
        _ => None,
    }
}

/// The fields that a word of other tools may name, and whether it hardly means anything else.
pub fn foreign_fields(word: &str) -> (impl Iterator<Item = &'static Field>, bool) {
    let word = word.to_ascii_lowercase();
    let joined = word.replace('_', "");
    let is_clock = CLOCKS.contains(&word.as_str());
    let is_it = |f: &&Foreign| {
        !is_clock && (f.words.contains(&word.as_str()) || f.words.contains(&joined.as_str()))
    };
    let found = FOREIGN.iter().find(is_it);
    let fields = found.into_iter().flat_map(|f| f.fields);
    (
        fields.filter_map(|word| by_word(word)),
        found.is_some_and(|f| f.is_certain),
    )
}

/// The field that a word names before an operator or a value: its own word or that of other tools.
pub fn any_field_named(word: &str) -> Option<&'static Field> {
    let only = |word| {
        let mut fields = foreign_fields(word).0;
        fields.next().filter(|_| fields.next().is_none())
    };
    field_named(word).or_else(|| only(word))
}

/// Words of other tools that the beginning of a word may become.
pub fn words_beginning(with: &str) -> impl Iterator<Item = &'static str> {
    let certain = FOREIGN.iter().filter(|f| f.is_certain);
    let words = certain.flat_map(|f| f.words.iter().copied());
    words.filter(move |word| word.starts_with(with))
}

/// The field of two words, like `dst port`.
pub fn field_of_side(side: &str, what: &str) -> Option<&'static Field> {
    let (side, what) = (side.to_ascii_lowercase(), what.to_ascii_lowercase());
    let (_, [addr, port]) = SIDES
        .iter()
        .find(|(words, _)| words.contains(&side.as_str()))?;
    match what.as_str() {
        "port" | "portrange" => by_word(port),
        "host" | "net" | "addr" | "address" | "ip" => by_word(addr),
        _ => None,
    }
}

/// True if `src` may continue with this word, whole or in part.
pub fn begins_second_word(side: &Field, text: &str) -> bool {
    ["laddr", "raddr"].contains(&side.word)
        && ["port", "portrange", "host", "net"]
            .iter()
            .any(|word| word.starts_with(&text.to_ascii_lowercase()))
}

/// The operator that a word stands for, between a field and a value.
pub fn operator(word: &str) -> Option<Op> {
    let found = OPERATORS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, op)| *op)
}

/// True for a word that is an operator between a field and a value.
pub fn is_operator(word: &str) -> bool {
    operator(word).is_some() || pattern(word, "").is_some()
}

/// The text with wildcards that the value after a word means, and true if case does not count: `like '%sql'` is `*sql`.
pub fn pattern(word: &str, value: &str) -> Option<(String, bool)> {
    let found = PATTERNS
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(word));
    found.map(|(_, pattern, ignores_case)| (pattern(value), *ignores_case))
}

/// Reason that a word names a part of a packet, like `tcp.analysis.retransmission`, and no field.
pub fn in_packets(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let is_one = PACKETS.iter().any(|begin| word.starts_with(begin));
    is_one.then_some("no session has such a field, and packets are not kept")
}

/// Reason that a word can match no session, and what shows what it means, or nothing.
pub fn never(word: &str) -> Option<(&'static str, &'static str)> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    let found = NEVER
        .iter()
        .find(|(words, ..)| words.contains(&word.as_str()));
    found.map(|(_, reason, cure)| (*reason, *cure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::words;

    #[test]
    fn foreign_words_are_no_fields_and_name_some() {
        let mut seen = Vec::new();
        for foreign in FOREIGN {
            for word in foreign.words {
                assert!(by_word(word).is_none(), "{word}");
                assert!(!seen.contains(word), "{word} twice");
                seen.push(*word);
            }
            for field in foreign.fields {
                assert!(by_word(field).is_some(), "{field}");
            }
        }
    }

    #[test]
    fn field_words_before_a_colon_are_no_part_of_an_address() {
        let all = words().chain(FOREIGN.iter().flat_map(|f| f.words.iter().copied()));
        for word in all {
            let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(!is_hex, "{word}");
        }
    }
}
