//! The distributions screen: the position of each histogram, and how fine its bars are.

use ratatui::layout::Rect;

use crate::model::histogram::{Bucket, Histogram, Level};

/// Area of each histogram: two rows of two, or only the selected one where there is no room for that.
pub fn areas(area: Rect, selected: usize) -> [Rect; 4] {
    const LOW: u16 = 12;
    const NARROW: u16 = 50;
    let height = area.height.saturating_sub(1);
    if height < LOW || area.width < NARROW {
        let mut areas = [Rect::ZERO; 4];
        areas[selected] = Rect { height, ..area };
        return areas;
    }
    let (half, width) = (height / 2, (area.width - 1) / 2);
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(column, row)| Rect {
        x: area.x + column * (width + 1),
        y: area.y + row * half,
        width,
        height: half,
    })
}

/// Buckets for the bars, the finest that fit in `width` cells.
pub fn buckets(histogram: &Histogram, width: u16) -> Vec<Bucket> {
    let fits = |buckets: &Vec<Bucket>| buckets.len() <= width.into();
    let levels = [Level::Fine, Level::Coarse, Level::Decade];
    let mut buckets = levels.into_iter().map(|l| histogram.buckets(l));
    let buckets = buckets.find(fits);
    buckets.unwrap_or_else(|| histogram.buckets(Level::Decade))
}
