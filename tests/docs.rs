//! What the documents say of flags, keys and fields is made from the tables that the program itself uses.
//! `UPDATE_DOCS=1 cargo test --test docs` writes it anew.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

use std::path::Path;

use tcplife::ui::keys::{KEYS, Key, Mode};
use tcplife::{cli, fields, filter};

/// The part of a document between `<!-- NAME: begin -->` and `<!-- NAME: end -->` must be this text.
fn assert_section(document: &str, name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let all = std::fs::read_to_string(&path).expect("the document");
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let from = all
        .find(&begin)
        .unwrap_or_else(|| panic!("{document} has no {begin}"))
        + begin.len();
    let to = from
        + all[from..]
            .find(&end)
            .unwrap_or_else(|| panic!("{document} has no {end}"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{text}{}", &all[..from], &all[to..]))
            .expect("writing the document");
    } else {
        assert_eq!(
            &all[from..to],
            text,
            "{document}: UPDATE_DOCS=1 cargo test --test docs writes it anew"
        );
    }
}

/// One test, so that no two write one document at a time.
#[test]
fn the_readme_says_what_the_tables_say() {
    let readme = "README.md";
    assert_section(readme, "flags", &format!("```text\n{}```\n", cli::help()));

    let sections: [(&str, &[Mode]); 5] = [
        ("keys", &[Mode::Table]),
        ("talkers", &[Mode::Talkers]),
        ("detail", &[Mode::Detail]),
        ("prompt", &[Mode::Prompt]),
        ("export", &[Mode::FileName, Mode::Replace, Mode::Writing]),
    ];
    for (i, (section, modes)) in sections.iter().enumerate() {
        let mut keys = String::from("| key | does |\n|---|---|\n");
        let is_in = |k: &Key, modes: &[Mode]| modes.iter().any(|m| k.is_in(*m));
        // what is in an earlier list needs no second line
        let listed = |k: &&Key| {
            let before = sections[..i].iter().any(|(_, modes)| is_in(k, modes));
            is_in(k, modes) && !before
        };
        for key in KEYS.iter().filter(listed) {
            keys += &format!("| `{}` | {} |\n", key.names().replace('|', "\\|"), key.help);
        }
        assert_section(readme, section, &keys);
    }

    let mut table = String::from("| column | JSON key | what it is |\n|---|---|---|\n");
    let shown = |f: &&fields::Field| f.column.is_some() || f.json.is_some(); // the rest is for filters only
    for field in fields::FIELDS.iter().filter(shown) {
        let column = field.column.map_or("", |c| c.title);
        let json = field.json.map_or(String::new(), |key| format!("`{key}`"));
        table += &format!("| {column} | {json} | {} |\n", field.help);
    }
    assert_section(readme, "fields", &table);
    assert_section(readme, "filter", &filter::help_markdown());
}
