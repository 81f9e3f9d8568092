//! `--doctor`: tries on this host everything that tcplife needs, and says for each thing what was found, what it means,
//! and which command helps.

mod checks;
mod trial;

use std::path::PathBuf;

use serde_json::json;

use crate::collector::kernel::{NamespaceScan, Requirements};
use crate::host::caller::Caller;
use crate::host::containers::Namer;
use crate::host::sandbox::Sandbox;
use crate::text::sanitize::sanitize;
use crate::text::wrap;
use checks::{CHECKS, Check, Examine};
use trial::Trial;

/// Everything that an examination needs.
#[derive(Debug)]
pub struct Examination {
    pub caller: Caller,
    /// Configuration to read; `None`: there is no place for one.
    pub config: Option<PathBuf>,
    /// True if a flag names the configuration, so that it has to exist.
    pub is_config_named: bool,
    pub sandbox: Sandbox,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u32,
    pub namespaces: Option<NamespaceScan>,
    pub containers: Option<Namer>,
}

/// Severity of what a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    /// Sessions are seen, and something is missing.
    Limited,
    /// No session can be seen.
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Limited => "limited",
            Outcome::Failed => "failed",
        }
    }
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Diagnosis {
    outcome: Outcome,
    found: String,
    /// Consequence; empty if all is well.
    meaning: String,
    /// The command that helps; empty if none does.
    command: String,
}

impl Diagnosis {
    fn ok(found: impl Into<String>) -> Self {
        Diagnosis {
            outcome: Outcome::Ok,
            found: found.into(),
            meaning: String::new(),
            command: String::new(),
        }
    }

    fn limited(found: impl Into<String>, meaning: impl Into<String>, command: &str) -> Self {
        Diagnosis {
            outcome: Outcome::Limited,
            meaning: meaning.into(),
            command: command.to_owned(),
            ..Diagnosis::ok(found)
        }
    }

    fn failed(found: impl Into<String>, meaning: impl Into<String>, command: &str) -> Self {
        Diagnosis {
            outcome: Outcome::Failed,
            ..Diagnosis::limited(found, meaning, command)
        }
    }
}

/// Facts for the checks.
#[derive(Debug)]
struct Facts {
    requirements: Requirements,
    caller: Caller,
    config: Option<PathBuf>,
    is_config_named: bool,
}

/// Report of an examination.
#[derive(Debug)]
pub struct Report {
    rows: Vec<(&'static str, Diagnosis)>,
}

/// Examines this host. Afterwards this process has given up what the sandbox takes.
pub fn examine(examination: Examination) -> Report {
    let facts = Facts {
        requirements: Requirements::gather(),
        caller: examination.caller,
        config: examination.config,
        is_config_named: examination.is_config_named,
    };
    let of_host = CHECKS.iter().map(|check| match check.examine {
        Examine::Host(examine) => Some(examine(&facts)),
        Examine::Trial(_) => None,
    });
    let of_host: Vec<Option<Diagnosis>> = of_host.collect();
    let trial = Trial::run(
        examination.sandbox,
        examination.ring_bytes,
        examination.namespaces,
        examination.containers,
    );
    let of_trial = |check: &Check| match check.examine {
        Examine::Trial(examine) => Some(examine(&facts, &trial)),
        Examine::Host(_) => None,
    };
    let rows = CHECKS.iter().zip(of_host);
    let rows = rows.filter_map(|(check, row)| Some((check.name, row.or_else(|| of_trial(check))?)));
    Report {
        rows: rows.collect(),
    }
}

impl Report {
    /// True if sessions can be seen on this host.
    pub fn is_fine(&self) -> bool {
        let mut rows = self.rows.iter();
        !rows.any(|(_, row)| row.outcome == Outcome::Failed)
    }

    /// Names of the checks with that outcome, separated by commas.
    fn names(&self, outcome: Outcome) -> String {
        let rows = self.rows.iter().filter(|(_, row)| row.outcome == outcome);
        let names: Vec<&str> = rows.map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The result in one sentence.
    fn verdict(&self) -> String {
        let (failed, limited) = (self.names(Outcome::Failed), self.names(Outcome::Limited));
        match (failed.as_str(), limited.as_str()) {
            ("", "") => "tcplife works on this host".into(),
            ("", limited) => format!("tcplife works on this host, with limits: {limited}"),
            (failed, _) => format!("tcplife sees no sessions on this host: {failed}"),
        }
    }

    /// The report as text, wrapped for a terminal of that width, if one is given. Commands stay on one line each.
    pub fn text(&self, width: Option<usize>) -> String {
        const INDENT: usize = 25;
        let wrapped = |text: &str| match width {
            Some(width) => wrap::words(text, width.saturating_sub(INDENT)),
            None => vec![text.to_owned()],
        };
        let mut text = String::new();
        for (name, row) in &self.rows {
            let mut lines = wrapped(&row.found);
            if !row.meaning.is_empty() {
                lines.extend(wrapped(&row.meaning));
            }
            if !row.command.is_empty() {
                lines.push(format!("$ {}", row.command));
            }
            let mut head = format!("{:<8} {name:<15} ", row.outcome.name());
            for line in lines {
                text += &format!("{head:<INDENT$}{line}\n");
                head.clear();
            }
        }
        text + &format!("\n{}\n", self.verdict())
    }

    /// The report as JSON lines: a `check` each, and a `summary`.
    pub fn json(&self) -> String {
        let mut text = String::new();
        for (name, row) in &self.rows {
            let line = json!({
                "event": "check",
                "check": name,
                "outcome": row.outcome.name(),
                "found": row.found,
                "meaning": row.meaning,
                "command": row.command,
            });
            text += &format!("{line}\n");
        }
        let summary = json!({
            "event": "summary",
            "ok": self.is_fine(),
            "verdict": self.verdict(),
        });
        text + &format!("{summary}\n")
    }
}

/// A path as it is shown.
fn shown(path: &std::path::Path) -> String {
    sanitize(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_on_a_terminal_is_wrapped_and_keeps_commands_whole() {
        let report = Report {
            rows: vec![
                ("kernel", Diagnosis::ok("Linux 6.1, x86_64")),
                (
                    "rights",
                    Diagnosis::failed(
                        "nobody, without CAP_BPF and CAP_PERFMON",
                        "loading BPF programs needs root",
                        "setpriv --ambient-caps=+bpf,+perfmon tcplife --doctor",
                    ),
                ),
            ],
        };
        let wrapped = "\
ok       kernel          Linux 6.1, x86_64
failed   rights          nobody, without CAP_BPF
                         and CAP_PERFMON
                         loading BPF programs
                         needs root
                         $ setpriv --ambient-caps=+bpf,+perfmon tcplife --doctor

tcplife sees no sessions on this host: rights
";
        assert_eq!(report.text(Some(50)), wrapped);
        assert_eq!(report.text(None).lines().count(), 6);
        assert!(!report.is_fine());
    }
}
