//! The dashboard: everything live, on the terminal.
//!
//! Responsible for the loop: what is waited for, when a frame is drawn, how it ends. One thread owns the whole state
//! (`app`); keys, signals and batches come to it as messages.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::select;
use ratatui::crossterm::event::{Event, KeyEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use crate::capture::Capture;
use crate::collector::Collector;
use crate::filter::Filter;
use crate::process::ProcessInfo;
use crate::signals::Watch;

pub mod app;
pub mod choice;
pub mod detail;
mod follow;
mod freeze;
pub mod glyphs;
pub mod history;
pub mod keys;
pub mod mouse;
mod out;
pub mod pace;
pub mod prompt;
pub mod rows;
pub mod talkers;
pub mod term;
pub mod theme;
pub mod view;
pub mod wire;

#[cfg(test)]
mod tests;

use app::{App, Effect};
use term::{Input, Keyboard, Screen};
use theme::Theme;

/// How the dashboard is to be.
#[derive(Debug)]
pub struct Options {
    /// What the kernel reports, to be shown.
    pub capture: Capture,
    /// Which sessions are shown at first.
    pub filter: Filter,
    /// Finished sessions that are kept.
    pub keep: usize,
    /// How often the collector looks, at first.
    pub interval: Duration,
    /// Clicks and the wheel are for the dashboard, and not for the terminal.
    pub mouse: bool,
    /// Ends by itself after this time.
    pub duration: Option<Duration>,
}

/// Runs until it is quit, told to end, or the terminal goes.
///
/// # Errors
/// If the terminal cannot be used, or what the collector failed of. The terminal is as it was in any case.
pub fn run(collector: Collector, options: Options) -> anyhow::Result<()> {
    let signals = Watch::new(&[SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT])?;
    let mut screen = Screen::take(options.mouse)?;
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
    screen: &mut Screen,
    signals: &Watch,
    collector: &Collector,
    options: Options,
) -> anyhow::Result<()> {
    let theme = Theme::for_environment(std::env::var_os("NO_COLOR").as_deref());
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let dir = |name| std::env::var_os(name).map(PathBuf::from);
    let history = history::file(dir("XDG_STATE_HOME"), dir("HOME"));
    let before = history.as_deref().map(history::load).unwrap_or_default();
    let mut app = App::new(host, options.capture, options.keep, screen.size()?)
        .with_filter(options.filter, before)
        .with_interval(options.interval);
    let mut keyboard = Keyboard::new()?;
    let deadline = options
        .duration
        .map_or_else(crossbeam_channel::never, crossbeam_channel::after);
    let never = crossbeam_channel::never::<()>();
    // nobody can send on it, which is told at once
    let (_, at_once) = crossbeam_channel::bounded::<()>(0);
    let mut dirty = true;
    let mut drawn = Instant::now();
    loop {
        // while the terminal takes its time, what it has not got yet becomes newer
        if dirty && screen.is_ready() {
            screen.draw(|frame| view::draw(&app, theme, frame))?;
            dirty = false;
            drawn = Instant::now();
        }
        let mut effect = None;
        let written = screen.written();
        select! {
            recv(written) -> result => screen.on_written(result)?,
            recv(keyboard.received) -> input => match input {
                Ok(input) => {
                    // a burst, as of a held key, is worked off before the next frame
                    dirty = true;
                    for input in std::iter::once(input).chain(keyboard.received.try_iter()) {
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
            // many sessions are tried a bit at a time: a key does not wait for them
            recv(if app.is_working() { &at_once } else { &never } ) -> _ => {
                app.work();
                dirty |= !app.is_working() || drawn.elapsed() >= FRAME;
            }
        }
        match effect {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Capture(capture)) => collector.capture(capture),
            Some(Effect::Interval(interval)) => collector.look_every(interval),
            Some(Effect::LookUp(pid)) => {
                app.process(ProcessInfo::look_up(pid));
                dirty = true;
            }
            Some(Effect::Remember(lines)) => {
                if let Some(file) = &history {
                    // a host on which it cannot be kept is no reason to complain
                    let _ = history::save(file, &lines);
                }
            }
            Some(Effect::Redraw) => {
                screen.redraw()?;
                dirty = true;
            }
            Some(Effect::Suspend) => {
                // nobody may read the terminal while the shell has it
                drop(keyboard);
                screen.suspend()?;
                keyboard = Keyboard::new()?;
                app.resize(screen.size()?);
                dirty = true;
            }
            None => {}
        }
    }
}

fn on_input(app: &mut App, input: Input) -> Option<Effect> {
    match input {
        Input::Event(Event::Key(key)) if key.kind != KeyEventKind::Release => {
            match (keys::lookup(app.mode, key), keys::text(key)) {
                (Some(action), _) => app.update(action),
                (None, Some(c)) => {
                    app.text(c.encode_utf8(&mut [0; 4]));
                    None
                }
                (None, None) => None,
            }
        }
        Input::Event(Event::Paste(text)) => {
            app.text(&text);
            None
        }
        Input::Event(Event::Mouse(mouse)) => app.mouse(mouse),
        Input::Event(_) => None,
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
