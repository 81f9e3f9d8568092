//! The question for the terminal's background (OSC 11), and whether an answer is on its way.
//!
//! Nothing waits for the answer while the dashboard runs: it is input. A second question follows that every terminal
//! answers (DA1), so that it is known when no more comes. Without that, an answer that arrives after the exit would be
//! typed into the shell.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::ui::input::Input;
use crate::ui::terminal::keyboard::wait_for;
use crate::ui::terminal::parser::Parser;

/// The color of the background, then the attributes.
const QUESTION: &str = "\x1b]11;?\x1b\\\x1b[c";

/// Time in which an answer is taken. One that comes later has no effect: colors do not change under the reader's eyes.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Maximum time that an exit is held up for an answer.
const EXIT_TIME: Duration = Duration::from_millis(500);

/// Time of the question, and what is not answered yet.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// The last answer is outstanding.
    is_open: bool,
}

static ASKED: Mutex<Option<Asked>> = Mutex::new(None);

fn asked() -> MutexGuard<'static, Option<Asked>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that the terminal is asked, and returns the question.
pub fn ask() -> &'static str {
    *asked() = Some(Asked {
        at: Instant::now(),
        is_open: true,
    });
    QUESTION
}

/// Handles an input if it is an answer. Returns what the dashboard is to know.
pub fn take(input: Input) -> Option<Input> {
    let mut asked = asked();
    match input {
        Input::Answered => {
            if let Some(asked) = asked.as_mut() {
                asked.is_open = false;
            }
            None
        }
        Input::Background(_) => {
            let is_in_time = |asked: &Asked| asked.at.elapsed() <= ANSWER_TIME;
            asked.as_ref().is_some_and(is_in_time).then_some(input)
        }
        input => Some(input),
    }
}

/// Waits a little for an answer that is on its way, and drops what is read. The terminal is still in raw mode, and
/// nothing else reads it.
pub fn finish() {
    let end = match &*asked() {
        Some(Asked { at, is_open: true }) => (*at + ANSWER_TIME).min(Instant::now() + EXIT_TIME),
        _ => return,
    };
    let stdin = io::stdin();
    let (mut parser, mut inputs) = (Parser::new(), Vec::new());
    let mut buffer = [0; 256];
    let is_open = || asked().as_ref().is_some_and(|asked| asked.is_open);
    while is_open() {
        let rest = end.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        if rest.is_zero() || !matches!(wait_for(&mut fds, Some(rest)), Ok(true)) {
            break;
        }
        match rustix::io::read(&stdin, &mut buffer) {
            Ok(count @ 1..) => parser.advance(&buffer[..count], &mut inputs),
            _ => break,
        }
        for input in inputs.drain(..) {
            let _ = take(input);
        }
    }
    // one attempt: whoever resumes does not wait again
    *asked() = None;
}
