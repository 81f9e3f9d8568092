//! Runs the program: reads the command line, starts the collector and the output, and exits with 0 for success, 1 for
//! an error, 2 for wrong usage.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;

use crate::cli::{Cli, Output, Stop};
use crate::collector::kernel;
use crate::filter::Filter;
use crate::host::time_zone;
use crate::model::capture_filter::CaptureFilter;
use crate::output;
use crate::output::names::Spelling;
use crate::output::stdout::{DeadlineWriter, End};
use crate::output::{Limits, Sink, Times, stdout};
use crate::ui;
use crate::ui::config::Config;

/// Runs the whole program and returns its exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(stop) => return stopped(stop),
    };
    if cli.print_config {
        return stopped(Stop::Help(Config::default().to_toml()));
    }
    let output = cli.output(is_on_a_terminal());
    let settings = match output {
        Output::Dashboard => cli.settings(),
        _ => Ok(Config::default()), // the configuration does not affect line outputs
    };
    let (filter, config) = match (cli.session_filter(output), settings) {
        (Ok(filter), Ok(config)) => (filter, config),
        (Err(stop), _) | (_, Err(stop)) => return stopped(stop),
    };
    match cli.capture_for(output, &filter) {
        Ok(capture) => finish(run(&cli, output, capture, filter, config)),
        Err(stop) => stopped(stop),
    }
}

/// Prints the text or the usage error of the command line.
fn stopped(stop: Stop) -> ExitCode {
    match stop {
        Stop::Help(text) => finish(print(&text)),
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

/// Returns the exit status. A reader that closes the pipe has seen enough: that is no failure.
fn finish(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    stdout::print_to_stderr(&format!("{error:#}"));
    ExitCode::FAILURE
}

fn is_on_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn run(
    cli: &Cli,
    output: Output,
    capture: CaptureFilter,
    filter: Filter,
    settings: Config,
) -> anyhow::Result<()> {
    if output == Output::Dashboard && !is_on_a_terminal() {
        bail!(
            "the dashboard needs a terminal on stdin and stdout. Without one, use -o text, csv or json"
        );
    }
    match output {
        Output::Dashboard => ui::await_foreground()?,
        _ => stdout::check_open()?,
    }
    let mut notices: Vec<String> = cli.ring_size.notice.iter().cloned().collect();
    let zone = if output == Output::Dashboard || cli.time {
        time_zone::local().unwrap_or_else(|why| {
            notices.push(why);
            TimeZone::UTC
        })
    } else {
        TimeZone::UTC
    };
    if output == Output::Dashboard && kernel::has_hidden_namespaces() {
        notices.push(
            "without CAP_SYS_ADMIN, sessions in other network namespaces that no process has open are not shown"
                .into(),
        );
    }
    let config = kernel::CollectorConfig {
        capture: capture.clone(),
        interval: (output == Output::Dashboard).then_some(settings.interval),
        // rows are written once, so each must be right; the dashboard can already draw meanwhile
        scan_first: output != Output::Dashboard,
        ring_bytes: cli.ring_size.bytes,
    };
    let collector = kernel::start(config)?;
    if output == Output::Dashboard {
        let options = ui::Options {
            capture,
            filter,
            config: settings,
            theme: cli.theme,
            duration: cli.duration,
            zone,
            notice: (!notices.is_empty()).then(|| notices.join("; ")),
        };
        return ui::run(collector, options);
    }
    for notice in cli.notice(output).iter().chain(&notices) {
        stdout::print_to_stderr(notice);
    }
    let end = End::new(cli.duration)?;
    let stdout = stdout::stdout().context("cannot take a descriptor for stdout")?;
    let out = BufWriter::new(DeadlineWriter::new(stdout, &end));
    let times = Times {
        time: cli.time,
        timestamp: cli.timestamp,
    };
    let names = match cli.exact_names {
        true => Spelling::Exact,
        false => Spelling::Safe,
    };
    let mut sink: Box<dyn Sink> = match output {
        Output::Csv => Box::new(output::csv::Csv::new(out, names, times, zone)),
        Output::Json => Box::new(output::json::Json::new(out)),
        _ => Box::new(output::text::Text::new(out, cli.wide, names, times, zone)),
    };
    let limits = Limits {
        filter,
        count: cli.count,
    };
    let stop = || collector.request_stop();
    output::run(collector.batches(), &stop, sink.as_mut(), &end, limits).context(NOT_WRITTEN)?;
    collector.join()
}
