//! Turns: how often the peer answered, and how long each end took.
//!
//! The truth is the time at which the kernel sent the last byte of a request (SO_TIMESTAMPING), and the times around
//! the calls that send and read: on a prompt reader's side a packet cannot have arrived later than the call that
//! returned it, and nowhere before the call that sent it.

use std::time::Duration;

use super::shared_parts::{HERE, delayed, is_reset};
use crate::generator::{Cx, End, Flag, Net};
use crate::link::Quality;
use crate::sys::{self, SendTimes, SharedTimes, TcpInfo};

/// A conversation: one end asks, the other answers.
#[derive(Clone, Copy)]
struct Plan<'a> {
    request: usize,
    answer: usize,
    /// Time until each answer, ms.
    delays_ms: &'a [u64],
    /// Time after each request until the answer is read, ms.
    late_ms: u64,
    /// Pause before each further piece of 1 MB, ms.
    pause_ms: u64,
    /// Time that a packet takes, ms.
    transit_ms: u64,
    /// Time between an answer and the next request, ms.
    think_ms: u64,
}

const PLAN: Plan<'_> = Plan {
    request: 100,
    answer: 100,
    delays_ms: &[],
    late_ms: 0,
    pause_ms: 0,
    transit_ms: 0,
    think_ms: 0,
};

/// Bounds of a mean, ns.
#[derive(Default)]
struct Bounds {
    low: u64,
    high: u64,
    least: u64,
    longest: [u64; 2],
    count: u64,
    /// A turn may have no time, because its reader was late.
    may_lack_some: bool,
}

impl Bounds {
    fn add(&mut self, low: u64, high: u64) {
        self.low += low.min(high);
        self.high += high;
        let [a, b] = self.longest;
        self.longest = [a.max(low.min(high)), b.max(high)];
        self.least = match self.count {
            0 => low.min(high),
            _ => self.least.min(low),
        };
        self.count += 1;
    }

    /// With 1 ms or 5 % to spare, µs.
    fn widened([low, high]: [u64; 2]) -> [u64; 2] {
        let (low, high) = (low / 1000, high / 1000);
        let spare = |us: u64| (us / 20).max(1000);
        [low.saturating_sub(spare(low)).max(1), high + spare(high)]
    }

    fn want(&self, end: &mut End, [mean, max]: [&'static str; 2], may_be_null: bool) {
        if self.count == 0 {
            end.want(mean, ());
            end.want(max, ());
            return;
        }
        let mut means = [self.low / self.count, self.high / self.count];
        let mut longest = self.longest;
        if self.may_lack_some {
            means = [self.least, longest[1]];
            longest[0] = self.least;
        }
        for (key, bounds) in [(mean, means), (max, longest)] {
            let [low, high] = Bounds::widened(bounds);
            match may_be_null {
                true => end.want_between_or_null(key, low, high),
                false => end.want_between(key, low, high),
            }
        }
    }
}

const PEER: [&str; 2] = ["resp_mean_us", "resp_max_us"];
const OURS: [&str; 2] = ["ourresp_mean_us", "ourresp_max_us"];

fn sleep_ms(ms: u64) {
    if ms > 0 {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

/// Times of one turn that the other process needs to know, by index.
const ASKED: usize = 0;
const ANSWERED: usize = 1;
const ANSWER_SENT: usize = 2;
const OF_A_TURN: usize = 3;

/// The end that asks.
fn ask(end: &mut End, plan: Plan<'_>, times: SharedTimes, is_answered: Flag) {
    let transit = plan.transit_ms * 1_000_000;
    let mut stamps = SendTimes::of(end.fd());
    let (mut peer, mut ours) = (Bounds::default(), Bounds::default());
    peer.may_lack_some = plan.answer > 100_000;
    let mut before = None;
    for turn in 0..plan.delays_ms.len() {
        sleep_ms(plan.think_ms);
        let retransmits = TcpInfo::of(end.fd()).total_retrans();
        let asks = sys::now();
        end.write(plan.request);
        let sent = stamps.of_last_byte(end.fd(), plan.request);
        times.set(turn * OF_A_TURN + ASKED, sent);
        sleep_ms(plan.late_ms);
        end.read(1);
        let read = sys::now();
        let mut left = plan.answer - 1;
        while left > 0 {
            sleep_ms(if plan.answer - 1 == left {
                0
            } else {
                plan.pause_ms
            });
            let some = left.min(1_000_000);
            end.read(some);
            left -= some;
        }
        is_answered.wait_for(turn as u32 + 1);
        let answered = times.get(turn * OF_A_TURN + ANSWERED) + transit;
        let arrived = match plan.late_ms {
            0 => read,
            // a jiffy of at most 10 ms
            _ => times.get(turn * OF_A_TURN + ANSWER_SENT) + 10_000_000,
        };
        if turn == 0 {
            let [from, to] = end.begun;
            let [low, high] = Bounds::widened([answered - to, read - from]);
            end.want_between("first_data_us", low, high);
        }
        // a request that was sent several times has no response time
        if TcpInfo::of(end.fd()).total_retrans() == retransmits {
            peer.add(answered.saturating_sub(sent), arrived - sent);
        }
        if let Some((earliest, latest)) = before {
            ours.add(asks.saturating_sub(latest), sent - earliest);
        }
        before = Some((answered, sys::now()));
    }
    end.want("turns", plan.delays_ms.len());
    peer.want(end, PEER, false);
    let is_late = plan.late_ms > 0 || plan.pause_ms > 0;
    ours.want(end, OURS, plan.request > 14_000 || is_late);
}

/// The end that answers.
fn answer(end: &mut End, plan: Plan<'_>, times: SharedTimes, is_answered: Flag) {
    let transit = plan.transit_ms * 1_000_000;
    let mut calls = Vec::new();
    for (turn, delay) in plan.delays_ms.iter().enumerate() {
        end.read(plan.request);
        let read = sys::now();
        sleep_ms(*delay);
        let answers = sys::now();
        times.set(turn * OF_A_TURN + ANSWERED, answers);
        end.write(plan.answer);
        let sent = sys::now();
        times.set(turn * OF_A_TURN + ANSWER_SENT, sent);
        is_answered.raise();
        calls.push((read, answers, sent));
    }
    end.acknowledged();
    let (mut ours, mut peer) = (Bounds::default(), Bounds::default());
    let mut before: Option<[u64; 2]> = None;
    for (turn, (read, answers, sent)) in calls.into_iter().enumerate() {
        let asked = times.get(turn * OF_A_TURN + ASKED) + transit;
        ours.add(answers - read, sent.saturating_sub(asked));
        if let Some([answered, was_sent]) = before {
            peer.add(asked.saturating_sub(was_sent), read - answered);
        }
        before = Some([answers, sent]);
    }
    end.want("turns", plan.delays_ms.len() - 1);
    // a program that sees the first write may rest, and then only what fits one flight is timed
    let may_be_null = plan.answer > 14_000 || plan.transit_ms > 0;
    ours.may_lack_some = may_be_null;
    ours.want(end, OURS, may_be_null);
    // a larger one is not sent when the call returns
    if plan.answer < 14_000 && plan.transit_ms == 0 {
        peer.want(end, PEER, plan.request > 14_000);
    }
}

/// The connecting end asks.
fn converse(cx: &Cx, net: &Net, plan: Plan<'_>) {
    let times = SharedTimes::new();
    let (is_answered, is_done) = (Flag::new(), Flag::new());
    cx.two(
        net,
        |mut s| {
            answer(&mut s, plan, times, is_answered);
            is_done.raise();
            is_reset(s);
        },
        |mut c| {
            ask(&mut c, plan, times, is_answered);
            is_done.wait_for(1);
            c.reset("local-reset");
        },
    );
}

pub(super) fn delays(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[0, 1, 10, 200, 1000],
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn keep_alive(cx: &Cx) {
    let plan = Plan {
        request: 1,
        answer: 1,
        delays_ms: &[0; 1000],
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

/// The same delay each time: on a busy machine a turn may have no time, because its reader was late.
pub(super) fn large_request(cx: &Cx) {
    let plan = Plan {
        request: 1_000_000,
        answer: 1,
        delays_ms: &[10; 3],
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn large_answer(cx: &Cx) {
    let plan = Plan {
        request: 1,
        answer: 10_000_000,
        delays_ms: &[200; 3],
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn large_both(cx: &Cx) {
    let plan = Plan {
        request: 1_000_000,
        answer: 10_000_000,
        delays_ms: &[50; 3],
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn late_reader(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[10, 150, 10],
        late_ms: 30,
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

/// By then, the kernel has acknowledged the answer, and its clock of the socket tells that time.
pub(super) fn very_late_reader(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[150, 200, 250],
        late_ms: 500,
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn slow_reader(cx: &Cx) {
    let plan = Plan {
        answer: 10_000_000,
        delays_ms: &[50; 2],
        pause_ms: 30,
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn slow_client(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[1, 1, 1],
        think_ms: 100,
        ..PLAN
    };
    converse(cx, &cx.loopback(), plan);
}

pub(super) fn over_a_link(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[0, 10, 200],
        transit_ms: 10,
        ..PLAN
    };
    converse(cx, &cx.link(delayed(10)), plan);
}

pub(super) fn large_answer_over_a_link(cx: &Cx) {
    let plan = Plan {
        request: 30_000,
        answer: 1_000_000,
        delays_ms: &[50; 3],
        transit_ms: 5,
        ..PLAN
    };
    converse(cx, &cx.link(delayed(5)), plan);
}

/// Every third packet with data is lost.
pub(super) fn lost_requests(cx: &Cx) {
    let plan = Plan {
        delays_ms: &[20; 6],
        transit_ms: 2,
        ..PLAN
    };
    let net = cx.link(Quality {
        lose_every: Some(3),
        ..delayed(2)
    });
    converse(cx, &net, plan);
}

/// The connecting end answers, over a link that loses packets from it.
pub(super) fn lost_answers(cx: &Cx) {
    let plan = Plan {
        answer: 1_000_000,
        delays_ms: &[50; 3],
        transit_ms: 1,
        ..PLAN
    };
    let net = cx.link(Quality {
        lose_every: Some(97),
        delay: Duration::from_millis(1),
        ..HERE
    });
    let times = SharedTimes::new();
    let (is_answered, is_done) = (Flag::new(), Flag::new());
    cx.two(
        &net,
        |mut s| {
            ask(&mut s, plan, times, is_answered);
            s.any("first_data_us");
            is_done.wait_for(1);
            s.reset("local-reset");
        },
        |mut c| {
            answer(&mut c, plan, times, is_answered);
            is_done.raise();
            is_reset(c);
        },
    );
}

/// The client says that it has asked everything, and reads the answer after the server has closed.
pub(super) fn half_closed(cx: &Cx) {
    let times = SharedTimes::new();
    let is_closed = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(100);
            let read = sys::now();
            s.read_to_end();
            sleep_ms(50);
            let answers = sys::now();
            times.set(ANSWERED, answers);
            s.write(1000);
            s.want("turns", 0);
            let longest = sys::now() - times.get(ASKED);
            let [low, high] = Bounds::widened([answers - read, longest]);
            s.want_between("ourresp_mean_us", low, high);
            s.close("remote-fin");
            is_closed.raise();
        },
        |mut c| {
            let mut stamps = SendTimes::of(c.fd());
            c.write(100);
            let sent = stamps.of_last_byte(c.fd(), 100);
            times.set(ASKED, sent);
            // a FIN is a transmission, too
            let [_, closed] = c.shutdown_write();
            c.read(1000);
            let read = sys::now();
            c.want("turns", 1);
            let [low, high] = Bounds::widened([times.get(ANSWERED) - closed, read - sent]);
            c.want_between("resp_mean_us", low, high);
            is_closed.wait_for(1);
            c.close_over("local-fin");
        },
    );
}

/// Nobody answers.
pub(super) fn one_way(cx: &Cx) {
    let has_read = Flag::new();
    cx.two(
        &cx.loopback(),
        |mut s| {
            s.read(3_000_000);
            has_read.raise();
            for key in [PEER, OURS].concat() {
                s.want(key, ());
            }
            s.want("turns", 0);
            is_reset(s);
        },
        |mut c| {
            c.write(3_000_000);
            has_read.wait_for(1);
            c.acknowledged();
            for key in [PEER, OURS].concat() {
                c.want(key, ());
            }
            c.want("turns", 0);
            c.want("first_data_us", ());
            c.reset("local-reset");
        },
    );
}
