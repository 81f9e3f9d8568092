//! Key presses and their names.

/// A key of the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCode {
    /// The key that types this character.
    Char(char),
    /// A function key, from 1.
    F(u8),
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Tab,
    /// Tab with Shift.
    BackTab,
    Enter,
    Esc,
    Backspace,
    Delete,
    Insert,
}

/// A key with its modifiers, as a terminal reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

pub const fn char(c: char) -> KeyPress {
    code(KeyCode::Char(c))
}

pub const fn code(code: KeyCode) -> KeyPress {
    KeyPress::new(code, false)
}

pub const fn ctrl(c: char) -> KeyPress {
    KeyPress::new(KeyCode::Char(c), true)
}

pub const fn alt(key: KeyCode) -> KeyPress {
    code(key).with_alt(true)
}

impl KeyPress {
    pub const fn new(code: KeyCode, ctrl: bool) -> Self {
        KeyPress {
            code,
            ctrl,
            alt: false,
        }
    }

    /// The same key, with Alt or without.
    pub const fn with_alt(self, alt: bool) -> Self {
        KeyPress { alt, ..self }
    }

    /// True if Alt is pressed with the key. A terminal sends the same for Esc and the key, where a slow line brings both at
    /// once.
    pub fn has_alt(self) -> bool {
        self.alt
    }

    /// The key, and true if Ctrl is pressed with it.
    #[cfg(test)]
    pub fn parts(self) -> (KeyCode, bool) {
        (self.code, self.ctrl)
    }

    /// Parses a key as [`KeyPress::name`] writes it or in plain letters: `a`, `^A`, `F1`, `PgDn`, `Left`, `Alt-b`, `Ctrl-Left`.
    pub fn parse(text: &str) -> Option<KeyPress> {
        let held = |name: &str| {
            let (first, rest) = text.split_at_checked(name.len())?;
            let rest = rest.strip_prefix('-')?;
            (first.eq_ignore_ascii_case(name)).then_some(rest)
        };
        if let Some(key) = held("Alt").and_then(KeyPress::parse) {
            return (!key.alt).then_some(key.with_alt(true));
        }
        if let Some(key) = held("Ctrl").and_then(KeyPress::parse) {
            // a character with Ctrl is written with a caret
            let is_new = !key.ctrl && !key.alt && !key.is_text();
            return is_new.then_some(KeyPress { ctrl: true, ..key });
        }
        let mut chars = text.chars();
        match (chars.next()?, chars.next(), chars.next()) {
            (c, None, _) if !c.is_control() => {
                let arrow = match c {
                    '↑' => KeyCode::Up,
                    '↓' => KeyCode::Down,
                    '←' => KeyCode::Left,
                    '→' => KeyCode::Right,
                    c => KeyCode::Char(c),
                };
                return Some(code(arrow));
            }
            // terminals send the same for these
            ('^', Some('i' | 'I'), None) => return Some(code(KeyCode::Tab)),
            ('^', Some('m' | 'M'), None) => return Some(code(KeyCode::Enter)),
            ('^', Some(c), None) if c.is_ascii_alphabetic() => {
                return Some(ctrl(c.to_ascii_lowercase()));
            }
            _ => {}
        }
        let function = text.strip_prefix(['F', 'f']).map(str::parse);
        if let Some(Ok(n @ 1..=12)) = function {
            return Some(code(KeyCode::F(n)));
        }
        let mut named = NAMED.iter();
        named
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, key)| code(*key))
    }

    /// True for a character, which a prompt takes as text.
    pub fn is_text(self) -> bool {
        self.typed().is_some()
    }

    /// The character that the key types.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// The key's name as written on keyboards and in manuals.
    pub fn name(self) -> String {
        if self.alt {
            return format!("Alt-{}", self.with_alt(false).name());
        }
        match self.code {
            KeyCode::Char(' ') => "Space".into(),
            KeyCode::Char(c) if self.ctrl => format!("^{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => c.to_string(),
            code if self.ctrl => format!("Ctrl-{}", KeyPress::new(code, false).name()),
            KeyCode::Down => "↓".into(),
            KeyCode::Up => "↑".into(),
            KeyCode::Left => "←".into(),
            KeyCode::Right => "→".into(),
            KeyCode::PageDown => "PgDn".into(),
            KeyCode::PageUp => "PgUp".into(),
            KeyCode::BackTab => "Shift-Tab".into(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        }
    }
}

/// Additional key names accepted in the configuration.
const NAMED: [(&str, KeyCode); 16] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Esc", KeyCode::Esc),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
];

/// Names of keys with the same meaning, as the help shows them.
pub fn names(presses: &[KeyPress]) -> String {
    let names: Vec<String> = presses.iter().map(|p| p.name()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::KEYS;

    #[test]
    fn key_press_is_parsed_from_the_name_that_is_shown() {
        for press in KEYS.iter().flat_map(|k| k.presses) {
            assert_eq!(KeyPress::parse(&press.name()), Some(*press));
        }
        assert_eq!(KeyPress::parse("pgdn"), Some(code(KeyCode::PageDown)));
        assert_eq!(KeyPress::parse("left"), Some(code(KeyCode::Left)));
        assert_eq!(KeyPress::parse("^i"), Some(code(KeyCode::Tab)));
        assert_eq!(KeyPress::parse("^"), Some(char('^')));
        for key in [
            alt(KeyCode::Char('ä')),
            ctrl('b').with_alt(true),
            alt(KeyCode::Up),
        ] {
            assert_eq!(KeyPress::parse(&key.name()), Some(key));
        }
        assert_eq!(
            KeyPress::parse("ctrl-left"),
            Some(KeyPress::new(KeyCode::Left, true))
        );
        for wrong in [
            "",
            "ab",
            "^1",
            "^^",
            "F0",
            "F13",
            "Ctrl",
            "\n",
            "\u{7f}",
            "Alt",
            "Alt-",
            "Alt-Alt-b",
            "Ctrl-b",
            "Ctrl-Ctrl-Left",
            "Ctrl-Alt-Left",
        ] {
            assert_eq!(KeyPress::parse(wrong), None, "{wrong:?}");
        }
    }
}
