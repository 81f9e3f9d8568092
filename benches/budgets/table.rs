//! Budgets: a measurement, its noise and its limit, as text for a terminal and for a document.

use std::fmt::{self, Write as _};

/// The result of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// Half the distance between the quartiles; 0 for a single round.
    pub(crate) noise: f64,
}

impl Spread {
    /// From at least one figure.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * sorted.len().saturating_sub(1) as f64;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            match (sorted.get(low), sorted.get(high)) {
                (Some(a), Some(b)) => a + (b - a) * place.fract(),
                _ => f64::NAN,
            }
        };
        Spread {
            median: at(0.5),
            noise: (at(0.75) - at(0.25)) / 2.0,
        }
    }
}

/// The limit of a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// No limit: a figure to compare with.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// Missed by less than the noise.
    WithinNoise,
    Missed,
    /// It should have been measured, but could not.
    Failed,
    /// A tool that it needs is not installed.
    Skipped,
    /// There is no limit.
    Compared,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::WithinNoise => "within noise",
            Verdict::Missed => "MISSED",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
            Verdict::Compared => "",
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) what: String,
    pub(crate) limit: Limit,
    /// Unit of the limit; empty if the limit applies to `ratio`.
    pub(crate) unit: &'static str,
    pub(crate) measured: Option<Spread>,
    /// The figure compared with.
    pub(crate) peer: Option<Spread>,
    /// The value that the limit applies to if there is a peer.
    pub(crate) ratio: Option<Spread>,
    /// Why there is no figure; then it is skipped, or failed.
    pub(crate) trouble: Option<Trouble>,
}

/// Why there is no figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// A tool that it needs is not installed.
    Absent,
    /// The measurement failed.
    Failed,
}

impl Budget {
    /// A figure with a limit of its own.
    pub(crate) fn figure(
        what: impl Into<String>,
        limit: Limit,
        unit: &'static str,
        measured: Spread,
    ) -> Self {
        Budget {
            what: what.into(),
            limit,
            unit,
            measured: Some(measured),
            peer: None,
            ratio: None,
            trouble: None,
        }
    }

    /// A figure compared with another of the same round: ratios are formed by round.
    pub(crate) fn ratio(
        what: impl Into<String>,
        limit: Limit,
        unit: &'static str,
        pairs: &[(f64, f64)],
    ) -> Self {
        let (measured, peer): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let ratios: Vec<f64> = pairs.iter().map(|(a, b)| a / b).collect();
        Budget {
            peer: Some(Spread::of(&peer)),
            ratio: Some(Spread::of(&ratios)),
            ..Budget::figure(what, limit, unit, Spread::of(&measured))
        }
    }

    /// A budget without a figure.
    pub(crate) fn without(what: impl Into<String>, limit: Limit, trouble: Trouble) -> Self {
        Budget {
            what: what.into(),
            limit,
            unit: "",
            measured: None,
            peer: None,
            ratio: None,
            trouble: Some(trouble),
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match &self.trouble {
            Some(Trouble::Absent) => return Verdict::Skipped,
            Some(Trouble::Failed) => return Verdict::Failed,
            None => {}
        }
        let Some(judged) = self.ratio.or(self.measured) else {
            return Verdict::Failed;
        };
        let over = match self.limit {
            Limit::AtMost(limit) => judged.median - limit,
            Limit::AtLeast(limit) => limit - judged.median,
            Limit::None => return Verdict::Compared,
        };
        if over <= 0.0 {
            Verdict::Met
        } else if over <= judged.noise {
            Verdict::WithinNoise
        } else {
            Verdict::Missed // NaN too
        }
    }

    fn cells(&self) -> [String; 7] {
        let figure = |spread: Option<Spread>| {
            spread.map_or("-".into(), |s| format!("{} {}", Short(s.median), self.unit))
        };
        let judged = self.ratio.or(self.measured);
        let unit = if self.ratio.is_some() { "" } else { self.unit };
        let target = match self.limit {
            Limit::AtMost(limit) => format!("≤ {} {unit}", Short(limit)),
            Limit::AtLeast(limit) => format!("≥ {} {unit}", Short(limit)),
            Limit::None => String::new(),
        };
        let ratio = self
            .ratio
            .map_or("-".into(), |r| Short(r.median).to_string());
        let noise = judged.map_or("-".into(), |s| format!("± {}", Short(s.noise)));
        [
            self.what.clone(),
            target.trim().to_owned(),
            figure(self.measured).trim().to_owned(),
            figure(self.peer).trim().to_owned(),
            ratio,
            noise,
            self.verdict().name().to_owned(),
        ]
    }
}

/// A number with three significant digits.
pub(crate) struct Short(pub(crate) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short(number) = *self;
        let size = number.abs();
        if size >= 100.0 {
            let digits = format!("{size:.0}");
            if number < 0.0 {
                f.write_str("-")?;
            }
            for (i, digit) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i).is_multiple_of(3) {
                    f.write_char(',')?;
                }
                f.write_char(digit)?;
            }
            return Ok(());
        }
        let decimals = match size {
            0.0 => 0,
            s if s >= 10.0 => 1,
            s if s >= 1.0 => 2,
            _ => 3,
        };
        let text = format!("{number:.decimals$}");
        f.write_str(match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
            None => &text,
        })
    }
}

const TITLES: [&str; 7] = [
    "what",
    "target",
    "measured",
    "reference",
    "ratio",
    "noise",
    "verdict",
];

/// The table for a terminal.
pub(crate) fn text(budgets: &[Budget]) -> String {
    let rows: Vec<[String; 7]> = budgets.iter().map(Budget::cells).collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in std::iter::once(&TITLES.map(str::to_owned)).chain(&rows) {
        let mut line = String::new();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            // words to the left, numbers to the right
            if i == 0 || i == 6 {
                line += &format!("{cell:<width$}  ");
            } else {
                line += &format!("{cell:>width$}  ");
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// The table for a document.
pub(crate) fn markdown(budgets: &[Budget]) -> String {
    let mut out = format!(
        "| {} |\n|---|--:|--:|--:|--:|--:|---|\n",
        TITLES.join(" | ")
    );
    for budget in budgets {
        out += &format!("| {} |\n", budget.cells().join(" | "));
    }
    out
}

/// True if no budget was missed or failed.
pub(crate) fn is_met(budgets: &[Budget]) -> bool {
    let bad = |b: &&Budget| matches!(b.verdict(), Verdict::Missed | Verdict::Failed);
    !budgets.iter().any(|b| bad(&b))
}
