//! The detail page of one session, section by section.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::host::process_info::{Presence, ProcessInfo, Program};
use crate::model::bottleneck::{Bottleneck, TimeSpent, Verdict, verdict};
use crate::model::cgroup::ContainerNames;
use crate::model::fields;
use crate::model::fields::{FIELDS, Field, FieldKind, Value};
use crate::model::host_state::HostState;
use crate::model::packet_drop::{DropClass, PacketDrops};
use crate::model::session::{Age, Comm, Direction, Evidence, Reason, Session, State, WaitsFor};
use crate::model::session_verdict::{LEAST_WATCHED_NS, response_shares, rtt_growth, sentence};
use crate::model::shell_commands::shell_commands;
use crate::model::slow_signs::{SlowSigns, retransmits_by_cause};
use crate::model::store::Store;
use crate::model::turns::ResponseTimes;
use crate::text::wrap::words;
use crate::ui::action::{Action, Mode};
use crate::ui::keys::Keymap;
use crate::ui::layout::charts::{TimeAxis, bars_up_to, value_axis};
use crate::ui::state::detail::Detail;
use crate::ui::state::names::Names;
use crate::ui::state::other_end::OtherEnd;
use crate::ui::state::session_history::ChartHistory;

/// Emphasis of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// A primary figure.
    Figure,
    /// Worth attention.
    Warning,
}

/// A line of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetailLine {
    /// Owner and both ends.
    Title(String),
    /// A sentence on what is going on.
    Verdict(String, Tone),
    /// Heading of a section.
    Heading(String),
    /// A name and its text; an empty name continues the previous line.
    Entry(String, String, Tone),
    /// A line of a chart: its axis on the left, and the chart.
    Chart(String, String),
    /// A command to copy: starts at the edge, with nothing around it.
    Command(String),
}

/// Width of a name, including its margins.
pub const NAME: usize = 16;
/// Minimum height for higher charts, and for each phase on a line of its own.
const HIGH: u16 = 30;
/// Minimum height for charts of several lines.
const MEDIUM: u16 = 18;
/// Minimum height and width for charts.
const LOW: u16 = 12;
const LEAST_CELLS: usize = 10;
/// Seconds that the charts show at most: fewer for each cell than a history has, as it begins with the page.
const LONGEST_S: u64 = 240;

/// All lines, for a screen of this size.
pub fn lines(
    detail: &Detail,
    store: &Store,
    host: &HostState,
    keymap: &Keymap,
    names: &Names,
    area: Rect,
) -> Vec<DetailLine> {
    let session = &detail.session;
    let mut page = Page {
        lines: Vec::new(),
        width: area.width.into(),
    };
    title(&mut page, detail, names);
    verdict_line(&mut page, detail);
    drops(&mut page, session, host.drops().unwrap_or_default());
    rates(&mut page, detail);
    charts(&mut page, detail, names, area.height);
    let high = area.height >= HIGH;
    if high {
        page.heading("PHASES");
    }
    phases(&mut page, session, high);
    let period = counted(session);
    page.heading(&format!("PATH, retransmits {period}"));
    path(&mut page, session, high);
    if high {
        page.heading(&format!("ANSWERS, {period}"));
        answers(&mut page, session);
    }
    page.heading("BOTTLENECK");
    page.entry("limited by", &limits(detail), Tone::Figure);
    if !high {
        page.heading(&format!("ANSWERS, {period}"));
        answers(&mut page, session);
    }
    page.heading("OWNER");
    owner(&mut page, detail);
    page.heading("OTHER END");
    other_end(&mut page, detail, store, keymap);
    let key = |action| keymap.of(Mode::Detail, action);
    let (first, second) = (key(Action::Copy), key(Action::CopyOther));
    page.heading(&format!(
        "COMMANDS: {first} copies the first, {second} the second"
    ));
    for command in shell_commands(session, detail.inside()) {
        page.command(&command);
    }
    page.heading("ALL FIELDS");
    for field in FIELDS {
        if let Some(value) = exact(field, session, names) {
            page.figure(field.word, &value, field.help);
        }
    }
    page.lines
}

fn title(page: &mut Page, detail: &Detail, names: &Names) {
    let session = &detail.session;
    let (ours, theirs) = session.end_texts();
    let (arrow, how) = match session.direction {
        Direction::Out => ("→", "opened by us"),
        Direction::In => ("←", "opened by the peer"),
        Direction::Unknown => ("↔", "direction not known"),
    };
    let age = cell("duration", session);
    let when = match session.is_open() {
        true => String::new(),
        false => format!("  ended {}", names.times.text(session.end_ns)),
    };
    page.title(&format!(
        "{}  {}  {age}{when}",
        who(session),
        session.status_word()
    ));
    page.title(&format!("{ours} {arrow} {theirs}  {how}"));
    if let Some((ours, theirs)) = names.ends(session) {
        page.title(&format!("{ours} {arrow} {theirs}"));
    }
}

/// The verdict: one sentence on what is going on.
fn verdict_line(page: &mut Page, detail: &Detail) {
    if let Some((text, rule)) = sentence(&detail.watched()) {
        let tone = match rule.is_trouble {
            true => Tone::Warning,
            false => Tone::Figure,
        };
        let lines = words(&text, page.width);
        let lines = lines
            .into_iter()
            .map(|line| DetailLine::Verdict(line, tone));
        page.lines.extend(lines);
    }
}

/// Packets of the session that this host has dropped, unless that is ordinary.
fn drops(page: &mut Page, session: &Session, drops: &[PacketDrops]) {
    for drops in drops {
        let sentence = if drops.is_of(session) {
            drops.sentence()
        } else if drops.is_at_other_end(session) {
            format!("At the other end, on this host, {}", drops.outcome())
        } else {
            continue;
        };
        if drops.class() != DropClass::Ordinary {
            let lines = words(&sentence, page.width).into_iter();
            page.lines
                .extend(lines.map(|line| DetailLine::Verdict(line, Tone::Warning)));
        }
    }
}

fn per_second(rate: f32) -> String {
    fields::byte_rate(rate.round() as u64)
}

/// Rates over several times side by side, as many as fit.
fn rates(page: &mut Page, detail: &Detail) {
    /// Minimum width of a column, including its margin.
    const COLUMN: usize = 11;
    let (session, history) = (&detail.session, &detail.history);
    let or_none = |rate: Option<f32>| rate.map_or("-".into(), per_second);
    let ends = [
        (&history.tx, session.tx_bytes),
        (&history.rx, session.rx_bytes),
    ];
    let mut columns: Vec<(&str, [String; 2])> = Vec::new();
    if session.is_open() {
        for (title, seconds) in [("2s", 2), ("10s", 10), ("60s", 60)] {
            let text = |(rate, is_whole)| match is_whole {
                true => per_second(rate),
                false => format!("~{}", per_second(rate)),
            };
            columns.push((title, detail.mean_rates(seconds).map(text)));
        }
    } else {
        let seconds = session.duration_ns().max(1) as f32 / 1e9;
        let mean = |bytes: u64| per_second(bytes as f32 / seconds);
        columns.push(("its life", ends.map(|(_, bytes)| mean(bytes))));
    }
    let most = ends.map(|(course, _)| course.max);
    // the page of a closed session has watched nothing
    if session.is_open() || most != [None; 2] {
        columns.push(("max on this page", most.map(or_none)));
    }
    let total = ends.map(|(_, bytes)| fields::size(bytes));
    columns.push(("life total", total));
    let mut heading = format!("{:<NAME$}", "RATES, mean over");
    let mut texts = [String::new(), String::new()];
    for (title, cells) in columns {
        let width = COLUMN.max(title.len() + 2);
        if heading.len() + width > page.width {
            break;
        }
        heading += &format!("{title:>width$}");
        for (text, cell) in texts.iter_mut().zip(cells) {
            *text += &format!("{cell:>width$}");
        }
    }
    page.heading(&heading);
    for (name, text) in ["out", "in"].into_iter().zip(texts) {
        let line = DetailLine::Entry(name.to_owned(), text, Tone::Figure);
        page.lines.push(line);
    }
}

/// Charts of both directions, of the round-trip time and of the congestion window, and a line of signs of what makes it
/// slow, above one time axis.
fn charts(page: &mut Page, detail: &Detail, names: &Names, height: u16) {
    type Text = fn(f32) -> String;
    let history = &detail.history;
    let cells = page.width.saturating_sub(NAME);
    let end = match detail.session.is_open() {
        true => names.times.now_text(),
        false => "closed".into(),
    };
    let axis = TimeAxis::new(history.since_ns, history.now_ns, cells, 0..=LONGEST_S);
    let is_watched = detail.session.is_open() || axis.has_data();
    if cells < LEAST_CELLS || height < LOW || !is_watched {
        return;
    }
    let lines = match height {
        HIGH.. => [3, 3, 2, 2],
        MEDIUM.. => [2, 2, 1, 1],
        _ => [1, 1, 1, 1],
    };
    let series: [(&str, &ChartHistory, Text); 4] = [
        ("  out", &history.tx.history, per_second),
        ("  in", &history.rx.history, per_second),
        ("  rtt", &history.rtt, |ns| {
            fields::micros((ns / 1000.0).round() as u64)
        }),
        ("  cwnd", &history.cwnd, |thousandths| {
            format!("{:.0}", thousandths / 1000.0)
        }),
    ];
    for ((name, history, text), lines) in series.into_iter().zip(lines) {
        let values = axis.values(history);
        let most = axis.greatest(history);
        if matches!(name, "  rtt" | "  cwnd") && most == 0.0 {
            continue;
        }
        let top = match axis.has_data() {
            true => text(most),
            false => "-".into(),
        };
        let left = value_axis(name, &top, lines, NAME);
        let chart = left.into_iter().zip(bars_up_to(most, &values, lines));
        page.lines
            .extend(chart.map(|(left, bars)| DetailLine::Chart(left, bars)));
    }
    let signs = axis.sums(&history.signs);
    let is_any = signs.iter().any(|signs| *signs != SlowSigns::default());
    if is_any {
        let left = format!("{:<1$}│", "  signs", NAME - 1);
        let marks = signs.iter().map(sign_mark).collect();
        page.lines.push(DetailLine::Chart(left, marks));
    }
    let corner = format!("{:>NAME$}", "└");
    let line = axis.line("page opened", &end);
    page.lines.push(DetailLine::Chart(corner, line));
    if is_any {
        let shown = SIGNS
            .iter()
            .filter(|sign| signs.iter().any(|s| (sign.count)(s) > 0));
        let texts: Vec<String> = shown.map(|s| format!("{} {}", s.mark, s.text)).collect();
        page.entry("", &texts.join(", "), Tone::Plain);
    }
}

/// A mark in the line of signs.
struct Sign {
    mark: char,
    text: &'static str,
    count: fn(&SlowSigns) -> u16,
}

/// The marks, the gravest first: a cell shows one of them.
static SIGNS: [Sign; 5] = [
    Sign {
        mark: 'R',
        text: "retransmit after timeout",
        count: |signs| signs.timeouts,
    },
    Sign {
        mark: '0',
        text: "peer's window 0",
        count: |signs| signs.peer_window_s,
    },
    Sign {
        mark: 'o',
        text: "our window 0",
        count: |signs| signs.our_window_s,
    },
    Sign {
        mark: 'r',
        text: "fast retransmit",
        count: |signs| signs.fast,
    },
    Sign {
        mark: 'p',
        text: "tail loss probe",
        count: |signs| signs.probes,
    },
];

fn sign_mark(signs: &SlowSigns) -> char {
    let mut gravest = SIGNS.iter().filter(|sign| (sign.count)(signs) > 0);
    gravest.next().map_or(' ', |sign| sign.mark)
}

/// Phases of the session, each on a line of its own where there is room.
fn phases(page: &mut Page, session: &Session, high: bool) {
    let connect = match session.connect_us() {
        Some(us) => format!("{}, from our SYN to its answer", fields::micros(us)),
        None if session.age == Age::LowerBound => "before tcplife started".into(),
        None if session.direction == Direction::In => "begun by the peer".into(),
        None if session.age == Age::Unknown => "not known".into(),
        None => format!("{}, never established", cell("duration", session)),
    };
    let whole = session.duration_ns();
    let is_unknown = session.age == Age::Unknown;
    let transfer = if is_unknown {
        "not known".into()
    } else if !was_established(session) {
        "none".into()
    } else {
        let ns = whole.saturating_sub(u64::from(session.close_us) * 1000);
        let bound = if session.age == Age::LowerBound {
            "≥"
        } else {
            ""
        };
        format!("{bound}{}", fields::micros(ns / 1000))
    };
    let close = match u64::from(session.close_us) {
        0 if session.is_open() && session.state == State::Established => "not yet".into(),
        0 if session.is_open() && session.age != Age::Exact => {
            "began before tcplife started".into()
        }
        0 if session.is_open() => "not yet".into(),
        0 if session.age != Age::Exact => {
            "not seen: the FIN, if any, came before tcplife started".into()
        }
        0 => "without a FIN".into(),
        us if session.is_open() => format!("{} so far", fields::micros(us)),
        us => fields::micros(us),
    };
    let parts = [
        ("connect", connect),
        ("transfer", transfer),
        ("close", close),
    ];
    if high {
        for (name, text) in parts {
            page.entry(name, &text, Tone::Plain);
        }
    } else {
        let texts = parts.map(|(name, text)| format!("{name} {text}"));
        page.entry("phases", &texts.join("; "), Tone::Plain);
    }
}

/// False if the handshake was never completed.
fn was_established(session: &Session) -> bool {
    let has_no_time = session.established_ns == 0 && session.age == Age::Exact;
    !has_no_time && session.state_before_close != State::SynSent
}

/// The time that turns and retransmits are counted over: nobody counted them before the start.
fn counted(session: &Session) -> &'static str {
    match session.age {
        Age::Exact => "in its whole life",
        Age::LowerBound | Age::Unknown => "since tcplife started",
    }
}

fn path(page: &mut Page, session: &Session, high: bool) {
    let (now, best) = (session.srtt_us, session.min_rtt_us);
    let text = match (now, best) {
        (0, _) => "not measured".into(),
        (_, 0) => fields::micros(now.into()),
        _ => {
            let when = if session.is_open() { "now" } else { "last" };
            let mut text = format!(
                "{} {when}, {} min",
                fields::micros(now.into()),
                fields::micros(best.into())
            );
            if let Some(times) = rtt_growth(session) {
                text += &format!(": {times} times the minimum, queues or a busy peer");
            }
            text
        }
    };
    page.entry("round trip", &text, Tone::Plain);
    if was_established(session) {
        let window = u64::from(session.cwnd) * u64::from(session.mss);
        let mut text = format!(
            "{} of {} bytes",
            fields::number(session.cwnd.into(), "segment"),
            session.mss
        );
        if let Some(per_second) = (window * 1_000_000).checked_div(u64::from(now)) {
            text += &format!(": {}/s at this RTT", fields::size(per_second));
        }
        page.entry("window", &text, Tone::Plain);
    }
    let (text, tone) = match session.retransmits {
        0 => ("none".into(), Tone::Plain),
        _ => (retransmits(session), Tone::Warning),
    };
    page.entry("retransmits", &text, tone);
    let data_waits = session.unacked_bytes > 0 || session.unread_bytes > 0;
    // where there is no room for both
    if !high && !data_waits {
        page.entry("answers", &briefly(session), Tone::Plain);
        return;
    }
    let text = format!(
        "{} not acknowledged, {} not read by the application",
        fields::size(session.unacked_bytes.into()),
        fields::size(session.unread_bytes.into())
    );
    page.entry("waiting", &text, Tone::Plain);
}

/// How long each end takes to answer, and which one the other waits for, in one line.
fn briefly(session: &Session) -> String {
    let times = [("peer", session.turns.peer), ("we", session.turns.ours)];
    let means = times.iter().filter_map(|(who, times)| {
        let mean = fields::micros(times.mean_us()?);
        Some(format!("{who} after {mean}"))
    });
    let mut parts: Vec<String> = means.collect();
    match parts.last_mut() {
        Some(last) => *last += &format!(" on average, {}", counted(session)),
        None => parts.push("none is known".into()),
    }
    let time = fields::micros(session.waiting_us.into());
    match session.waits_for {
        WaitsFor::Peer => parts.push(format!("waiting for the peer for {time}")),
        WaitsFor::Us => parts.push(format!("the peer waits for us for {time}")),
        WaitsFor::Nobody => {}
    }
    parts.join("; ")
}

/// How long each end takes to answer, and which one the other waits for.
fn answers(page: &mut Page, session: &Session) {
    let turns = &session.turns;
    if session.age == Age::Unknown {
        page.entry("turns", "not known", Tone::Plain);
        return;
    }
    let (theirs, ours) = match session.is_client() {
        true => ("peer answers", "we ask"),
        false => ("peer asks", "we answer"),
    };
    let text = |times: ResponseTimes| {
        let mean = times.mean_us()?;
        let (max, last) = (times.max_us()?, times.last_us()?);
        let [mean, max, last] = [mean, max, last].map(fields::micros);
        Some(format!("after {mean} mean, {max} max, {last} last"))
    };
    let or_none = |times| text(times).unwrap_or_else(|| "not known".into());
    if turns.count == 0 && turns.ours == ResponseTimes::default() {
        let text = match session.unread_bytes {
            0 => "none: nothing was answered".to_owned(),
            n => {
                let unread = fields::size(n.into());
                format!("none: an answer counts once it is read, and {unread} wait for that")
            }
        };
        page.entry("turns", &text, Tone::Plain);
    } else {
        let mut peer = or_none(turns.peer);
        peer += &format!("; {}", fields::number(turns.count.into(), "turn"));
        page.entry(theirs, &peer, Tone::Plain);
        page.entry(ours, &or_none(turns.ours), Tone::Plain);
    }
    if turns.first_data_us > 0 {
        let us = fields::micros(turns.first_data_us.into());
        let text = format!("read {us} after the handshake");
        page.entry("first data", &text, Tone::Plain);
    }
    if session.is_open() {
        let time = fields::micros(session.waiting_us.into());
        let text = match session.waits_for {
            WaitsFor::Peer => format!("we have waited for the peer for {time}"),
            WaitsFor::Us => format!("the peer has waited for us for {time}"),
            WaitsFor::Nobody => "nobody waits for an answer".into(),
        };
        page.entry("now", &text, Tone::Plain);
    }
}

/// Retransmitted segments, their bytes, and their share of all bytes sent. SYNs and FINs have no bytes.
fn retransmits(session: &Session) -> String {
    let segments = fields::number(session.retransmits.into(), "segment");
    let bytes = session.retransmitted_bytes;
    let (timeouts, fast) = (session.retrans_timeout, session.retrans_fast);
    let causes = match retransmits_by_cause(timeouts, fast, session.retrans_probe) {
        Some(causes) => format!(": {causes}"),
        None => String::new(),
    };
    if bytes == 0 {
        return segments + &causes;
    }
    let part = bytes as f64 / (session.tx_bytes + bytes) as f64 * 100.0;
    let share = match part {
        0.005.. => format!("{part:.2}%"),
        _ => "less than 0.01%".into(),
    };
    let bytes = fields::size(bytes);
    format!("{segments}, {bytes}, {share} of the bytes sent{causes}")
}

/// The limits of the session in one sentence: lately, then over its whole life.
fn limits(detail: &Detail) -> String {
    let session = &detail.session;
    let is_unanswered = matches!(
        session.reason,
        Reason::Open | Reason::Cancelled | Reason::ConnectTimeout
    );
    if session.state_before_close == State::SynSent && is_unanswered {
        return "the missing answer to our SYN".into();
    }
    let whole = TimeSpent::of(session);
    let is_long = |ns: u64| ns >= LEAST_WATCHED_NS || !session.is_open();
    let lately = detail.recently().and_then(|(spent, ns)| {
        let which = if session.is_open() { "the" } else { "its" };
        let when = format!("in {which} last {}", fields::seconds(ns));
        let verdict = verdict(spent);
        let is_limit = matches!(verdict, Verdict::Parts(_));
        (is_long(ns) || !is_limit).then_some((when, verdict))
    });
    // how long a preexisting session was idle before the start is not known
    let overall = match session.age != Age::Exact {
        false => Some("overall"),
        true => whole.is_busy(session.duration_ns()).then_some("while busy"),
    };
    let overall = overall.map(|when| match verdict(whole) {
        Verdict::Parts(_) if session.age == Age::Exact && !is_long(session.duration_ns()) => {
            (when.to_owned(), Verdict::TooShort)
        }
        verdict => (when.to_owned(), verdict),
    });
    let is_recent = lately.is_some();
    if lately.is_none() && overall.is_none() {
        return match verdict(whole) {
            Verdict::Parts(_) => {
                "hardly anything: it was busy for less than a tenth of its time".into()
            }
            other => said(&other, ""),
        };
    }
    let mut verdicts: Vec<_> = lately.into_iter().chain(overall).collect();
    if verdicts.len() > 1 && verdicts[0].1 == verdicts[1].1 {
        verdicts.remove(0);
    }
    let texts = verdicts.iter().map(|(when, v)| match (when.as_str(), v) {
        ("overall", Verdict::Idle | Verdict::Receiving | Verdict::TooShort) => said(v, ""),
        (when, v) => said(v, &format!(" {when}")),
    });
    let sentence = texts.collect::<Vec<_>>().join("; ");
    // of the time that the first verdict is about
    let spent = match detail.recently() {
        Some((spent, _)) if is_recent => spent,
        _ => whole,
    };
    let shares = response_shares(session, spent);
    match &verdicts[..] {
        [(_, Verdict::Receiving), ..] => match shares {
            Some(shares) => format!("{sentence}. Of that time, {shares}"),
            None => format!("{sentence}. {}", limits_of_receiver(session)),
        },
        [(_, Verdict::Parts(parts)), ..] => match (parts.first(), shares) {
            // the kernel's word for both: neither end had anything to send
            (Some((Bottleneck::Application, _)), Some(shares)) => {
                format!(
                    "the turns of both ends, not the network: {}, {shares}",
                    verdicts[0].0
                )
            }
            (Some((limit, _)), _) => format!("{sentence}. {}", limit.help()),
            _ => sentence,
        },
        _ => sentence,
    }
}

/// The limits of a session that receives, at its receiving end: the kernel counts waiting times where data is sent.
fn limits_of_receiver(session: &Session) -> String {
    let sender = "only the sender's end knows its limit (OTHER END)";
    match session.unread_bytes {
        0 => format!("All of it was read here; {sender}"),
        n => {
            let unread = fields::size(n.into());
            format!("{unread} wait for our application to read. If it keeps up, {sender}")
        }
    }
}

/// Text of a verdict after the words "limited by", and the time that it is about.
fn said(verdict: &Verdict, when: &str) -> String {
    match verdict {
        Verdict::Idle => format!("nothing{when}: no data was sent or received"),
        Verdict::Receiving => format!("the sender{when}: this end almost only received"),
        Verdict::TooShort => format!("not known{when}: the time is too short to tell"),
        Verdict::Parts(parts) => {
            let notable = parts.iter().filter(|(_, part)| *part >= 0.005);
            let texts = notable.map(|(limit, part)| {
                let percent = (part * 100.0).round();
                format!("{} {percent}%", limit.name())
            });
            texts.collect::<Vec<_>>().join(", ") + when
        }
    }
}

fn owner(page: &mut Page, detail: &Detail) {
    let session = &detail.session;
    page.entry("process", &who(session), Tone::Figure);
    let how = format!("{}: {}", session.owner.name(), session.owner.help());
    page.entry("known by", &how, Tone::Plain);
    let ended = !session.is_open() || detail.vanished;
    match &detail.process {
        _ if session.pid == 0 => {}
        Some(p) if p.pid != session.pid => {}
        None => page.entry("", "looking it up …", Tone::Plain),
        Some(p) if p.presence == Presence::Gone => {
            page.entry("command", "the process has exited", Tone::Plain);
        }
        Some(p) if p.presence == Presence::NotRecorded => {
            page.entry("command", "not in the recording", Tone::Plain);
        }
        Some(p) if p.presence == Presence::Hidden => page.entry(
            "command",
            "not readable: the process runs, but /proc does not show it to this user (hidepid)",
            Tone::Plain,
        ),
        Some(p) if ended && p.started_ns > session.end_ns => page.entry(
            "command",
            "the process has exited; another one has its pid now",
            Tone::Plain,
        ),
        Some(p) => process(page, p),
    }
    if let [_, _, ..] = detail.holders[..] {
        let texts = detail.holders.iter();
        let texts: Vec<String> = texts.map(|(pid, comm)| holder(*pid, *comm)).collect();
        page.entry("held by", &texts.join(", "), Tone::Plain);
    }
    if let Some(field) = fields::by_word("cgroup") {
        page.entry("cgroup", &fields::cell(field, session), Tone::Plain);
    }
    if !session.cgroup.names.is_empty() {
        let text = container(&session.cgroup.names);
        page.entry("container", &text, Tone::Plain);
    }
}

/// The names of a container in one line.
fn container(names: &ContainerNames) -> String {
    let ContainerNames {
        container,
        pod,
        namespace,
    } = names;
    let named = |what: &str, name: &Option<String>| name.as_ref().map(|n| format!("{what}{n}"));
    let parts = [
        container.clone(),
        named("pod ", pod),
        named("namespace ", namespace),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn other_end(page: &mut Page, detail: &Detail, store: &Store, keymap: &Keymap) {
    let session = &detail.session;
    let (name, other) = match detail.other_end(store) {
        Some(OtherEnd::Session(other)) => ("here", other),
        Some(OtherEnd::Translated(other)) => ("translated", other),
        nobody => {
            let text = match nobody {
                None => "searching …",
                Some(OtherEnd::Itself) => "the socket is connected to itself",
                Some(OtherEnd::Ambiguous) => "not known: several sessions on this host match",
                _ if session.raddr.is_loopback() => {
                    "not known: it closed before tcplife started, or is translated on the way"
                }
                _ => "not known: on another host, or translated on the way",
            };
            return page.entry("", text, Tone::Plain);
        }
    };
    let text = format!(
        "{} shows it: {}, {}, tx {}, rx {}",
        keymap.of(Mode::Detail, Action::OtherEnd),
        who(other),
        other.status_word(),
        fields::size(other.tx_bytes),
        fields::size(other.rx_bytes)
    );
    page.entry(name, &text, Tone::Figure);
    if other.netns != session.netns {
        let text = format!("in network namespace {}", other.netns);
        page.entry("", &text, Tone::Plain);
    }
    let (ours, theirs) = other.end_texts();
    if name == "translated" {
        page.entry(
            "",
            &format!("its ends are {ours} and {theirs}"),
            Tone::Plain,
        );
    }
}

fn process(page: &mut Page, process: &ProcessInfo) {
    page.entry("command", &process.command, Tone::Plain);
    match &process.program {
        Program::Path(path) => page.entry("program", path, Tone::Plain),
        Program::Hidden => page.entry(
            "program",
            "not readable any more (? PRIVILEGES)",
            Tone::Plain,
        ),
        Program::None => {}
    }
    if let Some((uid, name)) = &process.user {
        let name = name.as_deref().unwrap_or("unknown");
        page.entry("user", &format!("{name} ({uid})"), Tone::Plain);
    }
    if let Some((open, limit)) = process.descriptors {
        let tone = match open.saturating_mul(10) >= limit.saturating_mul(9) {
            true => Tone::Warning,
            false => Tone::Plain,
        };
        page.entry("descriptors", &format!("{open} open of {limit}"), tone);
    }
    let parents: Vec<String> = process
        .parents
        .iter()
        .map(|(pid, name)| format!("{name} {pid}"))
        .collect();
    if !parents.is_empty() {
        page.entry("parents", &parents.join(" ← "), Tone::Plain);
    }
}

fn who(session: &Session) -> String {
    if session.owner == Evidence::None {
        "unknown owner".into()
    } else {
        holder(session.pid, session.comm)
    }
}

/// Name and id of a process; one without an id is in a PID namespace that /proc does not show.
fn holder(pid: u32, comm: Comm) -> String {
    match pid {
        0 => format!("{} (in another PID namespace)", comm.as_str()),
        _ => format!("{} {pid}", comm.as_str()),
    }
}

fn cell(word: &str, session: &Session) -> String {
    fields::by_word(word).map_or(String::new(), |f| fields::cell(f, session))
}

/// A figure with all its digits; `None`: it has no value.
pub fn exact(field: &Field, session: &Session, names: &Names) -> Option<String> {
    match ((field.get)(session), field.kind) {
        (Value::Missing, _) => None,
        (Value::Uint(n), FieldKind::Bytes | FieldKind::Rate) => Some(n.to_string()),
        (Value::Uint(us), FieldKind::Micros) if us >= 1000 => {
            let bound = fields::bound(field, session);
            let (s, us) = (us / 1_000_000, us % 1_000_000);
            Some(format!("{bound}{s}.{us:06}s"))
        }
        _ => Some(names.plain_cell(field, session)),
    }
}

struct Page {
    lines: Vec<DetailLine>,
    width: usize,
}

impl Page {
    fn title(&mut self, text: &str) {
        let lines = words(text, self.width);
        self.lines.extend(lines.into_iter().map(DetailLine::Title));
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(DetailLine::Heading(text.to_owned()));
    }

    fn entry(&mut self, name: &str, text: &str, tone: Tone) {
        let mut name = name.to_owned();
        for line in words(text, self.width.saturating_sub(NAME)) {
            let name = std::mem::take(&mut name);
            self.lines.push(DetailLine::Entry(name, line, tone));
        }
    }

    fn command(&mut self, text: &str) {
        let lines = words(text, self.width);
        self.lines
            .extend(lines.into_iter().map(DetailLine::Command));
    }

    fn figure(&mut self, word: &str, value: &str, help: &str) {
        const VALUE: usize = 16;
        let long = value.width() > VALUE || self.width < NAME + VALUE + 30;
        if long {
            self.entry(word, value, Tone::Plain);
        } else {
            self.entry(word, &format!("{value:<VALUE$} {help}"), Tone::Plain);
        }
    }
}
