//! The terminal: its state, its keyboard, and noticing when it has gone. It is restored on every way out.
//!
//! Nothing outside of this folder accesses it. `view` draws frames, `wire` encodes them, `writer` writes them, and
//! `keyboard` reads.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, panic};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvError};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, Terminal};
use rustix::termios::{
    OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::host::signals;
use crate::ui::terminal::glyphs::Glyphs;
use crate::ui::terminal::sequences::{
    ENTER, FRAME_BEGIN, FRAME_END, LEAVE, LEAVE_WITH_MOUSE, MOUSE_OFF, MOUSE_ON,
};
use crate::ui::terminal::wire::Wire;
use crate::ui::terminal::writer::Out;

mod clicks;
pub mod clipboard;
mod emergency;
pub mod glyphs;
mod job;
mod keyboard;
mod parser;
mod query;
mod sequences;
pub mod wire;
mod writer;

pub use job::await_foreground;
pub use keyboard::Keyboard;

/// Data to restore the terminal, while the dashboard has it.
static TAKEN_TERMINAL: Mutex<Option<TakenTerminal>> = Mutex::new(None);

struct TakenTerminal {
    out: Out,
    /// Its settings before it was taken.
    settings: Termios,
    /// The sequence that undoes what was sent to take it.
    leave: &'static str,
}

fn taken() -> MutexGuard<'static, Option<TakenTerminal>> {
    TAKEN_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Maximum size of a frame. A terminal may claim to be of any size, and each of its cells takes memory; no screen has more
/// cells that anybody could read.
const LARGEST: Size = Size {
    width: 1024,
    height: 512,
};

/// The terminal, in raw mode on its alternate screen until this is dropped.
pub struct TerminalGuard {
    /// Never dropped, because that would show the cursor, which `restore` does.
    terminal: ManuallyDrop<Terminal<Wire>>,
    glyphs: Glyphs,
    out: Out,
    mouse: bool,
    /// The mouse is left to the terminal for a while.
    is_mouse_released: bool,
}

impl std::fmt::Debug for TerminalGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalGuard").finish_non_exhaustive()
    }
}

impl TerminalGuard {
    /// Takes the terminal, and its mouse if `mouse`.
    ///
    /// # Errors
    /// If it lacks something that the dashboard needs; it is untouched then.
    pub fn take(mouse: bool) -> anyhow::Result<Self> {
        let kind = std::env::var("TERM").unwrap_or_default();
        let is = match kind.as_str() {
            "" => Some("not set"),
            "dumb" => Some("`dumb`"),
            _ => None,
        };
        if let Some(is) = is {
            bail!(
                "the dashboard needs a terminal that can move its cursor, but TERM is {is}. Set TERM to match the terminal, or use -o text"
            );
        }
        restore_on_panic();
        signals::set_last_act(emergency::restore)?;
        job::ignore_background_stops()?;
        let mut screen = TerminalGuard {
            terminal: ManuallyDrop::new(Terminal::new(Wire::new(size()?))?),
            glyphs: Glyphs::for_environment(),
            out: Out::new()?,
            mouse,
            is_mouse_released: false,
        };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> anyhow::Result<()> {
        let settings =
            tcgetattr(io::stdin()).context("cannot read the settings of the terminal")?;
        let leave = if self.mouse { LEAVE_WITH_MOUSE } else { LEAVE };
        // first what restores it, so that no signal finds it raw and nothing prepared
        emergency::prepare(self.out.tty(), settings.clone(), leave);
        *taken() = Some(TakenTerminal {
            out: self.out.clone(),
            settings: settings.clone(),
            leave,
        });
        set_raw(&settings)?;
        self.begin()
    }

    /// Begins with an empty screen.
    fn begin(&mut self) -> anyhow::Result<()> {
        let mouse = if self.mouse { MOUSE_ON } else { "" };
        self.is_mouse_released = false;
        self.send(&[ENTER, mouse].concat());
        self.redraw()
    }

    /// Leaves the mouse to the terminal, so that it can select text, or takes it again.
    pub fn release_mouse(&mut self, released: bool) {
        if self.mouse && released != self.is_mouse_released {
            self.is_mouse_released = released;
            self.send(if released { MOUSE_OFF } else { MOUSE_ON });
        }
    }

    /// Size of the terminal, also used for the next frame.
    ///
    /// # Errors
    /// If the size cannot be read.
    pub fn size(&mut self) -> anyhow::Result<Size> {
        let size = size()?;
        self.terminal.backend_mut().resize(size);
        Ok(size)
    }

    /// Forgets the content of the screen, so that the next frame redraws all of it.
    ///
    /// # Errors
    /// If the size cannot be read.
    pub fn redraw(&mut self) -> anyhow::Result<()> {
        // Terminal::clear would ask for the cursor's position and wait for the answer: over a slow link, in vain
        let area = Rect::from((Position::ORIGIN, self.size()?));
        self.terminal
            .resize(area)
            .context("cannot clear the terminal")
    }

    /// True if the terminal is this job's and has taken the previous frame, so that a frame drawn now is not queued.
    pub fn is_ready(&self) -> bool {
        self.out.is_idle() && taken().is_some() && self.is_in_foreground()
    }

    /// True if the shell lets this job use the terminal.
    pub fn is_in_foreground(&self) -> bool {
        job::is_in_foreground(io::stdin())
    }

    /// Receives a message when the terminal has taken a frame; for [`TerminalGuard::on_written`].
    pub fn written(&self) -> Receiver<io::Result<()>> {
        self.out.written().clone()
    }

    /// Handles a message of [`TerminalGuard::written`].
    ///
    /// # Errors
    /// If the terminal cannot be written to.
    pub fn on_written(&mut self, result: Result<io::Result<()>, RecvError>) -> anyhow::Result<()> {
        self.out.on_written();
        match result {
            Ok(result) => result.context("cannot draw on the terminal"),
            Err(_) => bail!("the thread that writes to the terminal panicked; this is a bug"),
        }
    }

    /// Draws a frame: only changes are written, and shown at once by terminals that support it. Without changes
    /// nothing is written.
    ///
    /// # Errors
    /// If the view draws an invalid frame, which is a bug.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        let glyphs = self.glyphs;
        let frame = self.terminal.draw(|frame| {
            render(frame);
            glyphs.replace_missing(frame.buffer_mut());
        });
        frame.context("cannot draw on the terminal")?;
        let changed = self.terminal.backend_mut().take();
        if !changed.is_empty() {
            let frame = [FRAME_BEGIN.as_bytes(), &changed, FRAME_END.as_bytes()];
            self.out.send(frame.concat());
        }
        Ok(())
    }

    /// Sends a sequence that draws nothing, after a frame still being written.
    pub fn send(&mut self, sequence: &str) {
        self.out.send(sequence.into());
    }

    /// Asks the terminal for its background. The answer is an input; many terminals give none.
    pub fn ask_for_background(&mut self) {
        self.send(query::ask());
    }

    /// Gives the terminal back, until [`TerminalGuard::resume`].
    pub fn give_back(&mut self) {
        restore();
    }

    /// Takes the terminal again, after this job was stopped and continued.
    ///
    /// # Errors
    /// If it cannot be taken.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        if let Some(taken) = &*taken() {
            // it was stopped without warning, and the shell has made its own settings since
            set_raw(&taken.settings)?;
        } else {
            // fresh state, in case the writer had given up
            self.out = Out::new()?;
            *self.terminal.backend_mut() = Wire::new(size()?);
            return self.enter();
        }
        self.begin()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Switches the terminal to raw mode, in which a read never waits.
fn set_raw(settings: &Termios) -> anyhow::Result<()> {
    let mut raw = settings.clone();
    raw.make_raw();
    raw.special_codes[SpecialCodeIndex::VMIN] = 0;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(io::stdin(), OptionalActions::Now, &raw)
        .context("cannot switch the terminal to raw mode")
}

/// Size of the terminal. A serial console does not know its size and reports 0; then it is taken from the
/// environment, or is that of a classic terminal.
fn size() -> anyhow::Result<Size> {
    let size = tcgetwinsize(io::stdout()).context("cannot ask the terminal for its size")?;
    let known = |reported: u16, name, usual| {
        let named = || std::env::var(name).ok()?.parse().ok().filter(|n| *n > 0);
        match reported {
            0 => named().unwrap_or(usual),
            reported => reported,
        }
    };
    Ok(Size {
        width: known(size.ws_col, "COLUMNS", 80).min(LARGEST.width),
        height: known(size.ws_row, "LINES", 24).min(LARGEST.height),
    })
}

/// Restores the terminal. It may have gone, so nothing here can fail.
fn restore() {
    let Some(taken) = taken().take() else { return };
    taken.out.finish(taken.leave.as_bytes());
    // in the background, the settings are those of another job by now
    if job::is_in_foreground(io::stdin()) {
        query::finish();
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &taken.settings);
    }
    emergency::disarm();
}

/// Makes a panic restore the terminal before it is reported. Where the program goes on after a panic of another thread than
/// the dashboard's own, that one is reported by whoever joins it, when the terminal is free.
fn restore_on_panic() {
    let dashboard = std::thread::current().id();
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == dashboard {
            restore();
        } else if cfg!(panic = "abort") {
            emergency::restore_now();
        } else if taken().is_some() {
            return;
        }
        default(info);
    }));
}
