//! Exporting: how keys and reports of the writer change an [`Export`], and the blocks for the file.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tui_input::InputRequest;

use crate::host::broker::RECORDING_ENDING;
use crate::model::fields;
use crate::output::Summary;
use crate::output::black_box::Saver;
use crate::output::export_file::{Block, WriterReport};
use crate::output::record::RecordStatus;
use crate::ui::action::{Action, Edit, Mode};
use crate::ui::app::App;
use crate::ui::app::effect::Effect;
use crate::ui::app::update::Offer;
use crate::ui::state::export::{Export, ExportCommand, FileContent, Format, Progress, ROWS, Stage};
use crate::ui::state::layers::Layer;
use crate::ui::state::line::Line;

impl App {
    /// Opens the prompt for the name of an export.
    pub fn name_export(&mut self) {
        let at = self.names.times.clock.wall(self.now_ns);
        self.name_file(at, ".csv", FileContent::Table);
    }

    /// Opens the prompt for the name of a recording of the black box.
    pub(super) fn name_saving(&mut self) {
        let Some((_, to_ns)) = self.reach() else {
            return self.notice.hint(self.why_empty().into());
        };
        let (at, times) = match self.is_past() {
            true => (self.wall(self.now_ns), self.times_around(self.now_ns)),
            false => (self.wall(to_ns), String::new()),
        };
        let ending = format!("{RECORDING_ENDING}{times}");
        self.name_file(at, &ending, FileContent::Past);
    }

    /// Stops the recording, or starts it; opens the prompt for its name if there is none yet.
    pub(super) fn toggle_recording(&mut self) -> Option<Effect> {
        let Some(status) = &mut self.recording else {
            match self.is_replay {
                true => {
                    let key = self.keymap.of(Mode::Table, Action::SaveBlackBox);
                    let text = format!("this is a recording; {key} saves what is kept of it");
                    self.notice.hint(text);
                }
                false => {
                    let now = self.wall(self.live().now_ns);
                    self.name_file(now, RECORDING_ENDING, FileContent::Recording);
                }
            }
            return None;
        };
        status.is_on = !status.is_on;
        let key = self.keymap.of(Mode::Table, Action::Record);
        let text = match status.is_on {
            true => "recording again".into(),
            false => format!("recording stopped; {key} starts it again"),
        };
        self.notice.say(text);
        Some(Effect::ToggleRecording)
    }

    /// Takes the result of starting a recording: its state, or why there is none.
    pub fn recorded(&mut self, result: Result<RecordStatus, String>) {
        let Some(export) = self.layers.export() else {
            return;
        };
        let name = export.line.text().trim().to_owned();
        match result {
            Ok(status) => {
                self.recording = Some(status);
                let key = self.keymap.of(Mode::Table, Action::Record);
                self.notice
                    .say(format!("recording to {name}; {key} stops it"));
                self.leave_export();
            }
            Err(reason) => {
                let wrong = format!("cannot record to {name}: {reason}");
                self.stage_export(Stage::Naming(Some((0..name.len(), wrong))));
            }
        }
    }

    /// Opens the prompt for the name of a file of what there was at a time.
    fn name_file(&mut self, at: Timestamp, ending: &str, content: FileContent) {
        let at = at.to_zoned(self.names.times.zone.clone());
        let name = at.strftime("tcplife-%Y%m%d-%H%M%S");
        self.layers.push(Layer::Export(Box::new(Export {
            line: Line::new(format!("{name}{ending}")),
            stage: Stage::Naming(None),
            holds: false,
            content,
        })));
        self.adapt_to_layout();
    }

    /// Handles an action during an export.
    pub(super) fn update_export(&mut self, action: Action) -> Offer {
        let Some(export) = self.layers.export() else {
            return Continue(());
        };
        let effect = match (&export.stage, action) {
            (Stage::Naming(_), Action::Accept) => self.begin_export(false),
            (Stage::Naming(_), Action::Edit(Edit::Request(request))) => {
                self.edit_export(request);
                None
            }
            (Stage::Asking(None), Action::Replace) => self.begin_export(true),
            (Stage::Asking(Some(done)), Action::Replace) => {
                let done = done.clone();
                self.stage_export(Stage::Writing(done));
                Some(Effect::Export(ExportCommand::Replace))
            }
            (Stage::Naming(_), Action::Cancel) => {
                self.leave_export();
                None
            }
            (Stage::Asking(_), Action::Cancel) => {
                self.stage_export(Stage::Naming(None));
                Some(Effect::Export(ExportCommand::Cancel))
            }
            (Stage::Writing(_), Action::Cancel) => {
                self.leave_export();
                Some(Effect::Export(ExportCommand::Cancel))
            }
            _ => return Continue(()),
        };
        Break(effect)
    }

    fn edit_export(&mut self, request: InputRequest) {
        if let Some(export) = self.layers.export_mut() {
            let fits = export.line.edit(request);
            export.stage = Stage::Naming(None);
            self.say_if_cut(fits);
        }
    }

    /// Inserts typed or pasted text into the name.
    pub fn type_export(&mut self, text: &str) {
        if let Some(export) = self.layers.export_mut()
            && matches!(export.stage, Stage::Naming(_))
        {
            let fits = export.line.insert(text);
            export.stage = Stage::Naming(None);
            self.say_if_cut(fits);
        }
    }

    fn begin_export(&mut self, replace: bool) -> Option<Effect> {
        let export = self.layers.export()?;
        let is_report = export.content == FileContent::Past && export.report().is_some();
        let is_recording = export.name().ends_with(RECORDING_ENDING);
        if !export.is_of_table() && !is_recording && !is_report {
            let wrong = match export.content {
                FileContent::Past => {
                    format!("use {RECORDING_ENDING} for a recording, .html or .md for a report")
                }
                _ => format!("use {RECORDING_ENDING}: it becomes a recording, for --replay"),
            };
            let wrong = (export.ending(), wrong);
            self.stage_export(Stage::Naming(Some(wrong)));
            return None;
        }
        if export.is_of_table() && export.format().is_none() {
            let wrong = "use .csv, or .json or .jsonl for one object per line";
            let wrong = (export.ending(), wrong.to_owned());
            self.stage_export(Stage::Naming(Some(wrong)));
            return None;
        }
        let path = export.path(self.home.as_deref());
        if let Err(wrong) = self.span_to_save(export.span()) {
            self.stage_export(Stage::Naming(Some(wrong)));
            return None;
        }
        if export.content == FileContent::Recording {
            return Some(Effect::Record(path));
        }
        self.stage_export(Stage::Writing(Progress::default()));
        Some(Effect::Export(ExportCommand::Begin { path, replace }))
    }

    /// Takes a report of the writer.
    pub fn exported(&mut self, report: WriterReport) {
        let missed = self.store().totals().missed.certain();
        let Some(export) = self.layers.export_mut() else {
            return; // cancelled meanwhile
        };
        match report {
            WriterReport::Ready => {
                if let Stage::Writing(progress) = &mut export.stage {
                    progress.wanted += 1;
                }
            }
            WriterReport::Exists => self.stage_export(Stage::Asking(None)),
            WriterReport::Taken => {
                let done = export.progress().cloned();
                self.stage_export(Stage::Asking(done));
            }
            WriterReport::Failed(reason) => {
                let wrong = format!("cannot write {}: {reason}", export.name());
                let place = 0..export.line.text().len();
                self.stage_export(Stage::Naming(Some((place, wrong))));
            }
            WriterReport::Done => {
                let name = export.name();
                let sessions = export
                    .progress()
                    .map_or(0, |p| p.sessions + p.saved.load(Ordering::Relaxed));
                let s = if sessions == 1 { "" } else { "s" };
                let count = fields::grouped(sessions);
                let mut text = match (export.content, export.report()) {
                    (FileContent::Table, _) => format!("exported {count} session{s} to {name}"),
                    (_, Some(_)) => format!("reported on {count} closed session{s} in {name}"),
                    _ => format!("saved {count} closed session{s}: tcplife --replay {name}"),
                };
                match missed {
                    0 => {}
                    1 => text += "; 1 missed session is not in it",
                    n => {
                        text += &format!(
                            "; {} missed sessions are not in it",
                            fields::grouped(n as usize)
                        )
                    }
                }
                self.notice.say(text);
                self.leave_export();
            }
        }
    }

    /// Reports a cancellation; `too_late`: the file was complete already.
    pub fn export_cancelled(&mut self, too_late: bool) {
        let text = if too_late {
            "cancelled too late: the file is already written"
        } else {
            "export cancelled; no file is left behind"
        };
        // no message while the prompt asks for another name
        if self.layers.export().is_none() {
            self.notice.say(text.into());
        }
    }

    /// The black box for the file, if that is what is to be written.
    pub fn export_saver(&mut self) -> Option<Saver> {
        let export = self.layers.export();
        let export = export.filter(|export| export.content == FileContent::Past)?;
        let progress = export.progress().filter(|p| p.wanted > 0 && !p.is_whole)?;
        let mut progress = progress.clone();
        let span = self.span_to_save(export.span()).unwrap_or_default();
        let saver = self.saver(export.report(), span, Arc::clone(&progress.saved));
        match saver {
            Ok(saver) => {
                progress.is_whole = true;
                self.stage_export(Stage::Writing(progress));
                Some(saver)
            }
            Err(e) => {
                self.exported(WriterReport::Failed(e.to_string()));
                None
            }
        }
    }

    /// The next block for the file, if the writer accepts one and the table is completely sorted.
    pub fn export_block(&mut self) -> Option<Block> {
        if self.rows.is_incomplete(&self.store) {
            return None;
        }
        let export = self.layers.export().filter(|export| export.is_of_table())?;
        let (format, Stage::Writing(progress)) = (export.format()?, &export.stage) else {
            return None;
        };
        if progress.wanted == 0 || progress.is_whole {
            return None;
        }
        let mut next = progress.clone();
        let mut block = Block::default();
        // writing to a vector cannot fail
        let _ = self.write_rows(format, &mut next, &mut block);
        next.wanted -= 1;
        if let Some(export) = self.layers.export_mut() {
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
            let Some(session) = self.store.get(place) else {
                continue;
            };
            let other = self.other_end(place, session).map(|other| other.session);
            let other = other.filter(|s| self.view_filter.shows(s));
            for session in std::iter::once(session).chain(other) {
                sink.session(session, &self.names.times.clock)?;
                progress.sessions += 1;
            }
        }
        progress.is_whole = progress.lines == self.rows.len();
        if progress.is_whole {
            sink.end(&Summary {
                sessions: progress.sessions as u64,
                missed: self.store.totals().missed,
                duration: Duration::from_nanos(self.now_ns.saturating_sub(self.first_ns)),
                ..Summary::default()
            })?;
        }
        sink.flush()?;
        drop(sink);
        block.is_last = progress.is_whole;
        Ok(())
    }

    /// Percentage written so far, while writing.
    pub fn export_percent(&self) -> Option<usize> {
        let export = self.layers.export().filter(|export| export.is_of_table())?;
        let progress = export.progress()?;
        Some(progress.lines * 100 / self.rows.len().max(1))
    }

    /// True if the display is paused only because of the export.
    pub fn export_holds(&self) -> bool {
        self.layers.export().is_some_and(|e| e.holds)
    }

    fn stage_export(&mut self, stage: Stage) {
        // a file being written or waiting for an answer is the table at one moment
        let hold = matches!(stage, Stage::Writing(_) | Stage::Asking(Some(_)));
        if let Some(export) = self.layers.export_mut() {
            export.stage = stage;
        }
        self.hold_for_export(hold);
        self.adapt_to_layout();
    }

    fn hold_for_export(&mut self, hold: bool) {
        let Some(export) = self.layers.export_mut() else {
            return;
        };
        let held = export.holds;
        export.holds = hold && export.is_of_table() && (held || !self.paused);
        match (held, export.holds) {
            (false, true) => self.freeze(),
            (true, false) => self.thaw(),
            _ => {}
        }
    }

    fn leave_export(&mut self) {
        self.hold_for_export(false);
        self.layers.take_export();
        self.adapt_to_layout();
    }
}
