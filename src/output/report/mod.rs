//! A report of a run or of a recording: one page for a ticket, with what happened, in words first.
//!
//! `gathered` counts within bounded memory, `compose` says it as a `document`, which `html` and `markdown` write.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use crossbeam_channel::Receiver;
use jiff::tz::TimeZone;

use crate::host::broker::{Broker, NewFile, Place};
use crate::model::batch::Batch;
use crate::model::findings::Findings;
use crate::model::port_use::PortUse;
use crate::model::recording::Header;
use crate::model::session::Session;
use crate::output::black_box::PastBatches;
use crate::output::stdout::End;
use crate::output::{Limits, follow};

mod compose;
mod document;
mod gathered;
mod html;
mod markdown;
mod notable;
#[cfg(test)]
mod tests;
mod time_charts;

use gathered::Gathered;

/// Maximum number of remarks of the source that are listed.
const REMARKS: usize = 20;

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page of HTML.
    Html,
    Markdown,
}

/// Value of `--report`: a file, whose name says the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFlag {
    pub format: Format,
    /// `None`: stdout.
    pub path: Option<PathBuf>,
}

impl Format {
    /// The format that the name of a file says.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(|e| e.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("html" | "htm") => Some(Format::Html),
            Some("md") => Some(Format::Markdown),
            _ => None,
        }
    }
}

impl FromStr for ReportFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        // `-.md` is no extension of a hidden file
        let format = Format::of(path).ok_or(
            "the name says the format, and must end with .html or .md; `-.html` and `-.md` write to stdout",
        )?;
        let is_stdout =
            path.parent() == Some(Path::new("")) && path.file_stem().is_some_and(|s| s == "-");
        Ok(ReportFlag {
            format,
            path: (!is_stdout).then(|| path.to_owned()),
        })
    }
}

/// Where a report is written to.
#[derive(Debug)]
pub enum Target {
    /// A file that gets its name when it is complete.
    File(PathBuf, NewFile),
    Stdout(File),
}

impl Target {
    /// Creates the file of a report, without a name yet.
    ///
    /// # Errors
    /// If the caller may not create it, or a file of that name exists.
    pub fn create(path: &Path, broker: &Broker) -> anyhow::Result<Self> {
        let trying = || format!("cannot write the report to {}", path.display());
        let file = broker.begin(Place::Report).with_context(trying)?;
        let file = file.context(EXISTS).with_context(trying)?;
        Ok(Target::File(path.to_owned(), file))
    }

    /// Writes the whole report.
    fn write(self, text: &str) -> anyhow::Result<()> {
        match self {
            Target::File(path, mut new) => {
                let trying = || format!("cannot write the report to {}", path.display());
                let mut write = || -> io::Result<bool> {
                    new.file().write_all(text.as_bytes())?;
                    new.file().sync_all()?;
                    new.finish(false)
                };
                let is_named = write().with_context(trying)?;
                is_named.then_some(()).context(EXISTS).with_context(trying)
            }
            Target::Stdout(mut file) => {
                let written = file.write_all(text.as_bytes());
                written.context("cannot write to stdout")
            }
        }
    }
}

const EXISTS: &str = "it exists, and is not overwritten";

/// Where the sessions of a report come from.
#[derive(Debug)]
pub struct Origin {
    /// Describes the host and the run or recording; empty where that is not known.
    pub header: Header,
    /// Name of the recording; empty: this host, now.
    pub replayed: String,
    /// Text of the filter; empty: all sessions.
    pub filter: String,
    /// Time zone of all times.
    pub zone: TimeZone,
    /// Parts of the source that could not be read or were not recorded, in words.
    pub remarks: Vec<String>,
    /// The report begins in the middle of a recording.
    pub starts_in_between: bool,
}

/// Follows sessions until the end of the run, then writes the report. `remarks` are those of the source. `is_self`
/// recognizes self traffic.
///
/// # Errors
/// If writing fails.
pub fn run(
    batches: &Receiver<Batch>,
    request_stop: &dyn Fn(),
    end: &End,
    (format, target): (Format, Target),
    watched: (Findings, PortUse, &Limits),
    (mut origin, remarks): (Origin, &Receiver<String>),
    is_self: &dyn Fn(&Session) -> bool,
) -> anyhow::Result<()> {
    let limits = watched.2;
    let engine = super::findings::engine(watched);
    let mut gathered = Gathered::new(engine, limits, origin.starts_in_between);
    let mut left = 0_u64;
    let mut note = |origin: &mut Origin| {
        for remark in remarks.try_iter() {
            match origin.remarks.len() < REMARKS {
                true => origin.remarks.push(remark),
                false => left += 1,
            }
        }
    };
    follow(batches, request_stop, end, |batch| {
        gathered.take(batch, is_self);
        note(&mut origin);
        Ok(ControlFlow::Continue(()))
    })?;
    note(&mut origin);
    if left > 0 {
        origin.remarks.push(format!("and {left} more remarks"));
    }
    target.write(&text(format, gathered, &origin, is_self))
}

fn text(
    format: Format,
    mut gathered: Gathered<'_>,
    origin: &Origin,
    is_self: &dyn Fn(&Session) -> bool,
) -> String {
    gathered.conclude(is_self);
    let document = compose::compose(gathered, origin);
    match format {
        Format::Html => html::page(&document),
        Format::Markdown => markdown::text(&document),
    }
}

/// A report of the past.
pub struct PastReport {
    pub batches: PastBatches,
    pub format: Format,
    pub origin: Origin,
    pub limits: Limits,
    pub watched: (Findings, PortUse),
    pub is_self: Box<dyn Fn(&Session) -> bool + Send>,
}

impl std::fmt::Debug for PastReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PastReport").finish_non_exhaustive()
    }
}

impl PastReport {
    /// Makes the report.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn text(mut self) -> io::Result<String> {
        let (findings, ports) = self.watched;
        let engine = super::findings::engine((findings, ports, &self.limits));
        let starts_in_between = self.origin.starts_in_between;
        let mut gathered = Gathered::new(engine, &self.limits, starts_in_between);
        loop {
            let (batch, has_more) = (self.batches)()?;
            if let Some(batch) = batch {
                gathered.take(batch, &self.is_self);
            }
            if !has_more {
                return Ok(text(self.format, gathered, &self.origin, &self.is_self));
            }
        }
    }
}
