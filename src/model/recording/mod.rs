//! Recordings: sessions as lines of JSON in frames of zstd, and back.
//!
//! The lines have the schema of `-o json`. A recording is a sequence of independent frames, each of which begins with the
//! clock, so that damage costs no more than the frames that it hits. `docs/recordings.md` describes the format.

mod events;
mod frames;
mod index;
mod line;
mod reader;
mod writer;

pub use events::{ClockIs, Event, EventReader, Gap, Header, NeedsNewer, Skipped};
pub use line::SessionLines;
pub use reader::{Found, RecordingReader};
pub use writer::RecordingWriter;

/// Version of the schema that is written.
pub const SCHEMA: u64 = 1;
/// The highest version that a recording may ask of its reader.
pub const READER: u64 = 1;
