//! Recordings: lines of JSON in frames of zstd, and from there back to sessions.
//!
//! `output` writes them. The lines have the schema of `-o json`. A recording is a sequence of independent frames, each of which begins with the
//! clock, so that damage costs no more than the frames that it hits. `docs/recordings.md` describes the format.

mod events;
mod frames;
mod index;
mod line;
mod player;
mod reader;
mod tape;

pub use events::{ClockIs, Event, EventReader, Header, NeedsNewer, Skipped, write_event};
pub use frames::FrameWriter;
pub use index::{Index, Point};
pub use line::{BESIDES, Besides, InUpdates};
pub use player::{Input, Inputs, Named, Played, Player, Reports};
pub use reader::{Found, ReadError, RecordingReader};
pub use tape::{Medium, Tape, TapeSpan, To};

/// Version of the schema that is written.
pub const SCHEMA: u64 = 1;
/// The highest version that a recording may ask of its reader.
pub const READER: u64 = 1;
