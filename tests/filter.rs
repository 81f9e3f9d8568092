//! The filter language as users see it: which sessions a filter shows, and the errors.
//!
//! The expectations are in `tests/filter/`; `UPDATE_GOLDEN=1 cargo test --test filter` updates them, and the difference
//! is what a change means to users.

#![expect(
    clippy::expect_used,
    reason = "what fails here is a failed test, in the helpers too"
)]

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tcplife::testing::filter::{Filter, FilterError, complete};
use tcplife::testing::model::{
    Age, Cgroup, Comm, Direction, Evidence, FIELDS, Interface, Reason, Session, State,
};
use tcplife::testing::sample::closed_session;

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

/// Compares a file with its expected contents, or updates it if requested.
fn assert_golden(relative: &str, should: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(relative), should).expect("a golden file can be written");
        return;
    }
    for (i, (is, should)) in read(relative).lines().zip(should.lines()).enumerate() {
        assert_eq!(is, should, "{relative}:{}", i + 1);
    }
    assert_eq!(read(relative), should, "{relative}");
}

fn users(name: &str) -> Option<u32> {
    [("root", 0), ("www", 33), ("alice", 1000)]
        .into_iter()
        .find_map(|(n, uid)| (n == name).then_some(uid))
}

fn parse(text: &str) -> Result<Filter, FilterError> {
    Filter::parse_with(text, users)
}

const MS: u64 = 1_000_000;

fn addr(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn session(name: &str, laddr: &str, lport: u16, raddr: &str, rport: u16) -> Session {
    Session {
        start_ns: 1000 * MS,
        established_ns: 1010 * MS,
        close_us: 0,
        end_ns: 2010 * MS,
        cgroup: std::sync::Arc::default(),
        srtt_us: 20_000,
        min_rtt_us: 10_000,
        mss: 1448,
        pid: 100,
        uid: 1000,
        lport,
        rport,
        laddr: addr(laddr),
        raddr: addr(raddr),
        comm: Comm::from(name),
        ..closed_session()
    }
}

fn open(mut s: Session) -> Session {
    (s.state, s.state_before_close) = (State::Established, State::Established);
    s.reason = Reason::Open;
    s
}

fn in_a_container() -> std::sync::Arc<Cgroup> {
    let id = "4d5f6a7b8c9d".repeat(6);
    let path = format!(
        "/kubepods/burstable/pod8f3c7a52-0d0b-4bd3-9f2c-7f6a1c9b2e11/{}",
        &id[..64]
    );
    Cgroup::new(77, Some(path)).into()
}

/// A dozen sessions, typical of a small host.
fn sessions() -> Vec<(&'static str, Session)> {
    let web = session("curl", "10.0.0.5", 40_000, "93.184.216.34", 443);
    let mut big = session("wget", "10.0.0.5", 40_001, "10.1.2.3", 80);
    (big.rx_bytes, big.end_ns) = (25_000_000, 95_010 * MS);
    let mut ssh = open(session("sshd", "10.0.0.5", 22, "192.168.1.7", 51_000));
    (ssh.direction, ssh.owner, ssh.uid, ssh.pid) = (Direction::In, Evidence::Read, 0, 812);
    (ssh.age, ssh.end_ns, ssh.tx_rate) = (Age::LowerBound, 7_200_000 * MS, 2500.0);
    let mut nginx = session("nginx", "10.0.0.5", 443, "203.0.113.9", 60_001);
    (nginx.direction, nginx.owner, nginx.uid, nginx.pid) =
        (Direction::In, Evidence::Close, 33, 900);
    nginx.reason = Reason::RemoteReset;
    nginx.cgroup = in_a_container();
    let mut six = nginx.clone();
    (six.laddr, six.raddr) = (addr("2001:db8::5"), addr("2001:db8:1::9"));
    (six.reason, six.retransmits, six.retransmitted_bytes) = (Reason::RemoteFin, 12, 14_000);
    let mut local = open(session("postgres", "::1", 5432, "::1", 45_000));
    (local.srtt_us, local.min_rtt_us, local.rx_rate) = (40, 20, 3_000_000.0);
    let mut link = session("Web Content", "fe80::1", 40_002, "fe80::2", 8080);
    (link.netns, link.cookie) = (4_026_532_200, 0xbeef);
    link.interface = Interface::new("eth1");
    let mut refused = session("curl", "127.0.0.1", 40_003, "127.0.0.1", 8080);
    (refused.reason, refused.state_before_close) = (Reason::Refused, State::SynSent);
    (refused.established_ns, refused.end_ns) = (0, 1000 * MS + 60_000);
    (
        refused.tx_bytes,
        refused.rx_bytes,
        refused.srtt_us,
        refused.min_rtt_us,
    ) = (0, 0, 0, 0);
    let mut timeout = refused.clone();
    (timeout.reason, timeout.comm) = (Reason::ConnectTimeout, Comm::from("backup-daemon-long"));
    (timeout.raddr, timeout.end_ns) = (addr("10.9.9.9"), 130_000 * MS);
    let mut orphan = session("", "10.0.0.5", 8000, "198.51.100.4", 33_333);
    (orphan.pid, orphan.owner, orphan.direction) = (0, Evidence::None, Direction::In);
    orphan.reason = Reason::NeverAccepted;
    let mut no_port = refused.clone();
    (no_port.lport, no_port.reason, no_port.comm) = (0, Reason::NoPort, Comm::from("ab"));
    let mut slow = open(session("rsync", "10.0.0.5", 40_009, "10.1.2.3", 873));
    (slow.srtt_us, slow.retransmits, slow.unacked_bytes) = (350_000, 40, 64_000);
    (slow.tx_bytes, slow.busy_ms, slow.rwnd_limited_ms) = (5_000_000_000, 900, 500);
    vec![
        ("web", web),
        ("big", big),
        ("ssh", ssh),
        ("nginx", nginx),
        ("six", six),
        ("local", local),
        ("link", link),
        ("refused", refused),
        ("timeout", timeout),
        ("orphan", orphan),
        ("no-port", no_port),
        ("slow", slow),
    ]
}

/// Returns the filters of a golden file: the lines that begin with `> `. Everything else is comments and outcomes.
fn texts(golden: &str) -> Vec<&str> {
    golden
        .lines()
        .filter_map(|l| l.strip_prefix("> "))
        .collect()
}

/// Returns the file with the outcome of each filter, indented, on the following lines; comments and empty lines stay.
fn with_outcomes(golden: &str, outcome: impl Fn(&str) -> String) -> String {
    let mut all = String::new();
    for line in golden.lines().filter(|l| !l.starts_with("    ")) {
        let _ = writeln!(all, "{line}");
        if let Some(text) = line.strip_prefix("> ") {
            for line in outcome(text).lines() {
                let _ = writeln!(all, "    {line}");
            }
        }
    }
    all
}

#[test]
fn filter_golden_expressions_match_expected_sessions() {
    const FILE: &str = "tests/filter/expressions.txt";
    let golden = read(FILE);
    let sessions = sessions();
    let should = with_outcomes(&golden, |text| {
        let filter = parse(text).unwrap_or_else(|e| panic!("\n{}", e.report()));
        let fit: Vec<&str> = sessions
            .iter()
            .filter(|(_, s)| filter.matches(s))
            .map(|(name, _)| *name)
            .collect();
        match fit.len() {
            0 => "none".into(),
            n if n == sessions.len() => "all".into(),
            _ => fit.join(" "),
        }
    });
    assert!(texts(&golden).len() >= 120, "{}", texts(&golden).len());
    assert_golden(FILE, &should);
}

#[test]
fn filter_canonical_form_parses_to_same_filter() {
    for text in texts(&read("tests/filter/expressions.txt")) {
        let filter = parse(text).expect(text);
        let canonical = filter.canonical();
        assert_eq!(parse(&canonical).expect(&canonical), filter, "{text}");
    }
}

#[test]
fn filter_pushdown_accepts_every_matching_session() {
    for text in texts(&read("tests/filter/expressions.txt")) {
        let filter = parse(text).expect(text);
        for (name, s) in &sessions() {
            assert!(
                !filter.matches(s) || filter.capture().accepts(s),
                "{text}: {name}"
            );
        }
    }
}

#[test]
fn filter_invalid_expressions_report_expected_errors() {
    const FILE: &str = "tests/filter/errors.txt";
    let golden = read(FILE);
    let should = with_outcomes(&golden, |text| match parse(text) {
        Ok(filter) => panic!("{text}: {}", filter.canonical()),
        Err(e) => e.report(),
    });
    assert!(texts(&golden).len() >= 60, "{}", texts(&golden).len());
    assert_golden(FILE, &should);
}

/// Filters that people used to other tools type first, with their meaning or the error that says what to write.
#[test]
fn filter_typed_first_means_what_people_expect() {
    const FILE: &str = "tests/filter/typed-first.txt";
    let golden = read(FILE);
    let should = with_outcomes(&golden, |text| match parse(text) {
        Ok(filter) => filter.canonical(),
        Err(e) => e.report(),
    });
    assert!(texts(&golden).len() >= 60, "{}", texts(&golden).len());
    assert_golden(FILE, &should);
}

/// The prompt's verdict after each key of a line: `.` a filter, `…` incomplete, `!` wrong.
#[test]
fn filter_being_typed_is_incomplete_instead_of_wrong() {
    const FILE: &str = "tests/filter/typing.txt";
    let should = with_outcomes(&read(FILE), |text| {
        (0..=text.len())
            .filter(|&end| text.is_char_boundary(end))
            .skip(1)
            .map(|end| match Filter::parse_typed(&text[..end], end, users) {
                Ok(_) => '.',
                Err(e) if e.is_incomplete() => '…',
                Err(_) => '!',
            })
            .collect()
    });
    assert_golden(FILE, &should);
}

/// Any text is a filter or an error with a place in the text, and both can be shown.
fn survives(text: &str) {
    let mut results = vec![parse(text), Filter::parse_typed(text, text.len(), users)];
    match results.swap_remove(0) {
        Ok(filter) => {
            let canonical = filter.canonical();
            // the canonical form is longer and may exceed the limit
            match parse(&canonical) {
                Ok(again) => assert_eq!(again, filter, "{text:?}"),
                Err(e) => assert!(canonical.len() > text.len(), "{}", e.report()),
            }
            for (_, s) in &sessions() {
                assert!(
                    !filter.matches(s) || filter.capture().accepts(s),
                    "{text:?}"
                );
            }
        }
        Err(e) => {
            assert!(text.get(e.span()).is_some(), "{text:?}: {:?}", e.span());
            assert_eq!(e.report().lines().count(), 3, "{text:?}\n{}", e.report());
            assert_eq!(e.to_string().lines().count(), 1, "{text:?}\n{e}");
            assert!(
                !e.report().replace('\n', "").contains(char::is_control),
                "{text:?}"
            );
        }
    }
    for cursor in [0, text.len() / 2, text.len()] {
        let found = complete(text, cursor, &|_| vec!["curl".into(), "a b".into()]);
        assert!(text.get(found.span).is_some(), "{text:?} at {cursor}");
    }
}

#[test]
fn filter_corpus_inputs_parse_or_report_an_error() {
    let mut files = 0;
    for entry in fs::read_dir(path("tests/filter/corpus")).expect("the corpus") {
        let bytes = fs::read(entry.expect("a file").path()).expect("a file");
        survives(&String::from_utf8_lossy(&bytes));
        files += 1;
    }
    assert!(files >= 20, "{files}");
}

#[test]
fn filter_input_over_depth_or_size_limit_is_an_error() {
    for (text, message) in [
        ("(".repeat(65_536), "the filter is longer than 16384 bytes"),
        (
            "(".repeat(16_384),
            "parentheses are nested more than 64 deep",
        ),
        (
            "not(".repeat(4_000),
            "parentheses are nested more than 64 deep",
        ),
        (
            format!("{}curl{}", "(".repeat(8_000), ")".repeat(8_000)),
            "parentheses are nested more than 64 deep",
        ),
        ("comm ~ a ".repeat(33), "more than 32 regular expressions"),
        (
            "comm ~ (\\pL{999}){9}".into(),
            "the regular expression is too large",
        ),
    ] {
        let error = parse(&text).expect_err(&text[..20]);
        assert_eq!(error.message(), message);
        survives(&text);
    }
    for text in [
        "not ".repeat(4_000) + "curl",
        "!".repeat(16_000) + "curl",
        "a ".repeat(8_000),
        "a or ".repeat(3_000) + "a",
        format!("port 1{}", ",1".repeat(8_000)),
        format!("{}curl{}", "(".repeat(64), ")".repeat(64)),
    ] {
        assert!(parse(&text).is_ok(), "{}", &text[..20]);
        survives(&text);
    }
    let deep_regex = format!("comm ~ {}{}", "(".repeat(8_000), ")".repeat(8_000));
    let error = parse(&deep_regex).expect_err("too deep");
    assert!(
        error.message().starts_with("bad regular expression"),
        "{error}"
    );
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/filter/regressions/texts.txt",
        ))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn filter_random_bytes_parse_or_report_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn filter_random_tokens_parse_or_report_an_error(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(&[
                    "and", "or", "not", "!", "&&", "||", "&", "(", ")", ",", "=", "!=", "<=", ">", "~", "!~", "\"",
                    "'", "\\", "[", "*", "-", "/", ":", ".", "µs", "10", "1.5", "0x", "443", "8000-8100", "10MB",
                    "50ms", "10.0.0.0/8", "fe80::/10", "[::1]:80", "curl", "refused", "yes", "ä", "日", "\u{301}", "\0",
                    "\u{1b}[31m", "\n", "\u{202e}", "\u{feff}", "\u{85}",
                ][..]).prop_map(str::to_owned),
                prop::sample::select(FIELDS.iter().map(|f| f.word.to_owned()).collect::<Vec<_>>()),
            ],
            0..12,
        ),
        spaces in any::<u16>(),
    ) {
        let text: String = pieces
            .iter()
            .enumerate()
            .flat_map(|(i, p)| [p.as_str(), if spaces >> i & 1 == 1 { " " } else { "" }])
            .collect();
        survives(&text);
    }
}

/// Returns what a line shows while it is being typed, with the cursor at `|`.
fn shown(line: &str) -> Vec<&'static str> {
    let cursor = line.find('|').expect("a cursor");
    let filter = Filter::parse_typed(&line.replace('|', ""), cursor, users).expect(line);
    let matching = sessions().into_iter().filter(|(_, s)| filter.matches(s));
    matching.map(|(name, _)| name).collect()
}

#[test]
fn filter_word_at_cursor_matches_as_prefix() {
    let whole = |line: &str| {
        let filter = parse(line).expect(line);
        let matching = sessions().into_iter().filter(|(_, s)| filter.matches(s));
        matching.map(|(name, _)| name).collect::<Vec<_>>()
    };
    for (typed, means) in [
        ("comm cur|", "comm ~ ^cur"),
        ("comm = cur|", "comm ~ ^cur"),
        ("comm sshd,cur|", "comm sshd or comm ~ ^cur"),
        ("comm cur| and port 443", "comm ~ ^cur and port 443"),
        ("not comm cur|", "not comm ~ ^cur"),
        // these are complete
        ("comm cur |", "comm cur"),
        ("comm cu|r", "comm cur"),
        ("|comm curl", "comm curl"),
        ("comm \"cur\"|", "comm cur"),
        ("comm != cur|", "comm != cur"),
    ] {
        assert_eq!(shown(typed), whole(means), "{typed}");
    }
    assert!(!shown("comm cur|").is_empty());
    assert!(whole("comm cur").is_empty());
}
