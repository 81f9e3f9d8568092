//! The distributions screen: the position of each chart, and how fine the bars of a histogram are.

use ratatui::layout::Rect;

use crate::model::histogram::{Bucket, Histogram, Level};

/// Number of the chart of the host, after the histograms.
pub const HOST: usize = 4;

/// Area of each histogram and of the chart of the host: that on top of two rows of two histograms, as far as there is
/// room. Where there is none, and if the chart of the host is selected, only the selected one.
pub fn areas(area: Rect, selected: usize) -> [Rect; HOST + 1] {
    /// Minimum size of four histograms.
    const LOW: u16 = 12;
    const NARROW: u16 = 50;
    /// Height of the chart of the host.
    const LEAST: u16 = 7;
    const MOST: u16 = 14;
    let mut areas = [Rect::ZERO; HOST + 1];
    let height = area.height.saturating_sub(1);
    if selected == HOST || height < LOW || area.width < NARROW {
        areas[selected] = Rect { height, ..area };
        return areas;
    }
    if height >= LOW + LEAST {
        let height = (height / 3).clamp(LEAST, MOST);
        areas[HOST] = Rect { height, ..area };
    }
    let top = areas[HOST].height;
    let (half, width) = ((height - top) / 2, (area.width - 1) / 2);
    for (i, (column, row)) in [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().enumerate() {
        areas[i] = Rect {
            x: area.x + column * (width + 1),
            y: area.y + top + row * half,
            width,
            height: half,
        };
    }
    areas
}

/// Buckets for the bars, the finest that fit in `width` cells.
pub fn buckets(histogram: &Histogram, width: u16) -> Vec<Bucket> {
    let fits = |buckets: &Vec<Bucket>| buckets.len() <= width.into();
    let levels = [Level::Fine, Level::Coarse, Level::Decade];
    let mut buckets = levels.into_iter().map(|l| histogram.buckets(l));
    let buckets = buckets.find(fits);
    buckets.unwrap_or_else(|| histogram.buckets(Level::Decade))
}
