//! A line being typed: its text, its cursor and its visible part.
//!
//! Control characters that could drive the terminal never get into the text.

use tui_input::{Input, InputRequest};

#[derive(Clone, Debug)]
pub struct Line {
    input: Input,
}

impl Line {
    /// Starts with this text, the cursor after it.
    pub fn new(text: String) -> Self {
        Line {
            input: Input::new(text),
        }
    }

    /// Starts with this text, the cursor before the given character.
    pub fn with_cursor(text: String, cursor: usize) -> Self {
        Line {
            input: Input::new(text).with_cursor(cursor),
        }
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// The cursor as a byte offset in the text.
    pub fn cursor(&self) -> usize {
        let text = self.text();
        text.char_indices()
            .nth(self.input.cursor())
            .map_or(text.len(), |(at, _)| at)
    }

    /// Inserts typed or pasted text. Line ends become spaces; other control characters are dropped.
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

    /// First visible cell of the text when `width` cells are available, and the cursor's cell relative to it.
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
