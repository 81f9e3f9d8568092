//! The sections of the documents about flags, keys and fields are generated from the tables that the program itself
//! uses. `UPDATE_DOCS=1 cargo test --test docs` updates them.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

use std::path::Path;

use common::documents::Section;
use tcplife::testing::model::{CONN_STATES, DROP_REASONS, FIELDS, Field, Missed, Value};
use tcplife::testing::model::{FINDINGS, THRESHOLDS, Thresholds};
use tcplife::testing::ui::{HELP_SECTIONS, KEYS, Mode, QUESTIONS, Step, THEMES, TITLES};
use tcplife::testing::{cli, filter};

mod common {
    pub(crate) mod documents;
}

/// Documents and their generated sections; `tests/dashboard/privileges.rs` has those of docs/privileges.md.
const SECTIONS: &[(&str, &[&str])] = &[
    (
        "docs/dashboard.md",
        &[
            "titles",
            "keys",
            "talkers",
            "screens",
            "lines",
            "detail",
            "columns",
            "sort-menu",
            "prompt",
            "help",
            "export",
            "past-prompt",
            "command",
            "themes",
        ],
    ),
    ("docs/drops.md", &["drop-reasons"]),
    ("docs/filters.md", &["filter"]),
    ("docs/diagnosis.md", &["findings", "thresholds"]),
    ("docs/troubleshooting.md", &["questions"]),
    (
        "docs/lines.md",
        &["flags", "fields", "conn-states", "missed"],
    ),
];

/// Asserts that a section of its document is this text.
fn assert_section(name: &str, text: &str) {
    let document = SECTIONS.iter().find(|(_, names)| names.contains(&name));
    let (document, _) = document.unwrap_or_else(|| panic!("no document has {name}"));
    Section::read(document, name).assert_is(text, "cargo test --test docs");
}

/// A single test, so that no document is written twice at a time.
#[test]
fn docs_generated_sections_match_the_program_tables() {
    assert_section("flags", &format!("```text\n{}```\n", cli::help()));

    for place in HELP_SECTIONS {
        let mut keys = String::from("| key | action |\n|---|---|\n");
        for key in KEYS.iter().filter(|k| place.lists(k)) {
            let (names, help) = (key.names().replace('|', "\\|"), place.help_of(key));
            keys += &format!("| `{names}` | {help} |\n");
        }
        assert_section(place.section, &keys);
    }

    let mut table = String::from("| screen | key | purpose |\n|---|---|---|\n");
    for title in TITLES {
        let mut keys = KEYS.iter().filter(|k| k.is_in(Mode::Table));
        let key = keys.find(|k| Some(k.action) == title.action);
        let key = key.map_or(String::new(), |k| format!("`{}`", k.presses[0].name()));
        table += &format!("| {} | {key} | {} |\n", title.name, title.purposes[0]);
    }
    assert_section("titles", &table);
    assert_section("questions", &questions());
    assert_section("findings", &findings());
    let mut table = String::from("| threshold | default | meaning |\n|---|---|---|\n");
    for threshold in THRESHOLDS {
        let (name, value) = (threshold.name, threshold.default);
        let (unit, help) = (threshold.unit, threshold.help);
        let value = format!("{value} {unit}");
        table += &format!("| `{name}` | {} | {help} |\n", value.trim());
    }
    assert_section("thresholds", &table);

    let mut table = String::from("| theme | description |\n|---|---|\n");
    for theme in THEMES {
        table += &format!("| `{}` | {} |\n", theme.name, theme.help);
    }
    assert_section("themes", &table);

    let mut table = String::from("| column | JSON key | meaning |\n|---|---|---|\n");
    let shown = |f: &&Field| f.column.is_some() || f.json.is_some(); // the rest is for filters only
    for field in FIELDS.iter().filter(shown) {
        let column = field.column.map_or("", |c| c.title);
        let json = field.json.map_or(String::new(), |key| format!("`{key}`"));
        table += &format!("| {column} | {json} | {} |\n", field.help);
    }
    assert_section("fields", &table);
    let mut table = String::from("| `conn_state` | meaning |\n|---|---|\n");
    for (name, meaning) in CONN_STATES {
        table += &format!("| `{name}` | {meaning} |\n");
    }
    assert_section("conn-states", &table);
    let mut table = String::from("| cause | meaning |\n|---|---|\n");
    for (name, meaning) in Missed::CAUSES {
        table += &format!("| `{name}` | {meaning} |\n");
    }
    assert_section("missed", &table);
    assert_section("filter", &filter::help_markdown());
    let mut table =
        String::from("| cause | in the screen | dropped … | kernel's name |\n|---|---|---|---|\n");
    for reason in DROP_REASONS {
        let cause = reason.class.word();
        table += &format!(
            "| {cause} | {} | {} | `{}` |\n",
            reason.words, reason.clause, reason.name
        );
    }
    assert_section("drop-reasons", &table);
}

/// The findings: what each means, the keys to its proof, what looks like it, and what to do.
fn findings() -> String {
    let mut text = String::new();
    for rule in FINDINGS {
        let (name, severity) = (rule.name, rule.severity.name());
        let threshold = rule.threshold_text(&Thresholds::default());
        let row = |press: &str, shows: &str, meaning: &str| {
            format!("| `{press}` | `{}` | {meaning} |\n", shows.trim())
        };
        let needs = match rule.needs_s(&Thresholds::default()) {
            0 => String::new(),
            s => format!(" A run needs {s} s to judge it."),
        };
        let mut keys = row("Enter", &rule.proof.shows(), &rule.proof.meaning());
        for step in rule.further {
            keys += &row(step.press, step.shows, step.meaning);
        }
        text += &format!(
            "\n### {}\n\n`{name}`, a {severity}; {threshold}.{needs}\n\n{}\n\n| keys | on the screen | |\n|---|---|---|\n{keys}\n* **It may also be:** {}\n* **Next:** {}\n",
            rule.title, rule.meaning, rule.similar, rule.next
        );
    }
    text + "\n"
}

/// The questions and the keys that answer them.
fn questions() -> String {
    let row = |step: &Step| {
        let names = step.press.split(' ').chain([step.typed]);
        let names: Vec<String> = names
            .filter(|name| !name.is_empty())
            .map(|name| format!("`{name}`"))
            .collect();
        let (keys, shows, meaning) = (names.join(" "), step.shows.trim(), step.meaning);
        format!("| {keys} | `{shows}` | {meaning} |\n")
    };
    let table = |steps: &[Step]| {
        let rows: String = steps.iter().map(row).collect();
        format!("| keys | on the screen | |\n|---|---|---|\n{rows}")
    };
    let mut text = String::new();
    for question in QUESTIONS {
        text += &format!("\n## {}\n\n{}", question.text, table(question.steps));
        if !question.further.is_empty() {
            text += &format!("\nThen, for the details:\n\n{}", table(question.further));
        }
        if !question.remark.is_empty() {
            text += &format!("\n{}\n", question.remark);
        }
    }
    text + "\n"
}

#[test]
fn docs_dependencies_have_a_row_each_with_their_version() {
    let read = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        std::fs::read_to_string(path).expect("a file")
    };
    let document = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let date = regex::Regex::new(r"^20\d\d-\d\d-\d\d \|").expect("a pattern");
    let mut missing = Vec::new();
    let mut is_in_table = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_in_table = line.ends_with("dependencies]");
        }
        let Some((name, requirement)) = line.split_once(" = ").filter(|_| is_in_table) else {
            continue;
        };
        // `NAME = "1"`, or `NAME = { version = "1", … }`, or without a version this crate itself
        let requirement = requirement.trim_start_matches("{ version = ");
        let version = requirement
            .strip_prefix('"')
            .and_then(|r| r.split('"').next());
        let row = version.map(|version| format!("| `{name}` | {version} |"));
        let is_in = |row: &str| {
            let rest = document.split_once(row).map(|(_, rest)| rest.trim_start());
            rest.is_some_and(|rest| date.is_match(rest))
        };
        missing.extend(row.filter(|row| !is_in(row)));
    }
    assert!(
        missing.is_empty(),
        "docs/dependencies.md lacks, with the date of the last release:\n{}",
        missing.join("\n")
    );
}

#[test]
fn docs_moving_picture_is_small_and_shows_each_frame_in_turn() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tour.svg");
    let picture = std::fs::read_to_string(file).expect("the picture");
    assert!(picture.len() <= 300_000, "{} bytes", picture.len());
    let frames = picture.matches("<g class=\"f f").count();
    let turns = picture.matches("@keyframes").count();
    assert!(frames >= 10, "only {frames} frames");
    assert_eq!(frames, turns);
    for forbidden in ["<script", "http-equiv", "<image", "@import"] {
        assert!(!picture.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn docs_book_lists_every_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).expect("a summary");
    for entry in std::fs::read_dir(folder).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("UTF-8");
        let is_listed = summary.contains(&format!("({name})"));
        let is_document = name.ends_with(".md") && name != "SUMMARY.md";
        assert!(!is_document || is_listed, "docs/SUMMARY.md lacks {name}");
    }
}

#[test]
fn docs_nullable_json_keys_are_all_listed() {
    use tcplife::testing::model::{Age, Direction, Evidence, Reason, Session, State};
    let nothing_is_known = Session {
        age: Age::Unknown,
        owner: Evidence::None,
        direction: Direction::In,
        state: State::Established,
        reason: Reason::Unknown,
        lport: 0,
        close_us: 0,
        srtt_us: 0,
        turns: Default::default(),
        min_rtt_us: 0,
        cgroup: std::sync::Arc::default(),
        ..tcplife::testing::sample::closed_session()
    };
    let null: Vec<&str> = FIELDS
        .iter()
        .filter(|f| (f.get)(&nothing_is_known) == Value::Missing)
        .filter_map(|f| f.json)
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lines.md");
    let all = std::fs::read_to_string(path).expect("the document");
    let (_, from) = all.split_once("<!-- nulls: begin -->").expect("a table");
    let (table, _) = from.split_once("<!-- nulls: end -->").expect("its end");
    let listed: Vec<&str> = table
        .lines()
        .filter_map(|row| row.strip_prefix("| `")?.split_once(" |"))
        .flat_map(|(keys, _)| keys.split(", "))
        .map(|key| key.trim_matches('`'))
        .collect();
    assert_eq!(listed, null);
}

/// The targets of relative links in the documents exist.
#[test]
fn docs_relative_links_point_to_existing_files_and_headings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("the documents");
    let docs = docs.map(|entry| entry.expect("a document").path());
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    let documents = docs
        .chain(top)
        .filter(|p| p.extension().is_some_and(|e| e == "md"));
    let mut links = 0;
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let file = match file {
                "" => document.clone(),
                _ => document.with_file_name("").join(file),
            };
            assert!(file.exists(), "{}: {link}", document.display());
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&file).expect("a document");
                assert!(
                    text.lines()
                        .any(|line| anchor_of(line).as_deref() == Some(anchor)),
                    "{}: {link}",
                    document.display()
                );
            }
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links were found");
}

/// Returns the anchor of a heading.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -".contains(*c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}
