//! Recordings that can be read from any moment on: files of one or several runs, or memory, in the order of their times.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::recording::{
    Event, Found, Header, Index, Input, Inputs, Named, Player, Point, ReadError, RecordingReader,
    Reports,
};

/// Bytes that can be read at any position, by several readers at once.
#[derive(Clone, Debug)]
pub enum Medium {
    File(Arc<File>),
    #[cfg(any(test, feature = "testing"))]
    Memory(Arc<[u8]>),
}

/// Reads a medium from a position on.
#[derive(Clone, Debug)]
pub struct MediumReader {
    medium: Medium,
    at: u64,
}

impl Medium {
    /// Reads from this position on.
    pub fn from(&self, at: u64) -> MediumReader {
        let medium = self.clone();
        MediumReader { medium, at }
    }

    fn size(&self) -> io::Result<u64> {
        match self {
            Medium::File(file) => file.metadata().map(|file| file.len()),
            #[cfg(any(test, feature = "testing"))]
            Medium::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }
}

impl Read for MediumReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &self.medium {
            Medium::File(file) => file.read_at(buffer, self.at)?,
            #[cfg(any(test, feature = "testing"))]
            Medium::Memory(bytes) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.get(from..).unwrap_or_default().read(buffer)?
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for MediumReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.medium.size()?.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A recording of a tape.
#[derive(Clone, Debug)]
struct Part {
    name: Named,
    medium: Medium,
    index: Index,
    header: Header,
    /// Its beginning.
    first: Point,
}

/// A time between two points, in ns of boot time, and the number of sessions that closed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapeSpan {
    pub from_ns: u64,
    pub to_ns: u64,
    pub closed: u64,
}

/// Recordings in the order of their times.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    parts: Vec<Part>,
}

impl Part {
    fn open(name: Named, medium: Medium) -> Result<Self, ReadError> {
        let index = Index::of(&mut medium.from(0))?;
        let mut reader = RecordingReader::new(medium.from(0))?;
        let mut header = Header::default();
        let mut first = index.points.first().copied();
        loop {
            let event = match reader.next()? {
                Some(Found::Event(event)) => *event,
                Some(_) => continue,
                None => break,
            };
            let boot_ns = match event {
                Event::Header(of) => {
                    header = of;
                    None
                }
                Event::Open(session) | Event::Update(session) | Event::Close(session) => {
                    Some(session.end_ns)
                }
                Event::Clock { boot_ns, .. } => Some(boot_ns),
                _ => None,
            };
            first = first.or(boot_ns.map(|boot_ns| Point {
                boot_ns,
                wall: reader.events.clock.wall(boot_ns),
                ..Point::default()
            }));
            if first.is_some() {
                break;
            }
        }
        Ok(Part {
            name,
            medium,
            index,
            header,
            first: first.unwrap_or_default(),
        })
    }
}

impl Tape {
    /// Opens recordings. Their indexes are read, and the points of those without one are searched.
    ///
    /// # Errors
    /// If one cannot be read, or is no recording that this version reads; its name.
    pub fn open(
        media: impl IntoIterator<Item = (Named, Medium)>,
    ) -> Result<Self, (Named, ReadError)> {
        let part =
            |(name, medium): (Named, _)| Part::open(name.clone(), medium).map_err(|e| (name, e));
        let parts = media.into_iter().map(part);
        let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
        parts.sort_by_key(|part| part.first.wall);
        // boot time does not step
        for run in parts.chunk_by_mut(|a, b| a.header.boot_id == b.header.boot_id) {
            run.sort_by_key(|part| part.first.boot_ns);
        }
        Ok(Tape { parts })
    }

    /// Origin of the first recording.
    pub fn header(&self) -> Option<&Header> {
        self.parts.first().map(|part| &part.header)
    }

    /// The first moment that is known.
    pub fn first(&self) -> Option<Timestamp> {
        self.parts.first().map(|part| part.first.wall)
    }

    /// The end of the last recording, if its writer has ended it.
    #[cfg(any(test, feature = "testing"))]
    pub fn end(&self) -> Option<Timestamp> {
        let end = self.parts.last().and_then(|part| part.index.end);
        end.map(|end| end.wall)
    }

    /// The recordings of the boot that a moment belongs to, up to the one with that moment. Boot times of all of them can be
    /// compared.
    pub fn of_boot(&self, at: Timestamp) -> Tape {
        let end = self.parts.iter().rposition(|part| part.first.wall <= at);
        let all = &self.parts[..end.map_or(0, |end| end + 1)];
        let boot = all.last().map(|part| &part.header.boot_id);
        let is_same = |part: &&Part| Some(&part.header.boot_id) == boot;
        let count = all.iter().rev().take_while(is_same).count();
        Tape {
            parts: all[all.len() - count..].to_vec(),
        }
    }

    /// True if each recording has points from which it can be read.
    pub fn has_points(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| !part.index.points.is_empty())
    }

    /// The first moment that is known and is not before `from`, ns of boot time.
    pub fn first_ns(&self, from: Option<Timestamp>) -> Option<u64> {
        let first = self.parts.first()?;
        let from = from.filter(|from| *from > first.first.wall);
        let Some(from) = from else {
            return Some(first.first.boot_ns);
        };
        let part = self.parts.iter().rev().find(|part| part.first.wall <= from);
        Some(part.unwrap_or(first).boot_ns(from))
    }

    /// The times between all points, in their order.
    pub fn spans(&self) -> Vec<TapeSpan> {
        let of_part = |part: &Part| {
            let points = part.index.points.iter().chain(&part.index.end);
            let pairs = points.clone().zip(points.skip(1));
            let spans = pairs.map(|(from, to)| TapeSpan {
                from_ns: from.boot_ns,
                to_ns: to.boot_ns,
                closed: to.closed.saturating_sub(from.closed),
            });
            spans.collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(of_part).collect()
    }

    /// Plays everything from the beginning on.
    pub fn play(&self, reports: Reports) -> Player {
        Player::new(inputs(&self.parts, 0), reports)
    }

    /// True if the wall clock was set while they were recorded: then a time may be of several moments, in any order.
    pub fn has_clock_steps(&self) -> bool {
        // a clock that is slewed drifts
        const DRIFT_NS: i128 = 1_000_000_000;
        let mut boots = self
            .parts
            .chunk_by(|a, b| a.header.boot_id == b.header.boot_id);
        boots.any(|parts| {
            let points = parts.iter().flat_map(|part| {
                let Index { points, end } = &part.index;
                std::iter::once(&part.first).chain(points).chain(end)
            });
            let epochs = points.map(|p| p.wall.as_nanosecond() - i128::from(p.boot_ns));
            let (least, most) = epochs.fold((i128::MAX, i128::MIN), |(least, most), epoch| {
                (least.min(epoch), most.max(epoch))
            });
            most.saturating_sub(least) > DRIFT_NS
        })
    }

    /// Number of sessions that closed in so long a time before a moment, or some more; [`Timestamp::MAX`] is the end of all.
    pub fn closed_before(&self, to: Timestamp, time: Duration) -> u64 {
        let known = self.parts.iter().filter_map(|part| {
            let Index { points, end } = &part.index;
            end.as_ref().or(points.last())
        });
        let Some(last) = known.map(|point| point.wall).max() else {
            return 0;
        };
        let to = to.min(last);
        let from = to.checked_sub(time).unwrap_or(Timestamp::MIN);
        let closed = self.parts.iter().map(|part| {
            let before = |at| part.index.before(|point| point.wall > at, 0);
            let closed_at = |at| before(at).map_or(0, |point| point.closed);
            let end = part.index.end.filter(|end| end.wall <= to);
            let closed = end.map_or_else(|| closed_at(to), |end| end.closed);
            closed.saturating_sub(closed_at(from))
        });
        closed.fold(0, u64::saturating_add)
    }

    /// Prepares to play up to a moment, and on from there to the end of that boot; [`Timestamp::MAX`] is the end of all. What is played first are at least `closed`
    /// sessions that closed before the moment, as far as the recordings have them. Returns the player, and the moment in ns of boot time, for
    /// [`Player::next`]. `None`: there is no recording.
    ///
    /// Reading takes time in proportion to `closed` and to the events between two full states, not to the recordings.
    pub fn seek(&self, to: Timestamp, closed: u64, reports: Reports) -> Option<(Player, u64)> {
        let at = self.parts.iter().rposition(|part| part.first.wall <= to);
        let at = at.unwrap_or(0);
        let part = self.parts.get(at)?;
        // boot times of different boots cannot be compared, and the end has none
        let is_end = to == Timestamp::MAX;
        let is_same_boot = |other: &&Part| is_end || other.header.boot_id == part.header.boot_id;
        let first = at
            - self.parts[..at]
                .iter()
                .rev()
                .take_while(is_same_boot)
                .count();
        // earlier recordings, if this one has too few sessions
        let (mut begin, mut wanted) = (at, closed);
        let point = loop {
            let of = &self.parts[begin].index;
            let is_after = |point: &Point| begin == at && point.wall > to;
            let point = of.before(is_after, wanted).copied();
            let after = point.unwrap_or_default().closed;
            let before = of.before(is_after, 0).map_or(0, |point| point.closed);
            let before = match of.end {
                Some(end) if begin < at || end.wall <= to => end.closed,
                _ => before,
            };
            let has = before.saturating_sub(after);
            if has >= wanted || begin == first {
                break point;
            }
            wanted -= has;
            begin -= 1;
        };
        let same = self.parts[at..].iter().take_while(is_same_boot).count();
        let offset = point.map_or(0, |point| point.offset);
        let inputs = inputs(&self.parts[begin..at + same], offset);
        let to_ns = if is_end { u64::MAX } else { part.boot_ns(to) };
        Some((Player::new(inputs, reports), to_ns))
    }
}

/// The inputs of a player of these, the first from that position on.
fn inputs(parts: &[Part], offset: u64) -> Inputs {
    let all: Vec<(Named, Input)> = parts
        .iter()
        .enumerate()
        .map(|(nth, part)| {
            let from = if nth == 0 { offset } else { 0 };
            let input: Input = Box::new(part.medium.from(from));
            (part.name.clone(), input)
        })
        .collect();
    Box::new(all.into_iter())
}

impl Part {
    /// Boot time of a moment, by the point before it.
    fn boot_ns(&self, wall: Timestamp) -> u64 {
        let point = self.index.before(|point| point.wall > wall, 0);
        let point = point.unwrap_or(&self.first);
        let by = wall.as_nanosecond() - point.wall.as_nanosecond();
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        point.boot_ns.saturating_add_signed(by)
    }
}
