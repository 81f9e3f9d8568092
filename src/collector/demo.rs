//! The recording of --demo, which is part of the program: a web host among peers of documentation addresses, whose
//! database gets slow. `make demo` records it.

use std::io::Cursor;
use std::time::Duration;

use crate::collector::replay::{Pace, Source};

/// Returns the recording.
pub fn source() -> Source {
    Source::Stream(Box::new(Cursor::new(RECORDING)))
}

/// The tempo for the dashboard: the rates and charts have a history at once, and the rest comes as it happened.
pub const PACE: Pace = Pace {
    at_once: Duration::from_secs(25),
    begun: "A demo: a recorded host, second by second, for 50 seconds from now on",
    ended: "The demo is at its end, and time stands still; all keys go on to work",
};

/// Its name, instead of a path.
pub const NAME: &str = "--demo";

const RECORDING: &[u8] = include_bytes!("../../assets/demo.jsonl.zst");
