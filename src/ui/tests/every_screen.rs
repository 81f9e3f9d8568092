//! Every screen: as text at two sizes, in styles that mean something, and inside its area at odd sizes.

use super::*;

/// The size of a terminal that nobody has resized, and one with room for the panes.
pub const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];
/// Sizes at which something has to give way.
const ODD_SIZES: [(u16, u16); 8] = [
    (1, 1),
    (3, 30),
    (10, 3),
    (30, 5),
    (60, 16),
    (79, 23),
    (81, 30),
    (200, 60),
];

/// Opens a screen in a dashboard of this size.
type Begin = fn(Size) -> App;

/// Every screen by name, and how to open it.
#[rustfmt::skip]
const SCREENS: &[(&str, Begin)] = &[
    ("sessions", app),
    ("paused", |size| pressed(app(size), "j Space")),
    ("names", names::named),
    ("self_traffic", self_traffic::over_ssh),
    ("talkers", |size| pressed(top_talkers::busy(size), "Tab Tab")),
    ("detail", detail::watching),
    ("detail_failed", |size| pressed(app(size), "G k Enter")),
    ("copied", |size| pressed(app(size), "y")),
    ("host", |size| pressed(screens::web_server(size, 5000), "d Shift-Tab")),
    ("distributions", |size| pressed(screens::web_server(size, 5000), "d →")),
    ("failures", |size| pressed(screens::web_server(size, 5000), "f j")),
    ("failures_filtered", |size| pressed(typed(size, "/", "comm curl"), "Enter f")),
    ("drops_filtered", |size| pressed(typed(size, "/", "comm curl"), "Enter D")),
    ("findings", findings::refused),
    ("findings_none", |size| pressed(app(size), "!")),
    ("baseline", |size| pressed(screens::failover(size), "m j")),
    ("listeners", listeners::listening),
    ("listeners_searched", |size| {
        let mut app = pressed(listeners::listening(size), "/");
        type_text(&mut app, "nginx");
        app
    }),
    ("help_of_listeners", |size| pressed(listeners::listening(size), "?")),
    ("drops", drops::dropping),
    ("ports", ports::exhausted),
    ("detail_signs", detail::losing),
    ("past", past::looking_back),
    ("past_charts", |size| pressed(past::looking_back(size), "d")),
    ("past_wrong", |size| {
        let mut app = pressed(past::looking_back(size), "@");
        type_text(&mut app, "yesterday 3:70");
        press(&mut app, "Enter");
        app
    }),
    ("columns", |size| pressed(app(size), "c j j Space j Space")),
    ("help", |size| pressed(app(size), "?")),
    ("help_of_charts", |size| pressed(app(size), "d ?")),
    ("help_searched", |size| searched(size, "wait")),
    ("help_not_found", |size| searched(size, "xyzzy")),
    ("no_baseline", |size| pressed(app(size), "v v v")),
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

fn searched(size: Size, text: &str) -> App {
    let mut app = pressed(app(size), "? /");
    type_text(&mut app, text);
    app
}

#[test]
fn every_screen_reads_the_same_in_color_and_in_monochrome() {
    for (name, screen) in SCREENS {
        for (width, height) in SIZES {
            let size = Size { width, height };
            let app = screen(size);
            let text = lines(&app, &MONOCHROME, size);
            assert_eq!(
                text,
                lines(&app, &DARK, size),
                "{name}: not by colors alone"
            );
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), text);
        }
    }
}

#[test]
fn every_screen_at_odd_sizes_draws_inside_its_area() {
    for (name, screen) in SCREENS {
        for (width, height) in ODD_SIZES {
            let size = Size { width, height };
            // a cell outside of the area would be a panic; a line that is longer than the area would be one, too
            let text = lines(&screen(size), &DARK, size);
            assert_eq!(
                text.lines().count(),
                usize::from(height),
                "{name} at {size}"
            );
            assert!(
                text.lines().all(|l| l.width() <= usize::from(width)),
                "{name} at {size}"
            );
        }
    }
}

#[test]
fn every_screen_has_the_same_emphasis_in_color_and_in_monochrome() {
    for (name, screen) in SCREENS {
        for (width, height) in SIZES {
            let size = Size { width, height };
            let app = screen(size);
            let (dark, plain) = (
                terminal(&app, &DARK, size),
                terminal(&app, &MONOCHROME, size),
            );
            let cells = |y: u16| {
                let buffers = (dark.backend().buffer(), plain.backend().buffer());
                (0..width).map(move |x| (&buffers.0[(x, y)], &buffers.1[(x, y)]))
            };
            let is = |cell: &Cell, style: Style| {
                let base = Style::reset().patch(style);
                cell.style().fg == base.fg
                    && cell.style().bg == base.bg
                    && cell.modifier == style.add_modifier
            };
            for y in 0..height {
                let selected = cells(y).filter(|(d, _)| is(d, DARK.selected)).count();
                let in_plain = cells(y).filter(|(_, p)| is(p, MONOCHROME.selected)).count();
                // a heading is reversed in monochrome as well, so there may be more of it
                assert!(
                    in_plain >= selected,
                    "{name}: line {y} is selected in color only"
                );
                for (d, p) in cells(y).filter(|(d, _)| is(d, DARK.alarm_text)) {
                    let symbol = d.symbol();
                    // a line that has just closed is underlined
                    assert!(
                        p.modifier.contains(MONOCHROME.alarm_text.add_modifier),
                        "{name}: {symbol} in line {y} alarms in color only"
                    );
                }
            }
            let keys: String = cells(height - 1)
                .filter(|(d, _)| is(d, DARK.key))
                .map(|(d, _)| d.symbol())
                .collect();
            let has_notice = app.notice.get().is_some();
            assert!(
                has_notice || !keys.is_empty(),
                "{name}: keys stand out in the footer"
            );
        }
    }
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
