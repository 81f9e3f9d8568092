//! The help: its chapters, and the search in them.

use super::*;
use crate::host::sandbox::InForce;
use crate::model::batch::Missed;
use crate::model::findings::Thresholds;
use crate::ui::action::Action;
use crate::ui::keys::titles::TITLES;
use crate::ui::page::help::{CHAPTERS, HelpLine, Sources, lines};
use crate::ui::page::questions::QUESTIONS;

/// Beginning of the title of this chapter, counted from 1.
fn chapter(n: usize) -> String {
    format!("HELP {n}/{}", CHAPTERS.len())
}

/// The title of the help.
fn title(app: &App) -> String {
    let y = app.layout().main.y;
    line(app, SIZE, y.into()).trim_matches('"').to_owned()
}

#[test]
fn help_lists_every_key_and_column() {
    let size = Size {
        width: 80,
        height: 150,
    };
    let mut app = app(size);
    press(&mut app, "?");
    let mut shown = String::new();
    for _ in CHAPTERS {
        let terminal = terminal(&app, &MONOCHROME, size);
        let buffer = terminal.backend().buffer();
        for y in app.layout().main.rows().map(|row| row.y) {
            let cells = (0..size.width).map(|x| buffer[(x, y)].symbol());
            shown += &format!("{}\n", cells.collect::<String>().trim_end());
        }
        press(&mut app, "→");
    }
    assert!(title(&app).contains(&chapter(1)), "it goes round");
    insta::assert_snapshot!(shown);
    for key in keys::KEYS {
        let start: String = key.help.chars().take(30).collect();
        assert!(
            shown.contains(&key.names()) && shown.contains(&start),
            "{key:?}"
        );
    }
    for (field, column) in crate::model::fields::columns() {
        let start: String = field.help.chars().take(30).collect();
        assert!(
            shown.contains(column.title) && shown.contains(&start),
            "{}",
            column.title
        );
    }
}

#[test]
fn help_lines_fit_eighty_and_sixty_columns() {
    let sources = Sources {
        keymap: &keys::Keymap::default(),
        missed: &Missed::default(),
        in_force: &InForce::default(),
        thresholds: &Thresholds::default(),
    };
    for (width, fits) in [(200, 52), (80, 52), (60, 32), (48, 20), (47, 0), (30, 0)] {
        for line in (0..CHAPTERS.len()).flat_map(|c| lines(&sources, c, width)) {
            match line {
                HelpLine::Entry(name, meaning) => assert!(
                    name.width() <= 24 && meaning.width() <= fits,
                    "{name}: {meaning}"
                ),
                HelpLine::Pair(pair) => {
                    assert!(width >= 80);
                    for (key, meaning) in pair {
                        assert!(key.width() < 10 && meaning.width() <= 28, "{meaning}");
                    }
                }
                HelpLine::Below(text) => {
                    assert!(
                        width < 48 && text.width() <= usize::from(width) - 4,
                        "{text}"
                    );
                }
                HelpLine::Heading(_) | HelpLine::Blank => {}
            }
        }
    }
}

#[test]
fn help_first_page_has_the_purpose_twelve_keys_and_all_questions() {
    let mut app = app(SIZE);
    press(&mut app, "?");
    let shown = screen(&app, SIZE);
    let sessions = TITLES[0].purposes[0];
    assert!(
        title(&app).contains(&format!("{}  Sessions: {sessions}", chapter(1))),
        "{shown}"
    );
    for text in ["filter, as you type", "undo the filter", "only IPv4"] {
        assert!(shown.contains(text), "{text}:\n{shown}");
    }
    // the last ones may be below the last line of the smallest window
    press(&mut app, "PgDn");
    let shown = shown + &screen(&app, SIZE);
    for question in QUESTIONS {
        assert!(shown.contains(question.text), "{}:\n{shown}", question.text);
        let keys = question.asked(&app.keymap).keys;
        assert!(shown.contains(&keys), "{}", question.text);
        assert!(question.text.width() <= 52 && keys.width() <= 24);
    }
    assert!(!shown.contains(" :"), "every key has a name:\n{shown}");
}

#[test]
fn help_opens_at_the_chapter_of_the_present_screen() {
    for (script, name) in [
        ("?", "Sessions"),
        ("Tab ?", "Top talkers"),
        ("d ?", "Charts, failures, baseline"),
        ("f h", "Charts, failures, baseline"),
        ("L ?", "Listeners"),
        ("D ?", "Drops"),
        ("Enter F1", "One session"),
        ("c ?", "Columns"),
        ("/ ?", "Filters"),
    ] {
        let mut app = app(SIZE);
        press(&mut app, script);
        let n = CHAPTERS.iter().position(|c| c.name == name);
        let n = n.filter(|_| script != "?").map_or(1, |n| n + 1);
        assert!(
            title(&app).starts_with(&format!("{}  {name}", chapter(n))),
            "{script}: {}",
            title(&app)
        );
        press(&mut app, "?");
        assert_ne!(app.layers.mode(), Mode::Help, "{script}");
    }
}

#[test]
fn help_question_mark_in_a_filter_is_text() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm ~ a");
    app.key(KeyPress::new(KeyCode::Char('?'), false), Some('?'));
    assert_eq!(app.layers.mode(), Mode::Prompt);
    assert!(screen(&app, SIZE).contains("comm ~ a?"));
    // an empty one explains the language, and is there again afterwards
    press(&mut app, "^U ?");
    assert!(screen(&app, SIZE).contains("rtt > 50ms"));
    press(&mut app, "Esc");
    assert_eq!(app.layers.mode(), Mode::Prompt);
    // leaving for another screen cancels it
    press(&mut app, "? d");
    assert_eq!(app.layers.mode(), Mode::Distributions);
    press(&mut app, "d");
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn help_chapters_are_turned_and_chosen_by_number() {
    let mut app = app(SIZE);
    press(&mut app, "? →");
    assert!(title(&app).starts_with(&(chapter(2) + "  Sessions")));
    press(&mut app, "Tab Tab ←");
    assert!(title(&app).starts_with(&chapter(3)));
    press(&mut app, "G 0");
    assert!(title(&app).starts_with(&chapter(10)));
    press(&mut app, "1 Shift-Tab G");
    assert!(title(&app).starts_with(&chapter(CHAPTERS.len())));
    assert!(screen(&app, SIZE).contains("seccomp no"));
    press(&mut app, "Esc");
    assert!(screen(&app, SIZE).contains("RADDR"));
}

#[test]
fn help_search_finds_in_all_chapters() {
    let mut app = app(SIZE);
    press(&mut app, "? /");
    type_text(&mut app, "Close-Wait");
    let shown = screen(&app, SIZE);
    assert!(
        shown.contains("close-wait") && shown.contains("hits"),
        "{shown}"
    );
    press(&mut app, "Enter");
    let found = |app: &App| app.layers.help().and_then(|help| help.found);
    let mut seen = vec![found(&app)];
    let mut titles = vec![title(&app)];
    loop {
        press(&mut app, "n");
        titles.push(title(&app));
        if found(&app) == seen[0] {
            break;
        }
        seen.push(found(&app));
    }
    let legend = CHAPTERS
        .iter()
        .position(|c| c.name == "States, reasons, markers");
    let legend = legend.expect("a chapter") + 1;
    for chapter in [chapter(1), chapter(legend)] {
        let has = titles.iter().any(|title| title.starts_with(&chapter));
        assert!(has, "{titles:?}");
    }
    press(&mut app, "N");
    assert_eq!(found(&app), *seen.last().expect("a hit"));
    // marked where it is
    let terminal = terminal(&app, &MONOCHROME, SIZE);
    let cells = terminal.backend().buffer().content();
    let marked = cells
        .iter()
        .skip(usize::from(SIZE.width) * 4)
        .filter(|c| c.modifier.contains(Modifier::REVERSED));
    let marked: String = marked.map(Cell::symbol).collect();
    assert_eq!(marked.to_lowercase(), "close-wait");
}

#[test]
fn help_search_without_a_hit_says_so_and_can_be_cancelled() {
    let mut app = app(SIZE);
    press(&mut app, "? 8 j");
    let before = screen(&app, SIZE);
    press(&mut app, "/");
    type_text(&mut app, "privileges");
    assert!(title(&app).starts_with(&chapter(CHAPTERS.len())));
    type_text(&mut app, "xyzzy");
    assert!(screen(&app, SIZE).contains("not found"));
    press(&mut app, "Esc");
    assert_eq!(screen(&app, SIZE), before);
    press(&mut app, "n");
    assert!(screen(&app, SIZE).contains("/ searches the help"));
    press(&mut app, "/");
    type_text(&mut app, "xyzzy");
    press(&mut app, "Enter n");
    assert!(screen(&app, SIZE).contains("not found in the help: xyzzy"));
    press(&mut app, "/");
    type_text(&mut app, "killed");
    press(&mut app, "Enter");
    assert!(!screen(&app, SIZE).contains("the only hit"));
    for key in ["n", "N"] {
        press(&mut app, key);
        assert!(screen(&app, SIZE).contains("this is the only hit"), "{key}");
    }
    assert_eq!(app.update(Action::Help), None);
    assert_eq!(app.layers.mode(), Mode::Table);
}
