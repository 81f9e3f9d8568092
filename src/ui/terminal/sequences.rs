//! The sequences that take and release the terminal; `query` asks it for its background.

/// The alternate screen, bracketed paste, and no cursor.
pub const ENTER: &str = "\x1b[?1049h\x1b[?2004h\x1b[?25l";

/// Button presses and the wheel, at any column; without motion, which would be a waste over a slow link.
pub const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";

/// Undoes [`MOUSE_ON`].
pub const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Undoes [`ENTER`], and an unfinished frame.
pub const LEAVE: &str = "\x1b[?2026l\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// The same with [`MOUSE_ON`].
pub const LEAVE_WITH_MOUSE: &str =
    "\x1b[?2026l\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// Around a frame, so that terminals that support it show the frame at once.
pub const FRAME_BEGIN: &str = "\x1b[?2026h";
pub const FRAME_END: &str = "\x1b[?2026l";

/// Cancels an escape sequence that arrived only in part, and all attributes.
pub const RESET: &str = "\x18\x1b[m";
