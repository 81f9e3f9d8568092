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
mod capture;
mod clipboard;
mod columns;
mod detail;
mod drops;
mod every_screen;
mod export;
mod filter_prompt;
mod findings;
mod follow;
mod foreign_keys;
mod headings;
mod help;
mod interval;
mod listeners;
mod local_pairs;
mod mouse;
mod names;
mod no_match;
mod one_moment;
mod past;
mod past_of_recordings;
mod pause;
mod ports;
mod screens;
mod selection;
mod self_traffic;
mod silent_keys;
mod sort_menu;
mod table;
mod tabs;
mod themes;
mod top_talkers;
mod way_back;

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
