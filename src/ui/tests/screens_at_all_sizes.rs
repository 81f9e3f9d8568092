//! Every screen at four sizes, in color and in monochrome.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;

pub const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 40), (200, 60)];

/// Opens a screen in a dashboard of this size.
type Begin = fn(Size) -> App;

/// Every screen by name, and how to open it.
#[rustfmt::skip]
const SCREENS: &[(&str, Begin)] = &[
    ("sessions", app),
    ("frozen", |size| pressed(app(size), "j Space")),
    ("names", names::named),
    ("own", self_traffic::over_ssh),
    ("talkers", |size| pressed(top_talkers::busy(size), "Tab Tab")),
    ("detail", detail::watching),
    ("distributions", |size| pressed(screens::web_server(size, 5000), "d →")),
    ("failures", |size| pressed(screens::web_server(size, 5000), "f j")),
    ("marked", |size| pressed(screens::failover(size), "m j")),
    ("columns", |size| pressed(app(size), "c j j Space j Space")),
    ("help", |size| pressed(app(size), "?")),
    ("filter_completed", |size| pressed(typed(size, "/", "reason "), "Tab")),
    ("filter_wrong", |size| typed(size, "/", "comm curl and rtt > fast")),
    ("capture", |size| typed(size, "C", "lport 443")),
    ("export", |size| pressed(app(size), "e")),
    ("export_replaces", export::there_is_such_a_file),
];

fn pressed(mut app: App, script: &str) -> App {
    press_and_settle(&mut app, script);
    app
}

fn typed(size: Size, key: &str, text: &str) -> App {
    let mut app = pressed(app(size), key);
    type_text(&mut app, text);
    app
}

#[test]
fn every_screen_at_four_sizes_in_colour_and_in_monochrome() {
    for (name, screen) in SCREENS {
        for (width, height) in SIZES {
            let size = Size { width, height };
            let looks = looks(&screen(size), size);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), looks);
        }
    }
}

/// The text of a screen, and below it the style of each line in both themes, as letters.
fn looks(app: &App, size: Size) -> String {
    let mut text = lines(app, &MONOCHROME, size);
    assert_eq!(text, lines(app, &DARK, size), "not in colours alone");
    let mut letters = BTreeMap::new();
    for (name, theme) in [("in colour", &DARK), ("in monochrome", &MONOCHROME)] {
        let _ = writeln!(text, "---- {name}");
        let terminal = terminal(app, theme, size);
        let buffer = terminal.backend().buffer();
        for y in 0..size.height {
            let styles = (0..size.width).map(|x| themes::said(buffer[(x, y)].style()));
            let runs = runs(styles, &mut letters);
            if !runs.is_empty() {
                let _ = writeln!(text, "{y:>2}:{runs}");
            }
        }
    }
    let mut legend: Vec<_> = letters.into_iter().collect();
    legend.sort_by_key(|(_, letter)| *letter);
    for (style, letter) in legend {
        let _ = writeln!(text, "{letter} = {style}");
    }
    text
}

fn lines(app: &App, theme: &Theme, size: Size) -> String {
    let terminal = terminal(app, theme, size);
    let line = |y| {
        let mut line = String::new();
        let mut x = 0;
        while x < size.width {
            let symbol = terminal.backend().buffer()[(x, y)].symbol();
            line.push_str(symbol);
            x += symbol.width().max(1) as u16; // the cell after a wide character is not visible
        }
        format!("{}\n", line.trim_end())
    };
    (0..size.height).map(line).collect()
}

/// ` 0-6a 14b`: cells 0 to 6 have style a, cell 14 has b; the others have none.
fn runs(styles: impl Iterator<Item = String>, letters: &mut BTreeMap<String, char>) -> String {
    let mut runs: Vec<(usize, usize, char)> = Vec::new();
    for (x, style) in styles.enumerate().filter(|(_, style)| !style.is_empty()) {
        let next = char::from(b'a' + letters.len() as u8);
        let letter = *letters.entry(style).or_insert(next);
        match runs.last_mut() {
            Some((_, end, last)) if *end + 1 == x && *last == letter => *end = x,
            _ => runs.push((x, x, letter)),
        }
    }
    let said = runs.into_iter().map(|(from, to, letter)| match to - from {
        0 => format!(" {from}{letter}"),
        _ => format!(" {from}-{to}{letter}"),
    });
    said.collect()
}
