//! The distributions screen: the position of each chart, and how fine the bars of a histogram are.

use ratatui::layout::Rect;

use crate::model::histogram::{Bucket, Histogram, Level};
use crate::model::measures::MEASURE_COUNT;

/// Number of the chart of the host, after the histograms.
pub const HOST: usize = MEASURE_COUNT;

/// Area of each histogram and of the chart of the host: that on top of the histograms, in three columns or in three
/// rows, as far as there is room. Where there is none, and if the chart of the host is selected, only the selected one.
pub fn areas(area: Rect, selected: usize) -> [Rect; HOST + 1] {
    /// Minimum height of a histogram, and width of one that is as low.
    const LOW: u16 = 6;
    /// The same below the chart of the host.
    const LOWEST: u16 = 5;
    const NARROW: u16 = 24;
    /// Minimum height for three rows, which are wider.
    const HIGH: u16 = 8;
    /// Height of the chart of the host.
    const LEAST: u16 = 7;
    const MOST: u16 = 14;
    let mut areas = [Rect::ZERO; HOST + 1];
    let height = area.height.saturating_sub(1);
    let host = match height {
        _ if height < 2 * LOWEST + LEAST => 0,
        _ => (height / 3).clamp(LEAST, MOST),
    };
    let rows = if height - host >= 3 * HIGH { 3 } else { 2 };
    let columns = HOST as u16 / rows;
    let width = (area.width + 1) / columns;
    if selected == HOST || height < 2 * LOW || width <= NARROW {
        areas[selected] = Rect { height, ..area };
        return areas;
    }
    if host > 0 {
        areas[HOST] = Rect {
            height: host,
            ..area
        };
    }
    let height = (height - host) / rows;
    for (i, part) in (0..).zip(&mut areas[..HOST]) {
        *part = Rect {
            x: area.x + i % columns * width,
            y: area.y + host + i / columns * height,
            width: width - 1,
            height,
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
