//! Frames of zstd: written so that each stands alone, and read so that damage costs no more than the frame that it hits.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name,
};

/// Beginning of a frame (RFC 8878 §3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Beginning of a frame that decoders skip: the first byte is 0x50 to 0x5f (RFC 8878 §3.1.2).
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Length of the head of such a frame: the magic and the length of its content.
pub(super) const SKIPPABLE_HEAD: usize = 8;
/// Flag in a frame's descriptor, after the magic: its content has a checksum.
const HAS_CHECKSUM: u8 = 1 << 2;

/// Level of compression.
const LEVEL: i32 = 3;
/// Window of the frames that are written, as a power of two: they are no longer.
const WINDOW_LOG: u32 = 18;
/// Content at which a frame is ended, in bytes.
const FULL: usize = 256 << 10;
/// Number of lines a second from which frames are ended every second.
const MANY_LINES: u32 = 10;

/// Greatest window that is read, as a power of two: that of the highest usual level of the zstd command. A frame that claims
/// more is refused, because memory must not depend on what a file says.
const MAX_WINDOW_LOG: u32 = 23;
/// Greatest content of a frame of a recording.
const MAX_CONTENT: usize = 1 << 20;
/// Bytes that are looked at at once: more than the longest frame.
const LOOK_AHEAD: usize = 2 << 20;
/// Bytes that are read first: more than most frames.
const FIRST_READ: usize = 64 << 10;
/// Bytes of a piece of text that is not in frames.
const PIECE: usize = 256 << 10;

/// Packs lines into frames.
pub struct FrameWriter {
    context: CCtx<'static>,
    /// Bytes that are ready for the file.
    out: Vec<u8>,
    /// Bytes that were taken.
    taken: u64,
    /// Length of the content of the frame that is not ended.
    content: usize,
    /// Lines since the last tick.
    lines: u32,
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter")
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl FrameWriter {
    /// Creates a writer.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new() -> io::Result<Self> {
        let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        for parameter in [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(WINDOW_LOG),
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(error)?;
        }
        Ok(FrameWriter {
            context,
            out: Vec::new(),
            taken: 0,
            content: 0,
            lines: 0,
        })
    }

    /// True if the next line begins a frame.
    pub fn is_between(&self) -> bool {
        self.content == 0
    }

    /// Position in the file at which the next byte is written.
    pub fn position(&self) -> u64 {
        self.taken + self.out.len() as u64
    }

    /// Counts positions from 0 again: what follows is another file.
    pub fn restart(&mut self) {
        self.taken = 0;
    }

    /// Adds a line to the frame. A frame that is full with it is ended.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.content += line.len();
        self.lines += 1;
        self.compress(line, ZSTD_EndDirective::ZSTD_e_continue)?;
        if self.content >= FULL {
            self.end()?;
        }
        Ok(())
    }

    /// Makes everything readable that was written; to be called every second. With few lines the frame goes on, as a new one
    /// would take more space than they do.
    ///
    /// # Errors
    /// See [`FrameWriter::write`].
    pub fn tick(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.lines) {
            0 => Ok(()),
            MANY_LINES.. => self.end(),
            _ => self.compress(&[], ZSTD_EndDirective::ZSTD_e_flush),
        }
    }

    /// Ends the frame, if one is begun.
    ///
    /// # Errors
    /// See [`FrameWriter::write`].
    pub fn end(&mut self) -> io::Result<()> {
        if !self.is_between() {
            self.compress(&[], ZSTD_EndDirective::ZSTD_e_end)?;
            self.content = 0;
        }
        Ok(())
    }

    /// Adds a frame that decoders skip, between two others.
    pub fn skippable(&mut self, content: &[u8]) {
        self.out.extend([0x50]);
        self.out.extend(SKIPPABLE);
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.out.extend(length.to_le_bytes());
        self.out.extend(content);
    }

    /// Number of bytes that are ready for the file.
    pub fn ready(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes that are ready for the file.
    pub fn take(&mut self) -> Vec<u8> {
        self.taken += self.out.len() as u64;
        std::mem::take(&mut self.out)
    }

    fn compress(&mut self, bytes: &[u8], then: ZSTD_EndDirective) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            self.out.reserve(CCtx::out_size());
            let at = self.out.len();
            let mut output = OutBuffer::around_pos(&mut self.out, at);
            let context = &mut self.context;
            let left = context.compress_stream2(&mut output, &mut input, then);
            let left = left.map_err(error)?;
            let is_done = match then {
                ZSTD_EndDirective::ZSTD_e_continue => input.pos() == bytes.len(),
                _ => left == 0,
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

fn error(code: usize) -> io::Error {
    io::Error::other(format!("zstd: {}", get_error_name(code)))
}

/// Encoding of the lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Zstd,
    Gzip,
    Plain,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text. A piece of a recording consists of whole lines, and of others a piece may end anywhere.
    Text {
        bytes: Vec<u8>,
        /// Its checksum was right. False for a frame that the end of the file cuts off, and for text without one.
        is_checked: bool,
    },
    /// Bytes that are no frame, or a damaged one: their positions in the file.
    Damage { from: u64, to: u64 },
}

/// Result of decoding a frame.
enum Frame {
    /// Its content and its length.
    Whole(Vec<u8>, usize),
    /// It goes on after the bytes that there are: the content so far.
    CutOff(Vec<u8>),
    /// It is longer than those of recordings.
    TooLong,
    Damaged,
}

/// Reads a file piece by piece, whatever its encoding, with a limit to the memory that it takes.
pub struct Pieces<R: Read> {
    source: Source<R>,
}

enum Source<R: Read> {
    Frames(Frames<R>),
    Text(Box<dyn Read + Send>),
    /// Between two others.
    None,
}

impl<R: Read> std::fmt::Debug for Pieces<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl<R: Read + Send + 'static> Pieces<R> {
    /// Begins to read a file, and finds out its encoding from its first bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(input: R) -> io::Result<Self> {
        let mut frames = Frames::new(input)?;
        frames.fill(FIRST_READ)?;
        let format = match frames.rest() {
            [0x1f, 0x8b, ..] => Format::Gzip,
            [b'{', ..] => Format::Plain,
            start if start.starts_with(&MAGIC) => Format::Zstd,
            // its beginning may be damaged
            _ => {
                frames.fill(LOOK_AHEAD)?;
                match frames.next_frame(0) {
                    Some(_) => Format::Zstd,
                    None => Format::Plain,
                }
            }
        };
        let source = match format {
            Format::Zstd => Source::Frames(frames),
            Format::Gzip => Source::Text(Box::new(MultiGzDecoder::new(frames.into_rest()))),
            Format::Plain => Source::Text(Box::new(frames.into_rest())),
        };
        Ok(Pieces { source })
    }

    /// Reads the next piece; `None`: there is no other.
    ///
    /// # Errors
    /// If the file cannot be read. What is damaged is no error.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        if let Source::Frames(frames) = &mut self.source {
            match frames.next()? {
                Some(Frame::TooLong) => {
                    let Source::Frames(frames) = std::mem::replace(&mut self.source, Source::None)
                    else {
                        return Ok(None);
                    };
                    let mut decoder = Decoder::new(frames.into_rest())?;
                    decoder.window_log_max(MAX_WINDOW_LOG)?;
                    self.source = Source::Text(Box::new(decoder));
                }
                Some(Frame::Whole(bytes, _)) => {
                    let is_checked = true;
                    return Ok(Some(Piece::Text { bytes, is_checked }));
                }
                Some(Frame::CutOff(bytes)) => {
                    let is_checked = false;
                    return Ok(Some(Piece::Text { bytes, is_checked }));
                }
                Some(Frame::Damaged) => {
                    let (from, to) = frames.damage;
                    return Ok(Some(Piece::Damage { from, to }));
                }
                None => return Ok(None),
            }
        }
        let Source::Text(text) = &mut self.source else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        text.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        let is_checked = false;
        Ok((!bytes.is_empty()).then_some(Piece::Text { bytes, is_checked }))
    }
}

/// The frames of a file, through a window of its bytes.
struct Frames<R> {
    input: R,
    context: DCtx<'static>,
    buffer: Vec<u8>,
    /// Index in the buffer of the first byte that is not read.
    at: usize,
    /// Position in the file of the first byte of the buffer.
    base: u64,
    /// Bytes to have after the next read.
    wanted: usize,
    is_at_end: bool,
    /// A frame of a recording was read, so others are no longer than those.
    is_recording: bool,
    /// Positions of the last damage.
    damage: (u64, u64),
}

impl<R: Read> Frames<R> {
    fn new(input: R) -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context
            .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
            .map_err(error)?;
        Ok(Frames {
            input,
            context,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            wanted: FIRST_READ,
            is_at_end: false,
            is_recording: false,
            damage: (0, 0),
        })
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Everything from here on.
    fn into_rest(mut self) -> impl Read + use<R> {
        self.buffer.drain(..self.at);
        io::Cursor::new(self.buffer).chain(self.input)
    }

    /// Reads until at least so many bytes are in the buffer, or up to the end of the file.
    fn fill(&mut self, least: usize) -> io::Result<()> {
        if self.is_at_end || self.rest().len() >= least {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        // more each time: who reads one frame needs little, and who reads on moves the rest seldom
        self.wanted = (2 * self.wanted).clamp(least, 2 * LOOK_AHEAD);
        let wanted = (self.wanted - self.buffer.len()) as u64;
        let read = self.input.by_ref().take(wanted);
        let count = { read }.read_to_end(&mut self.buffer)?;
        self.is_at_end = (count as u64) < wanted;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            self.fill(FIRST_READ)?;
            if self.is_at_end && self.rest().iter().all(|byte| *byte == 0) {
                // that is how a file ends whose last bytes never reached the disk
                return Ok(None);
            }
            // in a recording, a length that leads nowhere is damage
            let length = skippable(self.rest());
            let length = length.filter(|length| !self.is_recording || self.leads_on(*length));
            if let Some(length) = length {
                if self.skip(length)? {
                    continue;
                }
                return Ok(None);
            }
            let rest = &self.buffer[self.at..];
            let frame = match rest.starts_with(&MAGIC) {
                true => decode(&mut self.context, rest, self.is_recording),
                false => Frame::Damaged,
            };
            match frame {
                Frame::Whole(bytes, length) => {
                    self.at += length;
                    self.is_recording = true;
                    return Ok(Some(Frame::Whole(bytes, length)));
                }
                Frame::TooLong if !self.is_recording => return Ok(Some(Frame::TooLong)),
                // it may go on
                _ if !self.is_at_end && self.rest().len() < LOOK_AHEAD => self.fill(LOOK_AHEAD)?,
                frame => return self.resume(frame).map(Some),
            }
        }
    }

    /// Goes on at the next frame after a damaged one. One that only the end of the file cuts off is not damaged.
    fn resume(&mut self, damaged: Frame) -> io::Result<Frame> {
        let from = self.position();
        let mut first = 1;
        loop {
            if let Some(next) = self.next_frame(first) {
                self.at += next;
                break;
            }
            if self.is_at_end {
                if let Frame::CutOff(mut bytes) = damaged
                    && from == self.position()
                {
                    self.at = self.buffer.len();
                    let end = bytes.iter().rposition(|byte| *byte == b'\n');
                    bytes.truncate(end.map_or(0, |at| at + 1));
                    return Ok(Frame::CutOff(bytes));
                }
                self.at = self.buffer.len();
                break;
            }
            // a frame may begin in the last bytes, and was not whole
            let searched = self.rest().len().saturating_sub(LOOK_AHEAD / 2);
            self.at += searched.max(1);
            first = 0;
            self.fill(LOOK_AHEAD)?;
        }
        self.damage = (from, self.position());
        Ok(Frame::Damaged)
    }

    /// Index of the next whole frame in the rest, from an index on.
    fn next_frame(&mut self, from: usize) -> Option<usize> {
        let rest = &self.buffer[self.at..];
        let mut starts = from..rest.len().saturating_sub(MAGIC.len());
        starts.find(|start| {
            let rest = &rest[*start..];
            match rest {
                _ if rest.starts_with(&MAGIC) => {
                    matches!(decode(&mut self.context, rest, true), Frame::Whole(..))
                }
                // the index ends the file
                _ => skippable(rest).is_some_and(|length| length == rest.len()),
            }
        })
    }

    /// True if a frame begins so many bytes further on, or the file ends there.
    fn leads_on(&mut self, length: usize) -> bool {
        match self.rest().get(length..) {
            Some([]) => self.is_at_end,
            Some(next) => next.starts_with(&MAGIC) || skippable(next).is_some(),
            // the end of the file cuts it off, if no other frame follows
            None => self.is_at_end && self.next_frame(1).is_none(),
        }
    }

    /// Skips bytes. False: the file ends before.
    fn skip(&mut self, length: usize) -> io::Result<bool> {
        let buffered = length.min(self.rest().len());
        self.at += buffered;
        let more = (length - buffered) as u64;
        let skipped = io::copy(&mut self.input.by_ref().take(more), &mut io::sink())?;
        self.base += skipped;
        Ok(skipped == more)
    }
}

/// Returns the length of the frame that these bytes begin with, if decoders skip it.
pub(super) fn skippable(bytes: &[u8]) -> Option<usize> {
    let (head, _) = bytes.split_first_chunk::<SKIPPABLE_HEAD>()?;
    let is_one = head[0] & 0xf0 == 0x50 && head[1..4] == SKIPPABLE;
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    is_one.then(|| SKIPPABLE_HEAD + length as usize)
}

/// Decodes the frame that these bytes begin with. `must_check`: one without a checksum is damaged.
fn decode(context: &mut DCtx<'static>, bytes: &[u8], must_check: bool) -> Frame {
    if must_check
        && bytes
            .get(MAGIC.len())
            .is_none_or(|flags| flags & HAS_CHECKSUM == 0)
    {
        return match bytes.len() {
            ..5 => Frame::CutOff(Vec::new()),
            _ => Frame::Damaged,
        };
    }
    if context.reset(ResetDirective::SessionOnly).is_err() {
        return Frame::Damaged;
    }
    let mut input = InBuffer::around(bytes);
    let mut content = Vec::new();
    loop {
        content.reserve(DCtx::out_size());
        let at = content.len();
        let mut output = OutBuffer::around_pos(&mut content, at);
        let Ok(left) = context.decompress_stream(&mut output, &mut input) else {
            return Frame::Damaged;
        };
        match left {
            0 => return Frame::Whole(content, input.pos()),
            _ if content.len() > MAX_CONTENT => return Frame::TooLong,
            _ if input.pos() == bytes.len() && content.len() == at => {
                return Frame::CutOff(content);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::Numbers;

    /// Counts the bytes that are read.
    struct Counted(
        io::Cursor<Vec<u8>>,
        std::sync::Arc<std::sync::atomic::AtomicUsize>,
    );

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1
                .fetch_add(count, std::sync::atomic::Ordering::Relaxed);
            Ok(count)
        }
    }

    #[test]
    fn first_frame_is_read_without_the_megabytes_after_it() {
        let mut writer = FrameWriter::new().expect("memory");
        let mut numbers = Numbers::from(3);
        let frames: Vec<Vec<u8>> = (0..100)
            .map(|_| {
                let line = (0..5000).map(|_| format!("{:x}", numbers.number()));
                line.collect::<String>().into_bytes()
            })
            .collect();
        for frame in &frames {
            writer.write(frame).expect("memory");
            writer.end().expect("memory");
        }
        let bytes = writer.take();
        let size = bytes.len();
        assert!(size > 3 << 20, "{size}");
        let count = std::sync::Arc::default();
        let input = Counted(io::Cursor::new(bytes), std::sync::Arc::clone(&count));
        let mut pieces = Pieces::new(input).expect("memory");
        let mut read = Vec::new();
        while let Some(piece) = pieces.next().expect("memory") {
            let Piece::Text {
                bytes,
                is_checked: true,
            } = piece
            else {
                panic!("damage");
            };
            read.push(bytes);
            if read.len() == 1 {
                let count = count.load(std::sync::atomic::Ordering::Relaxed);
                assert!(count <= 4 * FIRST_READ, "{count}");
            }
        }
        assert_eq!(read, frames);
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), size);
    }
}
