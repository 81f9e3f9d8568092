//! Exporting the table to a file: its name, the question whether to replace an existing file, and the rows.
//!
//! Rows are written in the table's order, one block at a time so that no key waits for all of them. Meanwhile the
//! display is paused and batches wait, so that the file is the table at one moment. The file itself: `output::export_file`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::output::Sink;
use crate::output::csv::AllFields;
use crate::output::json::Json;
use crate::output::report;
use crate::ui::state::line::Line;

/// Rows per block: some hundred kilobytes.
pub const ROWS: usize = 512;

/// File format, chosen by the extension.
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

/// An operation on the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportCommand {
    Begin {
        path: PathBuf,
        /// Replace an existing file.
        replace: bool,
    },
    /// Everything is written: replace the existing file.
    Replace,
    /// Discard the file.
    Cancel,
}

#[derive(Clone, Debug)]
pub enum Stage {
    /// The name is being typed. Holds an error in it and its position in the text.
    Naming(Option<(Range<usize>, String)>),
    /// A file of that name exists. Holds the progress, if the new one is written already.
    Asking(Option<Progress>),
    Writing(Progress),
}

#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Table lines written so far.
    pub lines: usize,
    /// Sessions written so far.
    pub sessions: usize,
    /// Blocks that the writer can accept.
    pub wanted: usize,
    pub is_whole: bool,
}

#[derive(Debug)]
pub struct Export {
    /// The file name being typed.
    pub line: Line,
    pub stage: Stage,
    /// The export paused the display.
    pub holds: bool,
    pub content: FileContent,
}

/// Content of a file that is being named or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// The sessions of the table.
    Table,
    /// The black box.
    Past,
    /// Everything from now on.
    Recording,
}

impl Export {
    pub fn is_of_table(&self) -> bool {
        self.content == FileContent::Table
    }

    /// Form of a report, if the name is that of one.
    pub fn report(&self) -> Option<report::Format> {
        report::Format::of(Path::new(self.line.text().trim()))
    }

    pub fn format(&self) -> Option<Format> {
        Format::of(self.line.text().trim())
    }

    /// Range of the extension in the text: everything after the last dot.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_format_follows_the_file_extension() {
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
    fn export_path_with_tilde_is_in_the_home_directory() {
        let path = |text: &str, home: Option<&str>| {
            let export = Export {
                line: Line::new(text.into()),
                stage: Stage::Naming(None),
                holds: false,
                content: FileContent::Table,
            };
            export.path(home.map(Path::new))
        };
        assert_eq!(path("~/a.csv", Some("/root")), Path::new("/root/a.csv"));
        assert_eq!(path(" a.csv ", Some("/root")), Path::new("a.csv"));
        assert_eq!(path("~a/b.csv", Some("/root")), Path::new("~a/b.csv"));
        assert_eq!(path("~/a.csv", None), Path::new("~/a.csv"));
    }
}
