//! Characters that the terminal can show, and ASCII replacements of the same width for the others.

use std::ffi::OsStr;

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

/// Non-ASCII characters of the dashboard, and their replacements.
const STAND_INS: &[(&str, &str)] = &[
    ("…", "~"),
    ("≥", ">"),
    ("µ", "u"),
    ("→", ">"),
    ("←", "<"),
    ("↔", "-"),
    ("⇄", "="),
    ("↑", "^"),
    ("↓", "v"),
    ("‹", "<"),
    ("›", ">"),
    ("▸", ">"),
    ("▲", "^"),
    ("▼", "v"),
    ("×", "x"),
    ("±", "~"),
    ("·", "|"),
    ("─", "-"),
    ("│", "|"),
    ("┤", "|"),
    ("├", "|"),
    ("└", "+"),
    ("┴", "+"),
    ("▁", "."),
    ("▂", "."),
    ("▃", ":"),
    ("▄", ":"),
    ("▅", "+"),
    ("▆", "+"),
    ("▇", "#"),
    ("█", "#"),
];

/// Characters that the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// All characters that are drawn.
    All,
    /// UTF-8, with a font of few characters: the Linux console.
    Few,
    Ascii,
}

impl Glyphs {
    /// Chooses by the terminal type and the locale variables, the decisive one first. If none is set, as in a
    /// container, the terminal is assumed to show more than the default locale promises.
    pub fn of(term: &str, locale: &[Option<&OsStr>]) -> Self {
        let mut set = locale.iter().flatten().filter(|value| !value.is_empty());
        let is_utf8 = set.next().is_none_or(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        match (is_utf8, term) {
            (false, _) => Glyphs::Ascii,
            (true, "linux") => Glyphs::Few,
            (true, _) => Glyphs::All,
        }
    }

    /// Chooses for this process.
    pub fn for_environment() -> Self {
        let value = |name| std::env::var_os(name);
        let term = value("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(value);
        Self::of(
            &term.to_string_lossy(),
            &locale.each_ref().map(Option::as_deref),
        )
    }

    /// Replaces characters that the terminal cannot show by others of the same width.
    pub fn replace_missing(self, buffer: &mut Buffer) {
        if self == Glyphs::All {
            return;
        }
        for cell in &mut buffer.content {
            if let Some(ascii) = self.stand_in(cell.symbol()) {
                cell.set_symbol(ascii);
            }
        }
    }

    /// The replacement for a cell's text.
    fn stand_in(self, symbol: &str) -> Option<&'static str> {
        if symbol.is_ascii() {
            return None;
        }
        let known = STAND_INS.iter().find(|(drawn, _)| *drawn == symbol);
        match (known, self) {
            (Some((_, ascii)), _) => Some(ascii),
            (None, Glyphs::Ascii) if symbol.width() > 1 => Some("??"),
            (None, Glyphs::Ascii) => Some("?"),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_depend_on_the_locale_and_the_terminal() {
        let of = |term, locale: [&str; 3]| {
            let locale = locale.map(|v| (!v.is_empty()).then(|| OsStr::new(v)));
            Glyphs::of(term, &locale)
        };
        assert_eq!(of("xterm", ["", "", "en_US.UTF-8"]), Glyphs::All);
        assert_eq!(of("xterm", ["", "de_DE.utf8", "C"]), Glyphs::All);
        assert_eq!(of("xterm", ["", "", ""]), Glyphs::All);
        assert_eq!(of("xterm", ["", "", "C"]), Glyphs::Ascii);
        assert_eq!(of("xterm", ["POSIX", "C.UTF-8", "C.UTF-8"]), Glyphs::Ascii);
        assert_eq!(of("linux", ["", "", "C.UTF-8"]), Glyphs::Few);
        assert_eq!(of("linux", ["", "", "C"]), Glyphs::Ascii);
    }

    #[test]
    fn stand_ins_are_ascii_and_of_the_same_width() {
        for (drawn, ascii) in STAND_INS {
            assert!(ascii.is_ascii() && drawn.width() == ascii.len(), "{drawn}");
        }
    }

    #[test]
    fn replace_missing_keeps_what_the_terminal_has() {
        let bars =
            crate::ui::layout::charts::bars(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 1);
        let drawn = format!("日é…x{}", bars.concat());
        let shown = |glyphs: Glyphs| {
            let mut buffer = Buffer::with_lines([drawn.as_str()]);
            glyphs.replace_missing(&mut buffer);
            // a wide character is in the first of its two cells
            let cells = buffer.content().iter().map(|cell| cell.symbol());
            cells.collect::<String>()
        };
        let (all, few, ascii) = (shown(Glyphs::All), shown(Glyphs::Few), shown(Glyphs::Ascii));
        assert!(all.starts_with("日 é…x"), "{all}");
        assert!(few.starts_with("日 é~x"), "{few}");
        assert!(few["日 é".len()..].is_ascii(), "{few}");
        assert!(ascii.starts_with("?? ?~x") && ascii.is_ascii(), "{ascii}");
    }
}
