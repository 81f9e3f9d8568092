//! The words of the project: what was renamed does not come back under its old name.

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// Old words, as regular expressions, and what to write instead.
const OLD: &[(&str, &str)] = &[
    (r"(^|[^-])\banew\b", "again, or a plain verb"),
    (r"\blets? go( of)?\b|\blet_go", "evict"),
    (r"\bin place of\b", "instead of"),
    (r"\b[Ff]inished\b", "closed"),
    (
        r"\b(session|it|that|they|those|what) (is|are) over\b",
        "closed",
    ),
    (
        r"\bfor who\b|\bhow manieth\b|\bof late\b|\bas ever\b",
        "plain English",
    ),
    (r"\bage_is_lower_bound\b", "preexisting"),
    (r"\b[Ss]urroundings\b", "session environment"),
    (r"\bsent again\b|\b[Rr]esent\b", "retransmitted"),
    (
        r"\bwhat is other\b|\bsince the mark\b|\bmark(ed)? this moment\b",
        "baseline",
    ),
    (r"\bis stronger\b|\bare stronger\b", "takes precedence"),
    (
        r"\b(Looks|Talkers?|Patient|Board)(::|>|,|;| \{)",
        "the names of the vocabulary",
    ),
    (
        r"\blost (rows?|sessions?)\b|\bsessions? (was|were) lost\b",
        "missed",
    ),
    (
        r"^\s*//[/!] (What|Who|Those|Whether|Which) ",
        "start with the thing",
    ),
    (r"\b1 sessions\b", "1 session"),
];

/// Files that keep old words: history, what was written by an earlier version, texts of others, and this one.
const EXEMPT: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE",
    "src/bpf/LICENSE",
    "tests/data/",
    "tests/filter/regressions/",
    "tests/words.rs",
];

#[test]
fn tracked_files_contain_no_replaced_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(root)
        .output();
    let listed = listed.expect("git lists the tracked files");
    let names = String::from_utf8(listed.stdout).expect("names in UTF-8");
    let is_checked = |name: &&str| {
        !EXEMPT.iter().any(|exempt| name.starts_with(exempt)) && !name.ends_with(".svg")
    };
    let files: Vec<&str> = names.lines().filter(is_checked).collect();
    assert!(files.len() > 200, "only {} files are checked", files.len());
    let old: Vec<(Regex, &str)> = OLD
        .iter()
        .map(|(pattern, instead)| (Regex::new(pattern).expect(pattern), *instead))
        .collect();
    let mut found = Vec::new();
    for file in files {
        // what is deleted and not committed yet is no concern, nor what is no text
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            for (_, instead) in old.iter().filter(|(pattern, _)| pattern.is_match(line)) {
                found.push(format!("{file}:{number}: write {instead}: {}", line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} old words:\n{}",
        found.len(),
        found.join("\n")
    );
}
