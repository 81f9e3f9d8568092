//! The direction of imports: enforces for every file what ARCHITECTURE.md says about the folders.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files of `src/`, from the bottom up: each may import only from itself and from the preceding rows.
const LAYERS: &[&[&str]] = &[
    &["text"],
    &["model"],
    &["filter"],
    &["host"],
    &["collector", "output"],
    &["ui"],
    &["cli"],
    &["doctor", "generate"],
    &["run"],
];

/// The same for `src/ui/`; its `mod.rs`, the event loop, is above all of them.
const UI_LAYERS: &[&[&str]] = &[
    &["action", "theme"],
    &["keys"],
    &["input", "layout"],
    &["state"],
    &["page", "config"],
    &["app"],
    &["view", "terminal"],
];

/// Crates and system files that are named in a single place, so that replacing one touches nothing else.
const CONFINED: &[(&str, &str)] = &[
    ("termios", "src/ui/terminal/"),
    ("eventfd", "src/host/waker.rs"),
    ("humansize", "src/model/fields/format.rs"),
    ("libbpf_rs", "src/collector/kernel/"),
    ("\"/proc", "src/host/proc.rs"),
];

/// Returns every source file with its text, without tests: a test may use whatever it needs.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    visit(&root.join("src"), &mut found);
    let relative = |path: &Path| {
        let path = path.strip_prefix(root).expect("below the root");
        path.to_str().expect("UTF-8").to_owned()
    };
    let is_test = |name: &String| {
        name.contains("/tests/") || name.ends_with("/tests.rs") || name.starts_with("src/testing/")
    };
    let named = found.iter().map(|path| (relative(path), path));
    named
        .filter(|(name, _)| !is_test(name))
        .map(|(name, path)| (name, fs::read_to_string(path).expect("a source file")))
        .map(|(name, text)| {
            let code = text.split("#[cfg(test)]\nmod tests").next();
            (name, code.unwrap_or_default().to_owned())
        })
        .collect()
}

/// Iterates over the lines of code, without comments, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Returns the row of a folder or file, if it is in one.
fn row(layers: &[&[&str]], name: &str) -> Option<usize> {
    layers.iter().position(|row| row.contains(&name))
}

/// Returns the names that a line has below a prefix: `ui` for `crate::ui::app` below `crate::`.
fn named<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let ends = |c: char| !c.is_alphanumeric() && c != '_';
    line.match_indices(prefix)
        .map(|(at, _)| {
            line[at + prefix.len()..]
                .split(ends)
                .next()
                .unwrap_or_default()
        })
        .collect()
}

/// Returns every import of a file that its layers do not allow.
fn violations(
    layers: &[&[&str]],
    folder: &str,
    prefix: &str,
    sources: &[(String, String)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, text) in sources {
        let Some(below) = file.strip_prefix(folder) else {
            continue;
        };
        let own = below.split(['/', '.']).next().unwrap_or_default();
        let own = match (row(layers, own), own) {
            (Some(row), _) => row,
            (None, "mod" | "lib" | "main") => continue, // above all of them
            (None, name) => {
                wrong.push(format!("{file}: {name} is in no row of the layers"));
                continue;
            }
        };
        for (number, line) in lines(text) {
            // what stands in braces or goes up by `super` would not be seen
            let hidden = [format!("{prefix}{{"), "super::super".to_owned()];
            if hidden.iter().any(|path| line.contains(path)) {
                wrong.push(format!("{file}:{number}: write one `use` per folder"));
            }
            for target in named(line, prefix) {
                if row(layers, target).is_none() && !target.is_empty() && layers == LAYERS {
                    wrong.push(format!(
                        "{file}:{number}: {target} is in no row of the layers"
                    ));
                }
                let is_above = row(layers, target).is_some_and(|target| target > own);
                let is_beside = row(layers, target) == Some(own) && !below.starts_with(target);
                if is_above || is_beside && layers[own].len() > 1 {
                    wrong.push(format!(
                        "{file}:{number}: {} imports {target}",
                        below.split(['/', '.']).next().unwrap_or_default()
                    ));
                }
            }
        }
    }
    wrong
}

#[test]
fn imports_in_src_follow_the_layer_order() {
    let sources = sources();
    assert!(
        sources.len() > 80,
        "only {} files were found",
        sources.len()
    );
    let mut wrong = violations(LAYERS, "src/", "crate::", &sources);
    wrong.extend(violations(UI_LAYERS, "src/ui/", "crate::ui::", &sources));
    assert!(
        wrong.is_empty(),
        "against the order of tests/architecture.rs:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn layer_check_import_against_order_is_reported() {
    let source = |file: &str, text: &str| vec![(file.to_owned(), text.to_owned())];
    let of = |file, text| violations(LAYERS, "src/", "crate::", &source(file, text));
    assert_eq!(
        of("src/model/store.rs", "use crate::text::units;\n"),
        [""; 0]
    );
    assert_eq!(
        of("src/model/store.rs", "\nuse crate::collector::Batch;\n"),
        ["src/model/store.rs:2: model imports collector"]
    );
    assert_eq!(
        of("src/output/mod.rs", "crate::collector::start()\n").len(),
        1
    );
    assert_eq!(
        of("src/output/mod.rs", "// crate::collector::start()\n").len(),
        0
    );
    assert_eq!(
        of(
            "src/model/store.rs",
            "use crate::{collector::Collector, text};\n"
        ),
        ["src/model/store.rs:1: write one `use` per folder"]
    );
    assert_eq!(
        of("src/model/store.rs", "use crate::testing::sample;\n"),
        ["src/model/store.rs:1: testing is in no row of the layers"]
    );
    assert_eq!(
        of("src/new.rs", ""),
        ["src/new.rs: new is in no row of the layers"]
    );
}

#[test]
fn confined_names_in_src_appear_only_in_their_place() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (name, place) in CONFINED
            .iter()
            .filter(|(_, place)| !file.starts_with(place))
        {
            let named = lines(&text).filter(|(_, line)| line.contains(name));
            wrong.extend(
                named.map(|(number, _)| format!("{file}:{number}: {name} belongs to {place}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
