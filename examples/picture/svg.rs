//! A terminal's screen as an SVG picture: fonts, colors and cells as a reader's terminal would show them.

use std::fmt::Write as _;

const CELL_W: f32 = 8.4;
const CELL_H: f32 = 18.0;
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

/// Renders the screen.
pub(crate) fn svg(screen: &vt100::Screen) -> String {
    let (lines, columns) = screen.size();
    let (lines, columns) = (lines.get(), columns.get());
    let (width, height) = (
        f32::from(columns) * CELL_W + 24.0,
        f32::from(lines) * CELL_H + 24.0,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" shape-rendering=\"crispEdges\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for y in 0..lines {
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
            let (left, top) = (
                12.0 + f32::from(from) * CELL_W,
                12.0 + f32::from(y) * CELL_H,
            );
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
                let text = text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace(' ', "\u{a0}");
                let baseline = top + 13.5;
                let _ = writeln!(
                    out,
                    "<text x=\"{left:.1}\" y=\"{baseline:.1}\" textLength=\"{run:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{fg}\"{weight}>{text}</text>"
                );
            }
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}
