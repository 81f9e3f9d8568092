//! A line being typed: its text, its cursor and its visible part.
//!
//! Control characters that could drive the terminal never get into the text, and it never gets longer than a filter may
//! be.

use tui_input::{Input, InputRequest};

use crate::filter::LONGEST;

#[derive(Clone, Debug, Default)]
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

    /// Inserts typed or pasted text. Line ends become spaces; other control characters are dropped. False if there was
    /// no room for all of it.
    pub fn insert(&mut self, text: &str) -> bool {
        let spaced = text.chars().map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c => c,
        });
        let room = LONGEST.saturating_sub(self.text().len());
        let mut inserted = String::new();
        let mut fits = true;
        for c in spaced.filter(|c| !c.is_control()) {
            fits = inserted.len() + c.len_utf8() <= room;
            if !fits {
                break;
            }
            inserted.push(c);
        }
        // at once: character by character, a long text takes time by the square of its length
        if let Some(last) = inserted.pop() {
            let at = self.cursor();
            let cursor = self.input.cursor() + inserted.chars().count();
            let text = [&self.text()[..at], &inserted, &self.text()[at..]].concat();
            let input = std::mem::take(&mut self.input);
            self.input = input.with_value(text).with_cursor(cursor);
            self.input.handle(InputRequest::InsertChar(last));
        }
        fits
    }

    /// Moves the cursor, or deletes, or inserts what was deleted. False if there was no room for that.
    pub fn edit(&mut self, request: InputRequest) -> bool {
        let before = (request == InputRequest::Yank).then(|| self.input.clone());
        self.input.handle(request);
        match before {
            Some(before) if self.text().len() > LONGEST => {
                self.input = before;
                false
            }
            _ => true,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_never_longer_than_a_filter() {
        let mut line = Line::new("port 1".into());
        assert!(line.insert(&"x".repeat(LONGEST - 6)));
        assert!(!line.insert("y"));
        assert!(!line.edit_all_twice());
        assert_eq!(line.text().len(), LONGEST);
        // a character is not cut
        let mut line = Line::new("x".repeat(LONGEST - 1));
        assert!(!line.insert("ä"));
        assert_eq!(line.text().len(), LONGEST - 1);
    }

    impl Line {
        /// Deletes all of it and inserts it twice.
        fn edit_all_twice(&mut self) -> bool {
            let requests = [
                InputRequest::DeleteFromStart,
                InputRequest::Yank,
                InputRequest::Yank,
            ];
            requests.map(|request| self.edit(request)) == [true; 3]
        }
    }

    #[test]
    fn line_insert_goes_to_the_cursor_and_keeps_what_was_deleted() {
        let mut line = Line::new("abc".into());
        line.edit(InputRequest::DeletePrevWord);
        line.insert("14");
        line.edit(InputRequest::GoToPrevChar);
        assert!(line.insert("2\n3"));
        assert_eq!((line.text(), line.cursor()), ("12 34", 4));
        line.edit(InputRequest::Yank);
        assert_eq!(line.text(), "12 3abc4");
    }
}
