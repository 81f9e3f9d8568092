//! The filter prompt: what is typed, its errors and completions.

use super::*;

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
fn filter_is_edited_word_by_word_as_in_a_shell() {
    for (keys, text) in [
        ("Alt-b Alt-d", "comm curl or comm X"),
        ("Alt-← Ctrl-← Alt-Backspace", "comm curl Xcomm nginx"),
        ("Alt-b Alt-b Alt-f Alt-d", "comm curl or comm X"),
    ] {
        let mut app = app(SIZE);
        press(&mut app, "/");
        type_text(&mut app, "comm curl or comm nginx");
        press(&mut app, keys);
        type_text(&mut app, "X");
        let prompt = line(&app, SIZE, 21);
        assert!(
            prompt.contains(&format!("filter: {text} ")),
            "{keys}: {prompt}"
        );
    }
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
        screen(&app, SIZE).contains("shown: comm curl"),
        "{}",
        screen(&app, SIZE)
    );
    type_text(&mut app, " fast");
    assert_eq!(app.row_count(), 2);
    assert!(screen(&app, SIZE).contains("`rtt` takes a time with its unit"));
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
