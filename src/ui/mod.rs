//! The dashboard: everything live, on the terminal.
//!
//! Owns the event loop: its inputs, when a frame is drawn, and how it exits. One thread owns the whole state (`app`);
//! keys, signals and batches reach it as messages.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender, select_biased};
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use crate::collector::replay::{Passage, SeekableReplay};
use crate::collector::{Collector, Wanted};
use crate::filter::Filter;
use crate::host::broker::{Broker, Place};
use crate::host::job;
use crate::host::proc;
use crate::host::process_info::{Presence, ProcessInfo, descriptor_limit};
use crate::host::resolver::{Answer, Resolver};
use crate::host::sandbox::InForce;
use crate::host::services::Services;
use crate::host::session_env::SessionEnv;
use crate::host::signals::Watch;
use crate::host::users;
use crate::model::black_box::{Bounds, Frame};
use crate::model::capture_filter::CaptureFilter;
use crate::model::findings::Findings;
use crate::model::recording::Header;
use crate::output::export_file::{Writer, WriterReport};
use crate::output::record::{LateRecorder, RecordControl, RecordStatus};

pub mod action;
pub mod app;
pub mod config;
pub mod input;
pub mod keys;
pub mod layout;
pub mod page;
pub mod state;
pub mod terminal;
pub mod theme;
pub mod view;

#[cfg(test)]
mod tests;

use action::{Action, Mode};
use app::App;
use app::effect::Effect;
use config::Config;
use input::Input;
use state::columns::{self, Columns};
use state::export::ExportCommand;
pub use state::past::FreezeOn;
use state::replay_speed::ReplaySpeed;
pub use state::saved_lines;
pub use terminal::await_foreground;
use terminal::{Keyboard, TerminalGuard, clipboard};
use theme::{Appearance, Environment, NamedTheme};

/// Startup options of the dashboard.
#[derive(Debug)]
pub struct Options {
    /// The flags that limit what the kernel reports, for the header.
    pub capture: CaptureFilter,
    /// The initial view filter.
    pub filter: Filter,
    pub config: Config,
    /// The theme from the command line, which takes precedence over everything else.
    pub theme: Option<&'static NamedTheme>,
    /// Start with the screen of findings.
    pub starts_with_findings: bool,
    /// Exit after this time.
    pub duration: Option<Duration>,
    pub zone: TimeZone,
    /// An initial notice: printed before the start, it would be hidden at once.
    pub notice: Option<String>,
    pub broker: Arc<Broker>,
    /// Home directory of the caller.
    pub home: Option<PathBuf>,
    pub session_env: SessionEnv,
    pub in_force: InForce,
    /// Messages to show when they come, and where they are sent.
    pub reports: Receiver<String>,
    pub report: Option<Sender<String>>,
    /// The recording that is shown instead of this host.
    pub replayed: Option<Replayed>,
    /// Frames for the black box.
    pub frames: Receiver<Arc<Frame>>,
    /// The recordings that are shown, if one can go to any of their moments.
    pub seekable: Option<SeekableReplay>,
    /// The recording to compare with.
    pub compared: Option<ComparedRecording>,
    /// Condition on which the black box freezes.
    pub freeze_on: Option<FreezeOn>,
    /// Origin of the sessions, for a recording of the black box.
    pub origin: Header,
    /// The recording that is written.
    pub recording: Option<RecordControl>,
}

/// A recording to compare with.
#[derive(Debug)]
pub struct ComparedRecording {
    pub passage: Passage,
    /// Moment of the baseline, ns of its boot time; `u64::MAX`: its end.
    pub to_ns: u64,
    pub file: String,
}

/// A recording that is shown.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// It comes second by second, and is no incident of anybody's.
    pub is_demo: bool,
    /// Speed at which it is shown from its beginning on; `None`: it is shown at its end.
    pub speed: Option<f64>,
    pub file: String,
    /// Name of the host that was recorded; empty if it is not known.
    pub host: String,
    /// The capture filter of the recording; empty if everything was recorded.
    pub capture: String,
}

impl Replayed {
    /// Text in the place of the host's name.
    fn title(&self) -> String {
        match self.host.as_str() {
            host if self.is_demo => format!("demo: {host}"),
            "" => "recording".into(),
            host => format!("recording of {host}"),
        }
    }

    fn notice(&self) -> String {
        let file = &self.file;
        let (what, stands) = match self.speed {
            Some(_) => ("recording", ", as it happened"),
            None => ("end of the recording", "; time stands still"),
        };
        match self.capture.as_str() {
            "" => format!("The {what} {file}{stands}"),
            capture => format!("The {what} {file}, which has only {capture}"),
        }
    }
}

/// Runs until the user quits, a signal asks to exit, or the terminal is gone.
///
/// # Errors
/// If the terminal cannot be used, or if the collector failed. The terminal is restored in any case.
pub fn run(collector: Collector, options: Options) -> anyhow::Result<()> {
    let signals = Watch::new(&[SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT])?;
    let (mouse, duration) = (options.config.mouse, options.duration);
    // all files are read before the terminal is taken: that may take its time on a host in trouble
    let messages = options.reports.clone();
    let report = options.report.clone();
    let frames = options.frames.clone();
    let recording = options.recording.clone();
    let (app, broker) = initial(options)?;
    let mut screen = TerminalGuard::take(mouse)?;
    if app.appearance.needs_background() {
        screen.ask_for_background();
    }
    let outside = Outside {
        messages,
        report,
        frames,
        recording,
        ..Outside::new(&collector, broker)?
    };
    let result = dashboard(app, &mut screen, &signals, duration, outside);
    drop(screen);
    // the collector's error explains more than the fact that it stopped
    collector.join()?;
    match result {
        Err(e) if is_gone(&e) => Ok(()),
        other => other,
    }
}

/// Time between being continued in the background and stopping again. `kill` of a shell sends a stopped job its signal, and
/// continues it: the signal may be the later one to arrive here.
const BEFORE_STOP: Duration = Duration::from_millis(100);

/// Minimum time between frames while an incomplete result is shown.
const FRAME: Duration = Duration::from_millis(50);

fn dashboard(
    mut app: App,
    screen: &mut TerminalGuard,
    signals: &Watch,
    duration: Option<Duration>,
    mut outside: Outside<'_>,
) -> anyhow::Result<()> {
    outside.keep_speed(&app);
    let deadline = duration.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
    let collector = outside.collector;
    app.resize(screen.size()?);
    let never = crossbeam_channel::never::<()>();
    // no sender exists, so a receive returns at once
    let (_, at_once) = crossbeam_channel::bounded::<()>(0);
    let mut dirty = true;
    let mut drawn = Instant::now();
    loop {
        // while the terminal is slow, the state changes and the next frame shows the current one
        if dirty && screen.is_ready() {
            // what is to be selected by hand is selected with the terminal's mouse
            screen.release_mouse(app.layers.copied().is_some());
            screen.draw(|frame| view::draw(&app, &app.appearance.styles(), frame))?;
            dirty = false;
            drawn = Instant::now();
            outside.ask_for_names(&mut app);
        }
        let mut effect = None;
        let keys = outside.keys();
        let written = screen.written();
        // the end comes before keys, and a key before batches and chunks, however many there are
        select_biased! {
            recv(written) -> result => screen.on_written(result)?,
            recv(signals.received) -> signal => match signal {
                Ok(SIGWINCH) => {
                    app.resize(screen.size()?);
                    dirty = true;
                }
                Ok(SIGTSTP) => effect = Some(Effect::Stop),
                Ok(SIGCONT) => effect = Some(Effect::Resume),
                _ => effect = Some(Effect::Quit),
            },
            recv(deadline) -> _ => effect = Some(Effect::Quit),
            recv(keys) -> input => match input {
                Ok(input) => {
                    // a burst, such as a held key, is processed before the next frame
                    dirty = true;
                    let burst = std::iter::once(input).chain(keys.try_iter());
                    effect = on_inputs(&mut app, burst);
                }
                // a lost terminal is reported as `Input::Gone`
                Err(_) => bail!("the thread that reads the keyboard panicked, which is a bug"),
            },
            // each comes before its last batch
            recv(outside.frames) -> frame => match frame {
                Ok(frame) => app.frame(frame),
                // the end follows
                Err(_) => outside.frames = crossbeam_channel::never(),
            },
            recv(collector.batches()) -> batch => match batch {
                Ok(batch) => {
                    if let Some(recorder) = &mut outside.recorder {
                        recorder.batch(&batch);
                    }
                    app.recording = outside.recording.as_ref().map(RecordControl::status);
                    dirty |= app.batch(batch);
                    effect = app.due();
                }
                Err(_) => effect = Some(Effect::Quit),
            },
            recv(collector.found()) -> found => {
                if let Ok(found) = found {
                    app.holders(found);
                    dirty = true;
                }
            }
            recv(outside.messages) -> message => match message {
                Ok(message) => {
                    app.notice.complain_next(message);
                    dirty = true;
                }
                // nobody is left who could send one
                Err(_) => outside.messages = crossbeam_channel::never(),
            },
            recv(outside.stop_due) -> _ => {
                if screen.is_in_foreground() {
                    effect = Some(Effect::Resume);
                } else {
                    job::stop_by(&outside.broker)?;
                }
            }
            recv(answers(outside.resolver.as_ref())) -> answer => match answer {
                Ok(answer) => {
                    app.named(answer);
                    dirty = true;
                }
                // without it addresses stay numeric
                Err(_) => outside.resolver = None,
            },
            recv(reports(outside.writer.as_ref())) -> said => {
                let said = said.unwrap_or_else(|_| WriterReport::Failed("the thread that writes it panicked, which is a bug".into()));
                if said.is_last() {
                    outside.writer = None;
                }
                dirty |= said != WriterReport::Ready || drawn.elapsed() >= FRAME;
                app.exported(said);
            }
            // sessions are filtered one chunk at a time, so that a key does not wait for all of them
            recv(if app.is_working() { &at_once } else { &never } ) -> _ => {
                let (arrived, was_settling) = (app.is_arriving(), app.is_settling());
                app.work();
                let has_settled = was_settling && !app.is_settling();
                let is_complete = arrived || has_settled || !app.is_working();
                dirty |= !app.is_arriving() && (is_complete || drawn.elapsed() >= FRAME);
                effect = app.due();
            }
        }
        // a keyboard that is dropped now must not find another receiver of what it sends
        drop(keys);
        if let Some(effect) = effect {
            if !outside.carry_out(effect, &mut app, screen)? {
                return Ok(());
            }
            dirty = true;
        }
        outside.go_on_writing(&mut app);
        outside.keep_speed(&app);
    }
}

/// Creates the initial state, for a terminal of unknown size.
fn initial(options: Options) -> anyhow::Result<(App, Arc<Broker>)> {
    let load = |place| saved_lines::load(&options.broker, place);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let replayed = options.replayed.as_ref();
    let host = replayed.map_or(host, |replayed| replayed.title());
    let bounds = Bounds {
        // a recording is shown for as long as one likes
        time_ns: replayed
            .is_none()
            .then(|| u64::try_from(options.config.black_box.as_nanos()).unwrap_or(u64::MAX)),
        bytes: usize::try_from(options.config.black_box_memory).unwrap_or(usize::MAX),
    };
    let mut app = App::new(host, options.capture, options.config.keep, Size::default())
        .with_filter(options.filter, load(Place::History))
        .with_interval(options.config.interval)
        .at_home(options.home, options.zone)
        .within(options.session_env)
        .with_past(bounds, options.origin, options.freeze_on);
    let before = columns::kept(&load(Place::Columns).join(" "));
    app.is_replay = replayed.is_some();
    app.names.times.is_then = app.is_replay;
    app.past.seekable = options.seekable;
    app.replay_speed = replayed
        .and_then(|replayed| replayed.speed)
        .map(ReplaySpeed);
    app.uid_of = users::uid_of;
    app.names.user = users::known_name;
    app.columns = Columns::new(options.config.columns, before);
    app.keymap = options.config.keymap;
    app.pair(options.config.local_pairs);
    app.talkers_below = options.config.talkers;
    app.click_copies = options.config.click_copies;
    app.in_force = options.in_force;
    app.ports = app.session_env.port_use();
    app.findings = Findings::new(options.config.thresholds, descriptor_limit);
    app.findings.capture = app.capture.clone();
    if options.starts_with_findings {
        app.go_to(Mode::Findings);
    }
    // a demo says by itself how far it is
    if let Some(replayed) = options
        .replayed
        .as_ref()
        .filter(|replayed| !replayed.is_demo)
    {
        app.notice.say_next(replayed.notice());
    }
    if let Some(notice) = options.notice {
        app.notice.say(notice);
    }
    if saved_lines::is_missing(&options.broker, Place::Hints) {
        let key = app.keymap.of(Mode::Table, Action::Help);
        app.notice
            .say_next(format!("First time here? {key} shows the keys that matter"));
        keep(&options.broker, Place::Hints, &["help".to_owned()]);
    }
    let appearance = Appearance::new(options.theme, options.config.theme, Environment::read());
    app.appearance = appearance.with_colors(options.config.colors);
    app.warn_of(&app.appearance.faint());
    if let Some(compared) = options.compared {
        app.compare_with(compared)?;
    }
    Ok((app, options.broker))
}

/// Everything that the dashboard does outside of its state and its screen.
struct Outside<'a> {
    collector: &'a Collector,
    /// `None` while another job has the terminal.
    keyboard: Option<Keyboard>,
    /// Receives a message when it is time to stop, in the background.
    stop_due: Receiver<Instant>,
    writer: Option<Writer>,
    resolver: Option<Resolver>,
    /// Addresses whose names were requested last.
    wanted: Vec<IpAddr>,
    broker: Arc<Broker>,
    messages: Receiver<String>,
    /// Where a recording sends what is to be said.
    report: Option<Sender<String>>,
    frames: Receiver<Arc<Frame>>,
    recording: Option<RecordControl>,
    /// The recording that a key has started.
    recorder: Option<LateRecorder>,
    /// Speed that the replay goes at.
    speed: Option<ReplaySpeed>,
}

impl<'a> Outside<'a> {
    fn new(collector: &'a Collector, broker: Arc<Broker>) -> anyhow::Result<Self> {
        Ok(Outside {
            collector,
            keyboard: Some(Keyboard::new()?),
            stop_due: crossbeam_channel::never(),
            writer: None,
            resolver: None,
            wanted: Vec::new(),
            broker,
            messages: crossbeam_channel::never(),
            report: None,
            frames: crossbeam_channel::never(),
            recording: None,
            recorder: None,
            speed: None,
        })
    }

    fn keys(&self) -> Receiver<Input> {
        let keyboard = self.keyboard.as_ref();
        keyboard.map_or_else(crossbeam_channel::never, |k| k.received.clone())
    }

    /// Carries out an effect. False: exit.
    fn carry_out(
        &mut self,
        effect: Effect,
        app: &mut App,
        screen: &mut TerminalGuard,
    ) -> anyhow::Result<bool> {
        match effect {
            Effect::Quit => {
                // leaving while choosing keeps the choice
                if let Some(words) = app.leave_chooser() {
                    self.keep(Place::Columns, &[words.join(" ")]);
                }
                return Ok(false);
            }
            Effect::Capture(capture) => self.collector.capture(capture),
            Effect::Interval(interval) => self.collector.set_interval(interval),
            // processes and sockets of this host are others
            Effect::LookUp(pid, _) if app.is_replay || app.is_past() => app.process(ProcessInfo {
                pid,
                presence: Presence::NotRecorded,
                ..ProcessInfo::default()
            }),
            Effect::TimeWait if app.is_replay || app.is_past() => {}
            Effect::LookUp(pid, cookie) => {
                let program = |pid| self.broker.program(pid);
                app.process(ProcessInfo::look_up(pid, program));
                self.collector.find_holders(Wanted { cookie, pid });
            }
            Effect::TimeWait => app.time_wait(proc::Process::own().time_wait_sockets()),
            Effect::Copy(text) => {
                screen.send(&clipboard::sequence(&text, app.session_env.multiplexer));
            }
            Effect::Export(order) => self.writer = self.export(order, app),
            Effect::Services => app.services(Services::load()),
            Effect::Remember(lines) => self.keep(Place::History, &lines),
            Effect::KeepColumns(words) => self.keep(Place::Columns, &[words.join(" ")]),
            Effect::Record(path) => {
                let result = self.record(&path, app.past.origin.clone());
                app.recorded(result.map_err(|e| format!("{e:#}")));
            }
            Effect::ToggleRecording => {
                if let Some(recording) = &self.recording {
                    recording.toggle();
                }
            }
            Effect::Redraw => screen.redraw()?,
            Effect::Suspend if job::is_orphaned() => {
                app.notice
                    .say("not suspended: no shell could continue tcplife".into());
            }
            Effect::Suspend | Effect::Stop => {
                // nothing may read the terminal while the shell has it
                self.keyboard = None;
                screen.give_back();
                if let Err(e) = job::stop_by(&self.broker) {
                    app.notice.complain(format!("not suspended: {e:#}"));
                    return self.carry_out(Effect::Resume, app, screen);
                }
            }
            Effect::Resume if screen.is_in_foreground() => {
                self.keyboard = None;
                self.stop_due = crossbeam_channel::never();
                screen.resume()?;
                self.keyboard = Some(Keyboard::new()?);
                app.resize(screen.size()?);
            }
            // no shell is left that could ever bring it to the foreground
            Effect::Resume if job::is_orphaned() => return Ok(false),
            // continued in the background, where it can do nothing but wait: stopped again, as the kernel would
            Effect::Resume => {
                self.keyboard = None;
                self.stop_due = crossbeam_channel::after(BEFORE_STOP);
            }
        }
        Ok(true)
    }

    /// Carries out a command on the export file, and returns its writer from now on.
    fn export(&mut self, order: ExportCommand, app: &mut App) -> Option<Writer> {
        let writer = self.writer.take();
        match order {
            ExportCommand::Begin { path, replace } => {
                match Writer::start(Arc::clone(&self.broker), path, replace) {
                    Ok(writer) => Some(writer),
                    Err(e) => {
                        app.exported(WriterReport::Failed(format!("{e:#}")));
                        None
                    }
                }
            }
            ExportCommand::Replace => writer.inspect(Writer::replace),
            ExportCommand::Cancel => {
                app.export_cancelled(writer.is_some_and(Writer::cancel));
                None
            }
        }
    }

    /// Starts to record to a new file.
    fn record(&mut self, path: &Path, header: Header) -> anyhow::Result<RecordStatus> {
        let file = self.broker.record(path)?;
        let file = file.context("it exists, and is not overwritten")?;
        let report = self.report.clone();
        let say = move |text| {
            if let Some(report) = &report {
                // the dashboard may be gone, and then nobody needs to know
                let _ = report.send(text);
            }
        };
        let recorder = LateRecorder::start(file, header, Arc::new(say))?;
        // a recording begins with all open sessions
        self.collector.request_all();
        let control = recorder.control().clone();
        let status = control.status();
        (self.recording, self.recorder) = (Some(control), Some(recorder));
        Ok(status)
    }

    fn keep(&self, place: Place, lines: &[String]) {
        keep(&self.broker, place, lines);
    }

    /// Lets the replay go at the speed that the state has.
    fn keep_speed(&mut self, app: &App) {
        let speed = app.present_speed();
        if let Some(ReplaySpeed(times)) = speed.filter(|_| speed != self.speed) {
            self.collector.set_speed(times);
            self.speed = speed;
        }
    }

    /// Passes the available blocks of an export to the writer.
    fn go_on_writing(&self, app: &mut App) {
        if let Some(writer) = &self.writer {
            if let Some(saver) = app.export_saver() {
                writer.save(saver);
            }
            while let Some(block) = app.export_block() {
                writer.write(block);
            }
        }
    }

    /// Requests names for the addresses on the screen; starts the resolver the first time.
    fn ask_for_names(&mut self, app: &mut App) {
        // an address may have another name by now
        let unnamed = match app.is_replay {
            true => Vec::new(),
            false => app.unnamed(),
        };
        if unnamed == self.wanted {
            return;
        }
        self.wanted = unnamed;
        if self.resolver.is_none() {
            match Resolver::start() {
                Ok(started) => self.resolver = Some(started),
                Err(e) => app
                    .notice
                    .complain(format!("cannot show addresses as names: {e:#}")),
            }
        }
        if let Some(resolver) = &self.resolver {
            resolver.set_wanted(self.wanted.clone());
        }
    }
}

/// Saves lines for the next run. If they cannot be saved, nothing is reported.
fn keep(broker: &Broker, place: Place, lines: &[String]) {
    let _ = saved_lines::save(broker, place, lines);
}

/// The resolver's answers, if there is one.
fn answers(resolver: Option<&Resolver>) -> Receiver<Answer> {
    resolver.map_or_else(crossbeam_channel::never, |r| r.answers.clone())
}

/// The writer's reports, if a file is being written.
fn reports(writer: Option<&Writer>) -> Receiver<WriterReport> {
    writer.map_or_else(crossbeam_channel::never, |w| w.said.clone())
}

/// Handles inputs up to the first with an effect, which the others must wait for.
fn on_inputs(app: &mut App, inputs: impl Iterator<Item = Input>) -> Option<Effect> {
    // Inserted together: a terminal without bracketed paste sends a pasted text as thousands of keys, and each insertion
    // parses the filter.
    let mut typed = String::new();
    for input in inputs {
        if let Input::Key(press, Some(c)) = input
            && app.is_text(press)
        {
            typed.push(c);
            continue;
        }
        insert(app, &mut typed);
        let effect = on_input(app, input);
        if effect.is_some() {
            return effect;
        }
    }
    insert(app, &mut typed);
    None
}

fn insert(app: &mut App, typed: &mut String) {
    if !typed.is_empty() {
        app.text(&std::mem::take(typed));
    }
}

fn on_input(app: &mut App, input: Input) -> Option<Effect> {
    match input {
        Input::Key(press, typed) => app.key(press, typed),
        Input::Paste(text) => {
            app.text(&text);
            None
        }
        Input::Mouse(mouse) => app.mouse(mouse),
        Input::Background(background) => {
            app.background(background);
            None
        }
        Input::Answered => None,
        Input::Gone => Some(Effect::Quit),
    }
}

/// True if the terminal disappeared while it was written to, so that no one is left to report to.
fn is_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|e| {
        let errno = e.downcast_ref::<Errno>().copied();
        let errno = errno.or_else(|| Errno::from_io_error(e.downcast_ref::<io::Error>()?));
        matches!(errno, Some(Errno::PIPE | Errno::IO))
    })
}
