//! Writing what the table shows to a file: its name, the question whether one may be replaced, and the rows.
//!
//! Responsible for what is written, in the table's order, a block at a time so that no key waits for all of it. While it
//! is being written the picture holds and batches wait, so that the file is the table at one moment. Not for the file
//! itself (`output::file`).

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::output::Sink;
use crate::output::csv::AllFields;
use crate::output::json::Json;
use crate::ui::state::line::Line;

/// Rows of a block: some hundred kilobytes.
pub const ROWS: usize = 512;

/// What the file is made of, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
}

impl Format {
    pub fn of(name: &str) -> Option<Format> {
        let ending = Path::new(name).extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" | "jsonl" => Some(Format::Json),
            _ => None,
        }
    }

    pub fn sink(self, out: &mut Vec<u8>) -> Box<dyn Sink + '_> {
        match self {
            Format::Csv => Box::new(AllFields::new(out)),
            Format::Json => Box::new(Json::new(out)),
        }
    }
}

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportCommand {
    /// Begin it.
    Begin {
        /// Where.
        path: PathBuf,
        /// In place of one that is there.
        replace: bool,
    },
    /// All is written: put it in the place of the one that is there.
    Replace,
    /// Forget it.
    Cancel,
}

/// How far it is.
#[derive(Clone, Debug)]
pub enum Stage {
    /// The name is being typed. What is wrong with it, and where in the text.
    Naming(Option<(Range<usize>, String)>),
    /// There is a file of that name. What of ours is written already.
    Asking(Option<Progress>),
    /// It is being written.
    Writing(Progress),
}

/// The rows so far.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Lines of the table that are done.
    pub lines: usize,
    /// Sessions that were written.
    pub sessions: usize,
    /// Blocks that the file can take.
    pub wanted: usize,
    pub is_whole: bool,
}

/// A file that is about to be written.
#[derive(Debug)]
pub struct Export {
    /// Its name.
    pub line: Line,
    /// How far it is.
    pub stage: Stage,
    /// The picture is held because of it.
    pub holds: bool,
}

impl Export {
    pub fn format(&self) -> Option<Format> {
        Format::of(self.line.text().trim())
    }

    /// What the ending of the name is, as a part of the text: what comes behind its last dot.
    pub fn ending(&self) -> Range<usize> {
        let text = self.line.text();
        let name = text.rfind('/').map_or(0, |at| at + 1);
        let dot = text[name..].rfind('.').map(|at| name + at);
        dot.unwrap_or(text.len())..text.len()
    }

    pub fn progress(&self) -> Option<&Progress> {
        match &self.stage {
            Stage::Writing(progress) => Some(progress),
            _ => None,
        }
    }

    pub fn path(&self, home: Option<&Path>) -> PathBuf {
        let text = self.line.text().trim();
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => text.into(),
        }
    }
}

/// A number with a comma between its thousands.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn the_ending_says_what_the_file_is() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("~/x/a.b.CSV", Some(Format::Csv)),
            ("a.json", Some(Format::Json)),
            ("a.jsonl", Some(Format::Json)),
            ("a.txt", None),
            ("a", None),
            ("a.csv/b", None),
            (".csv", None),
            ("", None),
        ] {
            assert_eq!(Format::of(name), format, "{name}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        let path = |text: &str, home: Option<&str>| {
            let export = Export {
                line: Line::new(text.into()),
                stage: Stage::Naming(None),
                holds: false,
            };
            export.path(home.map(Path::new))
        };
        assert_eq!(path("~/a.csv", Some("/root")), Path::new("/root/a.csv"));
        assert_eq!(path(" a.csv ", Some("/root")), Path::new("a.csv"));
        assert_eq!(path("~a/b.csv", Some("/root")), Path::new("~a/b.csv"));
        assert_eq!(path("~/a.csv", None), Path::new("~/a.csv"));
    }
}
