//! Bar charts as text: sparklines on one line, charts on several.

use std::cmp::Ordering;

/// Draws a rate history on one line, scaled to its greatest value.
pub fn sparkline(values: &[f32]) -> String {
    bars(values, 1).concat()
}

/// Draws a chart on several lines, from the top down.
pub fn bars(values: &[f32], lines: usize) -> Vec<String> {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().fold(0.0, f32::max);
    let eighths = |value: f32| match value.partial_cmp(&0.0) {
        // a value above 0 is always visible, however small
        Some(Ordering::Greater) => ((value / most * (lines * 8) as f32).round() as usize).max(1),
        _ => 0,
    };
    let line = |from: usize| {
        let bar = |value: &f32| BARS[eighths(*value).saturating_sub(from).min(8)];
        values.iter().map(bar).collect()
    };
    (0..lines).rev().map(|i| line(i * 8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_is_scaled_to_its_maximum() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0]), " ▁▄█");
        assert_eq!(sparkline(&[1e9, 0.001, 0.0]), "█▁ ");
        assert_eq!(sparkline(&[0.0, 0.0]), "  ");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(bars(&[0.0, 1.0, 8.0, 16.0], 2), ["   █", " ▁██"]);
    }
}
