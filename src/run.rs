//! Runs the program: reads the command line, starts the collector and the output, and exits with 0 for success, 1 for
//! an error, 2 for wrong usage. With --findings, 1 stands for findings and 2 for all errors.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{never, unbounded};
use jiff::tz::TimeZone;
use rustix::thread::CapabilitySet;

use crate::cli::complete;
use crate::cli::{BaselineFlag, Cli, Output, Stop};
use crate::collector::demo;
use crate::collector::kernel;
use crate::collector::kernel::NamespaceScan;
use crate::collector::replay;
use crate::collector::replay::{ReplayConfig, Source};
use crate::collector::selection::Selection;
use crate::doctor;
use crate::filter::{Filter, help_text};
use crate::generate::generate;
use crate::host::broker::{Broker, Place, Places};
use crate::host::caller::Caller;
use crate::host::containers::Namer;
use crate::host::privileges::with_files_of;
use crate::host::proc::boot_id;
use crate::host::process_info::descriptor_limit;
use crate::host::sandbox::{InForce, Mode, Sandbox};
use crate::host::session_env::SessionEnv;
use crate::host::time_zone;
use crate::host::users;
use crate::model::capture_filter::CaptureFilter;
use crate::model::fields;
use crate::model::findings::Findings;
use crate::model::recording::{Header, Reports};
use crate::model::redaction::Redactor;
use crate::model::session::Session;
use crate::output;
use crate::output::black_box;
use crate::output::columns::LineColumn;
use crate::output::csv::{Csv, CsvColumns};
use crate::output::findings;
use crate::output::findings::Verdict;
use crate::output::json::Json;
use crate::output::names::Spelling;
use crate::output::open_events::OpenEvents;
use crate::output::record;
use crate::output::record::{Cut, CutSize, Destination, Recorder};
use crate::output::report;
use crate::output::report::{ReportFlag, Target};
use crate::output::stdout::{DeadlineWriter, End};
use crate::output::text::{Text, TextColumns};
use crate::output::{Limits, Sink, Times, stdout};
use crate::text::sanitize::sanitize;
use crate::ui;
use crate::ui::config::{Config, usual_file};
use crate::ui::saved_lines;
use crate::ui::state::self_traffic::SelfTraffic;
use crate::ui::{ComparedRecording, FreezeOn, Replayed};

/// Runs the whole program and returns its exit status.
pub fn main() -> ExitCode {
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
    finish(run(&cli, plan, helpers), failed)
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

/// Interval that the run of `--open`, which takes a single snapshot, never reaches.
const ONE_SNAPSHOT: Duration = Duration::from_secs(24 * 3600);

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

/// Runs as requested and returns the exit status.
fn run(cli: &Cli, plan: Plan, helpers: Helpers) -> anyhow::Result<u8> {
    let Plan { output, filter, .. } = plan;
    // what is recorded or redacted is chosen first, and all of that is shown
    let (selected, filter) = match cli.selects() {
        true => (Some(filter), Filter::default()),
        false => (None, filter),
    };
    let is_dashboard = output == Output::Dashboard;
    if is_dashboard && !is_on_a_terminal() {
        bail!(
            "the dashboard needs a terminal on stdin and stdout. Without one, use -o text, csv or json"
        );
    }
    match output {
        Output::Dashboard => ui::await_foreground()?,
        Output::None => {}
        Output::Report if report_file(cli).is_some() => {}
        _ => stdout::check_open()?,
    }
    let mut notices: Vec<String> = cli.ring_size.notice.iter().cloned().collect();
    if is_dashboard {
        notices.extend(cli.dashboard_notice());
    }
    let is_report = output == Output::Report;
    let zone = if is_dashboard || is_report || cli.time || cli.from.is_some() || cli.to.is_some() {
        // TZ names a file
        let local = with_files_of(&plan.caller.identity, time_zone::local);
        let local = local.unwrap_or_else(|e| {
            Err(format!(
                "cannot read the time zone as the caller: {e}. Times are in UTC"
            ))
        });
        local.unwrap_or_else(|why| {
            notices.push(why);
            TimeZone::UTC
        })
    } else {
        TimeZone::UTC
    };
    let rounds = cli.snapshots.map(|time| Rounds::new(time, cli.findings));
    let is_live = cli.is_live();
    let shows_open =
        is_live && (is_dashboard || is_report || cli.open || cli.findings || rounds.is_some());
    if shows_open {
        notices.extend(kernel::limits().map(str::to_owned));
    }
    if plan.columns.iter().flatten().any(|c| c.word() == "user") {
        // reads the file of users, which later may not be readable
        users::known_name(0);
    }
    // the last things that take rights which are given up next
    let stdout = stdout::stdout().context("cannot take a descriptor for stdout")?;
    let session_env =
        (is_live && (is_dashboard || is_report || cli.findings)).then(SessionEnv::detect);
    let sandbox = Sandbox::new(cli.sandbox, &plan.caller);
    let containers = helpers.containers.as_ref();
    let container_names = containers.map_or(0, Namer::rights);
    let source = (!is_live).then(|| match cli.demo {
        true => Ok(demo::source()),
        false => to_replay(helpers.broker.as_ref()),
    });
    let source = source.transpose()?.map(|source| match cli.redact {
        true => source.unnamed(),
        false => source,
    });
    let redactor = cli.redact.then(|| redactor(cli, &helpers)).transpose()?;
    let report = cli.report.as_ref();
    let report = report.map(|flag| (flag.format, to_report(flag, &helpers, &stdout)));
    let report = report.map(|(format, target)| target.map(|target| (format, target)));
    let report = report.transpose()?;
    let (told, remarks) = unbounded();
    let report_to = is_dashboard.then(|| told.clone());
    let say = move |text: String| {
        if !is_dashboard {
            stdout::print_to_stderr(&text);
        }
        if is_dashboard || is_report {
            // the dashboard may be gone, and then nobody needs to know
            let _ = told.send(text);
        }
    };
    let config = kernel::CollectorConfig {
        capture: plan.capture.clone(),
        interval: match () {
            () if is_dashboard => Some(plan.config.interval),
            () if cli.open => Some(ONE_SNAPSHOT),
            () if rounds.is_some() => rounds.map(|rounds| rounds.interval),
            () if cli.findings || is_report => Some(findings::INTERVAL),
            () if cli.record.is_some() => Some(record::INTERVAL),
            () => None,
        },
        part: None,
        walk: None,
        drops: (is_dashboard || is_report || cli.findings) && plan.config.drops,
        // rows are written once, so each must be right; the dashboard can already draw meanwhile
        scan_first: !is_dashboard,
        ring_bytes: cli.ring_size.bytes,
        sandbox: sandbox.clone(),
        namespaces: helpers.namespaces,
        containers: helpers.containers,
    };
    // it waits for the collector to stop, so it is dropped after it
    let _recorder;
    let (mut collector, in_force, finds_all, origin);
    let mut seekable = None;
    if let Some(source) = source {
        in_force = sandbox.enter(CapabilitySet::empty())?;
        let reports = match () {
            () if is_dashboard || is_report || cli.is_cut() || cli.findings => Reports::All,
            () if cli.open => Reports::OpenAtEnd,
            () => Reports::Closed,
        };
        let config = ReplayConfig {
            source,
            capture: plan.capture.clone(),
            reports,
            stays: is_dashboard,
            pace: match cli.speed() {
                Some(_) if !is_dashboard => None,
                Some(_) if cli.demo => Some(demo::PACE),
                speed => speed.map(|_| replay::AS_IT_HAPPENED),
            },
            keep: is_dashboard.then_some(plan.config.keep as u64),
            from: cli.from,
            to: cli.to,
            zone: zone.clone(),
            say: Box::new(say.clone()),
            // what comes second by second is not late
            progress: (cli.speed().is_none() && (is_dashboard || io::stderr().is_terminal()))
                .then(|| Box::new(say.clone()) as replay::Say),
        };
        let paths = replayed_paths(cli);
        let (of_replay, started) =
            replay::start(config).with_context(|| format!("cannot replay {paths}"))?;
        (collector, origin) = (of_replay, started.header);
        // what is redacted on its way is not to be seen in another one
        seekable = started.seekable.filter(|_| !cli.selects());
        finds_all = true;
    } else {
        let (of_kernel, started) = kernel::start(config)?;
        collector = of_kernel;
        // the collector's thread exists already and has entered by itself; all others are started from here on
        in_force = InForce {
            container_names,
            ..sandbox.enter(CapabilitySet::empty())?.and(started.in_force)
        };
        finds_all = started.finds_all;
        origin = None;
    }
    let redacted = |header: Header| match &redactor {
        Some(redactor) => redactor.header(header),
        None => header,
    };
    let recorded_as = redacted(match cli.is_cut() {
        true => header_of_cut(cli, &plan.capture, origin.clone().unwrap_or_default()),
        false => header(&plan.capture),
    });
    let origin = origin.map(redacted);
    if let Some(filter) = selected {
        let selection = Selection::new(filter, redactor);
        collector.pass_through(|batches| selection.start(batches))?;
    }
    let broker = helpers.broker.map(Arc::new);
    let (mut recording, mut cut) = (None, None);
    if let (Some(path), Some(broker)) = (&cli.record, &broker) {
        let retention = cli.record_keep.unwrap_or_default();
        let has_limits = cli.record_keep.is_some();
        let mut recorder = None;
        collector.pass_through(|batches| {
            if cli.is_cut() {
                if is_folder(path, broker, has_limits)? {
                    let path = path.display();
                    bail!("cannot record to {path}: a part of a recording goes to a file, not to a directory");
                }
                let (started, shown) = Cut::start(to_file(path, broker)?, recorded_as, batches)?;
                cut = Some((started, path));
                return Ok(shown);
            }
            let destination = to_record(path, broker, has_limits)?;
            let say = Arc::new(say);
            let (started, shown) = Recorder::start(destination, retention, recorded_as, batches, say)?;
            recording = Some(started.control.clone());
            recorder = Some(started);
            Ok(shown)
        })?;
        _recorder = recorder;
    }
    if shows_open && !finds_all {
        notices.push(
            "open sessions of other network namespaces may be missing: no BPF map iterators".into(),
        );
    }
    let session_env = session_env.unwrap_or_default();
    // a report needs it until the end
    if is_dashboard && let Some(broker) = broker {
        let mut frames = never();
        let saved_as = match !is_live {
            true => origin.clone().unwrap_or_default(),
            false => header(&plan.capture),
        };
        if plan.config.black_box_memory > 0 {
            collector.pass_through(|batches| {
                let (packed, shown) = black_box::start(batches)?;
                frames = packed;
                Ok(shown)
            })?;
        }
        let compared = cli.baseline.as_ref().map(|flag| {
            let capture = (plan.capture.clone(), plan.config.keep as u64);
            to_compare(flag, &broker, &zone, capture)
        });
        let options = ui::Options {
            compared: compared.transpose()?,
            capture: plan.capture,
            filter,
            config: plan.config,
            theme: cli.theme,
            duration: cli.duration,
            starts_with_findings: cli.starts_with_findings(output),
            zone,
            notice: (!notices.is_empty()).then(|| notices.join("; ")),
            broker,
            home: plan.caller.home,
            session_env,
            in_force,
            reports: remarks,
            report: report_to,
            replayed: (!is_live).then(|| replayed(cli, origin)),
            recording,
            frames,
            seekable,
            freeze_on: plan.freeze_on,
            origin: saved_as,
        };
        return ui::run(collector, options).map(|()| 0);
    }
    for notice in cli.notice(output).iter().chain(&notices) {
        stdout::print_to_stderr(notice);
    }
    let is_finite = output == Output::Text || cli.duration.is_some();
    let reports = cli.findings && is_finite && rounds.is_none();
    let usual = (reports && is_live).then(|| findings::usual_duration(&plan.config.thresholds));
    let time = cli.duration.or(usual);
    let mut end = End::new(time)?;
    end.has_reader = !matches!(output, Output::None | Output::Report);
    let mut out = BufWriter::new(DeadlineWriter::new(stdout, &end));
    let times = Times {
        time: cli.time,
        timestamp: cli.timestamp,
    };
    let names = match cli.exact_names {
        true => Spelling::Exact,
        false => Spelling::Safe,
    };
    let limits = Limits {
        filter,
        count: cli.count,
        captures_more: cli.record.is_some(),
        in_force,
    };
    let stop = || collector.request_stop();
    let origin = is_report.then(|| report::Origin {
        header: match is_live {
            true => header(&plan.capture),
            false => origin.unwrap_or_default(),
        },
        replayed: match is_live {
            true => String::new(),
            // a path may name somebody
            false if cli.redact => "redacted".into(),
            false => replayed_paths(cli),
        },
        filter: limits.filter.source().to_owned(),
        zone: zone.clone(),
        remarks: Vec::new(),
        starts_in_between: cli.from.is_some(),
    });
    let engine = || {
        let mut findings = Findings::new(plan.config.thresholds, descriptor_limit);
        findings.capture = plan.capture;
        (findings, session_env.port_use(), &limits)
    };
    let self_traffic = SelfTraffic::new(&session_env);
    let is_self = |session: &Session| self_traffic.is(session);
    if let (Some(report), Some(origin)) = (report, origin) {
        if is_live && cli.duration.is_none() && io::stderr().is_terminal() {
            let text = "watching until Ctrl-C, then the report is written; --duration sets a time";
            stdout::print_to_stderr(text);
        }
        let (batches, origin) = (collector.batches(), (origin, &remarks));
        report::run(batches, &stop, &end, report, engine(), origin, &is_self)?;
        return collector.join().map(|()| 0);
    }
    if reports {
        // whoever waits on a terminal wants to know for what
        if let Some(time) =
            time.filter(|time| *time >= Duration::from_secs(1) && io::stderr().is_terminal())
        {
            let time = fields::seconds(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            let live = "-o dashboard --findings shows them live";
            stdout::print_to_stderr(&format!("watching for {time}, or until Ctrl-C; {live}"));
        }
        let form = match output {
            Output::Json => findings::Form::Json(&mut out),
            _ => findings::Form::Text(&mut out),
        };
        let batches = collector.batches();
        let verdict = findings::run_findings(batches, &stop, form, &end, engine(), &is_self)?;
        collector.join()?;
        return Ok(status(verdict));
    }
    let mut sink: Box<dyn Sink> = match (output, plan.columns) {
        (Output::Csv, Some(columns)) => Box::new(CsvColumns::new(out, columns, names, times, zone)),
        (Output::Csv, None) => {
            let csv = Csv::new(out, names, times, zone);
            Box::new(if cli.open { csv.with_states() } else { csv })
        }
        (Output::Json, Some(columns)) => Box::new(Json::of(out, &columns)),
        (Output::Json, None) => Box::new(Json::new(out)),
        (Output::None, _) => Box::new(output::Nothing),
        (_, Some(columns)) => {
            let wide = cli.wide;
            Box::new(TextColumns::new(out, columns, wide, names, times, zone))
        }
        (_, None) => {
            let text = Text::new(out, cli.wide, names, times, zone);
            Box::new(if cli.open { text.with_states() } else { text })
        }
    };
    let open = rounds.map(|rounds| OpenEvents::every(rounds.snapshots));
    if cli.findings {
        let (batches, sink) = (collector.batches(), sink.as_mut());
        let sessions = findings::Sessions {
            is_self: &is_self,
            open,
        };
        let verdict = findings::run_events(batches, &stop, sink, &end, engine(), sessions)?;
        collector.join()?;
        return Ok(status(verdict));
    }
    let (batches, sink) = (collector.batches(), sink.as_mut());
    let written = match cli.open {
        true => output::run_open(batches, &stop, sink, &end, limits),
        false => output::run(batches, &stop, sink, &end, limits, open),
    };
    written.context(NOT_WRITTEN)?;
    collector.join()?;
    if let Some((cut, path)) = cut {
        let path = path.display();
        let failed = || format!("cannot record to {path}, which is incomplete now");
        let CutSize { closed, bytes } = cut.finish().with_context(failed)?;
        let (closed, size) = (
            fields::number(closed, "closed session"),
            fields::size(bytes),
        );
        stdout::print_to_stderr(&format!("recorded {closed} to {path}, {size}"));
    }
    Ok(0)
}

/// Snapshots for the events of open sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rounds {
    /// Time between two snapshots.
    interval: Duration,
    /// Snapshots from one round of events to the next.
    snapshots: u32,
}

impl Rounds {
    /// Plans a round of events every `time`. Findings need a snapshot a second.
    fn new(time: Duration, has_findings: bool) -> Self {
        let needed = time.as_nanos().div_ceil(findings::INTERVAL.as_nanos());
        let snapshots = if has_findings {
            u32::try_from(needed).unwrap_or(u32::MAX).max(1)
        } else {
            1
        };
        Rounds {
            interval: time / snapshots,
            snapshots,
        }
    }
}

/// Opens the recordings to replay.
fn to_replay(broker: Option<&Broker>) -> anyhow::Result<Source> {
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
fn to_compare(
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
fn replayed_paths(cli: &Cli) -> String {
    match &cli.replay[..] {
        [] => demo::NAME.to_owned(),
        [path] => path.display().to_string(),
        paths => fields::number(paths.len() as u64, "recording"),
    }
}

/// Creates the report to write.
fn to_report(flag: &ReportFlag, helpers: &Helpers, stdout: &OwnedFd) -> anyhow::Result<Target> {
    match (&flag.path, &helpers.broker) {
        (Some(path), Some(broker)) => Target::create(path, broker),
        _ => {
            let stdout = stdout.try_clone();
            let stdout = stdout.context("cannot take a descriptor for stdout")?;
            Ok(Target::Stdout(stdout.into()))
        }
    }
}

/// Prepares where to record to. `has_limits`: a single file cannot have them.
fn to_record(path: &Path, broker: &Arc<Broker>, has_limits: bool) -> anyhow::Result<Destination> {
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
fn is_folder(path: &Path, broker: &Broker, has_limits: bool) -> anyhow::Result<bool> {
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
fn to_file(path: &Path, broker: &Broker) -> anyhow::Result<File> {
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
fn header(capture: &CaptureFilter) -> Header {
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
fn header_of_cut(cli: &Cli, capture: &CaptureFilter, origin: Header) -> Header {
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
fn redactor(cli: &Cli, helpers: &Helpers) -> anyhow::Result<Redactor> {
    let mut key = Vec::new();
    match (&cli.redact_key, &helpers.broker) {
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
fn replayed(cli: &Cli, origin: Option<Header>) -> Replayed {
    let origin = origin.unwrap_or_default();
    Replayed {
        is_demo: cli.demo,
        speed: cli.speed(),
        file: sanitize(&replayed_paths(cli)),
        host: origin.host,
        capture: joined([origin.capture, origin.cut], ", "),
    }
}

/// The exit status of a run that looked for findings.
fn status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NothingFound => 0,
        Verdict::Found => FOUND,
        Verdict::CannotTell => CANNOT_TELL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_with_findings_have_a_snapshot_a_second_at_least() {
        let ms = Duration::from_millis;
        for (time, has_findings, interval, snapshots) in [
            (ms(100), false, ms(100), 1),
            (ms(60_000), false, ms(60_000), 1),
            (ms(100), true, ms(100), 1),
            (ms(1000), true, ms(1000), 1),
            (ms(1500), true, ms(750), 2),
            (ms(60_000), true, ms(1000), 60),
        ] {
            let rounds = Rounds {
                interval,
                snapshots,
            };
            assert_eq!(Rounds::new(time, has_findings), rounds, "{time:?}");
        }
    }
}
