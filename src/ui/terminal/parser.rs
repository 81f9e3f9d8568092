//! The parser of what a terminal sends: bytes in, keys, pastes, clicks and replies out.
//!
//! A control sequence is taken as a whole, known or not: a reply of the terminal, or a key that the dashboard does not
//! know, never turns into other keys. Only the replies that the dashboard asks for are passed on. A parser of terminal
//! output, like the crate `vte`, does not serve. It knows none of the forms that only a terminal sends (SS3 keys, old
//! mouse reports, the keys of the Linux console, pastes), and it cannot tell Esc from the start of a sequence.

use std::time::Duration;

use crate::text::color::Rgb;
use crate::ui::input::{Input, Mouse, MouseKind};
use crate::ui::keys::{KeyCode, KeyPress};

/// Time after ESC in which the rest of a sequence arrives; without it, it was the key Esc. At 1,200 bits per second a
/// byte takes 8 ms.
const ESC_TIME: Duration = Duration::from_millis(50);
/// The same within a sequence, which a network may have split.
const SEQUENCE_TIME: Duration = Duration::from_millis(200);
/// The same within a string, whose start is certain.
const STRING_TIME: Duration = Duration::from_secs(2);
/// Maximum length of the parameters of a sequence; the rest is dropped, and the sequence with it.
const LONGEST_SEQUENCE: usize = 64;
/// Maximum length of a paste; the rest is dropped. More than any prompt takes, so that it can tell that it is cut.
const LONGEST_PASTE: usize = 64 << 10;
/// The end of a bracketed paste.
const PASTE_END: &[u8] = b"\x1b[201~";

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CTRL_C: u8 = 0x03;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// After ESC.
    Escape,
    /// After `ESC [`: parameters, until a final byte.
    Csi,
    /// After `ESC O`: a key of the keypad, or a function key.
    Ss3,
    /// After `ESC [ [`: F1 to F5 of the Linux console.
    Console,
    /// After `ESC [ M`: three bytes of a mouse report.
    Mouse,
    /// In an OSC, DCS, APC, PM or SOS string, which begins with the byte after ESC.
    String,
    /// After ESC in such a string.
    StringEscape,
    /// In a bracketed paste; holds how many bytes of its end have arrived.
    Paste(usize),
}

/// A parser, and the sequence that it is in.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// Bytes of the sequence, the character or the paste so far.
    bytes: Vec<u8>,
    /// Alt was pressed too, which a terminal reports as ESC before the key.
    alt: bool,
}

impl Parser {
    pub fn new() -> Self {
        Parser {
            state: State::Ground,
            bytes: Vec::new(),
            alt: false,
        }
    }

    /// Takes bytes as they were read; what they mean goes to `out`.
    pub fn advance(&mut self, bytes: &[u8], out: &mut Vec<Input>) {
        // A terminal sends no control characters within a paste. One by itself is typed: the end of the paste is missing.
        if matches!(self.state, State::Paste(_))
            && bytes.first() == Some(&CTRL_C)
            && bytes.iter().all(|b| *b == CTRL_C)
        {
            self.end_paste(out);
        }
        for &byte in bytes {
            self.take(byte, out);
        }
    }

    /// Time to wait for the rest of what has begun; `None`: nothing has.
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            // Alt, or a character, of which the rest may never come
            State::Ground if self.alt || !self.bytes.is_empty() => Some(SEQUENCE_TIME),
            State::Ground | State::Paste(_) => None,
            State::Escape => Some(ESC_TIME),
            State::String if self.bytes.len() > 1 => Some(STRING_TIME),
            _ => Some(SEQUENCE_TIME),
        }
    }

    /// Nothing followed in time: an ESC was the key Esc, and a sequence is dropped.
    pub fn time_out(&mut self, out: &mut Vec<Input>) {
        if self.state == State::Escape {
            let esc = key(KeyCode::Esc, Modifiers::default());
            out.extend(esc.clone().filter(|_| self.alt));
            out.extend(esc);
        }
        self.reset();
    }

    fn reset(&mut self) {
        *self = Parser::new();
    }

    fn enter(&mut self, state: State) {
        self.bytes.clear();
        self.state = state;
    }

    fn take(&mut self, byte: u8, out: &mut Vec<Input>) {
        match self.state {
            State::Ground => self.ground(byte, out),
            State::Escape => self.escape(byte, out),
            State::Csi => self.csi(byte, out),
            State::Ss3 => self.ss3(byte, out),
            State::Console => {
                let f = matches!(byte, b'A'..=b'E').then(|| KeyCode::F(byte - b'A' + 1));
                self.finish(f.and_then(|f| key(f, Modifiers::default())), out);
            }
            State::Mouse => {
                self.bytes.push(byte);
                if let [button, column, row] = self.bytes[..] {
                    let cell = |byte: u8| u16::from(byte).checked_sub(33);
                    let button = u32::from(button.saturating_sub(32));
                    let at = cell(column).zip(cell(row));
                    self.finish(at.and_then(|at| mouse(button, at)), out);
                }
            }
            State::String => self.string(byte, out),
            State::StringEscape if byte == b'\\' => self.end_string(out),
            // the string was cut off, and this is the next sequence
            State::StringEscape => {
                self.enter(State::Escape);
                self.escape(byte, out);
            }
            State::Paste(matched) => self.paste(matched, byte, out),
        }
    }

    /// Ends a sequence. A key after ESC is pressed with Alt, and types nothing.
    fn finish(&mut self, input: Option<Input>, out: &mut Vec<Input>) {
        out.extend(input.map(|input| match input {
            Input::Key(press, _) if self.alt => Input::Key(press.with_alt(true), None),
            input => input,
        }));
        self.reset();
    }

    /// A character, or the start of a sequence.
    fn ground(&mut self, byte: u8, out: &mut Vec<Input>) {
        let ctrl = |c: u8| {
            let modifiers = Modifiers {
                ctrl: true,
                ..Modifiers::default()
            };
            key(KeyCode::Char(c.into()), modifiers)
        };
        let plain = |code| key(code, Modifiers::default());
        let input = match byte {
            ESC => return self.enter(State::Escape),
            b'\r' => plain(KeyCode::Enter),
            b'\t' => plain(KeyCode::Tab),
            0x7f => plain(KeyCode::Backspace),
            0 => ctrl(b' '),
            // the key that always leaves does so with Alt too
            CTRL_C => {
                self.alt = false;
                ctrl(b'c')
            }
            1..=0x1a => ctrl(byte - 1 + b'a'),
            // ^\ ^] ^^ ^_
            0x1c..=0x1f => ctrl(byte | 0x40),
            _ => return self.character(byte, out),
        };
        self.finish(input, out);
    }

    /// A character of UTF-8, which may take four bytes. What is none is dropped.
    fn character(&mut self, byte: u8, out: &mut Vec<Input>) {
        if byte & 0xc0 != 0x80 {
            self.bytes.clear();
        }
        self.bytes.push(byte);
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => {
                let c = text.chars().next();
                let typed = c.and_then(|c| key(KeyCode::Char(c), Modifiers::default()));
                self.finish(typed, out);
            }
            Err(e) if e.error_len().is_some() => self.reset(),
            Err(_) => {}
        }
    }

    /// The byte after ESC.
    fn escape(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'[' => self.enter(State::Csi),
            b'O' => self.enter(State::Ss3),
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.enter(State::String);
                self.bytes.push(byte);
            }
            ESC => {
                // ESC ESC [ A is an arrow with Alt; of more than two, the first is a key
                if self.alt {
                    out.extend(key(KeyCode::Esc, Modifiers::default()));
                }
                self.alt = true;
            }
            _ => {
                if std::mem::replace(&mut self.alt, true) {
                    out.extend(key(KeyCode::Esc, Modifiers::default()));
                }
                self.enter(State::Ground);
                self.ground(byte, out);
            }
        }
    }

    /// A byte of a control sequence.
    fn csi(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'[' if self.bytes.is_empty() => self.enter(State::Console),
            b'M' if self.bytes.is_empty() => self.enter(State::Mouse),
            0x20..=0x3f => {
                // beyond the limit one byte stays too many, which no key has
                if self.bytes.len() <= LONGEST_SEQUENCE {
                    self.bytes.push(byte);
                }
            }
            b'~' if self.bytes == b"200" => self.enter(State::Paste(0)),
            0x40..=0x7e => {
                let input = sequence(&self.bytes, byte);
                self.finish(input, out);
            }
            _ => self.cut_off(byte, out),
        }
    }

    /// A byte after `ESC O`. Old terminals put the modifiers before the final byte.
    fn ss3(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'0'..=b'9' | b';' if self.bytes.len() < LONGEST_SEQUENCE => self.bytes.push(byte),
            0x20..=0x7e => {
                let modifiers = Parameters::of(&self.bytes).and_then(|p| p.last().modifiers());
                let input = modifiers.and_then(|m| key(keypad(byte)?, m));
                self.finish(input, out);
            }
            _ => self.cut_off(byte, out),
        }
    }

    /// A byte of a string: a reply.
    fn string(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            BEL => self.end_string(out),
            ESC => self.state = State::StringEscape,
            0..=0x1f => self.cut_off(byte, out),
            // beyond the limit one byte stays too many, which no reply has
            _ if self.bytes.len() <= LONGEST_SEQUENCE => self.bytes.push(byte),
            _ => {}
        }
    }

    fn end_string(&mut self, out: &mut Vec<Input>) {
        let input = reply(&self.bytes);
        self.finish(input, out);
    }

    /// A control character within a sequence ends it, and means what it always does.
    fn cut_off(&mut self, byte: u8, out: &mut Vec<Input>) {
        self.reset();
        self.ground(byte, out);
    }

    fn paste(&mut self, matched: usize, byte: u8, out: &mut Vec<Input>) {
        if PASTE_END.get(matched) == Some(&byte) {
            self.state = State::Paste(matched + 1);
            if matched + 1 == PASTE_END.len() {
                self.end_paste(out);
            }
            return;
        }
        // the end begins with its only ESC, so what was taken for it is text
        self.keep(&PASTE_END[..matched]);
        if byte == ESC {
            self.state = State::Paste(1);
        } else {
            self.state = State::Paste(0);
            self.keep(&[byte]);
        }
    }

    fn keep(&mut self, text: &[u8]) {
        let room = LONGEST_PASTE.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn end_paste(&mut self, out: &mut Vec<Input>) {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        out.push(Input::Paste(text));
        self.reset();
    }
}

/// Modifiers of a key that matter here. Shift is part of a character, and no other key is bound with it but Tab.
#[derive(Clone, Copy, Debug, Default)]
struct Modifiers {
    shift: bool,
    ctrl: bool,
    alt: bool,
    /// Super, Hyper or Meta: the window manager's keys, which nothing is bound to.
    other: bool,
}

impl Modifiers {
    /// From one more than their bits. Caps Lock and Num Lock do not count.
    fn of(number: u32) -> Self {
        let bits = number.saturating_sub(1);
        Modifiers {
            shift: bits & 1 != 0,
            ctrl: bits & 4 != 0,
            alt: bits & 2 != 0,
            other: bits & 0b11_1000 != 0,
        }
    }
}

/// Returns a key, and the character that it types.
fn key(code: KeyCode, modifiers: Modifiers) -> Option<Input> {
    if modifiers.other {
        return None;
    }
    let press = |code, ctrl| KeyPress::new(code, ctrl).with_alt(modifiers.alt);
    let code = match (code, modifiers) {
        (KeyCode::Tab, Modifiers { shift: true, .. }) => KeyCode::BackTab,
        (KeyCode::Char(c), Modifiers { ctrl: true, .. }) => match c.to_ascii_lowercase() {
            // the same key on other terminals
            'i' => return Some(Input::Key(press(KeyCode::Tab, false), None)),
            'm' => return Some(Input::Key(press(KeyCode::Enter, false), None)),
            '[' => return Some(Input::Key(press(KeyCode::Esc, false), None)),
            c => KeyCode::Char(c),
        },
        (code, _) => code,
    };
    let press = press(code, modifiers.ctrl);
    Some(Input::Key(press, press.typed()))
}

/// Parameters of a sequence: numbers, separated by `;`, each with sub-parameters after `:`.
#[derive(Clone, Copy, Debug)]
struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_number = |b: &u8| b.is_ascii_digit() || matches!(b, b';' | b':');
        let is_short = bytes.len() <= LONGEST_SEQUENCE;
        let text = std::str::from_utf8(bytes).ok()?;
        (is_short && bytes.iter().all(is_number)).then_some(Parameters(text))
    }

    fn get(self, at: usize) -> Parameter<'a> {
        Parameter(self.0.split(';').nth(at).unwrap_or_default())
    }

    fn last(self) -> Parameter<'a> {
        Parameter(self.0.rsplit(';').next().unwrap_or_default())
    }
}

/// A parameter with its sub-parameters.
#[derive(Clone, Copy, Debug)]
struct Parameter<'a>(&'a str);

impl Parameter<'_> {
    /// A sub-parameter, if it is given.
    fn sub(self, at: usize) -> Option<u32> {
        self.0.split(':').nth(at)?.parse().ok()
    }

    fn number(self) -> Option<u32> {
        self.sub(0)
    }

    /// Modifiers; `None` if the key was released.
    fn modifiers(self) -> Option<Modifiers> {
        const RELEASED: u32 = 3;
        let is_pressed = self.sub(1) != Some(RELEASED);
        is_pressed.then(|| Modifiers::of(self.number().unwrap_or(1)))
    }
}

/// Returns the meaning of a string, if it is the terminal's background: `]11;rgb:ffff/ffff/ffff`.
fn reply(bytes: &[u8]) -> Option<Input> {
    let color = bytes.strip_prefix(b"]11;")?;
    let is_short = bytes.len() <= LONGEST_SEQUENCE;
    let color = std::str::from_utf8(color).ok().filter(|_| is_short)?;
    Rgb::parse_x11(color).map(Input::Background)
}

/// Returns the meaning of a control sequence, if it is a key, a click, or the terminal's attributes (DA1).
fn sequence(bytes: &[u8], last: u8) -> Option<Input> {
    if last == b'c' && bytes.first() == Some(&b'?') {
        return Some(Input::Answered);
    }
    if let Some(bytes) = bytes.strip_prefix(b"<") {
        let report = Parameters::of(bytes).filter(|_| matches!(last, b'M' | b'm'))?;
        let cell = |at| u16::try_from(report.get(at).number()?.checked_sub(1)?).ok();
        let button = report.get(0).number()?;
        return match last {
            b'M' => mouse(button, (cell(1)?, cell(2)?)),
            _ => released(button, (cell(1)?, cell(2)?)),
        };
    }
    // anything else with a `?` or a space in it is a reply that nobody asked for
    let parameters = Parameters::of(bytes)?;
    let first = parameters.get(0).number();
    let modifiers = parameters.get(1).modifiers();
    let ctrl = Modifiers {
        ctrl: true,
        ..Modifiers::default()
    };
    match last {
        // xterm with modifyOtherKeys
        b'~' if first == Some(27) => key(coded(parameters.get(2).number()?)?, modifiers?),
        b'~' => key(numbered(first?)?, modifiers?),
        // rxvt with Ctrl
        b'^' | b'@' => key(numbered(first?)?, ctrl),
        b'u' => kitty(parameters),
        b'Z' => key(KeyCode::BackTab, modifiers?),
        // a cursor position, or F3 with modifiers: nothing is bound to that
        b'R' if first.is_some() => None,
        b'A'..=b'H' | b'P'..=b'S' if matches!(first, None | Some(1)) => {
            key(keypad(last)?, modifiers?)
        }
        _ => None,
    }
}

/// Returns a key of kitty's protocol, also known as `CSI u`.
fn kitty(parameters: Parameters<'_>) -> Option<Input> {
    let modifiers = parameters.get(1).modifiers()?;
    let code = coded(parameters.get(0).number()?)?;
    let character = |code| char::from_u32(code).filter(|c| !c.is_control());
    let shifted = parameters.get(0).sub(1).and_then(character);
    let text = parameters.get(2).number().and_then(character);
    let code = match code {
        KeyCode::Char(c) if !modifiers.ctrl => {
            let upper = || {
                modifiers
                    .shift
                    .then(|| shifted.unwrap_or(c.to_ascii_uppercase()))
            };
            KeyCode::Char(text.or_else(upper).unwrap_or(c))
        }
        code => code,
    };
    key(code, modifiers)
}

/// Returns the key with a number, as the VT220 began it.
fn numbered(number: u32) -> Option<KeyCode> {
    let number = u8::try_from(number).ok()?;
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23 | 24 => KeyCode::F(number - 12),
        _ => return None,
    })
}

/// Returns the key with a letter: arrows, function keys, and after `ESC O` the keypad in application mode.
fn keypad(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b' ' => KeyCode::Char(' '),
        b'X' => KeyCode::Char('='),
        // * + , - . / 0 to 9
        b'j'..=b'y' => KeyCode::Char((letter - b'j' + b'*').into()),
        _ => return None,
    })
}

/// Returns the key with a character code, or with a code of kitty's for the keypad.
fn coded(code: u32) -> Option<KeyCode> {
    const KEYPAD: [KeyCode; 28] = [
        KeyCode::Char('0'),
        KeyCode::Char('1'),
        KeyCode::Char('2'),
        KeyCode::Char('3'),
        KeyCode::Char('4'),
        KeyCode::Char('5'),
        KeyCode::Char('6'),
        KeyCode::Char('7'),
        KeyCode::Char('8'),
        KeyCode::Char('9'),
        KeyCode::Char('.'),
        KeyCode::Char('/'),
        KeyCode::Char('*'),
        KeyCode::Char('-'),
        KeyCode::Char('+'),
        KeyCode::Enter,
        KeyCode::Char('='),
        KeyCode::Char(','),
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
    ];
    const FIRST_OF_KEYPAD: u32 = 57399;
    Some(match code {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        // the rest of the private area: keys that are not on every keyboard
        57344..=63743 => {
            let at = code.checked_sub(FIRST_OF_KEYPAD)?;
            *KEYPAD.get(usize::try_from(at).ok()?)?
        }
        _ => KeyCode::Char(char::from_u32(code).filter(|c| !c.is_control())?),
    })
}

/// Bits of modifiers in the number of a button, which do not matter.
const MODIFIERS: u32 = 0b1_1100;

/// Returns the release of the left button; that of others means nothing.
fn released(button: u32, (column, row): (u16, u16)) -> Option<Input> {
    let kind = MouseKind::Release;
    (button & !MODIFIERS == 0).then_some(Input::Mouse(Mouse { kind, column, row }))
}

/// Returns a press of a button or a turn of the wheel; motion means nothing.
fn mouse(button: u32, (column, row): (u16, u16)) -> Option<Input> {
    let kind = match button & !MODIFIERS {
        0 => MouseKind::Click,
        1 => MouseKind::Middle,
        2 => MouseKind::Right,
        64 => MouseKind::WheelUp,
        65 => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Input::Mouse(Mouse { kind, column, row }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ui::keys::KEYS;
    use crate::ui::keys::key_press::{char, code, ctrl};

    /// Reads these pieces, then nothing more.
    fn read(pieces: &[&[u8]]) -> Vec<Input> {
        let (mut parser, mut inputs) = (Parser::new(), Vec::new());
        for piece in pieces {
            parser.advance(piece, &mut inputs);
        }
        if parser.patience().is_some() {
            parser.time_out(&mut inputs);
        }
        assert_eq!(parser.patience(), None);
        inputs
    }

    /// The names of the keys in what is read, and what else there is.
    fn said(bytes: &str) -> String {
        let inputs = read(&[bytes.as_bytes()]);
        let said = inputs.iter().map(|input| match input {
            Input::Key(press, Some(c)) => {
                assert_eq!(*press, char(*c));
                press.name()
            }
            Input::Key(press, None) => {
                assert!(!press.is_text(), "{press:?}");
                press.name()
            }
            Input::Paste(text) => format!("paste:{text}"),
            Input::Mouse(mouse) => format!("{:?} {} {}", mouse.kind, mouse.column, mouse.row),
            Input::Background(color) => format!("background:{color}"),
            Input::Answered => "answered".into(),
            Input::Gone => unreachable!("the parser reads nothing"),
        });
        said.collect::<Vec<_>>().join(" ")
    }

    /// The bytes that xterm sends for a key.
    fn sent(press: KeyPress) -> Vec<u8> {
        let csi = |rest: &str| format!("\x1b[{rest}").into_bytes();
        let plain = press.with_alt(false);
        if press.has_alt() {
            return [&[ESC][..], &sent(plain)].concat();
        }
        match press.parts() {
            (KeyCode::Left, true) => csi("1;5D"),
            (KeyCode::Right, true) => csi("1;5C"),
            (KeyCode::Char(c), true) => vec![c as u8 & 0x1f],
            (KeyCode::Char(c), false) => c.to_string().into_bytes(),
            (KeyCode::F(n @ 1..=4), _) => vec![ESC, b'O', b'P' + n - 1],
            (KeyCode::F(5), _) => csi("15~"),
            (KeyCode::F(n @ 6..=10), _) => csi(&format!("{}~", n + 11)),
            (KeyCode::F(n), _) => csi(&format!("{}~", n + 12)),
            (KeyCode::Up, _) => csi("A"),
            (KeyCode::Down, _) => csi("B"),
            (KeyCode::Right, _) => csi("C"),
            (KeyCode::Left, _) => csi("D"),
            (KeyCode::Home, _) => csi("H"),
            (KeyCode::End, _) => csi("F"),
            (KeyCode::PageUp, _) => csi("5~"),
            (KeyCode::PageDown, _) => csi("6~"),
            (KeyCode::Tab, _) => vec![b'\t'],
            (KeyCode::BackTab, _) => csi("Z"),
            (KeyCode::Enter, _) => vec![b'\r'],
            (KeyCode::Esc, _) => vec![ESC],
            (KeyCode::Backspace, _) => vec![0x7f],
            (KeyCode::Delete, _) => csi("3~"),
            (KeyCode::Insert, _) => csi("2~"),
        }
    }

    #[test]
    fn keys_all_bound_ones_are_read_whole_and_byte_by_byte() {
        let functions = (1..=12).map(|n| code(KeyCode::F(n)));
        let bound = KEYS.iter().flat_map(|key| key.presses).copied();
        for press in bound.chain(functions) {
            let bytes = sent(press);
            let expected = [Input::Key(press, press.typed())];
            assert_eq!(read(&[&bytes]), expected, "{press:?}");
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single), expected, "{press:?}");
        }
    }

    #[test]
    fn keys_of_other_terminals_and_modes_are_the_same_keys() {
        for (bytes, keys) in [
            // application mode of the cursor keys and the keypad
            (
                "\x1bOA\x1bOH\x1bOM\x1bOp\x1bOy\x1bOk\x1bOX",
                "↑ Home Enter 0 9 + =",
            ),
            ("\x1bO5P\x1bO1;2A", "Ctrl-F1 ↑"),
            // the Linux console and rxvt
            (
                "\x1b[[A\x1b[[E\x1b[1~\x1b[7~\x1b[8~\x1b[11~",
                "F1 F5 Home Home End F1",
            ),
            // modifyOtherKeys
            (
                "\x1b[27;5;99~\x1b[27;2;13~\x1b[27;2;9~\x1b[27;2;65~",
                "^C Enter Shift-Tab A",
            ),
            // kitty: unchanged keys, shifted ones, text, releases, locks, and the keypad
            ("\x1b[97u\x1b[97;2u\x1b[49:33;2u\x1b[97;;228u", "a A ! ä"),
            (
                "\x1b[99;5u\x1b[99;5:3u\x1b[27u\x1b[127u\x1b[9;2u",
                "^C Esc Backspace Shift-Tab",
            ),
            (
                "\x1b[106;129u\x1b[57414u\x1b[57400u\x1b[57421u",
                "j Enter 1 PgUp",
            ),
            ("\x1b[P\x1b[1;1:3A\x1b[1;1:2A\x1b[1;5C", "F1 ↑ Ctrl-→"),
            // keys that are one key on old terminals
            ("\x1b[105;5u\x1b[109;5u\x1b[91;5u", "Tab Enter Esc"),
        ] {
            assert_eq!(said(bytes), keys, "{bytes:?}");
        }
    }

    #[test]
    fn keys_with_alt_are_keys_of_their_own_in_each_form() {
        for (bytes, keys) in [
            ("\x1bq", "Alt-q"),
            ("\x1b\r", "Alt-Enter"),
            ("\x1b\x7f", "Alt-Backspace"),
            ("\x1bä", "Alt-ä"),
            ("\x1b\x02", "Alt-^B"),
            ("\x1b\x1b[A", "Alt-↑"),
            ("\x1b[1;3A", "Alt-↑"),
            ("\x1b[1;5D", "Ctrl-←"),
            ("\x1b[97;3u", "Alt-a"),
            ("\x1b[27;3;97~", "Alt-a"),
        ] {
            assert_eq!(said(bytes), keys, "{bytes:?}");
            assert_eq!(said(&format!("{bytes}j")), format!("{keys} j"), "{bytes:?}");
        }
    }

    #[test]
    fn keys_unknown_are_dropped_whole() {
        for bytes in [
            // Super, and Hyper
            "\x1b[1;9A",
            "\x1b[97;17u",
            // keys that are not bound, and sequences that nobody knows
            "\x1b[28~",
            "\x1b[28$",
            "\x1b[a",
            "\x1bOa",
            "\x1b[57358u",
            "\x1b[E",
            "\x1b[1;2R",
            "\x1b[[Z",
            // win32-input-mode
            "\x1b[81;16;113;1;0;1_",
        ] {
            assert_eq!(said(bytes), "", "{bytes:?}");
            if !bytes.ends_with('$') {
                assert_eq!(said(&format!("{bytes}j")), "j", "{bytes:?}");
            }
        }
    }

    #[test]
    fn replies_of_the_terminal_are_dropped_whole() {
        for reply in [
            // modes, colors, size, position, focus, version, attributes, keyboard protocol
            "\x1b[?2026;2$y",
            "\x1b[?997;1n",
            "\x1b[48;24;80;480;800t",
            "\x1b[24;80R",
            "\x1b[1;1R",
            "\x1b[?1;1R",
            "\x1b[I",
            "\x1b[O",
            "\x1b[0n",
            "\x1b[>41;390;0c",
            "\x1b[?1u",
            "\x1b[8;24;80t",
            // OSC, with both ends; DCS; APC; PM; SOS
            "\x1b]11;rgb:ffff/ffff\x07",
            "\x1b]11;#ffffff\x1b\\",
            "\x1bP11;rgb:ff/ff/ff\x1b\\",
            "\x1b]111;rgb:ff/ff/ff\x1b\\",
            "\x1b]11;rgb:ff/ff/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\x07",
            "\x1b]52;c;cXVpdA==\x1b\\",
            "\x1b]10;rgb:00/00/00\x1b\\",
            "\x1bP1$r0m\x1b\\",
            "\x1bP1+r544e=787465726d\x1b\\",
            "\x1bP>|XTerm(390)\x1b\\",
            "\x1b_Gi=31;OK\x1b\\",
            "\x1b^quit\x1b\\",
            "\x1bXquit\x1b\\",
        ] {
            assert_eq!(said(&format!("a{reply}q")), "a q", "{reply:?}");
            let single: Vec<&[u8]> = reply.as_bytes().chunks(1).collect();
            assert_eq!(read(&single), [], "{reply:?}");
        }
    }

    #[test]
    fn replies_asked_for_are_read_whole_and_byte_by_byte() {
        for (reply, said_of_it) in [
            ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "background:#ffffff"),
            ("\x1b]11;rgb:00/2b/36\x07", "background:#002b36"),
            ("\x1b]11;rgba:0000/0000/0000/8000\x07", "background:#000000"),
            ("\x1b[?64;1;2c", "answered"),
            ("\x1b[?6c", "answered"),
        ] {
            let expected = format!("a {said_of_it} q");
            assert_eq!(said(&format!("a{reply}q")), expected, "{reply:?}");
            let single: Vec<&[u8]> = reply.as_bytes().chunks(1).collect();
            assert_eq!(read(&single), read(&[reply.as_bytes()]), "{reply:?}");
        }
    }

    #[test]
    fn reply_cut_off_ends_at_the_next_control_character_or_in_time() {
        assert_eq!(said("\x1b]11;rgb:ff\x03"), "^C");
        assert_eq!(said("\x1b]11;rgb:ff\x1b[A"), "↑");
        assert_eq!(said("\x1bP1$r\x1bOP"), "F1");
        assert_eq!(said("\x1b[?2026\r"), "Enter");
        let mut inputs = Vec::new();
        let mut parser = Parser::new();
        for (begun, patience) in [
            ("\x1b]", SEQUENCE_TIME),
            ("\x1b]1", STRING_TIME),
            ("\x1b[1", SEQUENCE_TIME),
        ] {
            parser.advance(begun.as_bytes(), &mut inputs);
            assert_eq!(parser.patience(), Some(patience), "{begun:?}");
            parser.time_out(&mut inputs);
            parser.advance(b"j", &mut inputs);
        }
        assert_eq!(inputs, vec![Input::Key(char('j'), Some('j')); 3]);
    }

    #[test]
    fn esc_alone_is_a_key_once_nothing_follows() {
        let (mut parser, mut inputs) = (Parser::new(), Vec::new());
        parser.advance(b"\x1b", &mut inputs);
        assert_eq!((inputs.len(), parser.patience()), (0, Some(ESC_TIME)));
        parser.advance(b"[A", &mut inputs);
        assert_eq!(inputs, [Input::Key(code(KeyCode::Up), None)]);
        assert_eq!(said("\x1b"), "Esc");
        assert_eq!(said("\x1b\x1b"), "Esc Esc");
        assert_eq!(said("\x1b\x1b\x1b"), "Esc Esc Esc");
        // the key that always leaves
        assert_eq!(said("\x1b\x03"), "^C");
    }

    #[test]
    fn paste_is_one_input_whatever_is_in_it() {
        assert_eq!(
            said("\x1b[200~port 1\r\x1b[Aq\x03\x1b[201~x"),
            "paste:port 1\r\u{1b}[Aq\u{3} x"
        );
        assert_eq!(said("\x1b[200~\x1b[20\x1b[201~"), "paste:\u{1b}[20");
        assert_eq!(said("\x1b[201~"), "");
        assert_eq!(
            read(&[b"\x1b[200~a", b"\x1b[2", b"01~"]),
            [Input::Paste("a".into())]
        );
        assert_eq!(
            read(&[b"\x1b[200~\xff\x1b[201~"]),
            [Input::Paste("\u{fffd}".into())]
        );
    }

    #[test]
    fn paste_of_any_length_is_cut_at_the_limit() {
        let (mut parser, mut inputs) = (Parser::new(), Vec::new());
        parser.advance(b"\x1b[200~", &mut inputs);
        for _ in 0..1000 {
            parser.advance(&[b'x'; 4096], &mut inputs);
            assert!(parser.bytes.capacity() <= 2 * LONGEST_PASTE);
        }
        parser.advance(PASTE_END, &mut inputs);
        assert_eq!(inputs, [Input::Paste("x".repeat(LONGEST_PASTE))]);
    }

    #[test]
    fn paste_without_end_is_left_with_ctrl_c() {
        let inputs = read(&[b"\x1b[200~text", b"more", b"\x03"]);
        let paste = Input::Paste("textmore".into());
        assert_eq!(inputs, [paste, Input::Key(ctrl('c'), None)]);
    }

    #[test]
    fn mouse_left_click_and_wheel_are_read_in_both_encodings() {
        for (bytes, expected) in [
            ("\x1b[<0;11;6M", "Click 10 5"),
            ("\x1b[<64;1;1M", "WheelUp 0 0"),
            ("\x1b[<65;1200;400M", "WheelDown 1199 399"),
            ("\x1b[<4;11;6M", "Click 10 5"),
            ("\x1b[M +&", "Click 10 5"),
            ("\x1b[Ma!!", "WheelDown 0 0"),
            ("\x1b[<0;11;6m", "Release 10 5"),
            ("\x1b[<1;11;6M", "Middle 10 5"),
            ("\x1b[<2;11;6M", "Right 10 5"),
            // release of another button, motion, nonsense
            ("\x1b[<2;11;6m", ""),
            ("\x1b[<32;11;6M", ""),
            ("\x1b[<0;0;6M", ""),
            ("\x1b[<0;99999;6M", ""),
            ("\x1b[<M", ""),
            ("\x1b[M#+&", ""),
        ] {
            assert_eq!(said(bytes), expected, "{bytes:?}");
        }
    }

    proptest! {
        /// Neither the input nor how it is split makes it fail, grow, or swallow what follows.
        #[test]
        fn parser_of_any_bytes_is_ready_for_the_next_key(bytes: Vec<u8>, at: prop::sample::Index) {
            let (first, second) = bytes.split_at(if bytes.is_empty() { 0 } else { at.index(bytes.len()) });
            let (mut parser, mut inputs) = (Parser::new(), Vec::new());
            parser.advance(first, &mut inputs);
            parser.advance(second, &mut inputs);
            prop_assert!(parser.bytes.len() <= LONGEST_SEQUENCE + 1);
            parser.time_out(&mut inputs);
            inputs.clear();
            parser.advance(b"j", &mut inputs);
            prop_assert_eq!(inputs, vec![Input::Key(char('j'), Some('j'))]);
        }
    }
}
