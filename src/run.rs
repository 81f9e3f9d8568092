//! Runs the program: reads the command line, starts the collector and the output, and exits with 0 for success, 1 for
//! an error, 2 for wrong usage. With --findings, 1 stands for findings and 2 for all errors.

mod prepare;
mod recordings;
mod show;
mod start;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::complete;
use crate::cli::{Cli, Output, Stop};
use crate::collector::kernel;
use crate::collector::kernel::NamespaceScan;
use crate::doctor;
use crate::filter::{Filter, help_text};
use crate::generate::generate;
use crate::host::broker::{Broker, Places};
use crate::host::caller::Caller;
use crate::host::containers::Namer;
use crate::host::sandbox::{Mode, Sandbox};
use crate::model::capture_filter::CaptureFilter;
use crate::output::columns::LineColumn;
use crate::output::findings::Verdict;
use crate::output::stdout;
use crate::run::prepare::Prepared;
use crate::text::sanitize::sanitize;
use crate::ui::FreezeOn;
use crate::ui::config::{Config, usual_file};
use crate::ui::saved_lines;

/// Makes errors and panics look for no callers. The static program has no tables that name them (`scripts/no-unwinding.ld`), so that
/// the search would abort it, and an error would end it without a word.
#[cfg(target_feature = "crt-static")]
fn without_backtraces() {
    for variable in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        // SAFETY: there is no other thread yet, which may read the environment.
        unsafe { std::env::remove_var(variable) };
    }
}

/// Runs the whole program and returns its exit status.
pub fn main() -> ExitCode {
    #[cfg(target_feature = "crt-static")]
    without_backtraces();
    if let Some(words) = complete::requested(std::env::args_os()) {
        let printed = words
            .map_err(anyhow::Error::from)
            .and_then(|words| print(&words));
        return finish(printed.map(|()| 0), FAILED);
    }
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(stop) => return stopped(stop),
    };
    if cli.help_filter {
        return stopped(Stop::Help(help_text()));
    }
    if cli.print_config {
        return stopped(Stop::Help(Config::default().to_toml()));
    }
    if let Some(what) = cli.generate {
        return stopped(Stop::Help(generate(what)));
    }
    let output = cli.output(is_on_a_terminal());
    let filter = match cli.session_filter(output) {
        Ok(filter) => filter,
        Err(stop) => return stopped(stop),
    };
    if let Some(mended) = filter.mended() {
        let [text, mended] = [filter.source().trim(), mended.trim()].map(sanitize);
        stdout::print_to_stderr(&format!("-f: read `{text}` as `{mended}`"));
    }
    let writes_rows = matches!(output, Output::Text | Output::Csv | Output::Json);
    if filter.has_moment() && writes_rows && !cli.findings && !cli.doctor {
        stdout::print_to_stderr(
            "-f: `ended` is 0 here, as a row is written when its session closes: `ended < 5m` matches all closed ones, \
             `ended > 5m` none",
        );
    }
    let freeze_on = match cli.freeze_on() {
        Ok(freeze_on) => freeze_on,
        Err(stop) => return stopped(stop),
    };
    let columns = match cli.line_columns(output) {
        Ok(columns) => columns,
        Err(stop) => return stopped(stop),
    };
    let capture = match cli.capture_for(output, &filter) {
        Ok(capture) => capture,
        Err(stop) => return stopped(stop),
    };
    let caller = match Caller::detect() {
        Ok(caller) => caller,
        Err(e) if has_files(&cli, output) => return finish(Err(e.into()), FAILED),
        // lines open no file for anybody
        Err(_) => Caller::nobody(),
    };
    let failed = match cli.writes_findings(output) {
        true => CANNOT_TELL,
        false => FAILED,
    };
    let helpers = match Helpers::start(&cli, output, &caller) {
        Ok(helpers) => helpers,
        Err(e) => return finish(Err(e), failed),
    };
    let settings = match &helpers.broker {
        Some(broker) => cli.settings(broker, output),
        None => Ok(Config::default()), // the configuration does not affect sessions as lines
    };
    let config = match settings {
        Ok(config) => config,
        Err(stop) => return stopped(stop),
    };
    if cli.doctor {
        return finish(examine(&cli, output, caller, helpers), FAILED);
    }
    let plan = Plan {
        output,
        capture,
        filter,
        columns,
        config,
        freeze_on,
        caller,
    };
    let run = || Prepared::new(&cli, plan, helpers)?.start()?.show();
    finish(run(), failed)
}

/// True if the configuration matters.
fn has_settings(cli: &Cli, output: Output) -> bool {
    matches!(output, Output::Dashboard | Output::Report) || cli.findings
}

/// Paths of the recordings that are replayed from files.
fn replayed_files(cli: &Cli) -> Vec<PathBuf> {
    let all = cli.replay.iter();
    all.filter(|path| path.as_os_str() != "-")
        .cloned()
        .collect()
}

/// Path of the report, if it is to be a file.
fn report_file(cli: &Cli) -> Option<&Path> {
    cli.report.as_ref()?.path.as_deref()
}

/// True if files are opened for the caller.
fn has_files(cli: &Cli, output: Output) -> bool {
    let is_named = cli.record.is_some() || cli.redact_key.is_some();
    has_settings(cli, output) || is_named || !replayed_files(cli).is_empty()
}

/// Processes forked before anything else, with rights that the main process gives up or never has.
struct Helpers {
    /// `None` for a replay.
    containers: Option<Namer>,
    /// Opens files with the rights of the caller; sessions as lines need none.
    broker: Option<Broker>,
    namespaces: Option<NamespaceScan>,
}

impl Helpers {
    fn start(cli: &Cli, output: Output, caller: &Caller) -> anyhow::Result<Self> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let state = |name| saved_lines::file(name, variable("XDG_STATE_HOME"), caller.home.clone());
        let baseline = cli.baseline.iter().map(|flag| flag.path.clone());
        let places = Places {
            config: config_file(cli, caller),
            is_config_named: cli.config.is_some(),
            history: state("history"),
            columns: state("columns"),
            hints: state("hints"),
            recording: cli.record.clone(),
            replay: replayed_files(cli).into_iter().chain(baseline).collect(),
            has_baseline: cli.baseline.is_some(),
            redact_key: cli.redact_key.clone(),
            report: report_file(cli).map(Path::to_owned),
        };
        let is_live = cli.is_live();
        // the first, so that no other child keeps its socket open
        let containers = is_live.then(|| Namer::start(cli.sandbox == Mode::Strict));
        let containers = containers.transpose()?;
        let broker = has_files(cli, output).then(|| Broker::start(places, caller));
        let broker = broker.transpose()?;
        let namespaces = is_live.then(kernel::prepare_namespaces).transpose()?;
        Ok(Helpers {
            containers,
            broker,
            namespaces: namespaces.flatten(),
        })
    }
}

/// Examines this host, prints the report and returns the exit status.
fn examine(cli: &Cli, output: Output, caller: Caller, helpers: Helpers) -> anyhow::Result<u8> {
    let report = doctor::examine(doctor::Examination {
        config: config_file(cli, &caller),
        is_config_named: cli.config.is_some(),
        sandbox: Sandbox::new(cli.sandbox, &caller),
        ring_bytes: cli.ring_size.bytes,
        namespaces: helpers.namespaces,
        containers: helpers.containers,
        caller,
    });
    print(&match output {
        Output::Json => report.json(),
        // most terminals are at least as wide
        _ => report.text(io::stdout().is_terminal().then_some(80)),
    })?;
    Ok(if report.is_fine() { 0 } else { FAILED })
}

/// Path of the configuration to read.
fn config_file(cli: &Cli, caller: &Caller) -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let usual = || usual_file(home, caller.home.clone());
    cli.config.clone().or_else(usual)
}

/// The requests of the command line and the configuration.
struct Plan {
    output: Output,
    capture: CaptureFilter,
    filter: Filter,
    /// Columns of line outputs; `None`: the usual ones.
    columns: Option<Vec<LineColumn>>,
    config: Config,
    /// Condition on which the dashboard's black box freezes.
    freeze_on: Option<FreezeOn>,
    caller: Caller,
}

/// Prints the text or the usage error of the command line.
fn stopped(stop: Stop) -> ExitCode {
    match stop {
        Stop::Help(text) => finish(print(&text).map(|()| 0), FAILED),
        Stop::Usage(message) => {
            stdout::print_to_stderr(&message);
            ExitCode::from(2)
        }
    }
}

const NOT_WRITTEN: &str = "cannot write to stdout";

/// Prints a text to stdout.
fn print(text: &str) -> anyhow::Result<()> {
    stdout::check_open()?;
    let written = io::stdout().write_all(text.as_bytes());
    written.context(NOT_WRITTEN)
}

/// Exit status of a run that failed.
const FAILED: u8 = 1;
/// Exit statuses of --findings.
const FOUND: u8 = 1;
const CANNOT_TELL: u8 = 2;

/// Returns the exit status. A reader that closes the pipe has seen enough: that is no failure, but with --findings it
/// does not say that nothing is wrong.
fn finish(result: anyhow::Result<u8>, failed: u8) -> ExitCode {
    let error = match result {
        Ok(status) => return ExitCode::from(status),
        Err(error) => error,
    };
    if error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::from(if failed == CANNOT_TELL { failed } else { 0 });
    }
    stdout::print_to_stderr(&format!("{error:#}"));
    ExitCode::from(failed)
}

fn is_on_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The exit status of a run that looked for findings.
fn status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NothingFound => 0,
        Verdict::Found => FOUND,
        Verdict::CannotTell => CANNOT_TELL,
    }
}
