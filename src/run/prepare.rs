//! Prepares a run: checks what it needs, and takes what needs rights that are given up afterwards.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender, unbounded};
use jiff::tz::TimeZone;

use crate::cli::{Cli, Output};
use crate::collector::demo;
use crate::collector::kernel;
use crate::collector::kernel::NamespaceScan;
use crate::collector::replay::Source;
use crate::filter::Filter;
use crate::host::broker::Broker;
use crate::host::containers::Namer;
use crate::host::privileges::with_files_of;
use crate::host::sandbox::Sandbox;
use crate::host::session_env::SessionEnv;
use crate::host::time_zone;
use crate::host::users;
use crate::model::redaction::Redactor;
use crate::output::findings;
use crate::output::report::{Format, Target};
use crate::output::stdout;
use crate::run::{Helpers, Plan, is_on_a_terminal, recordings, report_file};
use crate::ui;

/// The work of a run, and all that it needs from its start to its end.
pub(super) struct Task<'a> {
    pub cli: &'a Cli,
    /// Without its filter, if that chooses what is recorded or redacted.
    pub plan: Plan,
    pub zone: TimeZone,
    /// Remarks on the start.
    pub notices: Vec<String>,
    pub rounds: Option<Rounds>,
    pub stdout: OwnedFd,
    /// `None`: nothing asks for it.
    pub session_env: Option<SessionEnv>,
    /// The report to write.
    pub report: Option<(Format, Target)>,
    pub broker: Option<Arc<Broker>>,
    pub teller: Teller,
    /// Messages for the dashboard or the report.
    pub told: Receiver<String>,
}

impl Task<'_> {
    pub(super) fn is_dashboard(&self) -> bool {
        self.plan.output == Output::Dashboard
    }

    pub(super) fn is_report(&self) -> bool {
        self.plan.output == Output::Report
    }

    /// True if sessions are shown while they are open.
    pub(super) fn shows_open(&self) -> bool {
        let is_watched = self.is_dashboard() || self.is_report() || self.cli.findings;
        self.cli.is_live() && (is_watched || self.cli.open || self.rounds.is_some())
    }

    pub(super) fn broker(&self) -> Option<&Broker> {
        self.broker.as_deref()
    }
}

/// A run whose sessions can be started.
pub(super) struct Prepared<'a> {
    pub task: Task<'a>,
    /// Sessions to record or redact; all of them are shown.
    pub selected: Option<Filter>,
    pub redactor: Option<Redactor>,
    pub sandbox: Sandbox,
    /// Recordings to replay; `None`: this host is watched.
    pub source: Option<Source>,
    pub containers: Option<Namer>,
    pub namespaces: Option<NamespaceScan>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(cli: &'a Cli, mut plan: Plan, helpers: Helpers) -> anyhow::Result<Self> {
        let output = plan.output;
        let (is_dashboard, is_report) = (output == Output::Dashboard, output == Output::Report);
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
        let has_times =
            is_dashboard || is_report || cli.time || cli.from.is_some() || cli.to.is_some();
        let zone = match has_times {
            true => local_zone(&plan, &mut notices),
            false => TimeZone::UTC,
        };
        if plan.columns.iter().flatten().any(|c| c.word() == "user") {
            // reads the file of users, which later may not be readable
            users::known_name(0);
        }
        let selected = cli.selects().then(|| std::mem::take(&mut plan.filter));
        // the last things that take rights which are given up next
        let stdout = stdout::stdout().context("cannot take a descriptor for stdout")?;
        let needs_env = cli.is_live() && (is_dashboard || is_report || cli.findings);
        let sandbox = Sandbox::new(cli.sandbox, &plan.caller);
        let (tx, told) = unbounded();
        let mut task = Task {
            cli,
            plan,
            zone,
            notices,
            rounds: cli.snapshots.map(|time| Rounds::new(time, cli.findings)),
            stdout,
            session_env: needs_env.then(SessionEnv::detect),
            report: None,
            broker: helpers.broker.map(Arc::new),
            teller: Teller { output, told: tx },
            told,
        };
        if task.shows_open() {
            task.notices.extend(kernel::limits().map(str::to_owned));
        }
        let source = (!cli.is_live()).then(|| source(cli, task.broker()));
        let source = source.transpose()?;
        let redactor = cli.redact.then(|| recordings::redactor(cli, task.broker()));
        let redactor = redactor.transpose()?;
        if let Some(flag) = &cli.report {
            let target = recordings::to_report(flag, task.broker(), &task.stdout)?;
            task.report = Some((flag.format, target));
        }
        Ok(Prepared {
            task,
            selected,
            redactor,
            sandbox,
            source,
            containers: helpers.containers,
            namespaces: helpers.namespaces,
        })
    }
}

/// The caller's time zone, or else UTC, with a notice.
fn local_zone(plan: &Plan, notices: &mut Vec<String>) -> TimeZone {
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
}

/// The recordings to replay.
fn source(cli: &Cli, broker: Option<&Broker>) -> anyhow::Result<Source> {
    let source = match cli.demo {
        true => demo::source(),
        false => recordings::to_replay(broker)?,
    };
    Ok(match cli.redact {
        true => source.unnamed(),
        false => source,
    })
}

/// Tells what happens meanwhile: on stderr, on the dashboard, or in the report.
#[derive(Clone)]
pub(super) struct Teller {
    output: Output,
    pub told: Sender<String>,
}

impl Teller {
    pub(super) fn say(&self, text: String) {
        if self.output != Output::Dashboard {
            stdout::print_to_stderr(&text);
        }
        if matches!(self.output, Output::Dashboard | Output::Report) {
            // the dashboard may be gone, and then nobody needs to know
            let _ = self.told.send(text);
        }
    }
}

/// Snapshots for the events of open sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rounds {
    /// Time between two snapshots.
    pub interval: Duration,
    /// Snapshots from one round of events to the next.
    pub snapshots: u32,
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
