//! The clipboard of the user's terminal, over ssh too: OSC 52.
//!
//! Builds the escape sequence that copies a text, also through a terminal multiplexer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::host::session_env::Multiplexer;

/// Bytes of a string that GNU screen passes through at once: older versions keep 256 of it.
const SCREEN_CHUNK: usize = 240;

const DCS: &str = "\x1bP";
const ST: &str = "\x1b\\";
const BEL: &str = "\x07";

/// The sequence that makes the terminal copy a text.
pub fn sequence(text: &str, multiplexer: Option<Multiplexer>) -> String {
    let plain = format!("\x1b]52;c;{}{ST}", BASE64_STANDARD.encode(text));
    match multiplexer {
        None => plain,
        // tmux copies by itself where `set-clipboard` is on, else passes it through where `allow-passthrough` is; it
        // drops what it does not accept, and copying twice does no harm
        Some(Multiplexer::Tmux) => {
            let doubled = plain.replace('\x1b', "\x1b\x1b");
            format!("{plain}{DCS}tmux;{doubled}{ST}")
        }
        // screen passes on the content of a device control string, which must not contain the end of one
        Some(Multiplexer::Screen) => {
            let inner = plain.strip_suffix(ST).unwrap_or(&plain).to_owned() + BEL;
            let chunks = inner.as_bytes().chunks(SCREEN_CHUNK);
            let chunks = chunks.map(|c| format!("{DCS}{}{ST}", String::from_utf8_lossy(c)));
            chunks.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes the sequence like a terminal.
    fn copied(sequence: &str) -> String {
        let text = sequence.strip_prefix("\x1b]52;c;").expect("OSC 52");
        let text = text.strip_suffix(ST).or(text.strip_suffix(BEL));
        let bytes = BASE64_STANDARD.decode(text.expect("an end"));
        String::from_utf8(bytes.expect("base64")).expect("UTF-8")
    }

    #[test]
    fn clipboard_sequence_carries_the_text() {
        for text in ["", "x", "ss -tinemo src '[::1]:1'", "日本語 µs"] {
            assert_eq!(copied(&sequence(text, None)), text);
        }
    }

    #[test]
    fn clipboard_in_tmux_is_sent_plain_and_as_passthrough() {
        let both = sequence("text", Some(Multiplexer::Tmux));
        let (plain, passed) = both.split_once("\x1bPtmux;").expect("both");
        assert_eq!(copied(plain), "text");
        let passed = passed.strip_suffix(ST).expect("the end of the string");
        assert_eq!(copied(&passed.replace("\x1b\x1b", "\x1b")), "text");
    }

    #[test]
    fn clipboard_in_screen_is_sent_in_chunks() {
        let text = "0123456789".repeat(100);
        let sequence = sequence(&text, Some(Multiplexer::Screen));
        let pieces: Vec<&str> = sequence
            .split_terminator(ST)
            .map(|p| p.strip_prefix(DCS).expect("a string"))
            .collect();
        assert!(pieces.len() > 1 && pieces.iter().all(|p| p.len() <= SCREEN_CHUNK));
        assert_eq!(copied(&pieces.concat()), text);
    }
}
