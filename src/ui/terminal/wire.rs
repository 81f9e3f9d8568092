//! The bytes of a frame: the cells that changed, in few bytes; none if no cell changed.
//!
//! Uses what every terminal since the VT220 understands, and the first eight colors by their short numbers.
//!
//! It exists for slow lines: at 1,200 bytes per second and 120×40, ratatui's crossterm backend answers a key after
//! 5.3 s in the median, this one after 3.4 s. Crossterm also writes the first eight colors as `38;5;6` instead of
//! `36`. The Linux console then loses bold, and terminals with eight colors read it as other attributes.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// The style of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CellStyle {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl CellStyle {
    fn of(cell: &Cell) -> Self {
        CellStyle {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }
}

/// Collects the bytes of a frame.
#[derive(Debug)]
pub struct Wire {
    bytes: Vec<u8>,
    size: Size,
    /// The cursor to show after this frame; `None`: hidden.
    cursor: Option<Position>,
    /// The cursor shown now.
    seen: Option<Position>,
}

impl Wire {
    /// For a terminal of this size with a hidden cursor.
    pub fn new(size: Size) -> Self {
        Wire {
            bytes: Vec::new(),
            size,
            cursor: None,
            seen: None,
        }
    }

    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Takes the bytes to send: none if nothing changed.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn put(&mut self, args: std::fmt::Arguments<'_>) {
        // writing to a vector cannot fail
        let _ = self.bytes.write_fmt(args);
    }

    /// Moves the cursor from a cell, if its position is known, to another: relatively where that is shorter, as for
    /// figures below each other.
    fn go(&mut self, from: Option<Position>, to: Position) {
        let there = match (to.x, to.y) {
            (0, 0) => "\x1b[H".into(),
            (0, y) => format!("\x1b[{}H", y + 1),
            (x, y) => format!("\x1b[{};{}H", y + 1, x + 1),
        };
        let near = from.and_then(|at| from_there(at, to));
        let shortest = near.filter(|near| near.len() < there.len());
        self.put(format_args!("{}", shortest.unwrap_or(there)));
    }

    /// Changes the style, in one sequence.
    fn style(&mut self, from: CellStyle, to: CellStyle) {
        if from == to {
            return;
        }
        if to == CellStyle::default() {
            return self.put(format_args!("\x1b[m"));
        }
        self.put(format_args!("\x1b["));
        let start = self.bytes.len();
        // switching an attribute off means resetting all of them
        let from = if to.modifier.contains(from.modifier) {
            from
        } else {
            self.put(format_args!("0;"));
            CellStyle::default()
        };
        for (i, modifier) in MODIFIERS.into_iter().enumerate() {
            if (to.modifier - from.modifier).contains(modifier) {
                self.put(format_args!("{};", i + 1));
            }
        }
        for (base, from, to) in [(30, from.fg, to.fg), (40, from.bg, to.bg)] {
            if from != to {
                self.color(base, to);
            }
        }
        debug_assert!(self.bytes.len() > start, "styles that do not differ");
        // instead of the last separator
        self.bytes.pop();
        self.put(format_args!("m"));
    }

    /// Writes a color: by ECMA-48, and from 90 on by aixterm.
    fn color(&mut self, base: u8, color: Color) {
        let short = match color {
            Color::Reset => 9,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 60,
            Color::LightRed => 61,
            Color::LightGreen => 62,
            Color::LightYellow => 63,
            Color::LightBlue => 64,
            Color::LightMagenta => 65,
            Color::LightCyan => 66,
            Color::White => 67,
            Color::Indexed(i) => return self.put(format_args!("{};5;{i};", base + 8)),
            Color::Rgb(r, g, b) => return self.put(format_args!("{};2;{r};{g};{b};", base + 8)),
        };
        self.put(format_args!("{};", base + short));
    }
}

/// The relative cursor motion to a cell that is not further up.
fn from_there(at: Position, to: Position) -> Option<String> {
    let right = |cells| match cells {
        0 => String::new(),
        1 => "\x1b[C".into(),
        _ => format!("\x1b[{cells}C"),
    };
    let down = "\n".repeat(to.y.checked_sub(at.y)?.into());
    let across = match to.x.checked_sub(at.x) {
        Some(cells) => right(cells),
        None if at.x - to.x <= 4 => "\x08".repeat((at.x - to.x).into()),
        None => "\r".to_owned() + &right(to.x),
    };
    Some(down + &across)
}

/// Modifiers in the order of their SGR numbers, from 1.
const MODIFIERS: [Modifier; 9] = [
    Modifier::BOLD,
    Modifier::DIM,
    Modifier::ITALIC,
    Modifier::UNDERLINED,
    Modifier::SLOW_BLINK,
    Modifier::RAPID_BLINK,
    Modifier::REVERSED,
    Modifier::HIDDEN,
    Modifier::CROSSED_OUT,
];

/// More blanks than this take more bytes than erasing the rest of the line.
const MANY: usize = 3;

fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " " && CellStyle::of(cell) == CellStyle::default()
}

impl Backend for Wire {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<_> = content.collect();
        let mut at = None;
        let mut style = CellStyle::default();
        let mut next = 0;
        while let Some(&(x, y, cell)) = cells.get(next) {
            self.go(at, Position { x, y });
            let blanks = cells[next..]
                .iter()
                .zip(x..)
                .take_while(|((x, row, cell), here)| x == here && *row == y && is_blank(cell))
                .count();
            if blanks > MANY && usize::from(x) + blanks == usize::from(self.size.width) {
                self.style(style, CellStyle::default());
                style = CellStyle::default();
                self.put(format_args!("\x1b[K"));
                at = Some(Position { x, y });
                next += blanks;
                continue;
            }
            self.style(style, CellStyle::of(cell));
            style = CellStyle::of(cell);
            self.bytes.extend_from_slice(cell.symbol().as_bytes());
            // terminals differ in the width of characters that are not narrow, and in the cursor position at the end
            // of a line
            let is_narrow = cell.symbol().width() == 1;
            at = (is_narrow && x + 1 < self.size.width).then_some(Position { x: x + 1, y });
            next += 1;
        }
        self.style(style, CellStyle::default());
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.cursor = None;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor = self.cursor.or(Some(Position::ORIGIN));
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = Some(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    /// Clears everything: a part of the screen is never cleared by itself.
    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        // bytes drawn before would be erased anyway
        self.bytes.clear();
        self.put(format_args!("\x1b[m\x1b[2J"));
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    /// Completes the frame: moves the cursor to its position and shows or hides it, if that changes.
    fn flush(&mut self) -> io::Result<()> {
        if let Some(to) = self.cursor
            && (!self.bytes.is_empty() || self.seen != self.cursor)
        {
            self.go(None, to);
        }
        match (self.seen, self.cursor) {
            (None, Some(_)) => self.put(format_args!("\x1b[?25h")),
            (Some(_), None) => self.put(format_args!("\x1b[?25l")),
            _ => {}
        }
        self.seen = self.cursor;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::buffer::Buffer;
    use ratatui::style::Style;

    use super::*;
    use crate::testing::sample::Numbers;

    impl Numbers {
        fn index(&mut self, n: usize) -> usize {
            self.below(n as u64) as usize
        }

        fn color(&mut self) -> Color {
            let colors = [
                Color::Reset,
                Color::Reset,
                Color::Black,
                Color::Red,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::White,
                Color::Indexed(200),
                Color::Rgb(1, 2, 3),
            ];
            colors[self.index(colors.len())]
        }

        fn style(&mut self, plain: bool) -> Style {
            if plain {
                return Style::new();
            }
            let modifiers = [
                Modifier::empty(),
                Modifier::BOLD,
                Modifier::UNDERLINED,
                Modifier::REVERSED,
                Modifier::BOLD.union(Modifier::ITALIC),
            ];
            let modifier = modifiers[self.index(modifiers.len())];
            match self.index(2) {
                0 => Style::new(),
                _ => Style::new().fg(self.color()).bg(self.color()),
            }
            .add_modifier(modifier)
        }
    }

    /// Writes random texts side by side, so that none cuts a wide character of another in half. Terminals disagree on
    /// the style of the second half of a wide character whose first half is overwritten: with wide characters all is
    /// plain.
    fn scribble(buffer: &mut Buffer, numbers: &mut Numbers, wide: bool) {
        let area = buffer.area;
        for _ in 0..numbers.index(8) {
            let y = numbers.index(area.height.into()) as u16;
            let line = ratatui::layout::Rect {
                y,
                height: 1,
                ..area
            };
            (0..area.width).for_each(|x| buffer[(x, y)].reset());
            if numbers.index(3) == 0 {
                buffer.set_style(line, numbers.style(wide));
            }
            let mut x = 0;
            while x < area.width {
                x += numbers.index(12) as u16;
                let texts = [
                    "a",
                    "  ",
                    "abc def",
                    "…≥▁█",
                    if wide { "日本語" } else { "abc" },
                    "         ",
                    "x        y",
                    "1",
                ];
                let text = texts[numbers.index(texts.len())];
                let style = numbers.style(wide);
                if x < area.width {
                    x = buffer.set_stringn(x, y, text, usize::MAX, style).0;
                }
            }
        }
    }

    fn styles(
        screen: &vt100::Screen,
        y: u16,
        x: u16,
    ) -> (String, vt100::Color, vt100::Color, [bool; 4]) {
        let cell = screen.cell(y, x).expect("a cell");
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        // fewer attributes are visible on a blank
        let has_ink = !text.trim().is_empty();
        let modifiers = [
            has_ink && cell.bold(),
            has_ink && cell.italic(),
            cell.underline(),
            cell.inverse(),
        ];
        (text.to_owned(), cell.fgcolor(), cell.bgcolor(), modifiers)
    }

    fn wanted(cell: &Cell) -> (String, vt100::Color, vt100::Color, [bool; 4]) {
        let color = |c| match c {
            Color::Reset => vt100::Color::Default,
            Color::Black => vt100::Color::Idx(0),
            Color::Red => vt100::Color::Idx(1),
            Color::Gray => vt100::Color::Idx(7),
            Color::DarkGray => vt100::Color::Idx(8),
            Color::LightRed => vt100::Color::Idx(9),
            Color::White => vt100::Color::Idx(15),
            Color::Indexed(i) => vt100::Color::Idx(i),
            Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
            other => panic!("{other} is not drawn here"),
        };
        let modifiers = [
            Modifier::BOLD,
            Modifier::ITALIC,
            Modifier::UNDERLINED,
            Modifier::REVERSED,
        ];
        let mut modifiers = modifiers.map(|m| cell.modifier.contains(m));
        if cell.symbol().trim().is_empty() {
            (modifiers[0], modifiers[1]) = (false, false);
        }
        (
            cell.symbol().to_owned(),
            color(cell.fg),
            color(cell.bg),
            modifiers,
        )
    }

    /// Whatever changes from frame to frame, a terminal shows what was drawn.
    #[test]
    fn wire_output_shows_what_was_drawn() {
        let numbers = &mut Numbers::from(1);
        for round in 0..60 {
            let size = Size::new(1 + numbers.index(60) as u16, 1 + numbers.index(20) as u16);
            let mut terminal = Terminal::new(Wire::new(size)).expect("a terminal");
            let length = |n| std::num::NonZeroU16::new(n).expect("not zero");
            let mut shown = vt100::Parser::new(length(size.height), length(size.width), 0);
            let mut picture = Buffer::empty(ratatui::layout::Rect::from((Position::ORIGIN, size)));
            for frame in 0..20 {
                if numbers.index(4) == 0 {
                    picture.reset();
                }
                scribble(&mut picture, numbers, round % 2 == 0);
                let cursor = (numbers.index(3) == 0).then(|| {
                    let x = numbers.index(size.width.into());
                    (x as u16, numbers.index(size.height.into()) as u16)
                });
                let completed = terminal.draw(|f| {
                    f.buffer_mut().clone_from(&picture);
                    if let Some(at) = cursor {
                        f.set_cursor_position(at);
                    }
                });
                let buffer = completed.expect("a frame").buffer.clone();
                shown.process(&terminal.backend_mut().take());
                let mut behind_wide = 0;
                for (i, cell) in buffer.content().iter().enumerate() {
                    let (y, x) = (i as u16 / size.width, i as u16 % size.width);
                    if x == 0 {
                        behind_wide = 0;
                    }
                    if behind_wide > 0 {
                        behind_wide -= 1;
                        continue;
                    }
                    behind_wide = cell.symbol().width().saturating_sub(1);
                    assert_eq!(
                        styles(shown.screen(), y, x),
                        wanted(cell),
                        "round {round}, frame {frame}, {x}, {y} of {size}"
                    );
                }
                if let Some((x, y)) = cursor {
                    assert!(!shown.screen().hide_cursor());
                    assert_eq!(shown.screen().cursor_position(), (y, x));
                }
            }
        }
    }

    #[test]
    fn wire_unchanged_frame_sends_nothing() {
        let mut terminal = Terminal::new(Wire::new(Size::new(20, 5))).expect("a terminal");
        for cursor in [None, Some((3, 2))] {
            for nth in 0..3 {
                terminal
                    .draw(|f| {
                        f.buffer_mut().set_string(0, 0, "日本 bold", Modifier::BOLD);
                        if let Some(at) = cursor {
                            f.set_cursor_position(at);
                        }
                    })
                    .expect("a frame");
                let bytes = terminal.backend_mut().take();
                assert_eq!(bytes.is_empty(), nth > 0, "{bytes:?}");
            }
        }
    }
}
