//! Checks tcplife against its budgets, and writes the results into docs/performance.md: `make bench`.
//!
//! Everything runs in a network namespace of its own. Each measurement takes several rounds, with compared figures
//! taken in turns; the median counts, and half the distance between the quartiles is the noise. The exit status is 1
//! if a budget is missed by more than that. Needs root; what else it needs and is not installed is skipped with a
//! message.
//!
//! `losses`, `kernel_cost`, `idle`, `scaling`, `user_cost` and `recordings` measure; `churn` makes the traffic, `tools` runs what is measured,
//! `testbed` provides namespaces and process figures, `bpf_blind_spot` counts what BPF cannot see, `table` judges. This program
//! starts itself for the other processes that it needs (`--role`).

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

#[path = "../common/dashboard.rs"]
mod dashboard;
#[path = "../common/live_memory.rs"]
mod live_memory;
#[path = "../common/many_open.rs"]
mod many_open;

mod bpf_blind_spot;
mod churn;
mod idle;
mod jumps;
mod kernel_cost;
mod losses;
mod recordings;
mod scaling;
mod table;
mod testbed;
mod tools;
mod user_cost;

use live_memory::Counting;
use scaling::Growth;
use table::{Budget, Limit, Trouble};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A tool that a measurement needs is not installed; `scripts/setup.sh bench` installs it if the distribution has it.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not here")]
struct Absent(&'static str);

/// Durations of measurements.
struct Times {
    /// A churn in which nothing may be missed.
    losses: Duration,
    /// A churn, or a transfer.
    short: Duration,
    /// Observing an idle program: several refresh intervals.
    quiet: Duration,
    /// Times that each script of keys is typed.
    scripts: u32,
    /// Sessions of the recording.
    recorded: u64,
    /// Measure with a million open sessions, too, which takes minutes.
    has_million: bool,
    /// Time that a whole run takes on a quiet machine: once, and for each round.
    once: Duration,
    round: Duration,
}

const FULL: Times = Times {
    losses: Duration::from_secs(15),
    short: Duration::from_secs(3),
    quiet: Duration::from_secs(4),
    scripts: 2,
    recorded: 10_000_000,
    has_million: true,
    once: Duration::from_secs(580),
    round: Duration::from_secs(120),
};

const QUICK: Times = Times {
    losses: Duration::from_millis(1500),
    short: Duration::from_millis(600),
    quiet: Duration::from_millis(1200),
    scripts: 1,
    recorded: 200_000,
    has_million: false,
    once: Duration::from_secs(120),
    round: Duration::from_secs(60),
};

/// A benchmark run.
struct Bench {
    times: Times,
    rounds: usize,
    /// Measure only names that contain one of these words.
    words: Vec<String>,
    budgets: Vec<Budget>,
    /// CPU time of the churn's own processes for a bare connection, µs, once it was measured: it says how fast the machine is.
    connection_us: Cell<Option<f64>>,
}

impl Bench {
    /// Measures something that has a budget. An error becomes a line of the table too.
    fn step(
        &mut self,
        what: &str,
        limit: Limit,
        measure: impl FnOnce(&Bench) -> anyhow::Result<Vec<Budget>>,
    ) {
        if !self.wants(what) {
            return;
        }
        eprintln!("  {what}");
        let begun = Instant::now();
        let measured = measure(self);
        eprintln!("    {:.1} s", begun.elapsed().as_secs_f64());
        match measured {
            Ok(budgets) => self.budgets.extend(budgets),
            Err(error) => {
                let (trouble, word) = match error.downcast_ref() {
                    Some(Absent(_)) => (Trouble::Absent, "skipped"),
                    None => (Trouble::Failed, "FAILED"),
                };
                eprintln!("    {word}: {error:#}");
                self.budgets.push(Budget::without(what, limit, trouble));
            }
        }
    }

    fn wants(&self, what: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|w| what.contains(w.as_str()))
    }

    /// Repeats a measurement.
    fn rounds<T>(&self, mut measure: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
        (0..self.rounds).map(|_| measure()).collect()
    }
}

fn main() -> ExitCode {
    // passed by cargo bench
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let result = match arguments.first().map(String::as_str) {
        Some("--role") => role(&arguments[1..]).map(|()| true),
        _ => run(arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn role(arguments: &[String]) -> anyhow::Result<()> {
    testbed::begin_role()?;
    let Some((name, arguments)) = arguments.split_first() else {
        bail!("--role takes a name");
    };
    match name.as_str() {
        "churn" => churn::role(arguments),
        "hold" => churn::hold_role(arguments),
        "drain" => user_cost::drain_role(arguments),
        "keep" => user_cost::keep_role(arguments),
        other => bail!("there is no role {other}"),
    }
}

/// True if all budgets are met.
fn run(mut words: Vec<String>) -> anyhow::Result<bool> {
    let quick = words.iter().any(|w| w == "--quick");
    words.retain(|w| w != "--quick");
    if let Some(flag) = words.iter().find(|w| w.starts_with('-')) {
        bail!("{flag}? It takes --quick, and words to choose what is measured by name");
    }
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(text) => text.parse().ok().filter(|&n| n > 0),
        Err(_) => Some(if quick { 3 } else { 4 }),
    };
    let mut bench = Bench {
        times: if quick { QUICK } else { FULL },
        rounds: rounds.context("BENCH_ROUNDS takes a whole number from 1")?,
        words,
        budgets: Vec::new(),
        connection_us: Cell::new(None),
    };
    let everything = bench.words.is_empty();
    let begun = Instant::now();
    eprintln!("{}, {} rounds", testbed::machine(), bench.rounds);
    if everything {
        let expected = bench.times.once + bench.times.round * bench.rounds as u32;
        let minutes = expected.as_secs().div_ceil(60);
        eprintln!("this takes about {minutes} minutes; each row says how long it took");
    }

    let mut growth = Growth::default();
    let with_kernel = rustix::process::geteuid().is_root();
    if with_kernel {
        testbed::enter_own_network()?;
        losses::measure(&mut bench);
        kernel_cost::measure(&mut bench);
        idle::measure(&mut bench);
        growth.measure_open(&mut bench);
        user_cost::measure_kernel(&mut bench);
    } else {
        eprintln!(
            "  SKIPPED all that needs BPF programs: they take root to load (make bench SUDO=1)"
        );
    }
    user_cost::measure(&mut bench);
    user_cost::measure_many_open(&mut bench);
    user_cost::measure_rows(&mut bench);
    recordings::measure(&mut bench);
    growth.measure_kept(&mut bench);

    println!("\n{}", table::text(&bench.budgets));
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    let machine = format!("{}; median of {} rounds", testbed::machine(), bench.rounds);
    if with_kernel && everything && !quick {
        let text = format!(
            "{machine}.\n\n{}\n## Growth\n\n{}\n![The same figures as lines](performance.svg)\n",
            table::markdown(&bench.budgets),
            growth.kept_markdown(),
        );
        write_part("bench", &text, "performance.svg", &growth.kept_picture()?)?;
    } else {
        println!("most of docs/performance.md is left as it is: it takes a whole run, as root");
    }
    if growth.has_all_open() && !quick {
        let text = format!(
            "{machine}, one with a million.\n\n{}\n![The same figures as lines](performance-open.svg)\n",
            growth.open_markdown(),
        );
        let picture = growth.open_picture()?;
        write_part("bench open", &text, "performance-open.svg", &picture)?;
    }
    Ok(table::is_met(&bench.budgets))
}

/// Writes a generated part of docs/performance.md, between comments with its name, and its picture. The text written by
/// hand stays.
fn write_part(name: &str, text: &str, picture_name: &str, picture: &str) -> anyhow::Result<()> {
    let begin = format!("<!-- {name}: begin -->\n");
    let end = format!("<!-- {name}: end -->");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let document = docs.join("performance.md");
    let all = fs::read_to_string(&document)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let parts = all.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| {
        format!(
            "{} has no lines `{}` and `{end}`",
            document.display(),
            begin.trim()
        )
    })?;
    fs::write(&document, format!("{before}{begin}\n{text}\n{end}{after}"))?;
    fs::write(docs.join(picture_name), picture)?;
    println!("written: docs/performance.md, docs/{picture_name}");
    Ok(())
}
