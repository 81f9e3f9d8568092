//! Bytes sent to the terminal: deterministic, so that they can be held to a budget.

use super::*;
use crate::testing::sample::Numbers;
use crate::ui::action::Mode;
use crate::ui::terminal::glyphs::Glyphs;
use crate::ui::terminal::wire::Wire;

/// A pseudo-random number, always the same for the same `n`.
fn numbers(n: u64) -> u64 {
    Numbers::from(n).number()
}

/// Sessions like those of a busy host.
fn some(cookie: u64, at_s: u64, is_open: bool) -> Session {
    let n = numbers(cookie);
    let comm = ["nginx", "curl", "postgres", "redis-server", "sshd-session"][(n % 5) as usize];
    let peer = match n % 4 {
        0 => format!("2001:db8::{:x}:{:x}", n >> 48, n >> 32 & 0xffff),
        _ => format!("10.{}.{}.{}", n >> 56, n >> 48 & 0xff, n >> 40 & 0xff),
    };
    let session = if is_open {
        open(n % 9, comm, &peer, 0)
    } else {
        closed(n % 9, comm, &peer, Reason::ALL[1 + (n % 6) as usize])
    };
    Session {
        cookie,
        pid: (n % 30_011) as u32,
        rport: (n >> 16) as u16,
        start_ns: if is_open { S } else { at_s * S - n % S },
        end_ns: at_s * S,
        tx_bytes: n % 1_000_003 + if is_open { at_s * (n % 70_001) } else { 0 },
        srtt_us: (numbers(n ^ at_s) % 100_003) as u32,
        ..session
    }
}

fn busy(at_s: u64, closed: u64, opened: u64) -> Batch {
    batch_at(
        at_s,
        (0..opened).map(|c| some(1 << 40 | c, at_s, true)).collect(),
        (0..closed)
            .map(|c| some(at_s << 20 | c, at_s, false))
            .collect(),
    )
}

/// Bytes of each frame, one frame per second.
fn frames(app: &mut App, keys: &str, batches: impl Iterator<Item = Batch>) -> Vec<usize> {
    let wire = Wire::new(LARGE);
    let mut terminal = Terminal::new(wire).expect("a terminal");
    if !keys.is_empty() {
        press(app, keys);
    }
    let frame = |batch| {
        app.batch(batch);
        settle(app);
        terminal
            .draw(|f| view::draw(app, &DARK, f))
            .expect("a frame");
        terminal.backend_mut().take().len()
    };
    batches.map(frame).collect()
}

fn mean(frames: &[usize]) -> usize {
    frames.iter().sum::<usize>() / frames.len()
}

fn dashboard() -> App {
    unused(100_000, LARGE)
}

#[test]
fn bytes_sent_on_an_idle_host_are_the_minutes_of_the_run() {
    let idle = frames(&mut dashboard(), "", (1..130).map(|at| busy(at, 0, 0)));
    let mut sent: Vec<usize> = idle
        .into_iter()
        .skip(1)
        .filter(|bytes| *bytes > 0)
        .collect();
    assert_eq!(sent.len(), 2, "two minutes: {sent:?}");
    sent.retain(|bytes| *bytes > 20);
    assert!(sent.is_empty(), "{sent:?}");
}

#[test]
fn bytes_sent_with_charts_open_are_none_on_an_idle_host_and_few_on_a_quiet_one() {
    let idle = frames(&mut dashboard(), "d", (1..340).map(|at| busy(at, 0, 0)));
    // until it is as long as the chart, the history has a beginning that moves
    assert!(mean(&idle[2..300]) <= 50, "{idle:?}");
    assert!(idle[310..].iter().all(|bytes| *bytes == 0), "{idle:?}");
    // some ssh sessions, without and with a request now and then
    for (requests, budget) in [(0, 300), (9, 600)] {
        let quiet = |at_s: u64| {
            let open = (1..=5).map(|c| Session {
                start_ns: S,
                end_ns: at_s * S,
                ..open(c, "sshd", "192.0.2.1", 900 + at_s / 7 * 120)
            });
            let is_request = requests > 0 && at_s.is_multiple_of(requests);
            let closed = is_request.then(|| some(at_s << 20, at_s, false));
            batch_at(at_s, open.collect(), closed.into_iter().collect())
        };
        let quiet = frames(&mut dashboard(), "d", (1..330).map(quiet));
        let mean = mean(&quiet[20..]);
        assert!(mean <= budget, "{requests}: {mean} of {quiet:?}");
    }
}

#[test]
fn bytes_sent_with_quiet_sessions_stay_within_the_budget() {
    for (count, budget) in [(5, 50), (100, 150)] {
        let quiet = |at_s| {
            batch_at(
                at_s,
                (1..=count)
                    .map(|c| Session {
                        start_ns: S,
                        end_ns: at_s * S,
                        ..open(c, "sshd", "192.0.2.1", 900)
                    })
                    .collect(),
                vec![],
            )
        };
        let quiet = frames(&mut dashboard(), "", (1..130).map(quiet));
        assert!(mean(&quiet[20..]) <= budget, "{quiet:?}");
    }
}

/// The budget is 30 kB/s at the default interval, which is a frame per second.
#[test]
fn bytes_sent_on_a_busy_host_stay_within_the_budget() {
    for (keys, budget) in [("", 2000), ("F", 5000), ("> > >", 4000)] {
        let batches = (1..6).map(|at| busy(at, 50_000, 1000));
        let busy = frames(&mut dashboard(), keys, batches);
        assert!(busy[0] < 10_000, "the whole screen: {busy:?}");
        assert!(mean(&busy[2..]) < budget, "{keys}: {busy:?}");
    }
}

/// On a terminal of few characters nothing that the dashboard draws by itself is missing.
#[test]
fn glyphs_drawn_on_every_screen_have_an_ascii_stand_in() {
    for size in [LARGE, SIZE, Size::new(60, 16)] {
        for (mode, there) in [
            (Mode::Table, ""),
            (Mode::TopTalkers, "Tab"),
            (Mode::Detail, "Enter"),
            (Mode::Help, "?"),
            (Mode::Prompt, "/"),
            (Mode::Columns, "c"),
            (Mode::Distributions, "d"),
            (Mode::Failures, "f"),
            (Mode::Baseline, "m m"),
            (Mode::Listeners, "L"),
            (Mode::FileName, "e"),
            (Mode::Copied, "y"),
        ] {
            let mut app = unused(1000, size);
            for at in 1..4 {
                app.batch(busy(at, 50, 50));
            }
            if !there.is_empty() {
                press(&mut app, there);
            }
            assert_eq!(app.layers.mode(), mode);
            // also everything that can be scrolled to
            for _ in 0..20 {
                let mut buffer = terminal(&app, &DARK, size).backend().buffer().clone();
                Glyphs::Few.replace_missing(&mut buffer);
                for cell in buffer.content() {
                    let shown = cell.symbol();
                    assert!(
                        shown.is_ascii(),
                        "{mode:?}: {shown} needs a row of STAND_INS"
                    );
                }
                app.update(crate::ui::action::Action::Move(
                    crate::ui::action::Motion::PageDown,
                ));
            }
        }
    }
}
