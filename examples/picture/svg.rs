//! A terminal's screen as an SVG picture: fonts, colors and cells as a reader's terminal would show them.

use std::fmt::Write as _;

const CELL_W: f32 = 8.4;
const CELL_H: f32 = 18.0;
/// From the top of a cell to the line on which its letters stand.
const BASELINE: f32 = 13.5;
const MARGIN: f32 = 12.0;
/// Lines below the screen of a film, the last one for the caption.
const CAPTION_LINES: u16 = 2;
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d6d8dc";

/// The colors of a modern terminal.
fn color(color: vt100::Color, otherwise: &'static str) -> String {
    const SIXTEEN: [&str; 16] = [
        "#16181d", "#e5616b", "#7cbf73", "#d9b45a", "#6ea3e0", "#b98ad9", "#5fb8c4", "#d6d8dc",
        "#6b7079", "#ff7b85", "#98d98f", "#f0cf7a", "#8bbcf5", "#d1a6ee", "#7fd4df", "#ffffff",
    ];
    match color {
        vt100::Color::Default => otherwise.into(),
        vt100::Color::Idx(i) => SIXTEEN
            .get(usize::from(i))
            .copied()
            .unwrap_or(otherwise)
            .into(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

/// From an eighth of a cell to a whole one, from below.
const BLOCKS: std::ops::RangeInclusive<char> = '▁'..='█';

/// Draws block characters as rectangles: those of a font leave gaps between the lines.
fn blocks(out: &mut String, text: &str, left: f32, top: f32, color: &str) {
    let cells: Vec<char> = text.chars().collect();
    let mut x = 0;
    for run in cells.chunk_by(|a, b| a == b) {
        if BLOCKS.contains(&run[0]) {
            let height = CELL_H * (u32::from(run[0]) - u32::from(*BLOCKS.start()) + 1) as f32 / 8.0;
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.2}\" width=\"{:.1}\" height=\"{height:.2}\" fill=\"{color}\"/>",
                left + x as f32 * CELL_W,
                top + CELL_H - height,
                run.len() as f32 * CELL_W,
            );
        }
        x += run.len();
    }
}

/// Renders a line of the screen, `top` below the top of the picture.
fn line(screen: &vt100::Screen, y: u16, top: f32) -> String {
    let columns = screen.size().1.get();
    let mut out = String::new();
    let mut x = 0;
    while x < columns {
        let Some(first) = screen.cell(y, x) else {
            break;
        };
        let style = |c: &vt100::Cell| (c.fgcolor(), c.bgcolor(), c.bold(), c.inverse());
        let from = x;
        let mut text = String::new();
        while let Some(cell) = screen
            .cell(y, x)
            .filter(|c| x < columns && style(c) == style(first))
        {
            text.push_str(if cell.has_contents() {
                cell.contents()
            } else {
                " "
            });
            x += 1;
        }
        let (mut fg, mut bg) = (
            color(first.fgcolor(), FOREGROUND),
            color(first.bgcolor(), BACKGROUND),
        );
        if first.inverse() {
            std::mem::swap(&mut fg, &mut bg);
        }
        let left = MARGIN + f32::from(from) * CELL_W;
        let run = f32::from(x - from) * CELL_W;
        if bg != BACKGROUND {
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{run:.1}\" height=\"{CELL_H}\" fill=\"{bg}\"/>"
            );
        }
        blocks(&mut out, &text, left, top, &fg);
        let text: String = text
            .chars()
            .map(|c| if BLOCKS.contains(&c) { ' ' } else { c })
            .collect();
        if !text.trim().is_empty() {
            let weight = if first.bold() {
                " font-weight=\"bold\""
            } else {
                ""
            };
            let text = escape(&text).replace(' ', "\u{a0}");
            let baseline = top + BASELINE;
            let _ = writeln!(
                out,
                "<text x=\"{left:.1}\" y=\"{baseline:.1}\" textLength=\"{run:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{fg}\"{weight}>{text}</text>"
            );
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The top of a line, from the top of the picture.
fn top(y: u16) -> f32 {
    MARGIN + f32::from(y) * CELL_H
}

/// The start of a picture of so many lines and columns, until its content.
fn start(lines: u16, columns: u16) -> String {
    let (width, height) = (
        f32::from(columns) * CELL_W + 2.0 * MARGIN,
        f32::from(lines) * CELL_H + 2.0 * MARGIN,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" shape-rendering=\"crispEdges\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    )
}

const END: &str = "</g>\n</svg>\n";

/// Renders the screen.
pub(crate) fn svg(screen: &vt100::Screen) -> String {
    let (lines, columns) = screen.size();
    let mut out = start(lines.get(), columns.get());
    for y in 0..lines.get() {
        out += &line(screen, y, top(y));
    }
    out + END
}

/// A moving picture: screens of one size, each for its time, with a caption below.
#[derive(Default)]
pub(crate) struct Film {
    size: (u16, u16),
    /// Different lines: most of a screen is as it was before.
    lines: Vec<String>,
    frames: Vec<Frame>,
}

struct Frame {
    /// Indices into the lines of the film; `None` for an empty one.
    lines: Vec<Option<usize>>,
    caption: String,
    seconds: f32,
}

impl Film {
    /// Adds the screen; one that does not differ prolongs the last.
    pub(crate) fn add(&mut self, screen: &vt100::Screen, caption: &str, seconds: f32) {
        let (lines, columns) = screen.size();
        self.size = (lines.get(), columns.get());
        let lines = (0..lines.get()).map(|y| line(screen, y, 0.0));
        let lines = lines.map(|line| {
            let known = self.lines.iter().position(|known| *known == line);
            let index = known.unwrap_or(self.lines.len());
            if !line.is_empty() && known.is_none() {
                self.lines.push(line.clone());
            }
            (!line.is_empty()).then_some(index)
        });
        let lines: Vec<_> = lines.collect();
        match self.frames.last_mut() {
            Some(last) if last.lines == lines && last.caption == caption => last.seconds += seconds,
            _ => self.frames.push(Frame {
                lines,
                caption: caption.to_owned(),
                seconds,
            }),
        }
    }

    /// Renders it. A reader without animation, or who asked for less motion, sees the first screen.
    pub(crate) fn svg(&self) -> String {
        let (lines, columns) = self.size;
        let total: f32 = self.frames.iter().map(|frame| frame.seconds).sum();
        let mut out = start(lines + CAPTION_LINES, columns);
        out += "<style>\n.f{visibility:hidden}.f0{visibility:visible}\n@media (prefers-reduced-motion:no-preference){\n";
        let mut from = 0.0;
        for (nth, frame) in self.frames.iter().enumerate() {
            let percent = |seconds: f32| 100.0 * seconds / total;
            let (begin, end) = (percent(from), percent(from + frame.seconds));
            let before = match nth {
                0 => String::new(),
                _ => "0%{visibility:hidden}".to_owned(),
            };
            let _ = writeln!(
                out,
                "@keyframes k{nth}{{{before}{begin:.2}%{{visibility:visible}}{end:.2}%,100%{{visibility:hidden}}}}\n\
                 .f{nth}{{animation:k{nth} {total:.1}s step-end infinite}}"
            );
            from += frame.seconds;
        }
        out += "}\n</style>\n<defs>\n";
        for (nth, line) in self.lines.iter().enumerate() {
            let _ = writeln!(out, "<g id=\"l{nth}\">{line}</g>");
        }
        out += "</defs>\n";
        for (nth, frame) in self.frames.iter().enumerate() {
            let _ = writeln!(out, "<g class=\"f f{nth}\">");
            for (y, line) in (0..).zip(&frame.lines) {
                if let Some(line) = line {
                    let _ = writeln!(out, "<use href=\"#l{line}\" y=\"{}\"/>", top(y));
                }
            }
            let _ = writeln!(
                out,
                "<text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"17\" font-weight=\"bold\" fill=\"#f0cf7a\">{}</text>\n</g>",
                top(lines + 1) + BASELINE,
                escape(&frame.caption)
            );
        }
        out + END
    }
}
