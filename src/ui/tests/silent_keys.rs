//! No key is silent: wherever it is listed, it changes something, or a notice says why it does not.

use super::*;
use crate::ui::action::{Action, Edit};

/// A place: its name, a dashboard, and the keys that lead there.
type Place = (&'static str, fn(Size) -> App, &'static str);

/// Every place in which keys are tried.
#[rustfmt::skip]
const PLACES: &[Place] = &[
    ("sessions", app, ""),
    ("no session", begin_empty, ""),
    ("processes", top_talkers::busy, "Tab"),
    ("peers", top_talkers::busy, "Tab Tab"),
    ("ports", top_talkers::busy, "Tab Tab Tab"),
    ("units", top_talkers::busy, "Shift-Tab"),
    ("no process", begin_empty, "Tab"),
    ("detail", detail::watching, ""),
    ("charts", app, "d"),
    ("host chart", app, "d Shift-Tab"),
    ("no chart", begin_empty, "d"),
    ("failures", app, "f"),
    ("no failure", begin_empty, "f"),
    ("baseline", changed, "m"),
    ("no baseline", app, "v v v"),
    ("findings", app, "!"),
    ("listeners", app, "L"),
    ("drops", app, "D"),
    ("local ports", app, "P"),
    ("columns", app, "c"),
    ("last column", app, "c G"),
    ("help", app, "?"),
    ("end of the help", app, "? G"),
    ("end of a detail", detail::watching, "G"),
    ("no finding", app, "!"),
    ("last columns", app, "$"),
    ("prompt", app, "/"),
    ("prompt for a capture filter", app, "C"),
    ("command", app, ":"),
    ("search of lines", app, "L /"),
    ("search of the help", app, "? /"),
    ("file name", app, "e"),
    ("copied", app, "y"),
    ("sort menu", app, "s"),
];

fn begin_empty(size: Size) -> App {
    let mut app = unused(100, size);
    app.batch(batch_at(1, vec![], vec![]));
    app.batch(batch_at(2, vec![], vec![]));
    app
}

/// A dashboard with a baseline, and a session since then.
fn changed(size: Size) -> App {
    let mut app = app(size);
    press(&mut app, "m");
    for second in [30, 31] {
        let new = Session {
            start_ns: 20 * S,
            ..open(30, "new", "10.0.0.30", second * 1000)
        };
        app.batch(batch_at(second, vec![new], vec![]));
    }
    app
}

/// True if the screen has a cursor: that of a line being typed, or a selected line, bar or entry.
fn shows_cursor(app: &App) -> bool {
    let terminal = terminal(app, &MONOCHROME, SIZE);
    let buffer = terminal.backend().buffer();
    let selected = MONOCHROME.selected.add_modifier;
    let from = app.layout().main.y + 1;
    let mut cells = (from..SIZE.height - 1).flat_map(|y| (0..SIZE.width).map(move |x| (x, y)));
    app.layers.is_prompting()
        || screen(app, SIZE).contains('▲')
        || cells.any(|at| buffer[at].modifier == selected)
}

fn there(begin: fn(Size) -> App, script: &str) -> App {
    let mut app = begin(SIZE);
    if !script.is_empty() {
        press_and_settle(&mut app, script);
    }
    settle(&mut app);
    while app.notice.get().is_some() {
        app.notice.clear();
    }
    app
}

#[test]
fn no_key_is_silent_wherever_it_is_listed() {
    let mut silent = Vec::new();
    for (place, begin, script) in PLACES {
        let app = there(*begin, script);
        let mode = app.layers.mode();
        let before = screen(&app, SIZE);
        let names = |app: &App| -> Vec<(Action, String)> {
            let rows = app.keymap.rows(std::slice::from_ref(&mode));
            rows.map(|r| (r.key.action, r.presses[0].name())).collect()
        };
        for (action, name) in names(&app) {
            // at the end of a list the cursor shows that there is nowhere to go, as it does at the end of a line
            let has_cursor = shows_cursor(&app);
            let is_motion = matches!(action, Action::Move(_) | Action::Edit(Edit::Request(_)));
            let is_in_menu = mode == Mode::SortMenu && matches!(action, Action::Sideways(_));
            if has_cursor && (is_motion || is_in_menu) {
                continue;
            }
            let mut app = there(*begin, script);
            let effect = press(&mut app, &name);
            settle(&mut app);
            if effect.is_none() && app.notice.get().is_none() && screen(&app, SIZE) == before {
                silent.push(format!("{place}: {name} ({action:?})"));
            }
        }
    }
    assert_eq!(silent, [""; 0]);
}

#[test]
fn key_that_is_not_listed_is_explained_wherever_no_line_is_typed() {
    let characters = (' '..='~').map(|c| KeyPress::new(KeyCode::Char(c), false));
    let held = ('a'..='z').map(|c| KeyPress::new(KeyCode::Char(c), true));
    let named = [
        "F5",
        "F6",
        "F7",
        "F8",
        "F11",
        "F12",
        "Insert",
        "Delete",
        "Backspace",
        "Tab",
        "Shift-Tab",
        "Enter",
        "Left",
        "Right",
        "Up",
        "Down",
        "PgUp",
        "PgDn",
        "Home",
        "End",
        "Alt-x",
        "Ctrl-Left",
    ];
    let named = named.map(|name| KeyPress::parse(name).expect(name));
    let presses: Vec<KeyPress> = characters.chain(held).chain(named).collect();
    let mut tried = 0;
    for (place, begin, script) in PLACES {
        let before = there(*begin, script);
        let mode = before.layers.mode();
        if before.layers.is_prompting() || [Mode::Copied, Mode::SortMenu].contains(&mode) {
            continue;
        }
        let shown = screen(&before, SIZE);
        let unlisted = |press: &&KeyPress| before.keymap.lookup(mode, **press).is_none();
        for press in presses.iter().filter(unlisted) {
            let mut app = there(*begin, script);
            app.key(*press, press.typed());
            let name = press.name();
            assert_ne!(screen(&app, SIZE), shown, "{place}: {name} is silent");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn key_that_cannot_act_says_why_for_two_seconds() {
    for (place, key, why) in [
        ("ports", "a", "only processes and peers are grouped"),
        ("units", "a", "only processes and peers are grouped"),
        (
            "host chart",
            "Enter",
            "this chart has no bars to select; Tab goes to the next one",
        ),
        ("host chart", "→", "this chart has no bars to select"),
        ("no failure", "Enter", "there is no line to select"),
        ("no session", "Enter", "there is no line to select"),
        ("sessions", "Backspace", "there is no previous filter"),
        ("columns", "u", "there is nothing to undo"),
        ("columns", "K", "the column is at the end of the list"),
    ] {
        let found = PLACES.iter().find(|p| p.0 == place);
        let (_, begin, script) = found.expect("a place");
        let mut app = there(*begin, script);
        press(&mut app, key);
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(why), "{place}, {key}: {footer}");
    }
}

/// The screen without its footer, where notices are.
fn content(app: &App) -> Vec<String> {
    let screen = screen(app, SIZE);
    let lines = screen.lines().map(str::to_owned);
    lines.take(usize::from(SIZE.height) - 1).collect()
}

#[test]
fn key_that_switches_something_names_the_new_state_and_the_key_that_undoes_it() {
    let mut tried = 0;
    for (place, begin, script) in PLACES {
        let before = there(*begin, script);
        let mode = before.layers.mode();
        // its marks and its footer say it
        if mode == Mode::Columns {
            continue;
        }
        let names: Vec<String> = before
            .keymap
            .rows(std::slice::from_ref(&mode))
            .map(|r| r.presses[0].name())
            .collect();
        for name in names {
            let mut app = there(*begin, script);
            press_and_settle(&mut app, &name);
            let footer = line(&app, SIZE, 23);
            if app.layers.mode() != mode || content(&app) == content(&before) {
                continue;
            }
            press_and_settle(&mut app, &name);
            // what the second press of a key undoes is a toggle
            if app.layers.mode() == mode && content(&app) == content(&before) {
                let says = footer.contains(&format!(" ({name}: "));
                assert!(says, "{place}, {name}: {footer}");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn notice_of_a_toggle_names_its_state_and_what_the_key_does_next() {
    let mut app = app(SIZE);
    let next = app.appearance.next_theme().name;
    let then = {
        let mut turned = app.appearance.clone();
        turned.turn();
        turned.next_theme().name
    };
    for (key, says) in [
        ("n", "addresses are shown as names (n: as numbers)"),
        ("n", "addresses are shown as numbers (n: as names)"),
        ("N", "ports are shown as names (N: as numbers)"),
        ("t", &format!("theme: {next} (t: {then})")),
        (
            "l",
            "local connections: each end has a line and counts (l: one)",
        ),
        ("4", "only IPv4 is shown (4: both)"),
        ("6", "only IPv6 is shown (6: both)"),
        ("6", "IPv4 and IPv6 are shown (6: only IPv6)"),
        ("o", "only open sessions are shown (o: only closed)"),
        ("o", "only closed sessions are shown (o: both)"),
        ("o", "open and closed sessions are shown (o: only open)"),
        ("Space", "the display is paused (Space: resume)"),
        ("Space", "the display is live (Space: pause)"),
        ("F", "following the newest session (F: stop)"),
        ("F", "not following the newest session (F: follow it)"),
        ("+", "refreshed every 2s (-: more often)"),
        ("-", "refreshed every 1s (+: less often)"),
        ("I", "the order is reversed (I: the usual order)"),
        ("Tab", "Esc/q back"),
        ("a", "entries are grouped (a: each by itself)"),
    ] {
        press_and_settle(&mut app, key);
        let footer = line(&app, SIZE, 23);
        assert!(footer.contains(says), "{key}: {footer}");
        assert!(says.width() <= 60, "in a narrow window: {says}");
    }
}
