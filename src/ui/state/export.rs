//! Writing what the table shows to a file: its name, the question whether one may be replaced, and the rows.
//!
//! Responsible for what is written, in the table's order, a block at a time so that no key waits for all of it. While it
//! is being written the picture holds and batches wait, so that the file is the table at one moment. Not for the file
//! itself (`output::file`).

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tui_input::InputRequest;

use super::app::{Action, App, Effect};
use super::keys::Mode;
use super::line::Line;
use super::prompt::Edit;
use crate::output::csv::AllFields;
use crate::output::file::{Block, Said};
use crate::output::json::Json;
use crate::output::{Sink, Summary};

/// Rows of a block: some hundred kilobytes.
const ROWS: usize = 512;

/// What the file is made of, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl Format {
    fn of(name: &str) -> Option<Format> {
        let ending = Path::new(name).extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "json" | "jsonl" => Some(Format::Json),
            _ => None,
        }
    }

    fn sink(self, out: &mut Vec<u8>) -> Box<dyn Sink + '_> {
        match self {
            Format::Csv => Box::new(AllFields::new(out)),
            Format::Json => Box::new(Json::new(out)),
        }
    }
}

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
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
    lines: usize,
    /// Sessions that were written.
    sessions: usize,
    /// Blocks that the file can take.
    wanted: usize,
    is_whole: bool,
}

/// A file that is about to be written.
#[derive(Debug)]
pub struct Export {
    /// Its name.
    pub line: Line,
    /// How far it is.
    pub stage: Stage,
    /// The picture is held because of it.
    holds: bool,
}

impl Export {
    fn format(&self) -> Option<Format> {
        Format::of(self.line.text().trim())
    }

    /// What the ending of the name is, as a part of the text: what comes behind its last dot.
    fn ending(&self) -> Range<usize> {
        let text = self.line.text();
        let name = text.rfind('/').map_or(0, |at| at + 1);
        let dot = text[name..].rfind('.').map(|at| name + at);
        dot.unwrap_or(text.len())..text.len()
    }

    fn progress(&self) -> Option<&Progress> {
        match &self.stage {
            Stage::Writing(progress) => Some(progress),
            _ => None,
        }
    }

    fn path(&self, home: Option<&Path>) -> PathBuf {
        let text = self.line.text().trim();
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => text.into(),
        }
    }
}

impl App {
    /// Begins to type a name.
    pub(super) fn name_export(&mut self) {
        let now = self.clock.wall(self.now_ns).to_zoned(self.zone.clone());
        let name = now.strftime("tcplife-%Y%m%d-%H%M%S.csv").to_string();
        self.export = Some(Export {
            line: Line::new(name),
            stage: Stage::Naming(None),
            holds: false,
        });
        self.stage_export(Stage::Naming(None));
    }

    /// Does what a key asks for while there is an export.
    pub(super) fn update_export(&mut self, action: Action) -> Option<Effect> {
        let export = self.export.as_mut()?;
        match (&export.stage, action) {
            (Stage::Naming(_), Action::Accept) => return self.begin_export(false),
            (Stage::Naming(_), Action::Edit(Edit::Request(request))) => self.edit_export(request),
            (Stage::Asking(None), Action::Replace) => return self.begin_export(true),
            (Stage::Asking(Some(done)), Action::Replace) => {
                let done = done.clone();
                self.stage_export(Stage::Writing(done));
                return Some(Effect::Export(Order::Replace));
            }
            (Stage::Naming(_), Action::Cancel) => self.leave_export(),
            (Stage::Asking(_), Action::Cancel) => {
                self.stage_export(Stage::Naming(None));
                return Some(Effect::Export(Order::Cancel));
            }
            (Stage::Writing(_), Action::Cancel) => {
                self.leave_export();
                return Some(Effect::Export(Order::Cancel));
            }
            _ => {}
        }
        None
    }

    fn edit_export(&mut self, request: InputRequest) {
        if let Some(export) = &mut self.export {
            export.line.edit(request);
            export.stage = Stage::Naming(None);
        }
    }

    /// What is typed into the name, or pasted.
    pub(super) fn type_export(&mut self, text: &str) {
        if let Some(export) = &mut self.export
            && matches!(export.stage, Stage::Naming(_))
        {
            export.line.insert(text);
            export.stage = Stage::Naming(None);
        }
    }

    fn begin_export(&mut self, replace: bool) -> Option<Effect> {
        let export = self.export.as_ref()?;
        if export.format().is_none() {
            let wrong = "takes .csv, or .json or .jsonl for an object a line";
            let wrong = (export.ending(), wrong.to_owned());
            self.stage_export(Stage::Naming(Some(wrong)));
            return None;
        }
        let path = export.path(self.home.as_deref());
        self.stage_export(Stage::Writing(Progress::default()));
        Some(Effect::Export(Order::Begin { path, replace }))
    }

    /// Takes in what the file has to say.
    pub fn exported(&mut self, said: Said) {
        let lost = self.store().totals().lost;
        let Some(export) = &mut self.export else {
            return; // cancelled meanwhile
        };
        match said {
            Said::Ready => {
                if let Stage::Writing(progress) = &mut export.stage {
                    progress.wanted += 1;
                }
            }
            Said::Exists => self.stage_export(Stage::Asking(None)),
            Said::Taken => {
                let done = export.progress().cloned();
                self.stage_export(Stage::Asking(done));
            }
            Said::Failed(reason) => {
                let wrong = format!("cannot write {}: {reason}", export.line.text().trim());
                let place = 0..export.line.text().len();
                self.stage_export(Stage::Naming(Some((place, wrong))));
            }
            Said::Done => {
                let name = export.line.text().trim();
                let sessions = export.progress().map_or(0, |p| p.sessions);
                let s = if sessions == 1 { "" } else { "s" };
                let mut text = format!("exported {} session{s} to {name}", grouped(sessions));
                if lost > 0 {
                    text += &format!("; the {} lost ones are not in it", grouped(lost as usize));
                }
                self.notice.say(text);
                self.leave_export();
            }
        }
    }

    /// It was cancelled; `too_late`: when it was done already.
    pub fn export_cancelled(&mut self, too_late: bool) {
        let text = if too_late {
            "it was written already when it was cancelled: the file is there"
        } else {
            "the export was cancelled, and nothing of it is left"
        };
        // who is asked for another name knows
        if self.export.is_none() {
            self.notice.say(text.into());
        }
    }

    /// The next part of the file, if it can take one and the table's lines are in their order.
    pub fn export_block(&mut self) -> Option<Block> {
        if self.rows.is_incomplete(&self.store) {
            return None;
        }
        let export = self.export.as_ref()?;
        let (format, Stage::Writing(progress)) = (export.format()?, &export.stage) else {
            return None;
        };
        if progress.wanted == 0 || progress.is_whole {
            return None;
        }
        let mut next = progress.clone();
        let mut block = Block::default();
        // a vector takes all that is written to it
        let _ = self.write_rows(format, &mut next, &mut block);
        next.wanted -= 1;
        if let Some(export) = &mut self.export {
            export.stage = Stage::Writing(next);
        }
        Some(block)
    }

    fn write_rows(
        &self,
        format: Format,
        progress: &mut Progress,
        block: &mut Block,
    ) -> std::io::Result<()> {
        let mut sink = format.sink(&mut block.bytes);
        if progress.lines == 0 {
            sink.begin()?;
        }
        for place in self.rows.window(progress.lines, &self.store).take(ROWS) {
            progress.lines += 1;
            if let Some(session) = self.store.get(place) {
                sink.session(session, &self.clock)?;
                progress.sessions += 1;
            }
        }
        progress.is_whole = progress.lines == self.rows.len();
        if progress.is_whole {
            sink.end(&Summary {
                sessions: progress.sessions as u64,
                lost: self.store.totals().lost,
                duration: Duration::from_nanos(self.now_ns.saturating_sub(self.first_ns)),
                ..Summary::default()
            })?;
        }
        sink.flush()?;
        drop(sink);
        block.is_last = progress.is_whole;
        Ok(())
    }

    /// While it is being written: how much of it is, in percent.
    pub fn export_percent(&self) -> Option<usize> {
        let progress = self.export.as_ref()?.progress()?;
        Some(progress.lines * 100 / self.rows.len().max(1))
    }

    /// True if the picture is held because of the export alone.
    pub(super) fn export_holds(&self) -> bool {
        self.export.as_ref().is_some_and(|e| e.holds)
    }

    fn stage_export(&mut self, stage: Stage) {
        self.mode = match stage {
            Stage::Naming(_) => Mode::FileName,
            Stage::Asking(_) => Mode::Replace,
            Stage::Writing(_) => Mode::Writing,
        };
        // what is written, or waits only for an answer, is the table at one moment
        let hold = matches!(stage, Stage::Writing(_) | Stage::Asking(Some(_)));
        if let Some(export) = &mut self.export {
            export.stage = stage;
        }
        self.hold_for_export(hold);
        self.fit();
    }

    fn hold_for_export(&mut self, hold: bool) {
        let Some(export) = &mut self.export else {
            return;
        };
        let held = export.holds;
        export.holds = hold && (held || self.frozen.is_none());
        match (held, export.holds) {
            (false, true) => {
                // what ended since the last look is still among the open ones
                self.refresh();
                self.freeze();
            }
            (true, false) => self.thaw(),
            _ => {}
        }
    }

    fn leave_export(&mut self) {
        self.hold_for_export(false);
        self.export = None;
        self.leave_prompt();
    }
}

/// A number with a comma between its thousands.
fn grouped(n: usize) -> String {
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
