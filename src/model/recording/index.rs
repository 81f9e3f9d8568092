//! Where one can begin to read a recording: its points, and the index at its end.
//!
//! Both are in frames that decoders skip. A mark stands before each full state, so that the points of a recording without
//! an index, whose writer was killed, are found by searching for marks.

use std::io::{self, Read, Seek, SeekFrom};

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde_json::Value as Json;
use serde_json::json;

use crate::model::recording::frames::{SKIPPABLE_HEAD, skippable};

/// A place with all open sessions, so that one can read from there on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Position in the file.
    pub offset: u64,
    /// Boot time, ns.
    pub boot_ns: u64,
    /// Wall-clock time.
    pub wall: Timestamp,
    /// Number of sessions before it that have closed.
    pub closed: u64,
    /// Number of those that failed; 0 in those of earlier versions.
    pub failed: u64,
    /// Number of sessions that were certainly missed before it, likewise.
    pub missed: u64,
}

/// The points of a recording, in the order of their positions, the last one its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub points: Vec<Point>,
    /// The end of what the recording is known to hold; `None`: its writer did not end it.
    pub end: Option<Point>,
}

/// Beginning of a mark's content.
const MARK: &[u8] = b"{\"full\":";
/// Longest content of a mark, in bytes.
const LONGEST_MARK: usize = 160;
/// Last bytes of the content of an index, after its length.
const TAIL: [u8; 4] = *b"tlix";
/// Greatest index that is read, in bytes: some hundred thousand points.
const LONGEST_INDEX: u64 = 16 << 20;
/// Bytes that are searched at once.
const PIECE: usize = 1 << 20;

impl Point {
    fn to_json(self) -> Json {
        json!([
            self.offset,
            self.boot_ns,
            // until the year 2262
            i64::try_from(self.wall.as_nanosecond()).unwrap_or(i64::MAX),
            self.closed,
            self.failed,
            self.missed
        ])
    }

    fn of_json(json: &Json) -> Option<Self> {
        let ns = json[2].as_i64()?;
        Some(Point {
            offset: json[0].as_u64()?,
            boot_ns: json[1].as_u64()?,
            wall: Timestamp::from_nanosecond(ns.into()).ok()?,
            closed: json[3].as_u64()?,
            failed: json[4].as_u64().unwrap_or(0),
            missed: json[5].as_u64().unwrap_or(0),
        })
    }

    /// Encodes it as the content of a frame that decoders skip, which stands before the full state.
    pub fn encode(self) -> Vec<u8> {
        json!({"full": self.to_json()}).to_string().into_bytes()
    }
}

impl Index {
    /// Encodes it as the content of a frame that decoders skip, which is the last one.
    pub fn encode(&self) -> Vec<u8> {
        let points: Vec<Json> = self.points.iter().map(|p| p.to_json()).collect();
        let end = self.end.map(Point::to_json);
        let json = json!({"index": 1, "points": points, "end": end});
        let mut content = json.to_string().into_bytes();
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        content.extend(length.to_le_bytes());
        content.extend(TAIL);
        content
    }

    /// Reads the index of a file, or finds the points of one that has none.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        match Index::at_end(file)? {
            Some(index) => Ok(index),
            None if has_no_marks(file)? => Ok(Index::default()),
            None => Index::by_marks(file),
        }
    }

    /// Reads the index at the end of a file; `None`: it has none.
    fn at_end(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let mut tail = [0; 8];
        let size = file.seek(SeekFrom::End(0))?;
        let Some(at) = size.checked_sub(tail.len() as u64) else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut tail)?;
        let [l0, l1, l2, l3, end @ ..] = tail;
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        if end != TAIL || length > LONGEST_INDEX.min(at) {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(at - length))?;
        let mut content = Vec::new();
        file.by_ref().take(length).read_to_end(&mut content)?;
        let json: Json = serde_json::from_slice(&content).unwrap_or_default();
        let points = json["points"].as_array();
        let points = points.and_then(|points| points.iter().map(Point::of_json).collect());
        let Some(points) = points.filter(|points: &Vec<Point>| are_in_order(points, size)) else {
            return Ok(None);
        };
        let end = Point::of_json(&json["end"]);
        Ok(Some(Index { points, end }))
    }

    /// Finds the points of a file by searching for marks.
    fn by_marks(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        // a mark is preceded by its length
        let finder = Finder::new(MARK);
        let (mut points, mut buffer, mut base) = (Vec::new(), Vec::new(), 0);
        loop {
            let count = file.by_ref().take(PIECE as u64).read_to_end(&mut buffer)?;
            let is_at_end = count < PIECE;
            // a mark that goes on in the next piece is searched there
            let until = match is_at_end {
                true => buffer.len(),
                false => buffer.len().saturating_sub(LONGEST_MARK),
            };
            for at in finder.find_iter(&buffer[..until]) {
                points.extend(mark(&buffer, at, base));
            }
            if is_at_end {
                break;
            }
            // with the head of a mark that was cut
            let kept = until.saturating_sub(SKIPPABLE_HEAD + MARK.len());
            buffer.drain(..kept);
            base += kept as u64;
        }
        points.dedup_by_key(|point: &mut Point| point.offset);
        if !are_in_order(&points, size) {
            points.clear();
        }
        Ok(Index { points, end: None })
    }

    /// Returns the point from which to read for the state at a moment: the last one before it. With `closed`, at least
    /// so many sessions have closed in between, as far as the recording has them.
    pub fn before(&self, is_after: impl Fn(&Point) -> bool, closed: u64) -> Option<&Point> {
        // the wall clock may have been set back, and the first time counts
        let count = self.points.iter().position(is_after);
        let before = &self.points[..count.unwrap_or(self.points.len())];
        let last = before.last()?;
        let until = match (count, &self.end) {
            (None, Some(end)) => end.closed,
            _ => last.closed,
        };
        let enough = |point: &&Point| point.closed.saturating_add(closed) <= until;
        before.iter().rev().find(enough).or(before.first())
    }
}

/// True for plain lines and for gzip, which have no frames for marks: they need not be searched.
fn has_no_marks(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start)?;
    Ok(matches!(start[..], [b'{', ..] | [0x1f, 0x8b]))
}

/// Reads the mark whose content begins there.
fn mark(bytes: &[u8], at: usize, base: u64) -> Option<Point> {
    let from = at.checked_sub(SKIPPABLE_HEAD)?;
    let length = skippable(&bytes[from..])?;
    let content = bytes.get(at..from + length)?;
    if content.len() > LONGEST_MARK {
        return None;
    }
    let json: Json = serde_json::from_slice(content).ok()?;
    let point = Point::of_json(&json["full"])?;
    let offset = base + from as u64;
    Some(Point { offset, ..point })
}

/// True if these can be the points of a file of that size.
fn are_in_order(points: &[Point], size: u64) -> bool {
    points.is_sorted_by(|a, b| a.offset < b.offset && a.closed <= b.closed)
        && points.iter().all(|point| point.offset < size)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::recording::FrameWriter;

    fn point(offset: u64, boot_ns: u64, closed: u64) -> Point {
        let wall = Timestamp::from_second(1_767_397_177 + boot_ns as i64).expect("a time");
        Point {
            offset,
            boot_ns,
            wall,
            closed,
            failed: closed / 5,
            missed: boot_ns,
        }
    }

    /// A file of frames with a mark before each, and its index.
    fn marked(count: u64) -> (Vec<u8>, Index) {
        let mut frames = FrameWriter::new().expect("memory");
        let mut index = Index::default();
        for nth in 0..count {
            let point = point(frames.position(), nth, 10 * nth);
            index.points.push(point);
            frames.skippable(&point.encode());
            let mut numbers = crate::testing::sample::Numbers::from(nth);
            let line: String = (0..5000)
                .map(|_| format!("{:x}", numbers.number()))
                .collect();
            frames.write(line.as_bytes()).expect("memory");
            frames.end().expect("memory");
        }
        (frames.take(), index)
    }

    #[test]
    fn points_of_plain_lines_and_of_gzip_are_not_searched() {
        /// Counts the bytes that are read.
        struct Counted(Cursor<Vec<u8>>, usize);
        impl Read for Counted {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.read(buffer)?;
                self.1 += count;
                Ok(count)
            }
        }
        impl Seek for Counted {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }
        for (start, is_searched) in [
            (&b"{\""[..], false),
            (b"\x1f\x8b", false),
            (b"\x28\xb5", true),
        ] {
            let mut bytes = start.to_vec();
            bytes.resize(100_000, b' ');
            let mut file = Counted(Cursor::new(bytes), 0);
            assert_eq!(Index::of(&mut file).expect("memory"), Index::default());
            assert_eq!(file.1 > 1000, is_searched, "{start:?}: {}", file.1);
        }
    }

    #[test]
    fn points_are_read_from_the_index_or_found_without_it() {
        let (mut file, index) = marked(200);
        assert!(file.len() > 4 * PIECE, "{}", file.len());
        assert_eq!(Index::of(&mut Cursor::new(&file)).expect("memory"), index);
        let end = Index {
            end: Some(point(file.len() as u64, 200, 2000)),
            ..index
        };
        let mut frames = FrameWriter::new().expect("memory");
        frames.skippable(&end.encode());
        file.extend(frames.take());
        assert_eq!(Index::of(&mut Cursor::new(&file)).expect("memory"), end);
        // a damaged index
        let at = file.len() - 20;
        file[at] = b'x';
        let found = Index::of(&mut Cursor::new(&file)).expect("memory");
        assert_eq!((found.points, found.end), (end.points, None));
        assert_eq!(
            Index::of(&mut Cursor::new(b"{}")).expect("memory"),
            Index::default()
        );
    }

    #[test]
    fn point_for_a_moment_is_the_last_one_with_enough_sessions_after_it() {
        let (_, index) = marked(5);
        let at = |boot_ns: u64, closed| {
            let point = index.before(|point| point.boot_ns > boot_ns, closed);
            point.map(|point| point.boot_ns)
        };
        assert_eq!((at(3, 0), at(9, 0)), (Some(3), Some(4)));
        assert_eq!(
            (at(3, 10), at(3, 11), at(3, 1000)),
            (Some(2), Some(1), Some(0))
        );
        assert_eq!(Index::default().before(|_| false, 0), None);
    }
}
