//! Exporting the table to a file: its name, the question whether to replace an existing file, and the rows.
//!
//! Rows are written in the table's order, one block at a time so that no key waits for all of them. Meanwhile the
//! display is paused and batches wait, so that the file is the table at one moment. The file itself: `output::export_file`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::host::broker::RECORDING_ENDING;
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
    /// Sessions of the past that were written so far.
    pub saved: Arc<AtomicUsize>,
}

/// Words that follow the name of a file of the past, before the times of what it is to have.
const FROM: &str = " from ";
const TO: &str = " to ";

/// Times of what a file of the past is to have, as typed, with their positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypedSpan<'a> {
    pub from: Option<(usize, &'a str)>,
    pub to: Option<(usize, &'a str)>,
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

    /// The name, without times after it.
    pub fn name(&self) -> &str {
        self.named().0.trim()
    }

    /// The times after the name.
    pub fn span(&self) -> TypedSpan<'_> {
        let (name, rest) = self.named();
        let mut span = TypedSpan::default();
        let (before, to) = match rest.split_once(TO) {
            Some((before, to)) => (before, Some(to)),
            None => (rest, None),
        };
        span.from = before
            .strip_prefix(FROM)
            .map(|from| (name.len() + FROM.len(), from));
        span.to = to.map(|to| (name.len() + before.len() + TO.len(), to));
        span
    }

    /// The text up to the end of the name, and the rest. A name may have the words too, if none of them follows its ending.
    fn named(&self) -> (&str, &str) {
        let text = self.line.text();
        let is_name = |name: &str| {
            name.ends_with(RECORDING_ENDING) || report::Format::of(Path::new(name)).is_some()
        };
        let places = text.match_indices(' ').map(|(at, _)| text.split_at(at));
        let mut named = places.filter(|(name, rest)| {
            is_name(name) && (rest.starts_with(FROM) || rest.starts_with(TO))
        });
        match self.content {
            FileContent::Past => named.next().unwrap_or((text, "")),
            _ => (text, ""),
        }
    }

    /// Form of a report, if the name is that of one.
    pub fn report(&self) -> Option<report::Format> {
        report::Format::of(Path::new(self.name()))
    }

    pub fn format(&self) -> Option<Format> {
        Format::of(self.name())
    }

    /// Range of the extension in the text: everything after the last dot.
    pub fn ending(&self) -> Range<usize> {
        let (text, _) = self.named();
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
        let text = self.name();
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

    #[test]
    fn export_of_the_past_has_times_after_its_name() {
        for (text, name, from, to) in [
            ("a.html", "a.html", None, None),
            (
                "a.html from 03:10 to now",
                "a.html",
                Some((12, "03:10")),
                Some((21, "now")),
            ),
            (
                "a.jsonl.zst to 03:20",
                "a.jsonl.zst",
                None,
                Some((15, "03:20")),
            ),
            (
                "a.md from yesterday 03:10",
                "a.md",
                Some((10, "yesterday 03:10")),
                None,
            ),
            ("from me to you.md", "from me to you.md", None, None),
            ("a.csv from 03:10", "a.csv from 03:10", None, None),
        ] {
            let export = Export {
                line: Line::new(text.into()),
                stage: Stage::Naming(None),
                holds: false,
                content: FileContent::Past,
            };
            assert_eq!(export.name(), name, "{text}");
            assert_eq!(export.span(), TypedSpan { from, to }, "{text}");
        }
    }
}
