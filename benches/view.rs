//! How long a key takes until its frame is drawn, with many sessions kept and more arriving: the budget is 16 ms for
//! 99 of 100 keys with a million kept. `cargo bench --bench view`

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;
use tcplife::capture::Capture;
use tcplife::collector::Batch;
use tcplife::session::{Comm, Direction, Evidence, Reason, Session, State};
use tcplife::ui::app::App;
use tcplife::ui::theme::DARK;
use tcplife::ui::{keys, view};

const SIZE: Size = Size {
    width: 120,
    height: 40,
};
const SECOND: u64 = 1_000_000_000;

/// A stream of numbers that look like chance and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ z >> 31
    }
}

fn session(numbers: &mut Numbers, cookie: u64, state: State) -> Session {
    let n = numbers.next();
    let comm = ["nginx", "curl", "postgres", "redis-server", "sshd-session"][(n % 5) as usize];
    let address = |n: u64| -> std::net::IpAddr {
        match n % 4 {
            0 => std::net::Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(n >> 40)).into(),
            _ => std::net::Ipv4Addr::from(0x0a00_0000 | (n >> 48) as u32).into(),
        }
    };
    Session {
        cookie,
        start_ns: cookie,
        established_ns: cookie + 1000,
        close_us: 0,
        end_ns: cookie + 1000 + n % SECOND,
        cgroup: std::sync::Arc::default(),
        tx_bytes: n % 1_000_003,
        rx_bytes: n % 1_000_033,
        retransmitted_bytes: 0,
        busy_us: 0,
        rwnd_limited_us: 0,
        sndbuf_limited_us: 0,
        unacked_bytes: 0,
        unread_bytes: 0,
        srtt_us: (n % 100_003) as u32,
        min_rtt_us: 20,
        retransmits: (n % 3) as u32,
        cwnd: 10,
        mss: 1448,
        pid: (n % 30_011) as u32,
        uid: 0,
        netns: 1,
        tx_rate: 0.0,
        rx_rate: 0.0,
        lport: (n >> 16) as u16,
        rport: [443, 80, 22, 5432][(n >> 8) as usize % 4],
        laddr: address(n),
        raddr: address(n),
        comm: Comm::from(comm),
        state,
        state_before_close: State::FinWait2,
        reason: if state == State::Closed {
            Reason::ALL[1 + (n % 6) as usize]
        } else {
            Reason::Open
        },
        owner: Evidence::Read,
        direction: Direction::In,
        age_is_lower_bound: false,
    }
}

fn batch(numbers: &mut Numbers, at: u64, closed: u64, open: u64) -> Batch {
    Batch {
        taken_ns: at * SECOND,
        open: Some(
            (0..open)
                .map(|c| session(numbers, 1 << 40 | c, State::Established))
                .collect(),
        ),
        closed: (0..closed)
            .map(|c| session(numbers, at << 30 | c, State::Closed))
            .collect(),
        ..Batch::default()
    }
}

/// A key and the frame that follows it.
fn press(app: &mut App, terminal: &mut Terminal<TestBackend>, event: KeyEvent) -> Duration {
    let start = Instant::now();
    match (app.keymap.lookup(app.mode, event), keys::text(event)) {
        (Some(action), _) => drop(app.update(action)),
        (None, Some(c)) => app.text(&c.to_string()),
        (None, None) => {}
    }
    terminal
        .draw(|frame| view::draw(app, &DARK, frame))
        .expect("a frame");
    start.elapsed()
}

fn main() {
    println!(
        "key to frame, {}x{}, 20,000 sessions arriving between keys",
        SIZE.width, SIZE.height
    );
    println!(
        "{:>9} {:>6} {:>28} {:>9} {:>9} {:>9} {:>9}",
        "kept", "open", "keys", "p50 ms", "p99 ms", "worst ms", "whole ms"
    );
    for (kept, open) in [(10_000, 100), (100_000, 1_000), (1_000_000, 10_000)] {
        for (what, script) in [
            ("filter, key by key", "/port 443 and rtt > 1ms\n"),
            ("word, key by key", "/nginx\n"),
            ("sort", "ssssssss"),
            ("sort, inverted", "IIIIII"),
            ("families", "446644"),
            ("scroll", "GGgGjkGg"),
            ("charts", "d4466jkd"),
            ("failures", "f4466jkf"),
            ("since the mark", "mmjkjkMx"),
        ] {
            run(kept, open, what, script);
        }
    }
}

fn run(kept: u64, open: u64, what: &str, script: &str) {
    let mut numbers = Numbers(1);
    let mut app = App::new("bench".into(), Capture::default(), kept as usize, SIZE);
    let mut terminal =
        Terminal::new(TestBackend::new(SIZE.width, SIZE.height)).expect("a terminal");
    app.batch(batch(&mut numbers, 1, kept, open));
    while app.is_working() {
        app.work();
    }
    let (mut times, mut whole) = (Vec::new(), Vec::new());
    for round in 0..15 {
        for (i, c) in script.chars().enumerate() {
            let code = if c == '\n' {
                KeyCode::Esc
            } else {
                KeyCode::Char(c)
            };
            app.batch(batch(
                &mut numbers,
                2 + round * 100 + i as u64,
                20_000.min(kept),
                open,
            ));
            times.push(press(
                &mut app,
                &mut terminal,
                KeyEvent::new(code, KeyModifiers::NONE),
            ));
            let start = Instant::now();
            while app.is_working() {
                app.work();
            }
            whole.push(start.elapsed());
        }
    }
    times.sort_unstable();
    whole.sort_unstable();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "{kept:>9} {open:>6} {what:>28} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
        ms(times[times.len() / 2]),
        ms(times[times.len() * 99 / 100]),
        ms(times[times.len() - 1]),
        ms(whole[whole.len() - 1])
    );
}
