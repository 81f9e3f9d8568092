//! A line that is being typed: its text, its cursor, and which part of it is in sight.
//!
//! Responsible for that nothing gets into the text that could drive the terminal. Not for what the text means
//! (`prompt`, `export`).

use tui_input::{Input, InputRequest};

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Line {
    input: Input,
}

impl Line {
    /// With this text, the cursor behind it.
    pub fn new(text: String) -> Self {
        Line {
            input: Input::new(text),
        }
    }

    /// With the cursor before that character.
    pub fn with_cursor(text: String, cursor: usize) -> Self {
        Line {
            input: Input::new(text).with_cursor(cursor),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// The cursor as a byte offset of the text.
    pub fn cursor(&self) -> usize {
        let text = self.text();
        text.char_indices()
            .nth(self.input.cursor())
            .map_or(text.len(), |(at, _)| at)
    }

    /// Types a text: a key, or what was pasted. Line ends become spaces, and other control characters nothing.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars().map(|c| {
            if matches!(c, '\n' | '\r' | '\t') {
                ' '
            } else {
                c
            }
        }) {
            if !c.is_control() {
                self.input.handle(InputRequest::InsertChar(c));
            }
        }
    }

    /// Moves the cursor, or deletes.
    pub fn edit(&mut self, request: InputRequest) {
        self.input.handle(request);
    }

    /// First cell of the text that is shown when there are `width` of them, and the cursor's cell from there.
    pub fn scroll(&self, width: u16) -> (usize, u16) {
        let left = self.input.visual_scroll(usize::from(width.max(1)));
        let cursor = self.input.visual_cursor().saturating_sub(left);
        (
            left,
            u16::try_from(cursor)
                .unwrap_or(u16::MAX)
                .min(width.saturating_sub(1)),
        )
    }
}
