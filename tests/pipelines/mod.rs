//! The examples of docs/pipelines.md, as far as their programs are common.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::requirements::{TCPLIFE, tool_or_skip};
use crate::{run, tcplife, toml};

/// Returns the blocks of that language after a heading of docs/pipelines.md.
fn example(heading: &str, language: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipelines.md");
    let text = fs::read_to_string(document).expect("the document");
    let (_, rest) = text.split_once(heading).expect("the heading");
    let (_, rest) = rest
        .split_once(&format!("```{language}\n"))
        .expect("a block");
    let (block, _) = rest.split_once("```").expect("its end");
    block.to_owned()
}

#[test]
fn pipelines_jq_example_selects_refused_sessions() {
    if !tool_or_skip(&["jq", "--version"]) {
        return;
    }
    let example = example("## journald", "sh");
    let (_, query) = example.split_once("| jq").expect("jq");
    let shell = format!("{TCPLIFE} --demo -o json | jq {query}");
    let run = Command::new("sh").args(["-c", &shell]).output();
    let run = run.expect("a shell");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let selected = String::from_utf8(run.stdout).expect("UTF-8");
    let same = tcplife(&["--demo", "-o", "text", "-f", "reason refused"]);
    let same = String::from_utf8(same.stdout).expect("UTF-8");
    // without the heading
    assert_eq!(selected.lines().count(), same.lines().count() - 1);
    assert!(selected.lines().count() > 5, "{selected}");
}

#[test]
fn pipelines_vector_example_is_toml_and_its_command_prints_json() {
    let config = toml(&example("## Vector", "toml"));
    let command = config["sources"]["tcplife"]["command"].as_array();
    let command = command.expect("a list").iter();
    let command: Vec<&str> = command.filter_map(serde_json::Value::as_str).collect();
    assert_eq!(command[0], "tcplife");
    let run = run(&[&[TCPLIFE, "--demo"], &command[1..]].concat());
    let out = String::from_utf8(run.stdout).expect("UTF-8");
    for line in out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line["event"].is_string(), "{line}");
    }
    assert!(out.lines().count() > 100);
}

#[test]
fn pipelines_clickhouse_columns_are_json_keys() {
    let table = example("## ClickHouse", "sql");
    let (_, columns) = table.split_once('(').expect("columns");
    let (columns, _) = columns.split_once("\n)").expect("their end");
    // of a line, each after a comma that is not within a type
    let name = regex::Regex::new(r"(?:^|, |\n\s*)([a-z_]+) [A-Z]").expect("a pattern");
    let names: Vec<&str> = name
        .captures_iter(columns)
        .map(|found| found.extract::<1>().1[0])
        .collect();
    assert!(names.len() > 10, "{names:?}");
    let out = tcplife(&["--demo", "-o", "json"]).stdout;
    let out = String::from_utf8(out).expect("UTF-8");
    let close = out
        .lines()
        .find(|line| line.contains("\"event\":\"close\""));
    let close: serde_json::Value = serde_json::from_str(close.expect("a session")).expect("JSON");
    for name in names {
        assert!(close.get(name).is_some(), "no {name} in {close}");
    }
}
