//! The index at the end of a recording: where one can begin to read.

use serde_json::json;

/// Frames that begin with all open sessions, so that one can read from there on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Position in the file and boot time, ns, of each, in the order of their positions.
    pub full: Vec<(u64, u64)>,
    /// Number of closed sessions.
    pub closed: u64,
}

impl Index {
    /// Encodes it as the content of a frame that decoders skip.
    pub fn encode(&self) -> Vec<u8> {
        let json = json!({"index": 1, "full": self.full, "closed": self.closed});
        json.to_string().into_bytes()
    }
}
