//! Growth with the number of kept and of open sessions, as a table and as a chart.

use std::process::Command;

use anyhow::anyhow;
use plotters::prelude::*;

use crate::churn::Held;
use crate::table::{Budget, Limit, Short, Spread};
use crate::user_cost::{Keys, keys, memory};
use crate::{Bench, idle, testbed};

/// Figures with this many closed sessions kept, a hundredth as many open.
pub(crate) struct Kept {
    kept: u64,
    open: u64,
    keys: Keys,
    bytes: f64,
}

/// Figures with this many idle sessions open.
pub(crate) struct Open {
    open: u64,
    first_ms: f64,
    all_ms: f64,
    percent: f64,
    /// Time between snapshots.
    every_s: f64,
    bytes: f64,
    /// CPU time of a run of `ss -tinp`; `None`: it would take minutes.
    ss_ms: Option<f64>,
}

impl Open {
    /// CPU time of a snapshot, and what else an idle dashboard does until the next one.
    fn snapshot_ms(&self) -> f64 {
        self.percent * 10.0 * self.every_s
    }
}

/// Limits with this many idle sessions open.
struct OpenLimits {
    open: u64,
    first_ms: Limit,
    all_ms: Limit,
    percent: Limit,
}

const OPEN_LIMITS: [OpenLimits; 4] = [
    OpenLimits {
        open: 1_000,
        first_ms: Limit::AtMost(100.0),
        all_ms: Limit::AtMost(1000.0),
        percent: Limit::AtMost(1.0),
    },
    OpenLimits {
        open: 10_000,
        first_ms: Limit::AtMost(100.0),
        all_ms: Limit::AtMost(1000.0),
        percent: Limit::AtMost(1.0),
    },
    OpenLimits {
        open: 100_000,
        first_ms: Limit::AtMost(100.0),
        all_ms: Limit::AtMost(1000.0),
        percent: Limit::AtMost(3.0),
    },
    OpenLimits {
        open: MILLION,
        first_ms: Limit::None,
        all_ms: Limit::None,
        percent: Limit::AtMost(10.0),
    },
];

/// Most sessions with which `ss -tinp` runs: it looks for the owner of each among those of all, and with a million that had
/// not ended after 97 s of CPU time.
const SS_SESSIONS: u64 = 100_000;
/// Number of sessions with which there is one round: it takes more than a minute.
pub(crate) const MILLION: u64 = 1_000_000;

#[derive(Default)]
pub(crate) struct Growth {
    kept: Vec<Kept>,
    open: Vec<Open>,
}

impl Growth {
    /// Measures everything that needs no kernel. Two of the budgets are the last points of it.
    pub(crate) fn measure_kept(&mut self, bench: &mut Bench) {
        let what = "key to frame, a million kept, p99";
        bench.step(what, Limit::AtMost(16.0), |bench| {
            for power in 2..=6 {
                let kept = 10_u64.pow(power);
                let open = (kept / 100).max(10);
                self.kept.push(Kept {
                    kept,
                    open,
                    keys: keys(kept, open, bench.times.scripts),
                    bytes: memory(kept)?,
                });
            }
            let million = self.kept.last().map_or(f64::NAN, |k| k.keys.p99_ms);
            Ok(vec![Budget::figure(
                what,
                Limit::AtMost(16.0),
                "ms",
                Spread::of(&[million]),
            )])
        });
        let what = "memory per kept session";
        bench.step(what, Limit::AtMost(200.0), |_| {
            let [.., less, more] = &self.kept[..] else {
                return Err(anyhow!("it was not measured"));
            };
            // the difference removes the part that does not depend on the number
            let bytes = (more.bytes - less.bytes) / (more.kept - less.kept) as f64;
            Ok(vec![Budget::figure(
                what,
                Limit::AtMost(200.0),
                "B",
                Spread::of(&[bytes]),
            )])
        });
    }

    /// Measures the real program with idle sessions.
    pub(crate) fn measure_open(&mut self, bench: &mut Bench) {
        for limits in OPEN_LIMITS {
            let open = limits.open;
            if open == MILLION && !bench.times.has_million {
                continue;
            }
            let number = Short(open as f64);
            let what = format!("CPU with {number} idle sessions open, refreshed every second");
            bench.step(&what, limits.percent, |bench| {
                let _held = Held::open(open)?;
                let rounds = if open == MILLION { 1 } else { bench.rounds };
                let [mut first, mut all, mut percent, mut every] = [const { Vec::new() }; 4];
                let mut bytes = Vec::new();
                for _ in 0..rounds {
                    let (screen, frame, whole) = idle::start(open)?;
                    first.push(frame.as_secs_f64() * 1e3);
                    all.push(whole.as_secs_f64() * 1e3);
                    let (quiet, interval) =
                        idle::watch_snapshots(&screen, whole, bench.times.quiet)?;
                    percent.push(quiet.percent);
                    every.push(interval.as_secs_f64());
                    bytes.push(testbed::memory_of(screen.pid())? as f64);
                }
                let ss = (open <= SS_SESSIONS)
                    .then(|| testbed::cpu_of_command(Command::new("ss").arg("-tinp")));
                let ss = ss.transpose()?.map(|cpu| cpu.as_secs_f64());
                let [first, all, percent, every, bytes] =
                    [first, all, percent, every, bytes].map(|figures| Spread::of(&figures));
                self.open.push(Open {
                    open,
                    first_ms: first.median,
                    all_ms: all.median,
                    percent: percent.median,
                    every_s: every.median,
                    bytes: bytes.median,
                    ss_ms: ss.map(|s| s * 1e3),
                });
                let ss = ss.map(|s| {
                    let what = "the same with `ss -tinp` every second";
                    Budget::figure(what, Limit::None, "%", Spread::of(&[s * 100.0]))
                });
                let ours = vec![
                    Budget::figure(
                        format!("start to the first frame with {number} sessions open"),
                        limits.first_ms,
                        "ms",
                        first,
                    ),
                    Budget::figure(
                        "start until all of them are shown",
                        limits.all_ms,
                        "ms",
                        all,
                    ),
                    Budget::figure(&what, limits.percent, "%", percent),
                ];
                Ok(ours.into_iter().chain(ss).collect())
            });
        }
    }

    /// True if every number of open sessions was measured.
    pub(crate) fn has_all_open(&self) -> bool {
        self.open.len() == OPEN_LIMITS.len()
    }

    /// Growth with the number of closed sessions.
    pub(crate) fn kept_markdown(&self) -> String {
        let mut out = String::from(
            "| closed sessions kept | open | key to frame, p50 | p99 | complete answer, worst | frame | memory |\n|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for k in &self.kept {
            out += &format!(
                "| {} | {} | {} ms | {} ms | {} ms | {} ms | {} MB |\n",
                Short(k.kept as f64),
                Short(k.open as f64),
                Short(k.keys.p50_ms),
                Short(k.keys.p99_ms),
                Short(k.keys.whole_ms),
                Short(k.keys.frame_ms),
                Short(k.bytes / 1e6),
            );
        }
        out
    }

    /// Growth with the number of open sessions.
    pub(crate) fn open_markdown(&self) -> String {
        let mut out = String::from(
            "| open sessions, idle | first frame | all shown | CPU | figures every | CPU time of a snapshot | of `ss -tinp` | resident memory |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for o in &self.open {
            out += &format!(
                "| {} | {} ms | {} ms | {} % | {} s | {} ms | {} | {} MB |\n",
                Short(o.open as f64),
                Short(o.first_ms),
                Short(o.all_ms),
                Short(o.percent),
                Short(o.every_s),
                Short(o.snapshot_ms()),
                o.ss_ms.map_or("-".into(), |ms| format!("{} ms", Short(ms))),
                Short(o.bytes / 1e6),
            );
        }
        out
    }

    /// The figures of closed sessions as a chart, in SVG.
    pub(crate) fn kept_picture(&self) -> anyhow::Result<String> {
        let line = |f: fn(&Kept) -> f64| self.kept.iter().map(|k| (k.kept as f64, f(k))).collect();
        let lines = [
            ("key to frame, p99, ms", line(|k| k.keys.p99_ms)),
            ("frame alone, ms", line(|k| k.keys.frame_ms)),
            ("memory, MB", line(|k| k.bytes / 1e6)),
        ];
        picture("closed sessions kept", &lines)
    }

    /// The figures of open sessions as a chart, in SVG.
    pub(crate) fn open_picture(&self) -> anyhow::Result<String> {
        let line = |f: fn(&Open) -> f64| self.open.iter().map(|o| (o.open as f64, f(o))).collect();
        let ss = self.open.iter();
        let ss = ss.filter_map(|o| Some((o.open as f64, o.ss_ms?))).collect();
        let lines = [
            ("start until all are shown, ms", line(|o| o.all_ms)),
            ("CPU time of a snapshot, ms", line(Open::snapshot_ms)),
            ("CPU time of ss -tinp, ms", ss),
        ];
        picture("sessions open, idle", &lines)
    }
}

/// A chart, in SVG.
fn picture(title: &str, lines: &[Line<'_>]) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (560, 360)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| anyhow!("{e}"))?;
        chart(&root, title, lines).map_err(|e| anyhow!("{e}"))?;
        root.present().map_err(|e| anyhow!("{e}"))?;
    }
    Ok(svg)
}

type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Lines on logarithmic axes.
fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    lines: &[Line<'_>],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    /// By Okabe and Ito: distinguishable for the color-blind.
    const COLORS: [RGBColor; 3] = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
    ];
    let xs = || lines.iter().flat_map(|(_, points)| points).map(|p| p.0);
    let (first, last) = (xs().fold(f64::MAX, f64::min), xs().fold(1.0, f64::max));
    let ys = lines.iter().flat_map(|(_, points)| points).map(|p| p.1);
    // room for the names of the lines
    let top = 10_f64.powf(ys.fold(100.0, f64::max).log10().ceil() + 1.0);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(36) // half of the last label
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d((first..last).log_scale(), (0.1..top).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(title)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|x| Short(*x).to_string())
        .y_label_formatter(&|y| Short(*y).to_string())
        .draw()?;
    for ((name, points), color) in lines.iter().zip(COLORS) {
        let style = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()
}
