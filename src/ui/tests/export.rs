//! Exporting: the prompt, the questions and the file.

use super::*;
use crate::output::export_file::WriterReport;
use crate::ui::action::Mode;
use crate::ui::state::export::ExportCommand;

/// Writes the file that an effect asked for, like the event loop; returns its path and its text.
fn written(app: &mut App, effect: Option<Effect>) -> (String, String) {
    let Some(Effect::Export(ExportCommand::Begin { path, replace })) = effect else {
        panic!("no file is begun: {effect:?}");
    };
    assert!(!replace);
    let mut text = Vec::new();
    loop {
        app.exported(WriterReport::Ready);
        settle(app);
        let block = app.export_block().expect("a block");
        text.extend(block.bytes);
        if block.is_last {
            break;
        }
    }
    assert_eq!(app.export_block(), None, "it is whole");
    app.exported(WriterReport::Done);
    let text = String::from_utf8(text).expect("UTF-8");
    (path.to_string_lossy().into_owned(), text)
}

fn name(app: &mut App, text: &str) {
    press(app, "e ^U");
    type_text(app, text);
}

/// An export whose file exists already.
pub fn there_is_such_a_file(size: Size) -> App {
    let mut app = app(size);
    press(&mut app, "e Enter");
    app.exported(WriterReport::Exists);
    app
}

#[test]
fn export_to_csv_writes_the_table() {
    let mut app = app(SIZE);
    let effect = press(&mut app, "e Enter");
    let (path, text) = written(&mut app, effect);
    assert_eq!(path, "tcplife-19700101-000010.csv");
    insta::assert_snapshot!(text);
    assert!(screen(&app, SIZE).contains("exported 9 sessions to tcplife-19700101-000010.csv"));
    press(&mut app, "j");
    assert!(
        !screen(&app, SIZE).contains("exported"),
        "a key takes it away"
    );
}

#[test]
fn export_to_json_writes_the_table() {
    let mut app = app(SIZE);
    name(&mut app, "a.json");
    let effect = press(&mut app, "Enter");
    insta::assert_snapshot!(written(&mut app, effect).1);
}

#[test]
fn export_has_the_shown_sessions_in_the_shown_order() {
    let mut app = app(SIZE);
    press(&mut app, "4 o o > > I /");
    type_text(&mut app, "comm curl or comm postgres");
    press(&mut app, "Enter");
    name(&mut app, "a.csv");
    let effect = press(&mut app, "Enter");
    let (_, text) = written(&mut app, effect);
    let mut rows = text.lines().map(|row| row.split(','));
    let at = rows
        .next()
        .and_then(|mut keys| keys.position(|key| key == "rport"));
    let at = at.expect("a column of ports");
    let ports: Vec<&str> = rows.filter_map(|mut row| row.nth(at)).collect();
    assert_eq!(ports, column(&app, "RPORT"));
    assert_eq!(ports.len(), 3);
}

#[test]
fn export_to_unknown_extension_is_rejected_with_valid_ones() {
    let mut app = app(SIZE);
    name(&mut app, "sessions.txt");
    assert_eq!(press(&mut app, "Enter"), None);
    insta::assert_snapshot!(screen(&app, SIZE));
    type_text(&mut app, "x");
    assert!(!screen(&app, SIZE).contains(".jsonl"));
    assert_eq!(press(&mut app, "Esc"), None);
    assert_eq!(app.layers.mode(), Mode::Table);
}

#[test]
fn export_to_existing_file_asks_before_replacing() {
    let mut app = there_is_such_a_file(SIZE);
    // the name can be changed
    assert_eq!(
        press(&mut app, "n"),
        Some(Effect::Export(ExportCommand::Cancel))
    );
    type_text(&mut app, ".json");
    press(&mut app, "Enter");
    app.exported(WriterReport::Exists);
    let replace = match press(&mut app, "y") {
        Some(Effect::Export(ExportCommand::Begin { path, replace })) => {
            assert!(path.to_string_lossy().ends_with(".csv.json"));
            replace
        }
        other => panic!("{other:?}"),
    };
    assert!(replace);
}

#[test]
fn export_to_file_created_meanwhile_asks_after_writing() {
    let mut app = app(SIZE);
    press(&mut app, "e Enter");
    app.exported(WriterReport::Ready);
    assert!(app.export_block().expect("a block").is_last);
    app.exported(WriterReport::Taken);
    assert!(screen(&app, SIZE).contains("Replace it? y/n"));
    assert_eq!(
        press(&mut app, "y"),
        Some(Effect::Export(ExportCommand::Replace))
    );
    assert_eq!(app.export_block(), None, "all is written");
    app.exported(WriterReport::Done);
    assert!(screen(&app, SIZE).contains("exported 9 sessions"));
}

#[test]
fn export_failure_is_shown_and_the_name_can_be_changed() {
    let mut app = app(SIZE);
    name(&mut app, "/none/a.csv");
    press(&mut app, "Enter");
    app.exported(WriterReport::Failed("No such file or directory".into()));
    insta::assert_snapshot!(screen(&app, SIZE));
    assert_eq!(app.layers.mode(), Mode::FileName);
}

#[test]
fn export_pauses_the_display_and_can_be_cancelled() {
    let mut app = unused(10_000, SIZE);
    let many = |from: u64| {
        let closed = from..from + 3000;
        let closed = closed.map(closed_at).collect();
        batch_at(from + 1, vec![], closed)
    };
    fn closed_at(cookie: u64) -> Session {
        Session {
            cookie,
            ..closed(cookie % 1000, "curl", "10.0.0.9", Reason::LocalFin)
        }
    }
    app.batch(many(0));
    press(&mut app, "e Enter");
    let mut bytes = 0;
    for _ in 0..3 {
        app.exported(WriterReport::Ready);
        bytes += app.export_block().expect("a block").bytes.len();
        app.batch(many(bytes as u64));
    }
    assert_eq!(app.row_count(), 3000);
    let shown = screen(&app, SIZE);
    assert!(shown.contains(" EXPORT 51 % "), "{shown}");
    assert!(!shown.contains("PAUSED"));
    assert_eq!(
        press(&mut app, "Esc"),
        Some(Effect::Export(ExportCommand::Cancel))
    );
    assert_eq!(app.row_count(), 10_000, "what waited is there");
    app.export_cancelled(false);
    assert!(screen(&app, SIZE).contains("cancelled; no file is left behind"));
    // later reports about the file are ignored
    app.exported(WriterReport::Ready);
    assert_eq!(app.export_block(), None);
    // a display paused before stays paused
    press(&mut app, "Space e Enter");
    app.exported(WriterReport::Ready);
    press(&mut app, "Esc");
    assert!(screen(&app, SIZE).contains("PAUSED, 0 new (Space resumes)"));
}

#[test]
fn export_of_session_closed_since_the_last_snapshot_is_as_the_table_shows_it() {
    let mut app = app(SIZE);
    app.batch(busiest_ended_since(Reason::RemoteFin));
    let effect = press(&mut app, "e Enter");
    let (_, text) = written(&mut app, effect);
    let busiest: Vec<&str> = text.lines().filter(|l| l.contains(",50001,")).collect();
    assert_eq!(busiest.len(), 1);
    assert!(busiest[0].starts_with("open,"), "{text}");
    assert_eq!(text.lines().count(), 10);
    assert!(screen(&app, SIZE).contains("exported 9 sessions"));
}

#[test]
fn export_at_block_boundaries_writes_every_session() {
    for sessions in [0, 1, 511, 512, 513, 1024] {
        let mut app = unused(10_000, SIZE);
        let closed = (0..sessions).map(|c| closed(c, "curl", "10.0.0.9", Reason::LocalFin));
        app.batch(batch_at(1, vec![], closed.collect()));
        let effect = press(&mut app, "e Enter");
        let (_, text) = written(&mut app, effect);
        assert_eq!(text.lines().count() as u64, sessions + 1);
    }
}
