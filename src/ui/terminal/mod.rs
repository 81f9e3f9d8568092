//! The terminal: its state, its keyboard, and noticing when it has gone. It is restored on every way out.
//!
//! Only this file and the thread that writes (`writer`) access it. `view` draws frames, `wire` encodes them.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, panic};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvError, Sender, bounded, never};
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEventKind, KeyModifiers,
    MouseButton, MouseEventKind,
};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, queue};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, poll};

use crate::host::waker::Waker;
use crate::ui::input::{Input, Mouse, MouseKind};
use crate::ui::keys::{KeyCode, KeyPress};
use crate::ui::terminal::glyphs::Glyphs;
use crate::ui::terminal::wire::Wire;

pub mod clipboard;
pub mod glyphs;
pub mod wire;
mod writer;
use crate::ui::terminal::writer::Out;

/// Data to restore the terminal, while the dashboard has it.
static TAKEN_TERMINAL: Mutex<Option<TakenTerminal>> = Mutex::new(None);

struct TakenTerminal {
    out: Out,
    mouse: bool,
}

fn taken() -> MutexGuard<'static, Option<TakenTerminal>> {
    TAKEN_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Button presses and the wheel, at any column. Without motion, which crossterm's own command enables, and which is a
/// waste over a slow link.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The terminal, in raw mode on its alternate screen until this is dropped.
pub struct TerminalGuard {
    /// Never dropped, because that would show the cursor, which `restore` does.
    terminal: ManuallyDrop<Terminal<Wire>>,
    glyphs: Glyphs,
    out: Out,
    mouse: bool,
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
        let mut screen = TerminalGuard {
            terminal: ManuallyDrop::new(Terminal::new(Wire::new(size()?))?),
            glyphs: Glyphs::for_environment(),
            out: Out::new()?,
            mouse,
        };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> anyhow::Result<()> {
        enable_raw_mode().context("cannot switch the terminal to raw mode")?;
        *taken() = Some(TakenTerminal {
            out: self.out.clone(),
            mouse: self.mouse,
        });
        let mut bytes = Vec::new();
        queue!(
            bytes,
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        if self.mouse {
            queue!(bytes, Print(MOUSE_ON))?;
        }
        self.out.send(bytes);
        self.redraw()
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

    /// True if the terminal has taken the previous frame, so that a frame drawn now is not queued.
    pub fn is_ready(&self) -> bool {
        self.out.is_idle()
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
            let mut bytes = Vec::with_capacity(changed.len() + 16);
            queue!(bytes, BeginSynchronizedUpdate)?;
            bytes.extend(changed);
            queue!(bytes, EndSynchronizedUpdate)?;
            self.out.send(bytes);
        }
        Ok(())
    }

    /// Sends a sequence that draws nothing, after a frame still being written.
    pub fn send(&mut self, sequence: &str) {
        self.out.send(sequence.into());
    }

    /// Gives the terminal to the shell and stops, as ^Z does, until the shell continues this process.
    ///
    /// # Errors
    /// If the terminal cannot be given back or taken.
    pub fn suspend(&mut self) -> anyhow::Result<()> {
        restore();
        // the whole job, as the terminal would: sudo and make wait for us otherwise
        rustix::process::kill_current_process_group(rustix::process::Signal::STOP)
            .context("cannot stop this process")?;
        // fresh state, in case the writer had given up
        self.out = Out::new()?;
        self.terminal = ManuallyDrop::new(Terminal::new(Wire::new(size()?))?);
        self.enter()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Size of the terminal. A serial console does not know its size and reports 0; then it is taken from the
/// environment, or is that of a classic terminal.
fn size() -> anyhow::Result<Size> {
    let (width, height) =
        ratatui::crossterm::terminal::size().context("cannot ask the terminal for its size")?;
    let known = |reported: u16, name, usual| {
        let named = || std::env::var(name).ok()?.parse().ok().filter(|n| *n > 0);
        match reported {
            0 => named().unwrap_or(usual),
            reported => reported,
        }
    };
    Ok(Size {
        width: known(width, "COLUMNS", 80),
        height: known(height, "LINES", 24),
    })
}

/// Restores the terminal. It may have gone, so nothing here can fail.
fn restore() {
    let Some(taken) = taken().take() else { return };
    let mut bytes = Vec::new();
    let mouse = if taken.mouse { MOUSE_OFF } else { "" };
    let _ = queue!(
        bytes,
        EndSynchronizedUpdate,
        Print(mouse),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    taken.out.finish(&bytes);
    let _ = disable_raw_mode();
}

/// Makes a panic of the dashboard's own thread restore the terminal before it is reported. A panic of another thread
/// is reported by the one that joins it, when the terminal is free.
fn restore_on_panic() {
    let dashboard = std::thread::current().id();
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == dashboard {
            restore();
        }
        if taken().is_none() {
            default(info);
        }
    }));
}

/// A thread that reads the terminal until it is dropped.
#[derive(Debug)]
pub struct Keyboard {
    /// Input, as it arrives.
    pub received: Receiver<Input>,
    stop: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Starts reading.
    ///
    /// # Errors
    /// If the kernel refuses a descriptor or a thread.
    pub fn new() -> anyhow::Result<Self> {
        let (tx, received) = bounded(256);
        let stop = Waker::new()?;
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("tcplife-input".into())
            .spawn(move || {
                // the receiver may be gone; then there is no one to report to
                if read_until_stopped(&stopped, &tx).is_err() {
                    let _ = tx.send(Input::Gone);
                }
            })?;
        Ok(Keyboard {
            received,
            stop,
            thread: Some(thread),
        })
    }
}

/// Time that crossterm gets to read available input. With zero it does not read at all; without this time, input that
/// it has read but not returned would wait for the next key.
const POLL: Duration = Duration::from_millis(20);

/// Passes input on until stopped; an error if the terminal has gone. This is checked before each read: on a terminal
/// that has gone, reads return at once with nothing, forever.
fn read_until_stopped(stop: &Waker, tx: &Sender<Input>) -> anyhow::Result<()> {
    let stdin = io::stdin();
    loop {
        let mut fds = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if !fds[1].revents().is_empty() {
            return Ok(());
        }
        if fds[0].revents() != PollFlags::IN {
            bail!("the terminal is gone");
        }
        while event::poll(POLL)? {
            if let Some(input) = translate(event::read()?) {
                tx.send(input)?;
            }
        }
    }
}

/// Translates an event of crossterm; `None` if it means nothing to the dashboard.
fn translate(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
            let is_command = key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER);
            let typed = match key.code {
                event::KeyCode::Char(c) if !is_command => Some(c),
                _ => None,
            };
            Some(Input::Key(KeyPress::new(key_code(key.code)?, ctrl), typed))
        }
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Mouse(mouse) => {
            let kind = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
                MouseEventKind::ScrollUp => MouseKind::WheelUp,
                MouseEventKind::ScrollDown => MouseKind::WheelDown,
                _ => return None,
            };
            let (column, row) = (mouse.column, mouse.row);
            Some(Input::Mouse(Mouse { kind, column, row }))
        }
        _ => None,
    }
}

fn key_code(code: event::KeyCode) -> Option<KeyCode> {
    use event::KeyCode as Read;
    Some(match code {
        Read::Char(c) => KeyCode::Char(c),
        Read::F(n) => KeyCode::F(n),
        Read::Up => KeyCode::Up,
        Read::Down => KeyCode::Down,
        Read::Left => KeyCode::Left,
        Read::Right => KeyCode::Right,
        Read::Home => KeyCode::Home,
        Read::End => KeyCode::End,
        Read::PageUp => KeyCode::PageUp,
        Read::PageDown => KeyCode::PageDown,
        Read::Tab => KeyCode::Tab,
        Read::BackTab => KeyCode::BackTab,
        Read::Enter => KeyCode::Enter,
        Read::Esc => KeyCode::Esc,
        Read::Backspace => KeyCode::Backspace,
        Read::Delete => KeyCode::Delete,
        Read::Insert => KeyCode::Insert,
        _ => return None,
    })
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.stop.wake();
        if let Some(thread) = self.thread.take() {
            // the thread may be waiting for room in the channel, which no one will make
            self.received = never();
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;
    use crate::ui::keys::KEYS;

    #[test]
    fn key_events_of_all_bound_keys_are_translated() {
        for press in KEYS.iter().flat_map(|key| key.presses) {
            let (code, ctrl) = press.parts();
            let read = [
                (KeyCode::Up, event::KeyCode::Up),
                (KeyCode::Down, event::KeyCode::Down),
                (KeyCode::Left, event::KeyCode::Left),
                (KeyCode::Right, event::KeyCode::Right),
                (KeyCode::Home, event::KeyCode::Home),
                (KeyCode::End, event::KeyCode::End),
                (KeyCode::PageUp, event::KeyCode::PageUp),
                (KeyCode::PageDown, event::KeyCode::PageDown),
                (KeyCode::Tab, event::KeyCode::Tab),
                (KeyCode::BackTab, event::KeyCode::BackTab),
                (KeyCode::Enter, event::KeyCode::Enter),
                (KeyCode::Esc, event::KeyCode::Esc),
                (KeyCode::Backspace, event::KeyCode::Backspace),
                (KeyCode::Delete, event::KeyCode::Delete),
                (KeyCode::Insert, event::KeyCode::Insert),
            ];
            let code = match code {
                KeyCode::Char(c) => event::KeyCode::Char(c),
                KeyCode::F(n) => event::KeyCode::F(n),
                other => {
                    read.iter()
                        .find(|(code, _)| *code == other)
                        .expect("a key")
                        .1
                }
            };
            let modifiers = if ctrl {
                KeyModifiers::CONTROL
            } else {
                KeyModifiers::NONE
            };
            let input = translate(Event::Key(KeyEvent::new(code, modifiers)));
            let Some(Input::Key(read, typed)) = input else {
                panic!("{press:?}: {input:?}");
            };
            assert_eq!((read, typed.is_some()), (*press, press.is_text()));
        }
    }

    #[test]
    fn mouse_events_except_left_click_and_wheel_are_ignored() {
        let mouse = |kind| {
            translate(Event::Mouse(event::MouseEvent {
                kind,
                column: 10,
                row: 5,
                modifiers: KeyModifiers::NONE,
            }))
        };
        let is = |kind| {
            Some(Input::Mouse(Mouse {
                kind,
                column: 10,
                row: 5,
            }))
        };
        assert_eq!(
            mouse(MouseEventKind::Down(MouseButton::Left)),
            is(MouseKind::Click)
        );
        assert_eq!(mouse(MouseEventKind::ScrollUp), is(MouseKind::WheelUp));
        assert_eq!(mouse(MouseEventKind::Down(MouseButton::Right)), None);
        assert_eq!(mouse(MouseEventKind::Up(MouseButton::Left)), None);
        assert_eq!(mouse(MouseEventKind::Moved), None);
    }
}
