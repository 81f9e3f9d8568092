//! Shows the sessions of a run: on the dashboard, in a report, as findings, or as lines.

use std::io::{self, BufWriter, IsTerminal};
use std::time::Duration;

use anyhow::Context;
use crossbeam_channel::never;
use jiff::tz::TimeZone;

use crate::cli::{Cli, Output};
use crate::host::process_info::descriptor_limit;
use crate::host::session_env::SessionEnv;
use crate::model::fields;
use crate::model::findings::Findings;
use crate::model::port_use::PortUse;
use crate::model::session::Session;
use crate::output;
use crate::output::black_box;
use crate::output::columns::LineColumn;
use crate::output::csv::{Csv, CsvColumns};
use crate::output::findings;
use crate::output::json::Json;
use crate::output::names::Spelling;
use crate::output::open_events::OpenEvents;
use crate::output::record::CutSize;
use crate::output::report;
use crate::output::stdout::{DeadlineWriter, End};
use crate::output::text::{Text, TextColumns};
use crate::output::{Limits, Sink, Times, stdout};
use crate::run::start::Running;
use crate::run::{NOT_WRITTEN, recordings, status};
use crate::ui;
use crate::ui::state::self_traffic::SelfTraffic;

impl Running<'_> {
    /// Shows the sessions until the end, and returns the exit status.
    pub(super) fn show(self) -> anyhow::Result<u8> {
        if self.task.is_dashboard() {
            return self.show_on_dashboard();
        }
        let (cli, output) = (self.task.cli, self.task.plan.output);
        for notice in cli.notice(output).iter().chain(&self.task.notices) {
            stdout::print_to_stderr(notice);
        }
        let is_finite = output == Output::Text || cli.duration.is_some();
        match output {
            Output::Report => self.write_report(),
            _ if cli.findings && is_finite && self.task.rounds.is_none() => self.print_findings(),
            _ => self.print_lines(),
        }
    }

    fn show_on_dashboard(mut self) -> anyhow::Result<u8> {
        let (cli, is_live) = (self.task.cli, self.task.cli.is_live());
        let mut frames = never();
        if self.task.plan.config.black_box_memory > 0 {
            self.collector.pass_through(|batches| {
                let (packed, shown) = black_box::start(batches)?;
                frames = packed;
                Ok(shown)
            })?;
        }
        let task = self.task;
        let (plan, broker) = (task.plan, task.broker);
        let broker = broker.context("the dashboard has no process that opens its files")?;
        let compared = cli.baseline.as_ref().map(|flag| {
            let capture = (plan.capture.clone(), plan.config.keep as u64);
            recordings::to_compare(flag, &broker, &task.zone, capture)
        });
        let options = ui::Options {
            compared: compared.transpose()?,
            origin: match is_live {
                true => recordings::header(&plan.capture),
                false => self.origin.clone().unwrap_or_default(),
            },
            capture: plan.capture,
            filter: plan.filter,
            config: plan.config,
            theme: cli.theme,
            duration: cli.duration,
            starts_with_findings: cli.starts_with_findings(plan.output),
            zone: task.zone,
            notice: (!task.notices.is_empty()).then(|| task.notices.join("; ")),
            broker,
            home: plan.caller.home,
            session_env: task.session_env.unwrap_or_default(),
            in_force: self.in_force,
            reports: task.told,
            report: Some(task.teller.told),
            replayed: (!is_live).then(|| recordings::replayed(cli, self.origin)),
            recording: self
                .recorder
                .as_ref()
                .map(|started| started.control.clone()),
            frames,
            seekable: self.seekable,
            freeze_on: plan.freeze_on,
        };
        ui::run(self.collector, options).map(|()| 0)
    }

    /// Watches until the end, and then writes the report.
    fn write_report(mut self) -> anyhow::Result<u8> {
        let cli = self.task.cli;
        let report = self
            .task
            .report
            .take()
            .context("there is no report to write")?;
        let end = self.end(cli.duration)?;
        let (limits, watch) = (self.limits(), Watch::of(&self));
        let origin = report::Origin {
            header: match cli.is_live() {
                true => recordings::header(&self.task.plan.capture),
                false => self.origin.take().unwrap_or_default(),
            },
            replayed: match cli.is_live() {
                true => String::new(),
                // a path may name somebody
                false if cli.redact => "redacted".into(),
                false => recordings::replayed_paths(cli),
            },
            filter: limits.filter.source().to_owned(),
            zone: self.task.zone.clone(),
            remarks: Vec::new(),
            starts_in_between: cli.from.is_some(),
        };
        if cli.is_live() && cli.duration.is_none() && io::stderr().is_terminal() {
            let text = "watching until Ctrl-C, then the report is written; --duration sets a time";
            stdout::print_to_stderr(text);
        }
        let (batches, stop) = (self.collector.batches(), || self.collector.request_stop());
        let engine = (watch.findings, watch.ports, &limits);
        let is_self = |session: &Session| watch.own.is(session);
        let origin = (origin, &self.task.told);
        report::run(batches, &stop, &end, report, engine, origin, &is_self)?;
        self.collector.join().map(|()| 0)
    }

    /// Watches until the end, and then prints what was found.
    fn print_findings(self) -> anyhow::Result<u8> {
        let (cli, thresholds) = (self.task.cli, &self.task.plan.config.thresholds);
        let usual = cli.is_live().then(|| findings::usual_duration(thresholds));
        let time = cli.duration.or(usual);
        let end = self.end(time)?;
        let (limits, watch) = (self.limits(), Watch::of(&self));
        let mut out = BufWriter::new(DeadlineWriter::new(self.task.stdout, &end));
        // whoever waits on a terminal wants to know for what
        if let Some(time) =
            time.filter(|time| *time >= Duration::from_secs(1) && io::stderr().is_terminal())
        {
            let time = fields::seconds(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            let live = "-o dashboard --findings shows them live";
            stdout::print_to_stderr(&format!("watching for {time}, or until Ctrl-C; {live}"));
        }
        let form = match self.task.plan.output {
            Output::Json => findings::Form::Json(&mut out),
            _ => findings::Form::Text(&mut out),
        };
        let (batches, stop) = (self.collector.batches(), || self.collector.request_stop());
        let engine = (watch.findings, watch.ports, &limits);
        let is_self = |session: &Session| watch.own.is(session);
        let verdict = findings::run_findings(batches, &stop, form, &end, engine, &is_self)?;
        self.collector.join()?;
        Ok(status(verdict))
    }

    /// Prints sessions as lines, as they close or as they are.
    fn print_lines(self) -> anyhow::Result<u8> {
        let cli = self.task.cli;
        let end = self.end(cli.duration)?;
        let (limits, watch) = (self.limits(), Watch::of(&self));
        let (plan, rounds) = (self.task.plan, self.task.rounds);
        let out = DeadlineWriter::new(self.task.stdout, &end);
        let mut sink = sink(cli, (plan.output, plan.columns), self.task.zone, out);
        let sink = sink.as_mut();
        let open = rounds.map(|rounds| OpenEvents::every(rounds.snapshots));
        let (batches, stop) = (self.collector.batches(), || self.collector.request_stop());
        if cli.findings {
            let engine = (watch.findings, watch.ports, &limits);
            let sessions = findings::Sessions {
                is_self: &|session| watch.own.is(session),
                open,
            };
            let verdict = findings::run_events(batches, &stop, sink, &end, engine, sessions)?;
            self.collector.join()?;
            return Ok(status(verdict));
        }
        let written = match cli.open {
            true => output::run_open(batches, &stop, sink, &end, limits),
            false => output::run(batches, &stop, sink, &end, limits, open),
        };
        written.context(NOT_WRITTEN)?;
        self.collector.join()?;
        if let Some((cut, path)) = self.cut {
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

    /// The end of this run, after a time or for a signal.
    fn end(&self, time: Option<Duration>) -> anyhow::Result<End> {
        let mut end = End::new(time)?;
        end.has_reader = !matches!(self.task.plan.output, Output::None | Output::Report);
        Ok(end)
    }

    fn limits(&self) -> Limits {
        Limits {
            filter: self.task.plan.filter.clone(),
            count: self.task.cli.count,
            captures_more: self.task.cli.record.is_some(),
            in_force: self.in_force,
        }
    }
}

/// The engine of findings, and how this program's own sessions are told apart.
struct Watch {
    findings: Findings,
    ports: PortUse,
    own: SelfTraffic,
}

impl Watch {
    fn of(running: &Running<'_>) -> Self {
        let plan = &running.task.plan;
        let unknown = SessionEnv::default();
        let session_env = running.task.session_env.as_ref().unwrap_or(&unknown);
        let mut findings = Findings::new(plan.config.thresholds.clone(), descriptor_limit);
        findings.capture = plan.capture.clone();
        Watch {
            findings,
            ports: session_env.port_use(),
            own: SelfTraffic::new(session_env),
        }
    }
}

/// Writes sessions in the form that was asked for.
fn sink<'a>(
    cli: &Cli,
    (output, columns): (Output, Option<Vec<LineColumn>>),
    zone: TimeZone,
    out: DeadlineWriter<'a>,
) -> Box<dyn Sink + 'a> {
    let out = BufWriter::new(out);
    let times = Times {
        time: cli.time,
        timestamp: cli.timestamp,
    };
    let names = match cli.exact_names {
        true => Spelling::Exact,
        false => Spelling::Safe,
    };
    match (output, columns) {
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
    }
}
