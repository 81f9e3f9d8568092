//! Starts what gives a run its sessions, and what records or redacts them on their way.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::thread::CapabilitySet;

use crate::collector::Collector;
use crate::collector::demo;
use crate::collector::kernel;
use crate::collector::replay;
use crate::collector::replay::{ReplayConfig, SeekableReplay, Source};
use crate::collector::selection::Selection;
use crate::host::broker::Broker;
use crate::host::containers::Namer;
use crate::host::sandbox::InForce;
use crate::model::recording::{Header, Reports};
use crate::output::findings;
use crate::output::record;
use crate::output::record::{Cut, Recorder};
use crate::run::prepare::{Prepared, Task};
use crate::run::recordings;

/// Interval that the run of `--open`, which takes a single snapshot, never reaches.
const ONE_SNAPSHOT: Duration = Duration::from_secs(24 * 3600);

/// A run whose sessions come.
pub(super) struct Running<'a> {
    pub task: Task<'a>,
    pub collector: Collector,
    /// It waits for the collector to stop, so it is dropped after it.
    pub recorder: Option<Recorder>,
    /// The part of a recording that is written, and where.
    pub cut: Option<(Cut, &'a Path)>,
    pub in_force: InForce,
    /// The beginning of the recording that is replayed.
    pub origin: Option<Header>,
    pub seekable: Option<SeekableReplay>,
}

/// A collector that runs, and what is known of it.
struct Started {
    collector: Collector,
    in_force: InForce,
    finds_all: bool,
    origin: Option<Header>,
    seekable: Option<SeekableReplay>,
}

impl<'a> Prepared<'a> {
    /// Starts the collector; from then on this process has no rights but those that it needs.
    pub(super) fn start(mut self) -> anyhow::Result<Running<'a>> {
        let (selected, redactor) = (self.selected.take(), self.redactor.take());
        let (mut task, started) = match self.source.take() {
            Some(source) => self.replay(source, selected.is_some())?,
            None => self.watch()?,
        };
        let redacted = |header: Header| match &redactor {
            Some(redactor) => redactor.header(header),
            None => header,
        };
        let (cli, capture) = (task.cli, &task.plan.capture);
        let recorded_as = redacted(match cli.is_cut() {
            true => {
                let origin = started.origin.clone().unwrap_or_default();
                recordings::header_of_cut(cli, capture, origin)
            }
            false => recordings::header(capture),
        });
        let origin = started.origin.map(redacted);
        let mut collector = started.collector;
        if let Some(filter) = selected {
            let selection = Selection::new(filter, redactor);
            collector.pass_through(|batches| selection.start(batches))?;
        }
        if task.shows_open() && !started.finds_all {
            task.notices.push(
                "open sessions of other network namespaces may be missing: no BPF map iterators"
                    .into(),
            );
        }
        let mut running = Running {
            task,
            collector,
            recorder: None,
            cut: None,
            in_force: started.in_force,
            origin,
            seekable: started.seekable,
        };
        if let (Some(path), Some(broker)) = (&cli.record, running.task.broker.clone()) {
            running.record(path, &broker, recorded_as)?;
        }
        Ok(running)
    }

    /// Starts to replay recordings.
    fn replay(self, source: Source, is_selected: bool) -> anyhow::Result<(Task<'a>, Started)> {
        let task = self.task;
        let in_force = self.sandbox.enter(CapabilitySet::empty())?;
        let (cli, is_dashboard) = (task.cli, task.is_dashboard());
        let say = || -> replay::Say {
            let teller = task.teller.clone();
            Box::new(move |text| teller.say(text))
        };
        // what comes second by second is not late
        let shows_progress = cli.speed().is_none() && (is_dashboard || io::stderr().is_terminal());
        let config = ReplayConfig {
            source,
            capture: task.plan.capture.clone(),
            reports: match () {
                () if is_dashboard || task.is_report() || cli.is_cut() || cli.findings => {
                    Reports::All
                }
                () if cli.open => Reports::OpenAtEnd,
                () => Reports::Closed,
            },
            stays: is_dashboard,
            pace: match cli.speed() {
                Some(_) if !is_dashboard => None,
                Some(_) if cli.demo => Some(demo::PACE),
                speed => speed.map(|_| replay::AS_IT_HAPPENED),
            },
            keep: is_dashboard.then_some(task.plan.config.keep as u64),
            from: cli.from,
            to: cli.to,
            zone: task.zone.clone(),
            say: say(),
            progress: shows_progress.then(say),
        };
        let paths = recordings::replayed_paths(cli);
        let (collector, started) =
            replay::start(config).with_context(|| format!("cannot replay {paths}"))?;
        let started = Started {
            collector,
            in_force,
            finds_all: true,
            origin: started.header,
            // what is redacted on its way is not to be seen in another one
            seekable: started.seekable.filter(|_| !is_selected),
        };
        Ok((task, started))
    }

    /// Starts to watch this host.
    fn watch(self) -> anyhow::Result<(Task<'a>, Started)> {
        let task = self.task;
        let (cli, config) = (task.cli, &task.plan.config);
        let (is_dashboard, is_report) = (task.is_dashboard(), task.is_report());
        let container_names = self.containers.as_ref().map_or(0, Namer::rights);
        let config = kernel::CollectorConfig {
            capture: task.plan.capture.clone(),
            interval: match () {
                () if is_dashboard => Some(config.interval),
                () if cli.open => Some(ONE_SNAPSHOT),
                () if task.rounds.is_some() => task.rounds.map(|rounds| rounds.interval),
                () if cli.findings || is_report => Some(findings::INTERVAL),
                () if cli.record.is_some() => Some(record::INTERVAL),
                () => None,
            },
            part: None,
            at_most: kernel::Features::ALL,
            drops: (is_dashboard || is_report || cli.findings) && config.drops,
            // rows are written once, so each must be right; the dashboard can already draw meanwhile
            scan_first: !is_dashboard,
            ring_bytes: cli.ring_size.bytes,
            sandbox: self.sandbox.clone(),
            namespaces: self.namespaces,
            containers: self.containers,
        };
        let (collector, started) = kernel::start(config)?;
        // the collector's thread exists already and has entered by itself; all others are started from here on
        let own = self.sandbox.enter(CapabilitySet::empty())?;
        let started = Started {
            collector,
            in_force: InForce {
                container_names,
                ..own.and(started.in_force)
            },
            finds_all: started.finds_all,
            origin: None,
            seekable: None,
        };
        Ok((task, started))
    }
}

impl<'a> Running<'a> {
    /// Records what comes.
    fn record(
        &mut self,
        path: &'a Path,
        broker: &Arc<Broker>,
        recorded_as: Header,
    ) -> anyhow::Result<()> {
        let cli = self.task.cli;
        let retention = cli.record_keep.unwrap_or_default();
        let has_limits = cli.record_keep.is_some();
        let (recorder, cut) = (&mut self.recorder, &mut self.cut);
        let teller = self.task.teller.clone();
        self.collector.pass_through(|batches| {
            if cli.is_cut() {
                if recordings::is_folder(path, broker, has_limits)? {
                    let path = path.display();
                    bail!("cannot record to {path}: a part of a recording goes to a file, not to a directory");
                }
                let file = recordings::to_file(path, broker)?;
                let (started, shown) = Cut::start(file, recorded_as, batches)?;
                *cut = Some((started, path));
                return Ok(shown);
            }
            let destination = recordings::to_record(path, broker, has_limits)?;
            let say = Arc::new(move |text| teller.say(text));
            let (started, shown) =
                Recorder::start(destination, retention, recorded_as, batches, say)?;
            *recorder = Some(started);
            Ok(shown)
        })
    }
}
