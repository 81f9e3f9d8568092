//! Reads a file of lines event by event, whatever its encoding and its damage.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::model::recording::frames::{Piece, Pieces};
use crate::model::recording::{Event, EventReader};

/// Longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 << 10;

/// Result of reading on.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Event(Box<Event>),
    /// Bytes that could not be read: their positions in the file.
    Damage {
        from: u64,
        to: u64,
    },
    /// The rest has no checksum, because the end of the file cuts its frame off.
    CutOff,
}

/// Error of reading a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Input(#[from] io::Error),
    #[error(transparent)]
    NeedsNewer(#[from] super::NeedsNewer),
    /// Its first line is no event.
    #[error(
        "it is no recording: it holds neither a recording of tcplife nor lines of tcplife -o json"
    )]
    Foreign,
}

/// Reads events one by one.
pub struct RecordingReader<R: Read> {
    pieces: Pieces<R>,
    /// Text that is not read.
    text: Vec<u8>,
    at: usize,
    /// The last line goes on in the next piece.
    is_text_open: bool,
    /// The line that goes on is too long.
    is_too_long: bool,
    found: VecDeque<Found>,
    pub events: EventReader,
    /// Number of events before this file.
    first_event: u64,
    /// A frame was read whole.
    has_frames: bool,
}

impl<R: Read> std::fmt::Debug for RecordingReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingReader").finish_non_exhaustive()
    }
}

impl<R: Read + Send + 'static> RecordingReader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let pieces = Pieces::new(input)?;
        Ok(RecordingReader {
            pieces,
            text: Vec::new(),
            at: 0,
            is_text_open: false,
            is_too_long: false,
            found: VecDeque::new(),
            events: EventReader::default(),
            first_event: 0,
            has_frames: false,
        })
    }

    /// Goes on from what was read before.
    #[must_use]
    pub fn with(self, before: EventReader) -> Self {
        RecordingReader {
            first_event: before.events,
            events: before,
            ..self
        }
    }

    /// Reads until the next event or damage; `None`: the file ends here.
    ///
    /// # Errors
    /// If the file cannot be read, or is no recording that this version reads.
    pub fn next(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Ok(Some(found));
            }
            while let Some((from, to)) = self.line() {
                let line = &self.text[from..to];
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let event = self.events.read(line)?;
                if self.events.events == self.first_event {
                    return Err(ReadError::Foreign);
                }
                if let Some(event) = event {
                    return Ok(Some(Found::Event(Box::new(event))));
                }
            }
            match self.pieces.next()? {
                Some(Piece::Text { bytes, is_checked }) => {
                    if self.has_frames && !is_checked {
                        self.found.push_back(Found::CutOff);
                    }
                    self.has_frames |= is_checked;
                    self.is_text_open = !is_checked;
                    self.text.drain(..self.at);
                    self.at = 0;
                    self.text.extend(bytes);
                }
                Some(Piece::Damage { from, to }) => {
                    self.found.push_back(Found::Damage { from, to });
                }
                None if self.is_text_open => self.is_text_open = false,
                None if self.events.events == self.first_event => return Err(ReadError::Foreign),
                None => return Ok(None),
            }
        }
    }

    /// Takes the next line of the text; `None`: there is no whole one.
    fn line(&mut self) -> Option<(usize, usize)> {
        loop {
            let rest = &self.text[self.at..];
            let end = memchr::memchr(b'\n', rest);
            let from = self.at;
            let to = match end {
                Some(end) => from + end,
                None if rest.len() > LONGEST_LINE => {
                    self.is_too_long = true;
                    self.at = self.text.len();
                    return None;
                }
                None if self.is_text_open || rest.is_empty() => return None,
                None => self.text.len(),
            };
            self.at = (to + 1).min(self.text.len());
            if std::mem::take(&mut self.is_too_long) || to - from > LONGEST_LINE {
                self.events.skipped.lines += 1;
                continue;
            }
            return Some((from, to));
        }
    }
}
