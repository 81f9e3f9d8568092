//! Values of flags: their parsers, whose errors say what a flag takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::model::fields;
use crate::output::record::Retention;
use crate::text::moment::{Moment, moment};
use crate::text::units;
use crate::text::units::{SIZES, scaled};
use crate::ui::theme;
use crate::ui::theme::NamedTheme;

/// Size of the ring buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingSize {
    /// Bytes: a power of two and whole pages, as the kernel requires.
    pub bytes: u32,
    /// A notice if the size differs from the requested one.
    pub notice: Option<String>,
}

/// A recording to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineFlag {
    pub path: PathBuf,
    /// `None`: its end.
    pub at: Option<Moment>,
}

/// Parses a process id: PID_MAX_LIMIT is 2^22.
pub(super) fn pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|n| (1..=1 << 22).contains(n));
    pid.ok_or_else(|| "must be a process id from 1 to 4194304".into())
}

pub(super) fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|&n| n > 0);
    count.ok_or_else(|| "must be a whole number, 1 or more".into())
}

/// Parses a recording and a time in it. An @ that no time follows belongs to the name of a file.
pub(super) fn baseline(text: &str) -> Result<BaselineFlag, String> {
    let whole = || BaselineFlag {
        path: text.into(),
        at: None,
    };
    let Some((path, time)) = text.rsplit_once('@').filter(|(path, _)| !path.is_empty()) else {
        return Ok(whole());
    };
    match moment(time) {
        Ok(at) => Ok(BaselineFlag {
            path: path.into(),
            at: Some(at),
        }),
        Err(_) if Path::new(text).exists() => Ok(whole()),
        Err(wrong) => Err(format!("the time after @ {wrong}")),
    }
}

/// Parses a speed; infinite: as fast as possible.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(f64::INFINITY);
    }
    let times = text.trim_end_matches(['x', '×']).parse::<f64>().ok();
    let times = times.filter(|times| (0.01..=10_000.0).contains(times));
    times.ok_or_else(|| "must be a number from 0.01 to 10000, or max".into())
}

/// Parses what is kept of a recording.
pub(super) fn retention(text: &str) -> Result<Retention, String> {
    const LEAST: u64 = 1_000_000;
    let wrong = || "must be a time, a size of 1MB or more, or both, like 24h,1GB".to_owned();
    let mut kept = Retention::default();
    for part in text.split(',') {
        let is_first = match (units::duration(part), scaled(part, SIZES, None)) {
            (Ok(time), _) => kept.keep_time.replace(time).is_none(),
            (_, Ok(bytes @ LEAST..)) => kept.keep_bytes.replace(bytes).is_none(),
            _ => false,
        };
        if !is_first {
            return Err(wrong());
        }
    }
    Ok(kept)
}

pub(super) fn snapshots(text: &str) -> Result<Duration, String> {
    let time = units::duration(text)?;
    if time < Duration::from_millis(100) {
        return Err("must be 100ms or more".into());
    }
    Ok(time)
}

pub(super) fn keep(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "must be a whole number, 0 or more".into())
}

/// Parses the name of a theme.
pub(super) fn theme_parser() -> impl TypedValueParser<Value = &'static NamedTheme> {
    PossibleValuesParser::new(theme::names())
        .try_map(|name| theme::by_name(&name).ok_or("must be the name of a theme"))
}

/// Parses a size. The kernel takes powers of two of at least a page: other sizes are rounded up.
pub(super) fn ring_size(text: &str) -> Result<RingSize, String> {
    const MAX: u64 = 1 << 30;
    let wrong = |hint: String| format!("{hint}must be a size up to 1Gi, like 256Ki or 64Mi");
    let asked = match scaled(text, SIZES, Some(1)) {
        Ok(asked @ 1..=MAX) => asked,
        Ok(_) => return Err(wrong(String::new())),
        Err(why) => return Err(wrong(why.unit_hint())),
    };
    let page = rustix::param::page_size() as u64;
    let bytes = asked.next_power_of_two().max(page);
    let reason = match asked < page {
        true => "a page of memory",
        false => "a power of two",
    };
    let notice = || {
        let rounded = fields::binary_size(bytes);
        format!("--ring-size {text}: rounded up to {rounded}, {reason}")
    };
    Ok(RingSize {
        notice: (bytes != asked).then(notice),
        bytes: u32::try_from(bytes).map_err(|_| wrong(String::new()))?,
    })
}
