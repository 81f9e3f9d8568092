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

/// A time between two points, in ns of boot time, and the numbers of sessions that closed, failed and were missed in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapeSpan {
    pub from_ns: u64,
    pub to_ns: u64,
    pub closed: u64,
    pub failed: u64,
    pub missed: u64,
}

/// A moment to play to.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Of the wall clock; [`Timestamp::MAX`] is the end of all.
    Wall(Timestamp),
    /// Boot time, ns, where all recordings are of one boot.
    Boot(u64),
}

impl To {
    fn is_before(self, point: &Point) -> bool {
        match self {
            To::Wall(wall) => point.wall > wall,
            To::Boot(ns) => point.boot_ns > ns,
        }
    }

    /// The earlier one of this moment and a point.
    fn up_to(self, point: &Point) -> Self {
        match self {
            To::Wall(wall) => To::Wall(wall.min(point.wall)),
            To::Boot(ns) => To::Boot(ns.min(point.boot_ns)),
        }
    }

    /// The moment so long before it.
    fn earlier(self, by: Duration) -> Self {
        match self {
            To::Wall(wall) => To::Wall(wall.checked_sub(by).unwrap_or(Timestamp::MIN)),
            To::Boot(ns) => {
                let by_ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
                To::Boot(ns.saturating_sub(by_ns))
            }
        }
    }

    fn is_end(self) -> bool {
        matches!(self, To::Wall(wall) if wall == Timestamp::MAX)
    }
}

/// A place from which to play for a moment.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// Index of the recording that has the moment.
    at: usize,
    /// Index of the one to begin with, and the position in it.
    begin: usize,
    offset: u64,
    /// Boot time of that position, ns.
    boot_ns: u64,
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

    /// The recordings of each boot that has moments between these, in their order.
    pub fn boots(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<Tape> {
        // what says no boot belongs to what is before it
        let is_same = |a: &Part, b: &Part| {
            let ids = [&a.header.boot_id, &b.header.boot_id];
            ids[0] == ids[1] || ids.iter().any(|id| id.is_empty())
        };
        let mut boots: Vec<Tape> = self
            .parts
            .chunk_by(is_same)
            .map(|parts| Tape {
                parts: parts.to_vec(),
            })
            .collect();
        let is_after = |boot: &Tape| to.zip(boot.first()).is_some_and(|(to, first)| first > to);
        while boots.len() > 1 && boots.last().is_some_and(is_after) {
            boots.pop();
        }
        let begun = |boot: &Tape| {
            from.zip(boot.first())
                .is_some_and(|(from, first)| first <= from)
        };
        let first = boots.iter().rposition(begun).unwrap_or(0);
        boots.split_off(first)
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
                failed: to.failed.saturating_sub(from.failed),
                missed: to.missed.saturating_sub(from.missed),
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

    /// Number of sessions that closed in so long a time before a moment, or some more.
    pub fn closed_before(&self, to: To, time: Duration) -> u64 {
        let mut known = self.parts.iter().filter_map(|part| {
            let Index { points, end } = &part.index;
            end.as_ref().or(points.last())
        });
        let Some(last) = known.next_back() else {
            return 0;
        };
        let to = to.up_to(last);
        let from = to.earlier(time);
        let closed = self.parts.iter().map(|part| {
            let before = |at: To| part.index.before(|point| at.is_before(point), 0);
            let closed_at = |at| before(at).map_or(0, |point| point.closed);
            let end = part.index.end.filter(|end| !to.is_before(end));
            let closed = end.map_or_else(|| closed_at(to), |end| end.closed);
            closed.saturating_sub(closed_at(from))
        });
        closed.fold(0, u64::saturating_add)
    }

    /// Prepares to play up to a moment, and on from there to the end of that boot. What is played first are at least `closed` sessions that closed before the moment, as far as the recordings have them. Returns the player, and the moment in ns of boot time, for
    /// [`Player::next`]. `None`: there is no recording.
    ///
    /// Reading takes time in proportion to `closed` and to the events between two full states, not to the recordings.
    pub fn seek(&self, to: To, closed: u64, reports: Reports) -> Option<(Player, u64)> {
        let start = self.start(to, closed)?;
        let part = self.parts.get(start.at)?;
        let after = self.parts[start.at..].iter();
        let same = after.take_while(self.of_boot_at(start.at, to)).count();
        let parts = &self.parts[start.begin..start.at + same];
        let to_ns = match to {
            _ if to.is_end() => u64::MAX,
            To::Wall(wall) => part.boot_ns(wall),
            To::Boot(ns) => ns,
        };
        let inputs = inputs(parts, start.offset);
        Some((Player::new(inputs, reports), to_ns))
    }

    /// Boot time of the place at which [`Tape::seek`] begins, ns.
    pub fn begins_at(&self, to: To, closed: u64) -> Option<u64> {
        self.start(to, closed).map(|start| start.boot_ns)
    }

    /// True for a recording that is of the boot of the one at this index. Boot times of different boots cannot be compared, and the
    /// end has none.
    fn of_boot_at(&self, at: usize, to: To) -> impl Fn(&&Part) -> bool + '_ {
        let boot_id = self.parts.get(at).map(|part| &part.header.boot_id);
        move |other| to.is_end() || Some(&other.header.boot_id) == boot_id
    }

    /// Finds the place from which to play for a moment, as [`Tape::seek`] does.
    fn start(&self, to: To, closed: u64) -> Option<Start> {
        let at = self
            .parts
            .iter()
            .rposition(|part| !to.is_before(&part.first));
        let at = at.unwrap_or(0);
        self.parts.get(at)?;
        let before = self.parts[..at].iter().rev();
        let first = at - before.take_while(self.of_boot_at(at, to)).count();
        // earlier recordings, if this one has too few sessions
        let (mut begin, mut wanted) = (at, closed);
        let point = loop {
            let of = &self.parts[begin].index;
            let is_after = |point: &Point| begin == at && to.is_before(point);
            let point = of.before(is_after, wanted).copied();
            let after = point.unwrap_or_default().closed;
            let before = of.before(is_after, 0).map_or(0, |point| point.closed);
            let before = match of.end {
                Some(end) if begin < at || !to.is_before(&end) => end.closed,
                _ => before,
            };
            let has = before.saturating_sub(after);
            if has >= wanted || begin == first {
                break point;
            }
            wanted -= has;
            begin -= 1;
        };
        let point = point.unwrap_or(Point {
            offset: 0,
            ..self.parts[begin].first
        });
        Some(Start {
            at,
            begin,
            offset: point.offset,
            boot_ns: point.boot_ns,
        })
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
