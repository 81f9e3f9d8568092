//! Filters that match nothing say why, and what would match.

use super::*;

/// A dashboard whose filter is this text, applied.
fn filtered(keys: &str, text: &str, size: Size) -> App {
    let mut app = app(size);
    if !keys.is_empty() {
        press(&mut app, keys);
    }
    press(&mut app, "/");
    type_text(&mut app, text);
    press_and_settle(&mut app, "Enter");
    app
}

#[test]
fn no_match_names_a_near_process_and_the_key_that_goes_back() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "comm ngnix");
    let seen = screen(&app, SIZE);
    assert!(
        seen.contains("No session matches \"comm ngnix\" (9 hidden). Esc: undo."),
        "{seen}"
    );
    assert!(seen.contains("Did you mean comm nginx?"), "{seen}");
    assert!(!seen.contains("Backspace: undo"), "{seen}");
    press_and_settle(&mut app, "Enter");
    let seen = screen(&app, SIZE);
    assert!(
        seen.contains("No session matches \"comm ngnix\" (9 hidden). Backspace: undo."),
        "{seen}"
    );
    press_and_settle(&mut app, "Backspace");
    assert_eq!(app.row_count(), 9);
}

#[test]
fn no_match_says_which_words_were_searched_for() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "web-shop and checkout");
    press_and_settle(&mut app, "Enter");
    let seen = screen(&app, SIZE);
    let said = "Searched for in programs, addresses and STATUS: \"web-shop\", \"checkout\".";
    assert!(seen.contains(said), "{seen}");
    press(&mut app, "/ ^U");
    type_text(&mut app, "comm nobody");
    press_and_settle(&mut app, "Enter");
    let seen = screen(&app, SIZE);
    assert!(!seen.contains("Searched for"), "{seen}");
}

#[test]
fn no_match_says_where_sockets_in_fin_wait_2_are() {
    let mut app = app(SIZE);
    for text in ["fin-wait-2", "state fin-wait-2", "status = fin-wait-2"] {
        press(&mut app, "/ ^U");
        type_text(&mut app, text);
        press_and_settle(&mut app, "Enter");
        let seen = screen(&app, SIZE);
        assert!(
            seen.contains("a socket in FIN-WAIT-2 is one in"),
            "{text}: {seen}"
        );
    }
}

#[test]
fn no_match_suggests_only_what_would_match() {
    for (text, meant) in [
        ("ngnix", "Did you mean nginx?"),
        ("src 198.51.100.7", "Did you mean addr 198.51.100.7?"),
        ("rport 443", "Did you mean port 443?"),
        ("198", "Did you mean 198.?"),
        ("port 443 and pid 1", "Did you mean port 443 or pid 1?"),
    ] {
        let seen = screen(&filtered("", text, SIZE), SIZE);
        assert!(seen.contains(meant), "{text}:\n{seen}");
    }
    for text in ["port 12345", "rtt > 1h", "nothing-like-it"] {
        let seen = screen(&filtered("", text, SIZE), SIZE);
        assert!(seen.contains("No session matches"), "{text}:\n{seen}");
        assert!(!seen.contains("Did you mean"), "{text}:\n{seen}");
    }
}

#[test]
fn no_match_names_the_scope_or_family_that_hides_sessions() {
    for (keys, text, says) in [
        (
            "o",
            "comm curl",
            "No open session matches \"comm curl\" (9 hidden). Only open ones are shown: o.",
        ),
        ("o o", "comm nginx", "Only closed ones are shown: o."),
        ("4", "addr 2001:db8::/32", "Only IPv4 is shown: 4."),
        ("6", "comm curl", "Only IPv6 is shown: 6."),
    ] {
        let seen = screen(&filtered(keys, text, SIZE), SIZE);
        assert!(
            seen.replace("\"\n\"", " ").contains(says) || seen.contains(says),
            "{text}:\n{seen}"
        );
        assert!(!seen.contains("Did you mean"), "{text}:\n{seen}");
    }
}

#[test]
fn no_match_in_a_narrow_window_is_on_several_lines() {
    let narrow = Size::new(30, 12);
    let seen = screen(&filtered("", "comm ngnix", narrow), narrow);
    for line in [
        "No session matches \"comm",
        "ngnix\" (9 hidden).",
        "Backspace: undo.",
        "Did you mean comm nginx?",
    ] {
        assert!(seen.contains(line), "{line}:\n{seen}");
    }
    let tiny = Size::new(30, 5);
    screen(&filtered("", "comm ngnix", tiny), tiny);
}

#[test]
fn part_of_a_reason_selects_the_same_sessions_before_and_after_enter() {
    let mut app = app(SIZE);
    press(&mut app, "/");
    type_text(&mut app, "reason re");
    settle(&mut app);
    assert_eq!(app.row_count(), 2, "refused and remote-reset");
    press_and_settle(&mut app, "Enter");
    assert_eq!(app.row_count(), 2);
}

#[test]
fn number_alone_is_a_port_or_a_process_id() {
    let port = filtered("", "50001", SIZE);
    assert_eq!(port.row_count(), 1);
    let pid = sample().pid.to_string();
    assert!(filtered("", &pid, SIZE).row_count() > 1);
}
