//! Screens and key scripts, without a terminal and without a clock.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::model::batch::{Batch, Holders, Missed, OpenSnapshot};
use crate::model::capture_filter::CaptureFilter;
use crate::model::session::{Age, Comm, Direction, Evidence, Reason, Session, State, ZeroWindow};
use crate::testing::sample::{closed_session as sample, snapshot_batch};
use crate::text::units::S;
use crate::ui::action::Mode;
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::keys::{KeyCode, KeyPress};
use crate::ui::theme::{DARK, MONOCHROME, Theme};
use crate::ui::{keys, view};

mod bytes;
mod clipboard;
mod columns;
mod detail;
mod drops;
mod every_screen;
mod export;
mod findings;
mod follow;
mod foreign_keys;
mod help;
mod interval;
mod listeners;
mod local_pairs;
mod mouse;
mod names;
mod no_match;
mod one_moment;
mod past;
mod ports;
mod screens;
mod selection;
mod self_traffic;
mod silent_keys;
mod sort_menu;
mod tabs;
mod themes;
mod top_talkers;

const SIZE: Size = Size {
    width: 80,
    height: 24,
};
const LARGE: Size = Size {
    width: 120,
    height: 40,
};

/// The size of a terminal turned by 90 degrees.
fn turned(size: Size) -> Size {
    Size::new(size.height, size.width)
}

fn open(cookie: u64, comm: &str, raddr: &str, tx_bytes: u64) -> Session {
    Session {
        cookie,
        comm: Comm::from(comm),
        raddr: raddr.parse().expect("an address"),
        laddr: if raddr.contains(':') {
            "2001:db8::5"
        } else {
            "10.0.0.5"
        }
        .parse()
        .expect("an address"),
        lport: 443,
        rport: 50_000 + cookie as u16,
        tx_bytes,
        rx_bytes: 1200,
        start_ns: 2 * S,
        established_ns: 2 * S,
        close_us: 0,
        end_ns: 10 * S,
        state: State::Established,
        state_before_close: State::Established,
        reason: Reason::Open,
        direction: Direction::In,
        owner: Evidence::Read,
        ..sample()
    }
}

fn closed(cookie: u64, comm: &str, raddr: &str, reason: Reason) -> Session {
    Session {
        state: State::Closed,
        reason,
        end_ns: (3 + cookie % 6) * S,
        retransmits: (cookie % 3) as u32,
        ..open(cookie, comm, raddr, cookie * 1000)
    }
}

/// Closes a session for this reason.
fn ended(session: Session, reason: Reason) -> Session {
    Session {
        state: State::Closed,
        reason,
        ..session
    }
}

/// The busiest of [`sessions`].
fn busiest() -> Session {
    open(1, "nginx", "198.51.100.7", 5_000_000)
}

/// The one of [`sessions`] with the longest address.
fn far() -> Session {
    open(
        2,
        "nginx",
        "2001:db8:1111:2222:3333:4444:5555:6666",
        120_000,
    )
}

/// A snapshot of this second: open sessions, and those closed since the previous one.
fn batch_at(second: u64, open: Vec<Session>, closed: Vec<Session>) -> Batch {
    snapshot_batch(second * S, open, closed)
}

/// Closes the busiest session after the snapshot in [`sessions`]. Lines are rebuilt at each snapshot, and this is
/// none.
fn busiest_ended_since(reason: Reason) -> Batch {
    Batch {
        taken_ns: 10 * S + 1,
        closed: vec![ended(busiest(), reason)],
        ..Batch::default()
    }
}

/// Some of everything that a table must cope with.
fn sessions() -> Batch {
    let before = Session {
        age: Age::LowerBound,
        direction: Direction::Unknown,
        owner: Evidence::Scan,
        start_ns: S,
        established_ns: 0,
        close_us: 0,
        ..open(3, "sshd-session", "192.0.2.77", 9_876_543)
    };
    let nobody = Session {
        owner: Evidence::None,
        pid: 0,
        ..closed(12, "", "10.0.0.9", Reason::Timeout)
    };
    batch_at(
        10,
        vec![busiest(), far(), before],
        vec![
            closed(7, "curl", "203.0.113.80", Reason::LocalFin),
            closed(8, "curl", "203.0.113.80", Reason::Refused),
            closed(9, "redis-server", "10.0.0.9", Reason::RemoteReset),
            closed(10, "日本語プロセス", "::1", Reason::ConnectTimeout),
            closed(11, "postgres", "10.0.0.9", Reason::NeverAccepted),
            nobody,
        ],
    )
}

/// A dashboard without data, which keeps up to `keep` closed sessions.
fn unused(keep: usize, size: Size) -> App {
    let mut app = App::new("web-3".into(), CaptureFilter::default(), keep, size);
    app.names.user = |uid| (uid == 0).then_some("root");
    app
}

/// Runs it for 9 s.
fn begun(mut app: App) -> App {
    app.batch(batch_at(1, vec![], vec![]));
    app.batch(sessions());
    app
}

/// A dashboard that has run for 9 s.
fn app(size: Size) -> App {
    begun(unused(100, size))
}

/// Completes pending work.
fn settle(app: &mut App) {
    while app.is_working() {
        app.work();
    }
}

fn terminal(app: &App, theme: &Theme, size: Size) -> Terminal<TestBackend> {
    let mut terminal =
        Terminal::new(TestBackend::new(size.width, size.height)).expect("a terminal");
    terminal
        .draw(|frame| view::draw(app, theme, frame))
        .expect("a frame");
    terminal
}

fn screen(app: &App, size: Size) -> String {
    terminal(app, &MONOCHROME, size).backend().to_string()
}

/// The cells of a column, read from the screen.
fn column(app: &App, title: &str) -> Vec<String> {
    let columns = crate::ui::layout::table::window(app.columns.view(), SIZE.width).shown;
    let at = columns
        .iter()
        .find(|c| c.title == title)
        .expect("a column on the screen");
    let terminal = terminal(app, &MONOCHROME, SIZE);
    let buffer = terminal.backend().buffer();
    let layout = app.layout_in(buffer.area);
    let from = layout.table.y + 1;
    (from..from + app.row_count().min(layout.rows()) as u16)
        .map(|y| {
            // the cell after a wide character is part of it
            let mut cells = at.x..at.x + at.width;
            let mut text = String::new();
            while let Some(x) = cells.next() {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                cells
                    .by_ref()
                    .take(symbol.width().saturating_sub(1))
                    .for_each(drop);
            }
            text.trim().to_owned()
        })
        .collect()
}

/// Presses keys by their names in the key table.
fn press(app: &mut App, script: &str) -> Option<Effect> {
    let mut effect = None;
    for name in script.split(' ') {
        let mode = app.layers.mode();
        let named = app
            .keymap
            .rows(std::slice::from_ref(&mode))
            .flat_map(|r| r.presses.iter());
        let press = named.copied().find(|p| p.name() == name);
        let press = press.unwrap_or_else(|| panic!("{name} means nothing in {mode:?}"));
        effect = app.key(press, None);
    }
    effect
}

/// Presses keys and completes the work that they started.
fn press_and_settle(app: &mut App, script: &str) {
    press(app, script);
    settle(app);
}

/// Types a text into the prompt, key by key.
fn type_text(app: &mut App, text: &str) {
    for c in text.chars() {
        let press = KeyPress::new(KeyCode::Char(c), false);
        let mode = app.layers.mode();
        assert_eq!(app.keymap.lookup(mode, press), None, "{c} is a command");
        app.key(press, Some(c));
    }
}

fn line(app: &App, size: Size, y: usize) -> String {
    let screen = screen(app, size);
    screen.lines().nth(y).unwrap_or_default().to_owned()
}

/// The selected line on the screen.
fn selected_line(app: &App) -> String {
    let terminal = terminal(app, &MONOCHROME, SIZE);
    let buffer = terminal.backend().buffer();
    let reversed = |y: &u16| buffer[(0, *y)].modifier.contains(Modifier::REVERSED);
    let from = app.layout().main.y;
    let y = (from..SIZE.height - 1)
        .find(reversed)
        .expect("a selected line");
    (0..SIZE.width).map(|x| buffer[(x, y)].symbol()).collect()
}

#[test]
fn colors_highlight_failures_and_monochrome_has_none() {
    let colors = |theme| {
        let terminal = terminal(&app(SIZE), theme, SIZE);
        let cells = terminal.backend().buffer().content().to_vec();
        cells
            .into_iter()
            .flat_map(|c| [c.fg, c.bg])
            .filter(|c| *c != Color::Reset)
            .collect::<Vec<_>>()
    };
    assert!(colors(&DARK).contains(&Color::Red));
    assert_eq!(colors(&MONOCHROME), []);
}

#[test]
fn table_and_help_at_any_size_do_not_panic() {
    for width in (1..20).chain([25, 40, 59, 80, 100, 130]) {
        for height in 1..12 {
            let size = Size { width, height };
            let mut app = app(size);
            press(&mut app, "G j ^D > S ? G");
            screen(&app, size);
            app.resize(turned(size));
            press(&mut app, "? k");
            screen(&app, turned(size));
        }
    }
}

#[test]
fn table_shows_the_busiest_first_then_the_newest() {
    assert_eq!(
        column(&app(SIZE), "COMM"),
        [
            "nginx",
            "nginx",
            "sshd-se…",
            "-",
            "postgres",
            "日本語…",
            "redis-s…",
            "curl",
            "curl"
        ]
    );
}

#[test]
fn address_families_are_toggled_by_keys() {
    let mut app = app(SIZE);
    press(&mut app, "6");
    assert_eq!(column(&app, "RADDR"), ["2001:db…55:6666", "::1"]);
    press(&mut app, "4");
    assert_eq!(column(&app, "RADDR").len(), 7);
    press(&mut app, "4");
    assert_eq!(column(&app, "RADDR").len(), 9);
}

#[test]
fn open_and_closed_sessions_can_be_shown_separately() {
    let mut app = app(SIZE);
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS"), ["established"; 3]);
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS").len(), 6);
    assert!(!column(&app, "STATUS").contains(&"established".to_owned()));
    press(&mut app, "o");
    assert_eq!(column(&app, "STATUS").len(), 9);
}

#[test]
fn sort_keys_use_the_visible_columns_and_reverse() {
    let mut app = app(SIZE);
    assert!(screen(&app, SIZE).contains(" RATE▼ "));
    press(&mut app, "< <");
    assert!(screen(&app, SIZE).contains("sort: tx ↓"));
    assert!(screen(&app, SIZE).contains("   TX▼ "));
    let tx = column(&app, "TX");
    assert_eq!(
        tx,
        [
            "9.9M", "5.0M", "120k", "12.0k", "11.0k", "10.0k", "9.0k", "8.0k", "7.0k"
        ]
    );
    press(&mut app, "I");
    assert_eq!(column(&app, "TX"), tx.into_iter().rev().collect::<Vec<_>>());
    press(&mut app, "S");
    assert!(screen(&app, SIZE).contains("sort: rport ↑"));
    press(&mut app, "< < < < <");
    assert!(
        screen(&app, SIZE).contains("sort: status ↑"),
        "it goes round"
    );
    press(&mut app, "< <");
    assert!(
        screen(&app, SIZE).contains("sort: rate ↓"),
        "the initial order is in reach"
    );
    let first = column(&app, "COMM");
    assert_eq!(first, column(&self::app(SIZE), "COMM"), "as at the start");
    press(&mut app, "> > >");
    assert!(screen(&app, SIZE).contains("sort: pid ↑"));
}

#[test]
fn selection_follows_its_session_when_lines_move() {
    let mut app = app(SIZE);
    press(&mut app, "j j j");
    let line = selected_line(&app);
    assert!(line.contains(" timed out"), "{line}");
    // three newer ones arrive above it
    let newer = (20..23).map(|c| Session {
        end_ns: 30 * S,
        ..closed(c, "new", "10.0.0.1", Reason::LocalFin)
    });
    app.batch(Batch {
        taken_ns: 31 * S,
        closed: newer.collect(),
        ..sessions()
    });
    assert_eq!(selected_line(&app), line);
}

#[test]
fn selection_on_top_stays_on_top() {
    let mut app = app(SIZE);
    press(&mut app, "j g");
    let busier = open(40, "iperf3", "10.0.0.1", u64::from(u32::MAX));
    app.batch(batch_at(11, vec![busier], vec![]));
    assert!(selected_line(&app).contains("iperf3"));
}

#[test]
fn selection_of_evicted_session_stays_on_its_line() {
    let mut app = unused(2, SIZE);
    let three = |from: u64| {
        let closed = (from..from + 3)
            .map(|c| closed(c, "curl", "10.0.0.1", Reason::LocalFin))
            .collect();
        batch_at(from, vec![], closed)
    };
    app.batch(three(1));
    press(&mut app, "G");
    assert_eq!(app.position(), 2);
    app.batch(three(20));
    assert_eq!((app.position(), app.row_count()), (2, 2));
    selected_line(&app);
}

#[test]
fn freeze_holds_the_table_and_shows_the_number_of_new_sessions() {
    let mut app = app(SIZE);
    press(&mut app, "Space");
    let frozen = column(&app, "COMM");
    let newer = (20..25)
        .map(|c| closed(c, "new", "10.0.0.1", Reason::LocalFin))
        .collect();
    app.batch(batch_at(20, vec![], newer));
    assert_eq!(column(&app, "COMM"), frozen);
    assert!(screen(&app, SIZE).contains("PAUSED, 5 new (Space resumes)"));
    // the paused display can still be explored
    press(&mut app, "6");
    assert_eq!(column(&app, "RADDR").len(), 2);
    press(&mut app, "6 p");
    assert_eq!(
        column(&app, "COMM").iter().filter(|c| *c == "new").count(),
        5
    );
    // those that were missing in one snapshot are gone at the next
    app.batch(batch_at(21, vec![], vec![]));
    assert_eq!(app.store().open_count(), 0);
    assert!(!screen(&app, SIZE).contains("PAUSED"));
}

#[test]
fn rates_after_a_freeze_cover_the_frozen_time() {
    let mut app = app(SIZE);
    let sent = |tx_bytes, second| {
        let session = Session {
            tx_bytes,
            ..busiest()
        };
        batch_at(second, vec![session], vec![])
    };
    let ended = |cookie, taken_ns| Batch {
        taken_ns,
        closed: vec![closed(cookie, "new", "10.0.0.1", Reason::LocalFin)],
        ..Batch::default()
    };
    let live = [
        ended(20, 11 * S),
        sent(5_001_000, 12),
        ended(21, 12 * S + 950_000_000),
    ];
    press(&mut app, "Space");
    live.into_iter().for_each(|batch| {
        app.batch(batch);
    });
    press(&mut app, "Space");
    let rates = |app: &App| {
        let totals = app.store().totals();
        (totals.closed, totals.opened_rate)
    };
    assert_eq!(rates(&app), (8, 0.5));
    app.batch(sent(5_002_000, 13));
    assert_eq!(
        rates(&app),
        (8, 1.0),
        "one in the second since the last snapshot"
    );
    assert_eq!(app.store().totals().tx_rate, 1000.0 + 21_000.0);
    assert_eq!(app.store().totals().rx_rate, 1200.0);
}

#[test]
fn freeze_with_more_closed_sessions_than_kept_counts_all() {
    let after = |is_frozen: bool| {
        let mut app = begun(unused(3, SIZE));
        let space = |app: &mut App| {
            if is_frozen {
                press(app, "Space");
            }
        };
        space(&mut app);
        let opened = |cookie| open(cookie, "new", "10.0.0.1", 1_000_000);
        let ended = |cookie| ended(opened(cookie), Reason::LocalFin);
        let found = std::iter::once(busiest()).chain((20..28).map(opened));
        app.batch(batch_at(11, found.collect(), vec![]));
        let was_open = Session {
            state: State::Closed,
            tx_bytes: 7_000_000,
            ..busiest()
        };
        for closed in [vec![was_open], (20..28).map(ended).collect()] {
            app.batch(Batch {
                taken_ns: 11 * S,
                closed,
                ..Batch::default()
            });
        }
        if is_frozen {
            press(&mut app, "/");
            type_text(&mut app, "comm new or comm nginx");
            settle(&mut app);
            press(&mut app, "Enter");
            space(&mut app);
            press(&mut app, "Backspace");
        }
        app.batch(batch_at(12, vec![], vec![ended(28)]));
        app.batch(batch_at(13, vec![], vec![]));
        settle(&mut app);
        let pane = app
            .panes()
            .pane(crate::ui::layout::panes::Subject::Processes);
        let talkers = pane.rows(app.panes().talkers());
        let sums: Vec<_> = talkers
            .map(|r| {
                (
                    format!("{:?}", r.key),
                    r.talker.open,
                    r.talker.sessions,
                    r.talker.bytes,
                )
            })
            .collect();
        let totals = app.store().totals();
        (
            totals.closed,
            app.store().open_count(),
            column(&app, "COMM"),
            sums,
        )
    };
    let (frozen, live) = (after(true), after(false));
    assert_eq!(frozen, live);
    assert_eq!((live.0, live.2), (16, vec!["new".to_owned(); 3]));
}

#[test]
fn filter_applies_while_typed_and_is_undone_by_escape() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    let mut counts = Vec::new();
    for key in ["comm c", "u", "r", "l", " and reason ", "refused"] {
        type_text(&mut app, key);
        counts.push(app.row_count());
    }
    assert_eq!(counts, [2, 2, 2, 2, 2, 1], "{}", screen(&app, SIZE));
    assert!(screen(&app, SIZE).contains("filter: comm curl and reason refused"));
    press(&mut app, "Esc");
    assert_eq!(app.row_count(), 9);
    assert!(!screen(&app, SIZE).contains("filter: comm"));
}

#[test]
fn filter_reopened_takes_another_word() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    press(&mut app, "Enter / →");
    type_text(&mut app, "refused");
    assert_eq!(app.row_count(), 1, "{}", screen(&app, SIZE));
    press(&mut app, "Enter / Enter");
    assert_eq!(app.view_filter.filter.source(), "comm curl refused");
    press(&mut app, "Backspace");
    assert_eq!(app.view_filter.filter.source(), "comm curl");
}

#[test]
fn selection_is_restored_after_narrowing_and_back() {
    let mut app = app(SIZE);
    press(&mut app, "j j j");
    let line = selected_line(&app);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    press(&mut app, "Enter j");
    assert!(selected_line(&app).contains("curl"));
    press(&mut app, "Backspace");
    assert_eq!(selected_line(&app), line);
    // the same for a pane: the keys on its lines
    press(&mut app, "Tab Tab j j");
    let peer = |app: &App| {
        let pane = app.panes().pane(crate::ui::layout::panes::Subject::Peers);
        pane.selected().map(|key| key.to_string())
    };
    let selected = peer(&app);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    settle(&mut app);
    assert_ne!(peer(&app), selected);
    press(&mut app, "Esc");
    settle(&mut app);
    assert_eq!(peer(&app), selected);
}

#[test]
fn keys_of_the_sessions_on_other_screens_work_or_say_where_they_do() {
    let mut app = app(SIZE);
    press(&mut app, "f");
    let columns = KeyPress::new(KeyCode::Char('c'), false);
    assert_eq!(app.key(columns, Some('c')), None);
    let said = "c does nothing here; Esc goes back to the sessions";
    assert!(screen(&app, SIZE).contains(said), "{}", screen(&app, SIZE));
    // what has no meaning anywhere stays without one
    app.key(KeyPress::new(KeyCode::Char('~'), false), Some('~'));
    assert!(!screen(&app, SIZE).contains("does nothing here"));
    press(&mut app, "e");
    assert_eq!(app.layers.mode(), Mode::FileName);
    press(&mut app, "Esc C");
    assert_eq!(app.layers.mode(), Mode::Prompt);
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Failures);
}

#[test]
fn second_line_shows_evicted_sessions_and_the_capture_filter_at_80_columns() {
    let mut app = begun(unused(2, SIZE));
    press(&mut app, "C");
    type_text(&mut app, "port 443");
    press(&mut app, "Enter /");
    type_text(
        &mut app,
        "not comm nobody and not raddr 203.0.113.99 and rx > 0",
    );
    press_and_settle(&mut app, "Enter F");
    let said = line(&app, SIZE, 1);
    assert!(said.contains("capture: port 443"), "{said}");
    assert!(said.contains("filter: not comm n"), "{said}");
    press(&mut app, "Esc");
    let said = line(&app, SIZE, 1);
    assert!(said.contains("  older ones evicted  "), "{said}");
}

#[test]
fn status_of_any_reason_is_whole_at_80_columns() {
    let mut app = unused(100, SIZE);
    let reasons = Reason::ALL.iter().filter(|r| **r != Reason::Open);
    let closed = reasons.clone().zip(20..).map(|(r, c)| Session {
        tx_bytes: 123_456,
        ..closed(c, "curl", "10.0.0.9", *r)
    });
    app.batch(batch_at(10, vec![], closed.collect()));
    let mut shown = column(&app, "STATUS");
    shown.sort_unstable();
    let mut words: Vec<&str> = reasons.map(|r| r.word()).collect();
    words.sort_unstable();
    assert_eq!(shown, words);
    for word in ["closed", "peer closed", "peer reset", "no answer"] {
        assert!(words.contains(&word), "{word}");
    }
    assert!(column(&app, "TX").iter().all(|tx| tx == "123k"));
}

#[test]
fn status_word_on_the_screen_can_be_typed_in_a_filter() {
    let mut app = unused(100, SIZE);
    let reasons = Reason::ALL.iter().filter(|r| **r != Reason::Open);
    let closed = reasons
        .zip(20..)
        .map(|(r, c)| closed(c, "curl", "10.0.0.9", *r));
    app.batch(batch_at(10, vec![], closed.collect()));
    for (filter, shown) in [
        ("status \"peer closed\"", &["peer closed"][..]),
        ("reason closed,refused", &["refused", "closed"]),
        ("status remote-fin", &["peer closed"]),
        ("\"r reset\"", &["peer reset"]),
        ("\"Timed Out\"", &["timed out"]),
    ] {
        press(&mut app, "/ ^U");
        type_text(&mut app, filter);
        press_and_settle(&mut app, "Enter");
        assert_eq!(column(&app, "STATUS"), shown, "{filter}");
    }
}

#[test]
fn status_column_sorts_by_the_words_that_it_shows() {
    let mut app = unused(100, SIZE);
    let reasons = Reason::ALL.iter().filter(|r| **r != Reason::Open);
    let closed = reasons
        .zip(20..)
        .map(|(r, c)| closed(c, "curl", "10.0.0.9", *r));
    app.batch(batch_at(10, vec![], closed.collect()));
    for _ in 0..30 {
        if app.sort.field.word != "status" {
            press_and_settle(&mut app, ">");
        }
    }
    assert!(column(&app, "STATUS").is_sorted());
}

#[test]
fn filter_program_name_being_typed_matches_as_prefix_until_accepted() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm post");
    assert_eq!(column(&app, "COMM"), ["postgres"]);
    // a name counts as unfinished only with the cursor after it
    press(&mut app, "^A");
    assert_eq!(app.row_count(), 0);
    press(&mut app, "^E");
    assert_eq!(app.row_count(), 1);
    press(&mut app, "Enter");
    assert_eq!(app.row_count(), 0, "there is no program of that name");
}

#[test]
fn second_line_at_any_width_shows_the_most_important_parts() {
    let said = |width, keys: &str| {
        let size = Size { width, height: 24 };
        let mut app = app(size);
        press(&mut app, "/");
        type_text(
            &mut app,
            "not comm nobody and not raddr 203.0.113.99 and rx > 0",
        );
        press(&mut app, "Enter");
        press(&mut app, keys);
        line(&app, size, 1).trim_matches(['"', ' ']).to_owned()
    };
    insta::assert_snapshot!(
        [40, 60, 80, 100, 120]
            .map(|width| ["g", "F", "I 4 Space", "m t n + 4"]
                .map(|keys| said(width, keys))
                .join("\n"))
            .join("\n\n")
    );
}

#[test]
fn filter_error_at_any_width_shows_the_most_useful_part() {
    let said = |width, text: &str| {
        let size = Size { width, height: 24 };
        let mut app = app(size);
        press(&mut app, "/");
        type_text(&mut app, text);
        let screen = screen(&app, size);
        let typed = screen.lines().rev().nth(1).unwrap_or_default();
        format!("{width:>3} {}", typed.trim_matches('"').trim_end())
    };
    let texts = [
        "unix curl",
        "comm curl and unix socket",
        "port",
        "port foo",
        "port 8100-8000",
        "latency > 5ms",
        "tx > 10 20 ",
        "dur > 1m30s and rtt > 5 and",
        "port 7000 7001 ",
        "adopted ye ",
        "reason eset",
        "reason nothing",
        "reason ",
        "comm ~ [a",
        "comm ~ a{2,1}",
        "comm \"Web",
        "foo = bar",
        "raddr example.org",
    ];
    let said = texts.map(|text| {
        let lines = [120, 80, 60, 30].map(|width| said(width, text));
        format!("  / {text}\n{}", lines.join("\n"))
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn filter_accepted_stays_and_is_added_to_the_history() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "port 443 and retr > 0");
    let effect = press(&mut app, "Enter");
    assert_eq!(
        effect,
        Some(Effect::Remember(vec!["port 443 and retr > 0".into()]))
    );
    let rows = app.row_count();
    assert!(rows > 0 && rows < 9);
    assert!(screen(&app, SIZE).contains("filter: port 443 and retr > 0"));
    // it combines with the families
    press(&mut app, "6");
    assert!(app.row_count() < rows);
    press(&mut app, "6 / ^U");
    assert_eq!(app.row_count(), 9, "an empty filter is everything");
    press(&mut app, "↑");
    assert_eq!(app.row_count(), rows, "history is applied too");
}

#[test]
fn filter_incomplete_or_invalid_leaves_the_last_one_applied() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm curl");
    assert_eq!(app.row_count(), 2);
    type_text(&mut app, " and rtt >");
    assert_eq!(app.row_count(), 2);
    assert!(
        screen(&app, SIZE).contains("last filter applies"),
        "{}",
        screen(&app, SIZE)
    );
    type_text(&mut app, " fast");
    assert_eq!(app.row_count(), 2);
    assert!(screen(&app, SIZE).contains("`fast` is not"));
    assert_eq!(press(&mut app, "Enter"), None, "what is wrong is not taken");
    assert_eq!(app.layers.mode(), Mode::Prompt);
}

#[test]
fn filter_completion_offers_values_on_the_screen() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "reason refused or comm red");
    press(&mut app, "Tab");
    assert!(
        screen(&app, SIZE).contains("or comm redis-server "),
        "{}",
        screen(&app, SIZE)
    );
}

#[test]
fn capture_filter_applies_only_when_accepted() {
    let mut app = app(SIZE);
    press(&mut app, "C");
    type_text(&mut app, "lport 443 and tx > 10kB");
    assert_eq!(app.row_count(), 9);
    let kernel = CaptureFilter {
        lports: "443".parse().ok(),
        ..CaptureFilter::default()
    };
    assert_eq!(press(&mut app, "Enter"), Some(Effect::Capture(kernel)));
    assert!(screen(&app, SIZE).contains("capture: lport 443 and tx > 10kB [kernel: "));
    // sessions outside the capture filter are not ingested any more
    app.batch(Batch {
        taken_ns: 12 * S,
        ..sessions()
    });
    let tx = column(&app, "TX");
    assert_eq!(app.store().open_count(), 3);
    assert_eq!(
        tx.len(),
        3 + 6 + 2,
        "two of the six closed ones sent more than that"
    );
}

#[test]
fn capture_kernel_part_is_shown_only_if_it_differs() {
    for (filter, said) in [
        ("port 443", "capture: port 443 "),
        ("port 443 or curl", "capture: port 443 or curl "),
        ("ip 4 and curl", "capture: ip 4 and curl [kernel: IPv4]"),
    ] {
        let mut app = app(SIZE);
        press(&mut app, "C");
        type_text(&mut app, filter);
        press(&mut app, "Enter");
        let shown = screen(&app, SIZE);
        let line = shown.lines().nth(1).unwrap_or_default();
        assert!(line.contains(said), "{line}");
        assert_eq!(line.contains("[kernel"), said.contains("[kernel"), "{line}");
    }
}

#[test]
fn capture_narrowed_drops_open_sessions_outside_it() {
    let mut app = app(SIZE);
    press(&mut app, "o C");
    assert_eq!(app.row_count(), 3);
    type_text(&mut app, "tx > 1MB");
    press(&mut app, "Enter");
    assert_eq!(app.row_count(), 2);
    // the kernel reports no changes, and that the one that was dropped is gone
    let kept: Vec<u64> = app.store().open().map(|(_, s)| s.cookie).collect();
    let found = OpenSnapshot {
        gone: [1, 2, 3]
            .into_iter()
            .filter(|c| !kept.contains(c))
            .collect(),
        ..OpenSnapshot::default()
    };
    for second in [12, 13] {
        app.batch(Batch {
            taken_ns: second * S,
            open: Some(found.clone()),
            ..Batch::default()
        });
        assert_eq!((app.row_count(), app.store().open_count()), (2, 2));
    }
}

#[test]
fn capture_widened_does_not_count_sessions_twice() {
    let mut app = app(SIZE);
    let sums = |app: &App| {
        let ports = app.panes().pane(crate::ui::layout::panes::Subject::Ports);
        let rows = ports.rows(app.panes().talkers());
        let mut sums: Vec<_> = rows
            .map(|r| (r.talker.open, r.talker.sessions, r.talker.bytes))
            .collect();
        sums.sort_unstable();
        sums
    };
    let before = sums(&app);
    for filter in ["rport 1", ""] {
        press(&mut app, "C ^U");
        type_text(&mut app, filter);
        press(&mut app, "Enter");
    }
    assert_ne!(sums(&app), before, "none is open");
    app.batch(Batch {
        taken_ns: 12 * S,
        closed: vec![],
        ..sessions()
    });
    assert_eq!(sums(&app), before);
}

#[test]
fn prompt_at_any_size_does_not_panic() {
    for width in [1, 2, 5, 8, 9, 10, 20, 59] {
        for height in 1..10 {
            let size = Size { width, height };
            let mut app = app(size);
            press(&mut app, "/");
            type_text(&mut app, "comm 日本語 and rtt > never");
            screen(&app, size);
            press(&mut app, "Tab Tab Home");
            screen(&app, size);
        }
    }
}

#[test]
fn missed_sessions_are_shown_on_red() {
    let mut app = app(SIZE);
    app.batch(Batch {
        taken_ns: 11 * S,
        missed: Missed {
            ring_full: 17,
            ..Missed::default()
        },
        open: Some(OpenSnapshot::default()),
        ..Batch::default()
    });
    assert!(screen(&app, SIZE).contains("missed 17"));
    let terminal = terminal(&app, &DARK, SIZE);
    assert!((0..80).any(|x| terminal.backend().buffer()[(x, 0)].bg == Color::Red));
}

#[test]
fn table_without_sessions_shows_why_it_is_empty() {
    let mut app = unused(2, SIZE);
    assert!(screen(&app, SIZE).contains("Reading the open sessions"));
    app.batch(batch_at(1, vec![], vec![]));
    assert!(screen(&app, SIZE).contains("Waiting for TCP connections …"));
    press(&mut app, "/");
    type_text(&mut app, "port 443");
    press(&mut app, "Enter");
    assert!(screen(&app, SIZE).contains("Waiting for TCP connections …"));
    press(&mut app, "Space");
    assert!(screen(&app, SIZE).contains("No session matches while paused. Space resumes."));
}

#[test]
fn capture_filter_set_at_start_is_shown() {
    let capture = CaptureFilter {
        lports: "22,80".parse().ok(),
        ..CaptureFilter::default()
    };
    let app = App::new("web-3".into(), capture, 2, SIZE);
    assert!(screen(&app, SIZE).contains("capture: lport 22,80"));
}

#[test]
fn keys_redraw_suspend_and_quit_have_their_effects() {
    let mut app = app(SIZE);
    assert_eq!(press(&mut app, "^L"), Some(Effect::Redraw));
    assert_eq!(press(&mut app, "^Z"), Some(Effect::Suspend));
    assert_eq!(press(&mut app, "? q"), None, "q leaves the help only");
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
}
