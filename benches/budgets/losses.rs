//! Completeness: at the fastest churn no session is missed, and every session that a ring buffer of one page cannot
//! hold is counted.

use anyhow::{bail, ensure};

use crate::Bench;
use crate::bpf_blind_spot::{Blind, Ends};
use crate::churn::{Load, Made, PORT, Talk};
use crate::table::{Budget, Limit, Short, Spread};
use crate::tools::{Lines, Screen, figure};

/// A ring buffer that must overflow: it holds 19 sessions.
const TINY_RING: [&str; 2] = ["--ring-size", "4096"];

pub(crate) fn measure(bench: &mut Bench) {
    for format in ["text", "csv", "json"] {
        bench.step(&format!("missed rows, {format}"), NONE, |bench| {
            Ok(vec![printed(bench, format)?])
        });
    }
    bench.step("missed rows, dashboard", NONE, |b| Ok(vec![dashboard(b)?]));
    bench.step(
        "missed rows, text, alongside libbpf-tools' tcplife",
        NONE,
        |b| Ok(vec![beside(b)?]),
    );
    for (what, count) in [
        ("text", overflow_text as Overflow),
        ("dashboard", overflow_dashboard),
    ] {
        let what = format!("rows + missed − sessions, {what}, ring buffer of a page");
        bench.step(&what, NONE, |bench| {
            let blind = Blind::count(Ends::Servers)?;
            let Counted {
                made,
                shown,
                missed,
            } = count(bench)?;
            ensure!(missed > 0, "the ring buffer does not overflow");
            let what = format!("{what}: {} + {}", Short(shown as f64), Short(missed as f64));
            Ok(vec![off(what, made, shown + missed, &blind)?])
        });
    }
}

/// No session may be missed.
const NONE: Limit = Limit::AtMost(0.0);

/// Sessions made, shown and missed, when not all could be shown.
struct Counted {
    made: u64,
    shown: u64,
    /// Number reported as missed.
    missed: u64,
}

/// Difference between sessions made and accounted for; too many are just as wrong. The noise is the count of events
/// without a BPF program.
fn off(what: String, made: u64, told: u64, blind: &Blind) -> anyhow::Result<Budget> {
    let off = Spread {
        median: made.abs_diff(told) as f64,
        noise: blind.missed()? as f64,
    };
    Ok(Budget::figure(what, NONE, "", off))
}

fn missed(what: &str, made: Made, shown: u64, blind: &Blind) -> anyhow::Result<Budget> {
    let what = format!(
        "{what}: {} sessions, {}/s",
        Short(made.sessions() as f64),
        Short(2.0 * made.connections_per_second())
    );
    off(what, made.sessions(), shown, blind)
}

fn printed(bench: &Bench, format: &str) -> anyhow::Result<Budget> {
    let blind = Blind::count(Ends::Both)?;
    let lines = Lines::tcplife(format, &[])?;
    let made = Load {
        // each format with another kind, as long as there are three
        talk: match format {
            "csv" => Talk::Reset,
            "json" => Talk::Answer,
            _ => Talk::Bare,
        },
        ..Load::fastest(bench.times.losses)
    };
    let made = made.run()?;
    let printed = lines.stop()?;
    missed(
        &format!("missed rows, {format}"),
        made,
        printed.rows,
        &blind,
    )
}

fn dashboard(bench: &Bench) -> anyhow::Result<Budget> {
    let blind = Blind::count(Ends::Both)?;
    let mut screen = Screen::tcplife(&[])?;
    // so that the header counts only these sessions of the host, and each end of a connection
    screen.press(&format!("lCport {PORT}\r"))?;
    screen.when(|text| text.contains("capture: port") && figure(text, "closed").is_some())?;
    let before = screen.settled("closed")?;
    let made = Load::fastest(bench.times.losses).run()?;
    let shown = screen.settled("closed")? - before;
    missed("missed rows, dashboard", made, shown, &blind)
}

/// Both tools see the same sessions, and pay for each other's cost.
fn beside(bench: &Bench) -> anyhow::Result<Budget> {
    let blind = Blind::count(Ends::Both)?;
    let theirs = Lines::libbpf_tools()?;
    let ours = Lines::tcplife("text", &[])?;
    let made = Load::fastest(bench.times.losses / 3).run()?;
    let (ours, theirs) = (ours.stop()?.rows, theirs.stop()?.rows);
    let what = "missed rows, text, alongside libbpf-tools' tcplife";
    let mut budget = missed(what, made, ours, &blind)?;
    budget.peer = Some(Spread::of(&[made.sessions().saturating_sub(theirs) as f64]));
    Ok(budget)
}

type Overflow = fn(&Bench) -> anyhow::Result<Counted>;

/// Counts the servers' side only, which the kernel can filter, so that no other session of the host uses the ring
/// buffer.
fn overflow_text(bench: &Bench) -> anyhow::Result<Counted> {
    let port = PORT.to_string();
    let mut flags = TINY_RING.to_vec();
    flags.extend(["-L", &port]);
    let lines = Lines::tcplife("text", &flags)?;
    let made = Load::fastest(bench.times.short).run()?;
    let printed = lines.stop()?;
    let said = printed
        .errors
        .split_whitespace()
        .find_map(|w| w.parse().ok());
    if said.is_none() && !printed.errors.is_empty() {
        bail!("{}", printed.errors);
    }
    Ok(Counted {
        made: made.connections,
        shown: printed.rows,
        missed: said.unwrap_or(0),
    })
}

fn overflow_dashboard(bench: &Bench) -> anyhow::Result<Counted> {
    let port = PORT.to_string();
    let mut flags = TINY_RING.to_vec();
    flags.extend(["-L", &port]);
    let screen = Screen::tcplife(&flags)?;
    let made = Load::fastest(bench.times.short).run()?;
    let shown = screen.settled("closed")?;
    // not shown while it is 0
    let missed = figure(&screen.text(), "missed").unwrap_or(0);
    Ok(Counted {
        made: made.connections,
        shown,
        missed,
    })
}
