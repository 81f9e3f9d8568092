//! Copying: the text of each selection.

use super::*;
use crate::host::session_env::{Multiplexer, SessionEnv};

fn copied(app: &mut App, key: &str) -> String {
    match press(app, key) {
        Some(Effect::Copy(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn copy_key_sends_the_text_of_the_focused_part() {
    let mut app = app(SIZE);
    let row = copied(&mut app, "y");
    insta::assert_snapshot!(row);
    let shown = screen(&app, SIZE);
    // there is no room for it, and a part of it would be another text
    assert!(shown.contains("sent the session to the terminal's clipboard "));
    assert!(!line(&app, SIZE, 23).contains("1970-01-01"), "{shown}");
    press(&mut app, "Esc j j j");
    assert!(copied(&mut app, "y").contains(" - pid - 10.0.0.5:443 <- 10.0.0.9:50012 timed out "));
    press(&mut app, "Esc g Enter");
    assert_eq!(
        copied(&mut app, "y"),
        "ss -tinemo src 10.0.0.5:443 dst 198.51.100.7:50001"
    );
    assert!(screen(&app, SIZE).contains("sent the ss command to the terminal's clipboard "));
    press(&mut app, "Esc");
    assert!(copied(&mut app, "Y").starts_with("tcpdump -nni any host 10.0.0.5 and"));
    press(&mut app, "Esc Esc Tab Tab");
    assert_eq!(copied(&mut app, "y"), "raddr 198.51.100.7");
    assert!(screen(&app, SIZE).contains("sent to the terminal's clipboard: raddr 198.51.100.7 "));
}

#[test]
fn detail_shows_which_key_copies_which_command() {
    let size = Size {
        width: 80,
        height: 60,
    };
    let mut app = app(size);
    press(&mut app, "Enter");
    let shown = screen(&app, size);
    assert!(
        shown.contains("COMMANDS: y copies the first, Y the second"),
        "{shown}"
    );
}

#[test]
fn copy_with_nothing_selected_shows_a_notice() {
    let mut app = unused(2, SIZE);
    assert_eq!(press(&mut app, "y"), None);
    assert!(screen(&app, SIZE).contains("nothing is selected"));
}

#[test]
fn copy_in_tmux_shows_the_required_setting() {
    let mut app = app(SIZE).within(SessionEnv {
        multiplexer: Some(Multiplexer::Tmux),
        ..SessionEnv::default()
    });
    copied(&mut app, "y");
    assert!(screen(&app, SIZE).contains("set-clipboard"));
}

#[test]
fn copy_of_session_closed_since_the_last_snapshot_is_as_the_table_shows_it() {
    let mut app = app(SIZE);
    // sorted by its bytes it keeps its place when it closes
    press(&mut app, "< < g j");
    app.batch(busiest_ended_since(Reason::RemoteReset));
    assert!(copied(&mut app, "y").contains("198.51.100.7:50001 established"));
    press(&mut app, "Esc");
    app.batch(batch_at(11, vec![], vec![]));
    assert!(copied(&mut app, "y").contains("198.51.100.7:50001 peer reset"));
}

#[test]
fn copied_text_is_shown_from_edge_to_edge_until_any_key() {
    for (script, key) in [("", "y"), ("Enter", "Y"), ("Tab", "y")] {
        let mut app = app(SIZE);
        if !script.is_empty() {
            press(&mut app, script);
        }
        let before = (app.layers.mode(), screen(&app, SIZE));
        let text = copied(&mut app, key);
        let closes = "else select it by hand. Any key closes.";
        let top = (0..24).find(|y| line(&app, SIZE, *y).contains(closes));
        let top = top.expect("the popup") + 1;
        let lines = text.width().div_ceil(80);
        let shown: String = (top..top + lines)
            .map(|y| line(&app, SIZE, y).trim_matches('"').to_owned())
            .collect();
        assert_eq!(shown.trim_end(), text);
        assert!(line(&app, SIZE, top + lines).contains("────"));
        let characters = ["j", "y", "q"].map(|c| KeyCode::Char(c.chars().next().expect("one")));
        for closes in [&characters[..], &[KeyCode::Esc, KeyCode::F(9), KeyCode::Up]].concat() {
            assert_eq!(app.key(KeyPress::new(closes, false), None), None);
            assert_eq!(app.layers.mode(), before.0, "{closes:?}");
            copied(&mut app, key);
        }
        assert_eq!(press(&mut app, "^C"), Some(Effect::Quit));
        assert_eq!(screen(&app, SIZE), before.1);
    }
}
