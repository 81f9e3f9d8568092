//! Saving the past, or a part of it.

use crate::model::black_box::{Frame, Player};
use crate::model::span::Span;
use crate::output::Limits;
use crate::output::black_box::{PastBatches, PastRecorder, Saver};
use crate::output::report::{Format, Origin, PastReport};
use crate::text::units::S;
use crate::ui::app::App;
use crate::ui::app::asked::LineError;
use crate::ui::state::export::TypedSpan;
use crate::ui::state::self_traffic::SelfTraffic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

impl App {
    /// The time that is to be saved, ns of boot time, both ends included; `None`: all that memory has. An error says what is possible.
    pub(in crate::ui::app) fn span_to_save(
        &self,
        typed: TypedSpan<'_>,
    ) -> Result<Option<(u64, u64)>, LineError> {
        if typed == TypedSpan::default() {
            // without anything in memory, all is read
            let kept = self.past.black_box.reach();
            return Ok(self.reach().filter(|_| kept.is_none()));
        }
        let place = |at: usize, text: &str| at..at + text.len();
        let end = |typed: Option<(usize, &str)>, default: u64| match typed {
            Some((at, text)) => self
                .time_to_go(text)
                .map_err(|(_, wrong)| (place(at, text), wrong)),
            None => Ok(default),
        };
        let (first_ns, last_ns) = self.reach().unwrap_or_default();
        let from_ns = end(typed.from, first_ns)?;
        let to_ns = end(typed.to, last_ns)?;
        // a time of day is the whole second
        let from_ns = match typed.from {
            Some((_, text)) if !text.trim_start().starts_with('-') => from_ns + 1 - S,
            _ => from_ns,
        };
        match typed.to.or(typed.from) {
            Some((at, text)) if from_ns > to_ns => {
                Err((place(at, text), "ends before it begins".into()))
            }
            _ => Ok(Some((from_ns, to_ns))),
        }
    }

    /// The batches of a time, and those before it that say what was open.
    fn batches_of(&self, span: Option<(u64, u64)>) -> Result<PastBatches, String> {
        let frames = match span {
            Some((from_ns, _)) if self.is_read(from_ns) => None,
            Some((from_ns, to_ns)) => {
                let mut frames = self.past.black_box.frames_to(from_ns, 0);
                frames.extend(self.past.black_box.frames_between(from_ns, u64::MAX));
                let is_early = |frame: &Arc<Frame>| frame.from_ns <= to_ns;
                Some(frames.into_iter().take_while(is_early).collect::<Vec<_>>())
            }
            None => Some(self.past.black_box.frames().cloned().collect()),
        };
        match (frames, span) {
            (None, Some((from_ns, to_ns))) => {
                let seekable = self.past.seekable.as_ref();
                let passage = seekable.map(|seekable| seekable.before(from_ns));
                let passage = passage.transpose().map_err(|e| e.to_string())?.flatten();
                let mut passage = passage.ok_or("there is no recording of that time")?;
                Ok(Box::new(move || {
                    passage.next(to_ns).map_err(std::io::Error::other)
                }))
            }
            (frames, _) => {
                let player = Player::new(frames.unwrap_or_default());
                let mut player = player.map_err(|e| e.to_string())?;
                Ok(Box::new(move || player.next()))
            }
        }
    }

    /// Begins to save the past, or a time of it, and counts the closed sessions. Without a format of a report, it becomes a recording.
    pub(in crate::ui::app) fn saver(
        &self,
        report: Option<Format>,
        span: Option<(u64, u64)>,
        saved: Arc<AtomicUsize>,
    ) -> Result<Saver, String> {
        let mut part = span.map(|(from_ns, to_ns)| Span::new(from_ns, to_ns));
        let mut all =
            self.batches_of(part.as_ref().map(|part| (part.first_ns(), part.last_ns())))?;
        let batches: PastBatches = Box::new(move || {
            let (batch, has_more) = all()?;
            let batch = match &mut part {
                Some(part) => batch.and_then(|batch| part.take(batch)),
                None => batch,
            };
            let closed = batch.as_ref().map_or(0, |batch| batch.closed.len());
            saved.fetch_add(closed, Ordering::Relaxed);
            Ok((batch, has_more))
        });
        let mut header = self.past.origin.clone();
        if let Some((from_ns, to_ns)) = span {
            let [from, to] = [from_ns, to_ns].map(|ns| self.time_at(ns));
            let before = if header.cut.is_empty() { "" } else { "; " };
            header.cut += &format!("{before}from {from}, to {to}");
        }
        let Some(format) = report else {
            let recorder = PastRecorder::new(batches, header);
            return Ok(Saver::Recording(Box::new(recorder)));
        };
        let own = SelfTraffic::new(&self.session_env);
        let filter = self.view_filter.filter.clone();
        let report = PastReport {
            batches,
            format,
            origin: Origin {
                header,
                replayed: match self.is_replay {
                    true => self.host.clone(),
                    false => String::new(),
                },
                filter: filter.source().to_owned(),
                zone: self.names.times.zone.clone(),
                remarks: Vec::new(),
                starts_in_between: true,
            },
            limits: Limits {
                filter,
                count: None,
                captures_more: false,
                in_force: self.in_force,
            },
            watched: (self.findings.restarted(), self.session_env.port_use()),
            is_self: Box::new(move |session| own.is(session)),
        };
        Ok(Saver::Report(Some(Box::new(report))))
    }
}
