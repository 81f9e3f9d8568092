//! The terminal's background, once it is known, and colors that are hard to read on it.

use crate::text::color::Rgb;
use crate::ui::app::App;
use crate::ui::theme::own_colors::Faint;

impl App {
    /// Takes the terminal's background.
    pub fn background(&mut self, background: Rgb) {
        let before = self.appearance.faint();
        self.appearance.set_background(background);
        let mut faint = self.appearance.faint();
        faint.retain(|color| !before.contains(color));
        self.warn_of(&faint);
    }

    /// Warns of colors of the configuration that are hard to read.
    pub fn warn_of(&mut self, faint: &[Faint]) {
        let Some((first, rest)) = faint.split_first() else {
            return;
        };
        let more = match rest.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let text = format!("hard to read: color {first}{more}");
        self.notice.complain_next(text);
    }
}
