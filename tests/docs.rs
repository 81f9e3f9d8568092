//! What the documents say of flags, keys and fields is made from the tables that the program itself uses.
//! `UPDATE_DOCS=1 cargo test --test docs` writes it anew.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

use std::path::Path;

use tcplife::ui::keys::{KEYS, PLACES};
use tcplife::ui::theme::THEMES;
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

    for place in PLACES {
        let mut keys = String::from("| key | does |\n|---|---|\n");
        for key in KEYS.iter().filter(|k| place.lists(k)) {
            keys += &format!("| `{}` | {} |\n", key.names().replace('|', "\\|"), key.help);
        }
        assert_section(readme, place.section, &keys);
    }

    let mut table = String::from("| theme | what it is for |\n|---|---|\n");
    for theme in THEMES {
        table += &format!("| `{}` | {} |\n", theme.name, theme.help);
    }
    assert_section(readme, "themes", &table);

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
