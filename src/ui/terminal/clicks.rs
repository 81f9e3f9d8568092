//! Double clicks: terminals report presses only.

use std::time::{Duration, Instant};

use crate::ui::input::{Input, Mouse, MouseKind};

/// Longest time between the two clicks of a double click.
const DOUBLE: Duration = Duration::from_millis(400);

/// The last click, which another one may make a double click.
#[derive(Debug, Default)]
pub struct Clicks {
    last: Option<(Instant, Mouse)>,
}

impl Clicks {
    /// Turns the second of two clicks at a cell, read at `now`, into a double click.
    pub fn take(&mut self, input: Input, now: Instant) -> Input {
        let Input::Mouse(mouse) = input else {
            return input;
        };
        if mouse.kind == MouseKind::Release {
            return input; // it belongs to the click before
        }
        let before = self.last.take();
        if mouse.kind != MouseKind::Click {
            return input;
        }
        let is_second =
            |(at, first): (Instant, Mouse)| first == mouse && now.duration_since(at) <= DOUBLE;
        if before.is_some_and(is_second) {
            let kind = MouseKind::DoubleClick;
            return Input::Mouse(Mouse { kind, ..mouse });
        }
        self.last = Some((now, mouse));
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_at_one_cell_within_a_moment_are_a_double_click() {
        let mut clicks = Clicks::default();
        let begin = Instant::now();
        let mut kind = |ms, kind, column| {
            let row = 7;
            let input = Input::Mouse(Mouse { kind, column, row });
            match clicks.take(input, begin + Duration::from_millis(ms)) {
                Input::Mouse(mouse) => mouse.kind,
                other => panic!("{other:?}"),
            }
        };
        use MouseKind::{Click, DoubleClick, Release, WheelUp};
        assert_eq!(kind(0, Click, 1), Click);
        assert_eq!(kind(10, Release, 1), Release);
        assert_eq!(kind(400, Click, 1), DoubleClick);
        assert_eq!(kind(410, Click, 1), Click, "the third is a first one again");
        assert_eq!(kind(900, Click, 1), Click, "too late");
        assert_eq!(kind(950, Click, 2), Click, "another cell");
        assert_eq!(kind(960, WheelUp, 2), WheelUp);
        assert_eq!(kind(970, Click, 2), Click, "the wheel was turned since");
    }
}
