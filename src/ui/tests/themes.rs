//! Themes: the text of a screen, and below each line the style of each cell.

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::style::Style;

use super::*;
use crate::ui::theme::THEMES;

/// A screen with a letter for the style of each cell, and the meaning of the letters.
fn styled(app: &App, theme: &Theme, size: Size) -> String {
    let terminal = terminal(app, theme, size);
    let buffer = terminal.backend().buffer();
    let mut letters: BTreeMap<String, char> = BTreeMap::new();
    let mut text = String::new();
    for y in 0..size.height {
        let (mut symbols, mut styles) = (String::new(), String::new());
        for x in 0..size.width {
            let cell = &buffer[(x, y)];
            let style = style_text(cell.style());
            let next = char::from(b'a' + letters.len() as u8);
            let letter = match style.as_str() {
                "" => ' ',
                _ => *letters.entry(style).or_insert(next),
            };
            symbols.push_str(cell.symbol());
            styles.push(letter);
        }
        let _ = writeln!(text, "  {}", symbols.trim_end());
        if !styles.trim().is_empty() {
            let _ = writeln!(text, "| {}", styles.trim_end());
        }
    }
    let mut legend: Vec<_> = letters.into_iter().collect();
    legend.sort_by_key(|(_, letter)| *letter);
    for (style, letter) in legend {
        let _ = writeln!(text, "{letter}: {style}");
    }
    text
}

pub fn style_text(style: Style) -> String {
    let color = |name, color: Option<Color>| match color {
        None | Some(Color::Reset) => String::new(),
        Some(color) => format!("{name}{color} "),
    };
    let mut attributes = String::new();
    for (name, _) in style.add_modifier.iter_names() {
        attributes += &format!("{} ", name.to_lowercase());
    }
    let all = color("", style.fg) + &color("on ", style.bg) + &attributes;
    all.trim_end().to_owned()
}

/// A screen with every style: missed sessions, a close of each kind, a paused display, a filter with an error.
fn colorful(size: Size) -> App {
    let mut app = app(size);
    app.batch(Batch {
        taken_ns: 11 * S,
        missed: crate::model::batch::Missed {
            ring_full: 17,
            ..Default::default()
        },
        ..sessions()
    });
    press(&mut app, "> g j Space /");
    app.text("rtt > fast"); // at once, without intermediate filters
    app
}

#[test]
fn themes_in_eight_and_256_colors_match_their_snapshots() {
    let size = Size {
        width: 80,
        height: 16,
    };
    let app = colorful(size);
    for theme in THEMES {
        let name = theme.name;
        let eight = styled(&app, theme.eight, size);
        insta::assert_snapshot!(format!("theme_{name}_8"), eight);
        let many = styled(&app, theme.many, size);
        if many != eight {
            insta::assert_snapshot!(format!("theme_{name}_256"), many);
        }
    }
}

#[test]
fn themes_all_show_the_same_text_as_monochrome() {
    for (width, height) in every_screen::SIZES {
        let size = Size { width, height };
        let app = colorful(size);
        let text = |theme| terminal(&app, theme, size).backend().to_string();
        for theme in THEMES {
            assert_eq!(text(theme.eight), text(&MONOCHROME), "{}", theme.name);
            assert_eq!(text(theme.many), text(&MONOCHROME), "{}", theme.name);
        }
    }
}

#[test]
fn themes_all_distinguish_the_selection_and_the_sorted_heading() {
    for theme in THEMES.iter().flat_map(|t| [t.eight, t.many]) {
        let terminal = terminal(&app(SIZE), theme, SIZE);
        let buffer = terminal.backend().buffer();
        assert_ne!(buffer[(70, 4)].style(), buffer[(70, 5)].style());
        assert_ne!(theme.heading, theme.heading_sorted);
        assert_ne!(theme.alarm_text, theme.closed);
        let steps = [theme.open, theme.just_closed, theme.fading, theme.closed];
        for (i, step) in steps.iter().enumerate() {
            assert!(!steps[..i].contains(step), "{step:?}");
        }
    }
}

#[test]
fn theme_key_steps_through_the_themes_and_shows_the_name() {
    let mut app = app(SIZE);
    for theme in THEMES.iter().cycle().skip(1).take(THEMES.len()) {
        press(&mut app, "t");
        assert!(screen(&app, SIZE).contains(&format!("theme: {}", theme.name)));
    }
}
