//! Reports of synthetic sessions: hostile names, sizes, counts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use html5ever::tendril::TendrilSink as _;
use jiff::tz::TimeZone;
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use sha2::{Digest as _, Sha256};

use crate::filter::Filter;
use crate::model::batch::{Batch, Clock};
use crate::model::cgroup::Cgroup;
use crate::model::findings::Findings;
use crate::model::port_use::PortUse;
use crate::model::recording::Header;
use crate::model::session::{Comm, Direction, Evidence, Reason, Session, State};
use crate::output::Limits;
use crate::output::findings;
use crate::output::report::compose::compose;
use crate::output::report::gathered::Gathered;
use crate::output::report::{Format, Origin, ReportFlag, html, markdown};
use crate::testing::sample::closed_session as sample;
use crate::text::units::S;

/// 2026-11-30 22:00:00 UTC, ns since 1970.
const EPOCH_NS: i128 = 1_796_076_000 * S as i128;

fn origin() -> Origin {
    Origin {
        header: Header {
            host: "db-1".into(),
            ..Header::default()
        },
        replayed: "a.jsonl.zst".into(),
        filter: String::new(),
        zone: TimeZone::UTC,
        remarks: Vec::new(),
        starts_in_between: false,
    }
}

/// Reports on the batches, in both formats.
fn report(batches: impl Iterator<Item = Batch>, origin: &Origin) -> [String; 2] {
    let limits = Limits {
        filter: Filter::parse(&origin.filter).unwrap_or_default(),
        ..Limits::default()
    };
    let engine = findings::engine((Findings::default(), PortUse::default(), &limits));
    let mut gathered = Gathered::new(engine, &limits, origin.starts_in_between);
    batches.for_each(|batch| gathered.take(batch, &|_| false));
    gathered.conclude(&|_| false);
    let document = compose(gathered, origin);
    [html::page(&document), markdown::text(&document)]
}

fn batch(at_s: u64, open: Vec<Session>, closed: Vec<Session>) -> Batch {
    Batch {
        open: Some(open.into()),
        closed,
        taken_ns: at_s * S,
        clock: Clock::fixed(EPOCH_NS),
        ..Batch::default()
    }
}

fn session(cookie: u64, at_s: u64) -> Session {
    Session {
        cookie,
        start_ns: at_s * S,
        established_ns: at_s * S + 1_000_000,
        end_ns: at_s * S + S / 2,
        owner: Evidence::Connect,
        direction: Direction::Out,
        ..sample()
    }
}

/// Visits all elements.
fn visit(node: &Handle, take: &mut impl FnMut(&Handle)) {
    take(node);
    node.children.borrow().iter().for_each(|n| visit(n, take));
}

/// Names of all elements and attributes, and the whole text outside of the style and the script.
fn parsed(page: &str) -> (BTreeSet<String>, String) {
    let dom = html5ever::parse_document(RcDom::default(), Default::default()).one(page);
    let (mut names, mut text) = (BTreeSet::new(), String::new());
    visit(&dom.document, &mut |node| match &node.data {
        NodeData::Element { name, attrs, .. } => {
            names.insert(name.local.to_string());
            names.extend(attrs.borrow().iter().map(|a| format!("@{}", a.name.local)));
        }
        NodeData::Text { contents } => text += &contents.borrow(),
        NodeData::Comment { .. } => {
            names.insert("comment".into());
        }
        _ => {}
    });
    (names, text)
}

#[test]
fn report_counts_sessions_failures_and_bytes() {
    let closed = |from: u64, reason, count: u64| {
        let session = move |i| Session {
            reason,
            tx_bytes: 1000,
            rx_bytes: 500,
            ..session(from + i, 11)
        };
        (0..count).map(session).collect::<Vec<_>>()
    };
    let open = Session {
        state: State::Established,
        reason: Reason::Open,
        tx_bytes: 7,
        rx_bytes: 0,
        ..session(900, 11)
    };
    let batches = [
        batch(10, vec![], vec![]),
        batch(
            12,
            vec![open],
            [
                closed(1, Reason::LocalFin, 7),
                closed(100, Reason::Refused, 3),
            ]
            .concat(),
        ),
    ];
    let [page, text] = report(batches.into_iter(), &origin());
    let (_, shown) = parsed(&page);
    for said in [
        "10 sessions closed, of which 3 failed (30.0 %); 1 still open at the end. 15.0kB sent or received.",
        "No session was missed.",
        "All 11 sessions are listed.",
        "TCP sessions of db-1, 2026-11-30 22:00:10",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.contains("| 3 | refused | ECONNREFUSED |"), "{text}");
    assert!(text.contains("at most 10/s at 22:00:11"), "{text}");
}

#[test]
fn report_of_hostile_names_has_the_elements_of_any_other() {
    let hostile = [
        "<script>x</scri",
        "\"><img src=x>",
        "' onload='x",
        "</table></sty",
        "<!--\u{202e}\u{1b}[2J",
        "]]>&lt;&#60;b&",
    ];
    let batches = |names: &[&str]| {
        let closed = names.iter().enumerate().map(|(i, name)| Session {
            comm: Comm::from(*name),
            reason: Reason::Refused,
            cgroup: Arc::new(Cgroup::new(
                7 + i as u64,
                Some(format!("/system.slice/{name}.service")),
            )),
            ..session(1 + i as u64, 11)
        });
        [
            batch(10, vec![], vec![]),
            batch(12, vec![], closed.collect()),
        ]
        .into_iter()
    };
    let with = |text: &str| Origin {
        header: Header {
            host: text.into(),
            kernel: text.into(),
            command: text.into(),
            capture: text.into(),
            version: text.into(),
            boot_id: text.into(),
            ..Header::default()
        },
        replayed: text.into(),
        remarks: vec![text.into()],
        ..origin()
    };
    let harmless = ["curl", "a", "b", "c", "d", "e"];
    let [page, _] = report(batches(&harmless), &with("x"));
    let (expected, _) = parsed(&page);
    for text in hostile.into_iter().chain([&*"<b a=\"'>".repeat(8192)]) {
        let [page, markdown] = report(batches(&hostile), &with(text));
        let (names, shown) = parsed(&page);
        assert_eq!(names, expected, "{text}");
        assert!(page.len() < 200_000, "{}", page.len());
        assert!(shown.contains("<script>x</scri"), "it is shown as it is");
        let is_bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!page.contains(is_bad) && !markdown.contains(is_bad));
        let code = markdown.find("```text").expect("a time line");
        let (before, after) = markdown.split_at(code);
        assert!(!before.contains('<') && !after.contains('<'), "{markdown}");
    }
}

#[test]
fn report_of_a_million_sessions_is_below_two_megabytes() {
    let mut cookie = 0;
    let batches = (10..110).map(|at_s| {
        let closed = (0..10_000).map(|i: u64| {
            cookie += 1;
            Session {
                raddr: IpAddr::from(
                    ((10_u32 << 24) | ((cookie as u32).wrapping_mul(7919) & 0xff_ffff))
                        .to_be_bytes(),
                ),
                rport: (cookie % 50_000) as u16,
                comm: Comm::from(format!("worker-{}", cookie % 5000).as_str()),
                pid: (cookie % 30_000) as u32,
                reason: Reason::ALL[1 + (i % 13) as usize],
                tx_bytes: cookie * 31 % 1_000_003,
                srtt_us: (cookie % 1_000_000) as u32,
                ..session(cookie, at_s)
            }
        });
        let closed = closed.collect();
        batch(at_s + 1, vec![], closed)
    });
    let [page, text] = report(batches, &origin());
    assert!(page.len() <= 2_000_000, "{}", page.len());
    assert!(text.len() <= 60_000, "{}", text.len());
    let (_, shown) = parsed(&page);
    assert!(shown.contains("1,000,000 sessions closed"));
    assert!(shown.contains(" of 1,000,000 sessions are listed:"));
}

#[test]
fn report_policy_names_its_own_style_and_script() {
    let hash = |text: &str| {
        let digest = Sha256::digest(text.as_bytes());
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        format!("'sha256-{digest}'")
    };
    let [page, _] = report(std::iter::empty(), &origin());
    for (name, text) in [("style", html::STYLE), ("script", html::SCRIPT)] {
        let hash = hash(text);
        let says = format!("{name}-src {hash}");
        assert!(page.contains(&says), "{name} is {hash}");
        assert!(page.contains(&format!("<{name}>{text}</{name}>")));
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn report_flag_takes_the_format_from_the_name() {
    let read = |text: &str| text.parse::<ReportFlag>();
    let flag = |format, path: Option<&str>| ReportFlag {
        format,
        path: path.map(Into::into),
    };
    assert_eq!(read("a.html"), Ok(flag(Format::Html, Some("a.html"))));
    assert_eq!(read("/b/a.MD"), Ok(flag(Format::Markdown, Some("/b/a.MD"))));
    assert_eq!(read("-.md"), Ok(flag(Format::Markdown, None)));
    assert_eq!(read("-.html"), Ok(flag(Format::Html, None)));
    for text in ["-", "a.pdf", "a", "", ".html", "html"] {
        let error = read(text).expect_err(text);
        assert!(error.contains("must end with .html or .md"), "{error}");
    }
}
