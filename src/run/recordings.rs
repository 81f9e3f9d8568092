//! Files of recordings, and what is written about them: to replay, to compare with, to record, to redact, to report.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;

use crate::cli::{BaselineFlag, Cli};
use crate::collector::demo;
use crate::collector::replay;
use crate::collector::replay::Source;
use crate::host::broker::{Broker, Place};
use crate::host::proc::boot_id;
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::recording::Header;
use crate::model::redaction::Redactor;
use crate::output::record::Destination;
use crate::output::report::{ReportFlag, Target};
use crate::text::sanitize::sanitize;
use crate::ui::{ComparedRecording, Replayed};

/// Opens the recordings to replay.
pub(super) fn to_replay(broker: Option<&Broker>) -> anyhow::Result<Source> {
    let trying = |path: &Path| format!("cannot replay {}", path.display());
    let files = broker.map(Broker::replayed).transpose();
    let files = files.map_err(|(path, e)| anyhow::Error::from(e).context(trying(&path)))?;
    let files = files.unwrap_or_default();
    let is_file = |file: &File| file.metadata().is_ok_and(|file| file.is_file());
    match &files[..] {
        [] => return Ok(Source::Stream(Box::new(io::stdin()))),
        // a pipe
        [(_, file)] if !is_file(file) => {
            return Ok(Source::Stream(Box::new(file.try_clone()?)));
        }
        _ => {}
    }
    match files.iter().find(|(_, file)| !is_file(file)) {
        Some((path, _)) => {
            let error = anyhow::anyhow!("it is no regular file, and can only be replayed alone");
            Err(error.context(trying(path)))
        }
        None => Ok(Source::Files(files)),
    }
}

/// Opens the recording to compare with.
pub(super) fn to_compare(
    flag: &BaselineFlag,
    broker: &Broker,
    zone: &TimeZone,
    chosen: (CaptureFilter, u64),
) -> anyhow::Result<ComparedRecording> {
    let trying = |path: &Path| format!("cannot compare with {}", path.display());
    let files = broker.baseline();
    let files = files.map_err(|(path, e)| anyhow::Error::from(e).context(trying(&path)))?;
    let (passage, to_ns) =
        replay::passage_to(files, flag.at, zone, chosen).with_context(|| trying(&flag.path))?;
    Ok(ComparedRecording {
        passage,
        to_ns,
        file: sanitize(&flag.path.display().to_string()),
    })
}

/// Names the recordings to replay, for errors.
pub(super) fn replayed_paths(cli: &Cli) -> String {
    match &cli.replay[..] {
        [] => demo::NAME.to_owned(),
        [path] => path.display().to_string(),
        paths => fields::number(paths.len() as u64, "recording"),
    }
}

/// Creates the report to write.
pub(super) fn to_report(
    flag: &ReportFlag,
    broker: Option<&Broker>,
    stdout: &OwnedFd,
) -> anyhow::Result<Target> {
    match (&flag.path, broker) {
        (Some(path), Some(broker)) => Target::create(path, broker),
        _ => {
            let stdout = stdout.try_clone();
            let stdout = stdout.context("cannot take a descriptor for stdout")?;
            Ok(Target::Stdout(stdout.into()))
        }
    }
}

/// Prepares where to record to. `has_limits`: a single file cannot have them.
pub(super) fn to_record(
    path: &Path,
    broker: &Arc<Broker>,
    has_limits: bool,
) -> anyhow::Result<Destination> {
    let trying = || format!("cannot record to {}", path.display());
    if is_folder(path, broker, has_limits)? {
        // the first segment is created with the first batch; what does not work is to be known now
        broker.prepare_segments().with_context(trying)?;
        return Ok(Destination::Segments(Arc::clone(broker)));
    }
    if has_limits {
        return Err(anyhow::anyhow!("--record-keep needs a directory")).with_context(trying);
    }
    to_file(path, broker).map(Destination::File)
}

/// True if what is recorded goes to files in a directory.
pub(super) fn is_folder(path: &Path, broker: &Broker, has_limits: bool) -> anyhow::Result<bool> {
    if path.as_os_str() == "-" {
        return Ok(false);
    }
    let is_named_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match broker.segments() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(is_named_folder || has_limits),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(e) => Err(e).with_context(|| format!("cannot record to {}", path.display())),
    }
}

/// Creates the file to record to, unless that is stdout.
pub(super) fn to_file(path: &Path, broker: &Broker) -> anyhow::Result<File> {
    let trying = || format!("cannot record to {}", path.display());
    if path.as_os_str() == "-" {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            bail!("cannot record to stdout: it is a terminal");
        }
        let stdout = stdout.as_fd().try_clone_to_owned();
        return Ok(stdout.with_context(trying)?.into());
    }
    let file = broker.create_named(Place::Recording);
    let file = file.with_context(trying)?;
    let file = file
        .context("it exists, and is not overwritten")
        .with_context(trying)?;
    Ok(file)
}

/// Describes this host and this run.
pub(super) fn header(capture: &CaptureFilter) -> Header {
    let uname = rustix::system::uname();
    let text = |text: &CStr| text.to_string_lossy().into_owned();
    let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: text(uname.nodename()),
        boot_id: boot_id(),
        kernel: text(uname.release()),
        command: args.collect::<Vec<_>>().join(" "),
        capture: match *capture == CaptureFilter::default() {
            true => String::new(),
            false => capture.to_string(),
        },
        cut: String::new(),
    }
}

/// Describes a part of a recording: its origin is still that of the whole.
pub(super) fn header_of_cut(cli: &Cli, capture: &CaptureFilter, origin: Header) -> Header {
    let ours = header(capture);
    Header {
        version: ours.version,
        command: ours.command,
        capture: joined([origin.capture, ours.capture], " and "),
        cut: joined([origin.cut, cli.cut_text()], "; "),
        ..origin
    }
}

/// Joins two texts, of which either may be empty.
fn joined(texts: [String; 2], between: &str) -> String {
    let texts = texts.into_iter().filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join(between)
}

/// Makes a redactor with the key of the command line, or else with a random one.
pub(super) fn redactor(cli: &Cli, broker: Option<&Broker>) -> anyhow::Result<Redactor> {
    let mut key = Vec::new();
    match (&cli.redact_key, broker) {
        (Some(path), Some(broker)) => {
            let path = path.display();
            let help = "`head -c 32 /dev/urandom > FILE` makes a key";
            let trying = || format!("cannot read the key {path}; {help}");
            let file = broker.read(Place::RedactKey).with_context(trying)?;
            file.take(LONGEST_KEY)
                .read_to_end(&mut key)
                .with_context(trying)?;
            if key.len() < Redactor::SHORTEST_KEY {
                let (has, least) = (key.len(), Redactor::SHORTEST_KEY);
                bail!("the key {path} has {has} bytes, and needs {least} or more; {help}");
            }
        }
        _ => {
            key.resize(32, 0);
            let filled =
                rustix::rand::getrandom(&mut key[..], rustix::rand::GetRandomFlags::empty());
            filled.context("cannot get random bytes for a key")?;
        }
    }
    Ok(Redactor::new(&key))
}

/// Maximum length of a key, bytes: more would not be better.
const LONGEST_KEY: u64 = 4096;

/// Names a recording for the dashboard.
pub(super) fn replayed(cli: &Cli, origin: Option<Header>) -> Replayed {
    let origin = origin.unwrap_or_default();
    Replayed {
        is_demo: cli.demo,
        speed: cli.speed(),
        file: sanitize(&replayed_paths(cli)),
        host: origin.host,
        capture: joined([origin.capture, origin.cut], ", "),
    }
}
