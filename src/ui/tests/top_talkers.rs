//! The top talkers panes.

use std::sync::Arc;

use super::*;
use crate::model::cgroup::{Cgroup, ContainerNames};
use crate::ui::action::Mode;
use crate::ui::input::{Mouse, MouseKind};
use crate::ui::layout::panes::{Focus, Subject, TalkersBelow};
use crate::ui::tests::press_and_settle;

/// The dashboard of the other tests, a few seconds later, with some traffic since.
pub fn busy(size: Size) -> App {
    let mut app = app(size);
    for s in 11..40 {
        let moved = |session: Session, per_second: u64| Session {
            tx_bytes: session.tx_bytes + per_second * (s - 10),
            end_ns: s * S,
            ..session
        };
        app.batch(batch_at(
            s,
            vec![
                moved(busiest(), s * s * 400),
                moved(far(), 70_000),
                moved(open(3, "sshd-session", "192.0.2.77", 0), 90),
            ],
            (0..s % 3)
                .map(|i| Session {
                    start_ns: s * S - S / 2,
                    pid: 900 + s as u32,
                    ..closed(s * 10 + i, "curl", "198.51.100.99", Reason::LocalFin)
                })
                .map(|session| Session {
                    end_ns: s * S - S / 4,
                    ..session
                })
                .collect(),
        ));
    }
    app
}

/// The names in a pane.
fn names(app: &App, subject: Subject) -> Vec<String> {
    let rows = app.panes().pane(subject).rows(app.panes().talkers());
    let names = rows.map(|row| row.key.map_or("rest".into(), |key| key.to_string()));
    names.collect()
}

#[test]
fn top_talkers_in_the_lowest_window_that_fits_match_the_snapshot() {
    let size = Size {
        width: 80,
        height: 30,
    };
    let mut app = busy(size);
    press_and_settle(&mut app, "Tab Tab");
    insta::assert_snapshot!(screen(&app, size));
}

#[test]
fn top_talkers_are_shown_where_there_is_room() {
    let shown = |width, height, script: &str| {
        let size = Size { width, height };
        let mut app = busy(size);
        if !script.is_empty() {
            press_and_settle(&mut app, script);
        }
        let screen = screen(&app, size);
        ["RADDR ", "PROCESS (", "PEER (", "PORT (1)"].map(|title| screen.contains(title))
    };
    assert_eq!(shown(120, 40, ""), [true; 4]);
    assert_eq!(shown(80, 24, ""), [true, false, false, false]);
    assert_eq!(shown(80, 24, "Tab"), [true, true, false, false]);
    assert_eq!(shown(80, 24, "Tab Tab Esc"), [true, false, false, false]);
    assert_eq!(
        shown(60, 40, "Shift-Tab Shift-Tab"),
        [true, false, false, true]
    );
}

#[test]
fn top_talkers_show_the_busiest_first() {
    let app = busy(SIZE);
    assert_eq!(names(&app, Subject::Processes)[0], "nginx 22597");
    assert_eq!(
        names(&app, Subject::Peers)[..3],
        [
            "198.51.100.7",
            "2001:db8:1111:2222:3333:4444:5555:6666",
            "192.0.2.77"
        ]
    );
    assert_eq!(names(&app, Subject::Ports), ["443"]);
}

#[test]
fn top_talkers_are_sorted_by_each_figure_in_turn() {
    let mut app = busy(Size::new(80, 24));
    press_and_settle(&mut app, "Tab Tab a s s s");
    let by = |app: &App| app.panes().pane(Subject::Peers).sorted_by().title;
    assert_eq!(by(&app), "MINUTE");
    press_and_settle(&mut app, "s s");
    assert_eq!(by(&app), "BYTES");
    assert_eq!(names(&app, Subject::Peers)[0], "198.51.100.0/24");
    press_and_settle(&mut app, "I");
    assert_eq!(
        names(&app, Subject::Peers).last().map(String::as_str),
        Some("198.51.100.0/24")
    );
    press_and_settle(&mut app, "< < < < <");
    assert_eq!(by(&app), "B/s");
    // the other panes and the table have an order of their own
    assert_eq!(app.panes().pane(Subject::Ports).sorted_by().title, "B/s");
    assert_eq!(app.sort.field.word, "rate");
}

#[test]
fn top_talkers_enter_adds_a_filter_and_backspace_removes_it() {
    let mut app = busy(SIZE);
    let all = app.row_count();
    press_and_settle(&mut app, "/");
    type_text(&mut app, "comm nginx or comm curl");
    press_and_settle(&mut app, "Enter");
    let both = app.row_count();
    press_and_settle(&mut app, "Tab Tab");
    assert_eq!(names(&app, Subject::Peers)[0], "198.51.100.7");
    press_and_settle(&mut app, "Enter");
    let source = |app: &App| app.view_filter.filter.source().to_owned();
    assert_eq!(
        source(&app),
        "(comm nginx or comm curl) and raddr 198.51.100.7"
    );
    assert!(screen(&app, SIZE).contains("and raddr 198.51.100.7"));
    assert_eq!(app.row_count(), 1);
    // the other panes show what remains
    assert_eq!(names(&app, Subject::Processes), ["nginx 22597"]);
    assert_eq!(app.layers.focus(), Focus::Pane(Subject::Peers));
    press_and_settle(&mut app, "Tab Enter");
    assert!(source(&app).ends_with("and raddr 198.51.100.7 and service 443"));
    press_and_settle(&mut app, "Enter");
    assert!(
        source(&app).ends_with("7 and service 443"),
        "once is enough"
    );
    press_and_settle(&mut app, "Backspace Backspace");
    assert_eq!(
        (source(&app).as_str(), app.row_count()),
        ("comm nginx or comm curl", both)
    );
    press_and_settle(&mut app, "Esc Backspace");
    assert_eq!((source(&app).as_str(), app.row_count()), ("", all));
    press_and_settle(&mut app, "Backspace");
    assert_eq!(app.row_count(), all);
}

#[test]
fn top_talkers_filtered_sums_include_new_sessions() {
    let mut app = busy(SIZE);
    press_and_settle(&mut app, "Tab Tab Enter");
    let sums = |app: &App| {
        let pane = app.panes().pane(Subject::Processes);
        let rows = pane.rows(app.panes().talkers());
        let sums = rows.map(|r| (r.talker.open, r.talker.sessions));
        sums.collect::<Vec<_>>()
    };
    assert_eq!(sums(&app), [(1, 1)]);
    app.batch(batch_at(
        40,
        vec![],
        vec![
            closed(1, "nginx", "198.51.100.7", Reason::LocalFin),
            closed(990, "nginx", "198.51.100.7", Reason::LocalFin),
            closed(991, "nginx", "198.51.100.8", Reason::LocalFin),
        ],
    ));
    assert_eq!(sums(&app), [(0, 2)]);
}

#[test]
fn top_talkers_peers_and_processes_can_be_grouped() {
    let mut app = busy(SIZE);
    press_and_settle(&mut app, "Tab Tab a");
    assert_eq!(
        names(&app, Subject::Peers)[..2],
        ["198.51.100.0/24", "2001:db8:1111:2222::/64"]
    );
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.view_filter.filter.source(), "raddr 198.51.100.0/24");
    press_and_settle(&mut app, "Backspace a");
    assert_eq!(names(&app, Subject::Peers)[0], "198.51.100.7");
    press_and_settle(&mut app, "Shift-Tab a j j Enter");
    assert!(names(&app, Subject::Processes).len() < 9);
    assert!(
        app.view_filter.filter.source().starts_with("comm "),
        "{:?}",
        app.view_filter.filter
    );
    // ports cannot be grouped
    press_and_settle(&mut app, "Tab Tab a");
    assert_eq!(app.panes().pane(Subject::Ports).title(), "PORT");
}

#[test]
fn top_talkers_selection_follows_its_aggregate() {
    let mut app = busy(SIZE);
    press_and_settle(&mut app, "Tab Tab j j");
    let selected = |app: &App| {
        app.panes()
            .pane(Subject::Peers)
            .selected()
            .map(|k| k.to_string())
    };
    assert_eq!(selected(&app).as_deref(), Some("192.0.2.77"));
    press_and_settle(&mut app, "I");
    assert_eq!(selected(&app).as_deref(), Some("192.0.2.77"));
    press_and_settle(&mut app, "g");
    let first = selected(&app);
    press_and_settle(&mut app, "I");
    assert_ne!(selected(&app), first, "the top stays the top");
}

#[test]
fn top_talkers_help_and_prompt_return_to_the_pane() {
    let mut app = busy(SIZE);
    press_and_settle(&mut app, "Tab ? Esc");
    assert_eq!(app.layers.mode(), Mode::TopTalkers);
    press_and_settle(&mut app, "/ Esc");
    assert_eq!(app.layers.mode(), Mode::TopTalkers);
    press_and_settle(&mut app, "4 o o Space p");
    assert_eq!(app.layers.mode(), Mode::TopTalkers);
}

#[test]
fn top_talkers_at_any_size_do_not_panic() {
    for width in (1..20).chain([25, 40, 59, 80, 100, 130]) {
        for height in (1..14).chain([29, 30, 31]) {
            let size = Size { width, height };
            let mut app = busy(size);
            press_and_settle(&mut app, "Tab G s I");
            screen(&app, size);
            press_and_settle(&mut app, "Tab a j Enter PgDn s Tab s s s G");
            screen(&app, size);
            app.resize(turned(size));
            press_and_settle(&mut app, "Backspace k /");
            screen(&app, turned(size));
        }
    }
}

#[test]
fn top_talkers_pane_without_focus_shows_its_top_again() {
    const WIDE: Size = Size::new(120, 40);
    let mut app = app(WIDE);
    let title = |app: &App| {
        let screen = screen(app, WIDE);
        let line = screen.lines().find(|l| l.contains("PROCESS")).expect("it");
        line[..30].to_owned()
    };
    let at_first = title(&app);
    press_and_settle(&mut app, "Tab j j");
    assert!(title(&app).contains("PROCESS (3/"), "{}", title(&app));
    press_and_settle(&mut app, "Esc");
    assert_eq!(title(&app), at_first);
    press_and_settle(&mut app, "Tab");
    assert_eq!(title(&app), at_first);
}

#[test]
fn top_talkers_alone_fill_the_window_and_name_their_sort_order() {
    let mut app = busy(Size::new(80, 24));
    press_and_settle(&mut app, "Tab");
    let shown = screen(&app, Size::new(80, 24));
    let heading = shown.lines().find(|l| l.contains("PROCESS")).expect("it");
    for title in ["PROCESS (26) ", "OPEN", " B/s▼", "10s", "60s"] {
        assert!(heading.contains(title), "{title}: {heading}");
    }
    let below = shown.lines().skip_while(|l| !l.contains("PROCESS"));
    assert_eq!(below.count(), 16, "and the keys: {shown}");
    press_and_settle(&mut app, "F6");
    let sorted = screen(&app, Size::new(80, 24));
    assert!(sorted.contains(" B/s   10s▼ "), "{sorted}");
    let said = "talkers by 10s (s: by the next figure, S: by the one before)";
    assert!(sorted.contains(said), "{sorted}");
    press_and_settle(&mut app, "I");
    assert!(screen(&app, Size::new(80, 24)).contains(" B/s   10s▲ "));
    // without traffic, but within reach
    press_and_settle(&mut app, "I < G");
    let last = screen(&app, Size::new(80, 24));
    assert!(
        last.contains("PROCESS (26/26) ") && last.contains(" B/s▼ "),
        "{last}"
    );
    let names = names(&app, Subject::Processes);
    assert!(last.contains(&names[names.len() - 1]), "{last}");
}

#[test]
fn top_talkers_with_the_keys_have_their_order_and_start_in_the_second_line() {
    let mut app = busy(SIZE);
    let second = |app: &App| line(app, SIZE, 1);
    assert!(second(&app).contains("sort: rate ↓"), "{}", second(&app));
    assert!(!second(&app).contains("totals"), "{}", second(&app));
    press_and_settle(&mut app, "Tab s");
    let since = app.time_at(app.panes().talkers().first_ns());
    let order = format!("talkers: 10s ↓  totals since {since}");
    assert!(second(&app).contains(&order), "{}", second(&app));
    press_and_settle(&mut app, "I");
    assert!(second(&app).contains("talkers: 10s ↑"), "{}", second(&app));
    press_and_settle(&mut app, "f");
    assert!(second(&app).contains("sort: /s ↓"), "{}", second(&app));
    press_and_settle(&mut app, "Esc Esc");
    assert!(second(&app).contains("sort: rate ↓"), "{}", second(&app));
}

#[test]
fn top_talkers_show_what_was_sent_and_received_where_there_is_room_or_as_their_order() {
    // a busy web server sends, and a backup receives
    let mut app = unused(100, Size::new(110, 24));
    app.batch(batch_at(1, vec![], vec![]));
    let backup = Session {
        rx_bytes: 7_000_000,
        ..open(4, "backup", "192.0.2.9", 3000)
    };
    app.batch(batch_at(10, vec![busiest(), backup], vec![]));
    press_and_settle(&mut app, "Tab");
    let figure = |app: &App, width: u16, name: &str, title: &str| {
        let shown = screen(app, Size::new(width, 24));
        let lines = || shown.lines().map(|l| l.trim_matches('"'));
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let heading = lines().find(|l| l.contains("PROCESS (")).expect("it");
        let at = words(heading).into_iter().rev();
        let at = at.map(|w| w.trim_end_matches(['▼', '▲']).to_owned());
        let at = at.clone().position(|w| w == title)?;
        let line = lines().find(|l| l.starts_with(name)).expect(name);
        words(line).into_iter().rev().nth(at)
    };
    for (name, sent, received) in [("nginx", "5.0M", "1.2k"), ("backup", "3.0k", "7.0M")] {
        let at = |title| figure(&app, 110, name, title);
        assert_eq!(at("TX").as_deref(), Some(sent), "{name}");
        assert_eq!(at("RX").as_deref(), Some(received), "{name}");
    }
    app.resize(SIZE);
    assert_eq!(figure(&app, 80, "nginx", "TX"), None);
    // the order brings both into view
    press_and_settle(&mut app, "s s s s s s");
    assert_eq!(app.panes().pane(Subject::Processes).sorted_by().title, "TX");
    assert_eq!(figure(&app, 80, "nginx", "TX").as_deref(), Some("5.0M"));
    assert_eq!(figure(&app, 80, "nginx", "RX").as_deref(), Some("1.2k"));
    press_and_settle(&mut app, "s");
    let first = names(&app, Subject::Processes).remove(0);
    assert!(first.starts_with("backup"), "{first}");
}

#[test]
fn top_talkers_without_traffic_show_who_was_active_last_first() {
    let app = busy(Size::new(80, 24));
    let idle = &names(&app, Subject::Processes)[2..5];
    assert_eq!(idle, ["curl 938", "curl 937", "curl 935"]);
}

#[test]
fn top_talkers_addresses_are_whole_where_there_is_room() {
    let mut app = busy(Size::new(80, 24));
    press_and_settle(&mut app, "Tab Tab");
    let shown = screen(&app, Size::new(80, 24));
    let pane = shown.lines().skip_while(|l| !l.contains("PEER ("));
    let whole = "2001:db8:1111:2222:3333:4444:5555:6666 ";
    assert!(pane.into_iter().any(|l| l.contains(whole)), "{shown}");
}

/// The strip's lines at 80×24; empty: there is none.
fn strip(app: &App) -> Vec<String> {
    let screen = screen(app, Size::new(80, 24));
    let lines = screen.lines().map(|l| l.trim_matches('"').to_owned());
    let titles = ["PROGRAM ", "PEER ", "SUBNET ", "PORT "];
    lines
        .filter(|l| titles.iter().any(|t| l.starts_with(t)) && !l.contains('('))
        .map(|l| l.trim_end().to_owned())
        .collect()
}

#[test]
fn strip_in_a_low_window_shows_the_busiest_with_their_rates() {
    let mut app = busy(Size::new(80, 24));
    assert_eq!(
        strip(&app),
        [
            "PROGRAM nginx 1.5MB/s · sshd-session 90B/s",
            "PEER    198.51.100.7 1.5MB/s · 2001:db8:1…:5555:6666 70.0kB/s · 192.0.2.77 90B/s",
            "PORT    443 1.5MB/s",
        ]
    );
    // a pane takes its place
    press_and_settle(&mut app, "Tab");
    assert_eq!(strip(&app), [""; 0]);
    press_and_settle(&mut app, "Tab a Esc");
    assert!(strip(&app)[1].starts_with("SUBNET  198.51.100.0/24 1.5MB/s"));
    // it counts what the filter matches
    press_and_settle(&mut app, "/");
    type_text(&mut app, "comm sshd-session");
    press_and_settle(&mut app, "Enter");
    assert_eq!(strip(&app)[0], "PROGRAM sshd-session 90B/s");
}

#[test]
fn strip_without_traffic_stays_as_it_is() {
    let mut app = busy(Size::new(80, 24));
    let mut idle = |second| {
        let open = app.store().open().map(|(_, s)| s.clone()).collect();
        app.batch(batch_at(second, open, vec![]));
        strip(&app)
    };
    idle(41);
    let quiet = [
        "PROGRAM no traffic",
        "PEER    no traffic",
        "PORT    no traffic",
    ];
    for second in 42..50 {
        assert_eq!(idle(second), quiet);
    }
}

#[test]
fn strip_is_shown_only_where_there_is_room_and_unless_configured_otherwise() {
    let lines = |width, height, below| {
        let mut app = busy(Size::new(width, height));
        app.talkers_below = below;
        app.resize(Size::new(width, height));
        let shown = screen(&app, Size::new(width, height));
        (shown.contains("PROGRAM nginx"), shown.contains("PROCESS ("))
    };
    for (width, height, below, shown) in [
        (80, 24, TalkersBelow::Strip, (true, false)),
        (80, 20, TalkersBelow::Strip, (true, false)),
        (80, 19, TalkersBelow::Strip, (false, false)),
        (60, 40, TalkersBelow::Strip, (true, false)),
        (80, 30, TalkersBelow::Strip, (false, true)),
        (80, 30, TalkersBelow::Panes, (false, true)),
        (80, 24, TalkersBelow::Panes, (false, false)),
        (80, 24, TalkersBelow::Off, (false, false)),
        (80, 30, TalkersBelow::Off, (false, false)),
    ] {
        assert_eq!(
            lines(width, height, below),
            shown,
            "{width}×{height} {below:?}"
        );
    }
}

#[test]
fn strip_clicked_opens_the_pane_of_that_line() {
    let mut app = busy(Size::new(80, 24));
    app.mouse(Mouse {
        kind: MouseKind::Click,
        column: 12,
        row: 21,
    });
    assert_eq!(app.layers.focus(), Focus::Pane(Subject::Peers));
}

#[test]
fn top_talkers_containers_and_units_are_a_pane_that_narrows_exactly() {
    let mut app = app(Size::new(120, 40));
    let id = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
    let within = |cookie, path: Option<&str>| Session {
        cgroup: Arc::new(Cgroup::new(1, path.map(str::to_owned))),
        ..closed(cookie, "curl", "198.51.100.9", Reason::LocalFin)
    };
    let container = format!("/system.slice/docker-{id}.scope");
    let sessions = vec![
        within(50, Some(&container)),
        within(51, Some(&container)),
        within(52, None),
        within(53, Some("/system.slice/ssh@1.service")),
    ];
    let id = id.replace("4d5f", "bbbb");
    let nameless = within(54, Some(&format!("/docker/{id}")));
    let names_of_it = ContainerNames {
        container: Some("web".into()),
        pod: Some("web-7d4b9".into()),
        namespace: None,
    };
    let named = Session {
        cgroup: Arc::new(nameless.cgroup.named(&names_of_it)),
        cookie: 55,
        ..nameless.clone()
    };
    let sessions = [sessions, vec![nameless, named]].concat();
    app.batch(batch_at(41, vec![], sessions));
    assert!(!screen(&app, Size::new(120, 40)).contains("UNIT ("));
    press_and_settle(&mut app, "Shift-Tab");
    let shown = screen(&app, Size::new(120, 40));
    assert!(
        shown.contains("UNIT (5)") && shown.contains("PORT ("),
        "{shown}"
    );
    assert!(!shown.contains("PROCESS ("), "{shown}");
    assert!(shown.contains("web-7d4b9/web "), "{shown}");
    for (line, filter, matching) in [
        ("4d5f6a7b8c9d", "container 4d5f6a7b8c9d", 2),
        ("web-7d4b9/web", "container bbbb6a7b8c9d", 2),
        ("no unit", "container !~ . and unit !~ .", 1),
        ("ssh@1.service", "unit ssh@1.service", 1),
    ] {
        let at = names(&app, Subject::Units).iter().position(|n| n == line);
        press_and_settle(&mut app, "g");
        (0..at.expect(line)).for_each(|_| press_and_settle(&mut app, "j"));
        press_and_settle(&mut app, "Enter");
        assert_eq!(app.view_filter.filter.source(), filter);
        assert_eq!(app.row_count(), matching, "{filter}");
        press_and_settle(&mut app, "Backspace");
    }
    // all side by side in a wide window
    app.resize(Size::new(160, 40));
    press_and_settle(&mut app, "Esc");
    let shown = screen(&app, Size::new(160, 40));
    assert!(
        shown.contains("PROCESS (") && shown.contains("UNIT ("),
        "{shown}"
    );
}

#[test]
fn top_talkers_heading_says_order_estimate_and_lower_bound_without_color() {
    let heading = |app: &App| {
        let screen = screen(app, LARGE);
        let line = screen.lines().find(|l| l.contains("PROCESS")).expect("it");
        line.to_owned()
    };
    let mut app = busy(LARGE);
    assert_eq!(
        heading(&app).matches(" B/s▼ ").count(),
        3,
        "{}",
        heading(&app)
    );
    assert!(!heading(&app).contains('~') && !heading(&app).contains('≥'));
    press_and_settle(&mut app, "Tab I");
    assert!(heading(&app).contains(" B/s▲ "), "{}", heading(&app));
    press_and_settle(&mut app, "s s s");
    assert!(heading(&app).contains(" MINUTE▼ "), "{}", heading(&app));
    // for a minute after a change of the filter, what was before is an estimate
    press_and_settle(&mut app, "/");
    type_text(&mut app, "port 443");
    press_and_settle(&mut app, "Enter");
    assert!(heading(&app).contains(" ~MINUTE▼ "), "{}", heading(&app));
    press_and_settle(&mut app, "S S");
    assert!(heading(&app).contains(" ~10s▼ "), "{}", heading(&app));
    press_and_settle(&mut app, "s s");
    for second in [60, 98] {
        app.batch(batch_at(second, vec![busiest()], vec![]));
        assert!(heading(&app).contains(" ~MINUTE▼ "), "{second}");
    }
    app.batch(batch_at(99, vec![busiest()], vec![]));
    assert!(heading(&app).contains(" MINUTE▼ "), "{}", heading(&app));

    let mut app = begun(unused(2, LARGE));
    press_and_settle(&mut app, "/");
    type_text(&mut app, "port 443");
    press_and_settle(&mut app, "Enter");
    assert!(heading(&app).contains("PROCESS (≥4)"), "{}", heading(&app));
}

/// A host with two peers, which move so many bytes in each second.
struct TwoPeers {
    app: App,
    second: u64,
    bytes: [u64; 2],
}

impl TwoPeers {
    fn new(size: Size) -> Self {
        let mut host = TwoPeers {
            app: unused(100, size),
            second: 1,
            bytes: [0; 2],
        };
        host.app.batch(batch_at(1, vec![], vec![]));
        host
    }

    fn moves(&mut self, per_second: [u64; 2]) {
        self.second += 1;
        let session = |i: usize, address| Session {
            end_ns: self.second * S,
            ..open(
                90 + i as u64,
                "curl",
                address,
                self.bytes[i] + per_second[i],
            )
        };
        let sessions = vec![session(0, "10.0.0.1"), session(1, "10.0.0.2")];
        self.app.batch(batch_at(self.second, sessions, vec![]));
        for (sum, moved) in self.bytes.iter_mut().zip(per_second) {
            *sum += moved;
        }
    }
}

#[test]
fn top_talkers_hold_still_until_one_is_clearly_greater() {
    let mut host = TwoPeers::new(Size::new(120, 40));
    host.moves([120_000, 100_000]);
    host.moves([120_000, 100_000]);
    for rates in [[120_000, 100_000], [100_000, 130_000], [90_000, 120_000]] {
        host.moves(rates);
        assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.1", "10.0.0.2"]);
    }
    host.moves([90_000, 150_000]);
    assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.2", "10.0.0.1"]);
    host.moves([110_000, 100_000]);
    assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.2", "10.0.0.1"]);
    // a new order is that of the figures
    press(&mut host.app, "Tab Tab I I");
    assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn top_talkers_under_the_cursor_keep_their_order_for_five_seconds() {
    let mut host = TwoPeers::new(Size::new(120, 40));
    host.moves([900_000, 1000]);
    host.moves([900_000, 1000]);
    press(&mut host.app, "Tab Tab j");
    for _ in 0..4 {
        host.moves([1000, 900_000]);
        assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.1", "10.0.0.2"]);
    }
    press(&mut host.app, "k");
    host.moves([1000, 900_000]);
    assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.1", "10.0.0.2"]);
    for _ in 0..5 {
        host.moves([1000, 900_000]);
    }
    assert_eq!(names(&host.app, Subject::Peers), ["10.0.0.2", "10.0.0.1"]);
}

#[test]
fn strip_of_top_talkers_holds_still_too() {
    let mut host = TwoPeers::new(SIZE);
    host.moves([120_000, 100_000]);
    host.moves([120_000, 100_000]);
    let busiest = |app: &App| {
        let (_, entries) = app.panes().busiest(Subject::Peers);
        let names = entries.iter().map(|(key, _)| key.to_string());
        names.collect::<Vec<_>>()
    };
    host.moves([100_000, 130_000]);
    assert_eq!(busiest(&host.app), ["10.0.0.1", "10.0.0.2"]);
    host.moves([100_000, 170_000]);
    assert_eq!(busiest(&host.app), ["10.0.0.2", "10.0.0.1"]);
}
