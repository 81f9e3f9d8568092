//! The dashboard: everything live, on the terminal.
//!
//! Responsible for the loop: what is waited for, when a frame is drawn, how it ends. One thread owns the whole state
//! (`app`); keys, signals and batches come to it as messages.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::{Receiver, select};
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use crate::collector::Collector;
use crate::filter::Filter;
use crate::host::processes::ProcessInfo;
use crate::host::resolver::{Answer, Resolver};
use crate::host::services::Services;
use crate::host::session_env::SessionEnv;
use crate::host::signals::Watch;
use crate::host::users;
use crate::model::capture_filter::CaptureFilter;
use crate::output::export_file::{Writer, WriterReport};

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

use app::App;
use app::effect::Effect;
use config::Config;
use input::Input;
use state::columns::{self, Columns};
use state::export::ExportCommand;
use state::history;
use terminal::{Keyboard, TerminalGuard, clipboard};
use theme::{Appearance, Environment, NamedTheme};

/// How the dashboard is to be.
#[derive(Debug)]
pub struct Options {
    /// What the kernel reports, to be shown.
    pub capture: Capture,
    /// Which sessions are shown at first.
    pub filter: Filter,
    /// The settings.
    pub config: Config,
    /// The theme that the command line asks for, which is stronger than all else.
    pub theme: Option<&'static NamedTheme>,
    /// Ends by itself after this time.
    pub duration: Option<Duration>,
    /// A notice to begin with: a line on the terminal would be hidden at once.
    pub notice: Option<String>,
}

/// Runs until it is quit, told to end, or the terminal goes.
///
/// # Errors
/// If the terminal cannot be used, or what the collector failed of. The terminal is as it was in any case.
pub fn run(collector: Collector, options: Options) -> anyhow::Result<()> {
    let signals = Watch::new(&[SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT])?;
    let mut screen = TerminalGuard::take(options.config.mouse)?;
    let result = dashboard(&mut screen, &signals, &collector, options);
    drop(screen);
    // what the collector ended of explains more than that it ended
    collector.join()?;
    match result {
        Err(e) if is_gone(&e) => Ok(()),
        other => other,
    }
}

/// How often a picture that is not complete yet is drawn.
const FRAME: Duration = Duration::from_millis(50);

fn dashboard(
    screen: &mut TerminalGuard,
    signals: &Watch,
    collector: &Collector,
    options: Options,
) -> anyhow::Result<()> {
    let deadline = options
        .duration
        .map_or_else(crossbeam_channel::never, crossbeam_channel::after);
    let mut outside = Outside::new(collector)?;
    let mut app = outside.app(options, screen.size()?);
    let never = crossbeam_channel::never::<()>();
    // nobody can send on it, which is told at once
    let (_, at_once) = crossbeam_channel::bounded::<()>(0);
    let mut dirty = true;
    let mut drawn = Instant::now();
    loop {
        // while the terminal takes its time, what it has not got yet becomes newer
        if dirty && screen.is_ready() {
            screen.draw(|frame| view::draw(&app, app.appearance.styles(), frame))?;
            dirty = false;
            drawn = Instant::now();
            outside.ask_for_names(&mut app);
        }
        let mut effect = None;
        let keys = outside.keys();
        let written = screen.written();
        select! {
            recv(written) -> result => screen.on_written(result)?,
            recv(keys) -> input => match input {
                Ok(input) => {
                    // a burst, as of a held key, is worked off before the next frame
                    dirty = true;
                    for input in std::iter::once(input).chain(keys.try_iter()) {
                        effect = on_input(&mut app, input);
                        if effect.is_some() {
                            break; // what comes after it has to wait for it
                        }
                    }
                }
                // it says so when the terminal has gone
                Err(_) => bail!("the thread that reads the keyboard panicked, which is a bug"),
            },
            recv(signals.received) -> signal => match signal {
                Ok(SIGWINCH) => {
                    app.resize(screen.size()?);
                    dirty = true;
                }
                Ok(SIGTSTP) => effect = Some(Effect::Suspend),
                Ok(SIGCONT) => effect = Some(Effect::Redraw),
                _ => effect = Some(Effect::Quit),
            },
            recv(collector.batches()) -> batch => match batch {
                Ok(batch) => {
                    dirty |= app.batch(batch);
                    effect = app.due();
                }
                Err(_) => effect = Some(Effect::Quit),
            },
            recv(deadline) -> _ => effect = Some(Effect::Quit),
            recv(answers(outside.resolver.as_ref())) -> answer => match answer {
                Ok(answer) => {
                    app.named(answer);
                    dirty = true;
                }
                // without it addresses stay addresses
                Err(_) => outside.resolver = None,
            },
            recv(said(outside.writer.as_ref())) -> said => {
                let said = said.unwrap_or_else(|_| WriterReport::Failed("the thread that writes it panicked, which is a bug".into()));
                if said.is_last() {
                    outside.writer = None;
                }
                dirty |= said != WriterReport::Ready || drawn.elapsed() >= FRAME;
                app.exported(said);
            }
            // many sessions are tried a bit at a time: a key does not wait for them
            recv(if app.is_working() { &at_once } else { &never } ) -> _ => {
                app.work();
                dirty |= !app.is_working() || drawn.elapsed() >= FRAME;
            }
        }
        if let Some(effect) = effect {
            if !outside.carry_out(effect, &mut app, screen)? {
                return Ok(());
            }
            dirty = true;
        }
        outside.go_on_writing(&mut app);
    }
}

/// What the dashboard does outside of its state and its screen.
struct Outside<'a> {
    collector: &'a Collector,
    /// `None` only while it is suspended.
    keyboard: Option<Keyboard>,
    writer: Option<Writer>,
    resolver: Option<Resolver>,
    /// The addresses whose names were asked for last.
    wanted: Vec<IpAddr>,
    /// The files of what is kept for the next run, if there is a place for them.
    history: Option<PathBuf>,
    columns: Option<PathBuf>,
}

impl<'a> Outside<'a> {
    fn new(collector: &'a Collector) -> anyhow::Result<Self> {
        let state = |name| history::file(name, directory("XDG_STATE_HOME"), directory("HOME"));
        Ok(Outside {
            collector,
            keyboard: Some(Keyboard::new()?),
            writer: None,
            resolver: None,
            wanted: Vec::new(),
            history: state("history"),
            columns: state("columns"),
        })
    }

    /// The state that it begins with.
    fn app(&self, options: Options, size: Size) -> App {
        let load = |file: &Option<PathBuf>| file.as_deref().map(history::load).unwrap_or_default();
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let mut app = App::new(host, options.capture, options.config.keep, size)
            .with_filter(options.filter, load(&self.history))
            .with_interval(options.config.interval)
            .at_home(directory("HOME"), TimeZone::system())
            .within(SessionEnv::detect());
        let before = columns::kept(&load(&self.columns).join(" "));
        app.uid_of = users::uid_of;
        app.names.user = users::known_name;
        app.columns = Columns::new(options.config.columns, before);
        app.keymap = options.config.keymap;
        if let Some(notice) = options.notice {
            app.notice.say(notice);
        }
        app.appearance = Appearance::new(options.theme, options.config.theme, &Environment::read());
        app
    }

    fn keys(&self) -> Receiver<Input> {
        let keyboard = self.keyboard.as_ref();
        keyboard.map_or_else(crossbeam_channel::never, |k| k.received.clone())
    }

    /// Does what is asked for. False: it was to end.
    fn carry_out(
        &mut self,
        effect: Effect,
        app: &mut App,
        screen: &mut TerminalGuard,
    ) -> anyhow::Result<bool> {
        match effect {
            Effect::Quit => {
                // what was chosen until now is meant
                if let Some(words) = app.leave_chooser() {
                    keep(self.columns.as_deref(), &[words.join(" ")]);
                }
                return Ok(false);
            }
            Effect::Capture(capture) => self.collector.capture(capture),
            Effect::Interval(interval) => self.collector.set_interval(interval),
            Effect::LookUp(pid) => app.process(ProcessInfo::look_up(pid)),
            Effect::Copy(text) => {
                screen.send(&clipboard::sequence(&text, app.session_env.multiplexer));
            }
            Effect::Export(order) => self.writer = carry_out(order, self.writer.take(), app),
            Effect::Services => app.services(Services::load()),
            Effect::Remember(lines) => keep(self.history.as_deref(), &lines),
            Effect::KeepColumns(words) => keep(self.columns.as_deref(), &[words.join(" ")]),
            Effect::Redraw => screen.redraw()?,
            Effect::Suspend => {
                // nobody may read the terminal while the shell has it
                self.keyboard = None;
                screen.suspend()?;
                self.keyboard = Some(Keyboard::new()?);
                app.resize(screen.size()?);
            }
        }
        Ok(true)
    }

    /// Hands on what there is of a file that is being written.
    fn go_on_writing(&self, app: &mut App) {
        if let Some(writer) = &self.writer {
            while let Some(block) = app.export_block() {
                writer.write(block);
            }
        }
    }

    /// Asks for the names of the addresses that are on the screen; begins to when it is the first time.
    fn ask_for_names(&mut self, app: &mut App) {
        let unnamed = app.unnamed();
        if unnamed == self.wanted {
            return;
        }
        self.wanted = unnamed;
        if self.resolver.is_none() {
            match Resolver::start() {
                Ok(started) => self.resolver = Some(started),
                Err(e) => app.notice.complain(format!("cannot show addresses as names: {e:#}")),
            }
        }
        if let Some(resolver) = &self.resolver {
            resolver.want(self.wanted.clone());
        }
    }
}

/// The path in a variable of the environment.
fn directory(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// Keeps lines for the next run. A host on which they cannot be kept is no reason to complain.
fn keep(file: Option<&Path>, lines: &[String]) {
    if let Some(file) = file {
        let _ = history::save(file, lines);
    }
}

/// What is found out about addresses, if somebody asks.
fn answers(resolver: Option<&Resolver>) -> Receiver<Answer> {
    resolver.map_or_else(crossbeam_channel::never, |r| r.answers.clone())
}

/// What the file has to say that is being written, if one is.
fn said(writer: Option<&Writer>) -> Receiver<WriterReport> {
    writer.map_or_else(crossbeam_channel::never, |w| w.said.clone())
}

/// Does what the order says with the file, and returns who writes it from now on.
fn carry_out(order: ExportCommand, writer: Option<Writer>, app: &mut App) -> Option<Writer> {
    match order {
        ExportCommand::Begin { path, replace } => match Writer::start(path, replace) {
            Ok(writer) => Some(writer),
            Err(e) => {
                app.exported(WriterReport::Failed(format!("cannot start a thread: {e}")));
                None
            }
        },
        ExportCommand::Replace => writer.inspect(Writer::replace),
        ExportCommand::Cancel => {
            app.export_cancelled(writer.is_some_and(Writer::cancel));
            None
        }
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
        Input::Gone => Some(Effect::Quit),
    }
}

/// The terminal went while it was written to: there is nobody left to tell.
fn is_gone(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| {
            e.kind() == io::ErrorKind::BrokenPipe
                || e.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
        })
}
