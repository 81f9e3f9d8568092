//! From frames back to batches, a piece at a time so that no key waits for more.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use zstd::bulk::Decompressor;

use crate::model::batch::{Batch, OpenSnapshot};
use crate::model::black_box::packing::{In, Known, unpack};
use crate::model::black_box::{Frame, Head, Piece, Tag};

/// Unpacks frames that follow each other.
pub struct Player {
    decompressor: Decompressor<'static>,
    frames: VecDeque<Arc<Frame>>,
    /// Piece of the first frame that is next, those of the full state before the others; and the heads before its records.
    piece: usize,
    head: usize,
    /// Begins with the full state of the first frame.
    is_at_full: bool,
    /// The batch that the records so far belong to.
    batch: Option<Batch>,
    ready: VecDeque<Batch>,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").finish_non_exhaustive()
    }
}

impl Player {
    /// Begins with the full state of the first frame.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new(frames: impl IntoIterator<Item = Arc<Frame>>) -> io::Result<Self> {
        Ok(Player {
            decompressor: Decompressor::new()?,
            frames: frames.into_iter().collect(),
            piece: 0,
            head: 0,
            is_at_full: true,
            batch: None,
            ready: VecDeque::new(),
        })
    }

    /// Begins after the full state of the first frame, for whoever knows the state before it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn after_full(frames: impl IntoIterator<Item = Arc<Frame>>) -> io::Result<Self> {
        Ok(Player {
            is_at_full: false,
            ..Player::new(frames)?
        })
    }

    /// True if nothing is left of the frames.
    pub fn is_done(&self) -> bool {
        self.ready.is_empty() && self.frames.is_empty()
    }

    /// Adds the frame after the last one.
    pub fn push(&mut self, frame: Arc<Frame>) {
        self.frames.push_back(frame);
    }

    /// Unpacks at most a piece, and returns the next batch, if there is one; true with it: there may be others.
    ///
    /// # Errors
    /// If a piece is damaged, which is a bug, or there is no memory for it.
    pub fn next(&mut self) -> io::Result<(Option<Batch>, bool)> {
        if self.ready.is_empty()
            && let Some(frame) = self.frames.front().cloned()
        {
            let full = frame.full.as_ref().filter(|_| self.is_at_full);
            let (heads, pieces) = match full {
                Some(full) => (&full.heads, &full.pieces),
                None => (&frame.heads, &frame.pieces),
            };
            if let Some(piece) = pieces.get(self.piece) {
                self.unpack(piece, heads)?;
                self.piece += 1;
            }
            if self.piece >= pieces.len() {
                self.ready.extend(self.batch.take());
                (self.piece, self.head) = (0, 0);
                if full.is_none() {
                    self.frames.pop_front();
                }
                self.is_at_full = false;
            }
        }
        let batch = self.ready.pop_front();
        Ok((batch, !self.ready.is_empty() || !self.frames.is_empty()))
    }

    fn unpack(&mut self, piece: &Piece, heads: &[Head]) -> io::Result<()> {
        let text = self.decompressor.decompress(&piece.bytes, piece.length)?;
        let (mut from, mut closed) = (In(&text), Known::default());
        while !from.0.is_empty() {
            self.record(&mut from, &mut closed, piece, heads)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        }
        Ok(())
    }

    /// Unpacks the next record; `closed` are the last closed sessions before it.
    fn record(
        &mut self,
        from: &mut In<'_>,
        closed: &mut Known,
        piece: &Piece,
        heads: &[Head],
    ) -> Option<()> {
        let tag = from.byte()?;
        if tag == Tag::Batch as u8 {
            self.ready.extend(self.batch.take());
            let head = heads.get(self.head)?;
            self.head += 1;
            self.batch = Some(Batch {
                open: head.has_snapshot.then(|| OpenSnapshot {
                    is_whole: head.is_whole,
                    stretched: head.stretched,
                    ..OpenSnapshot::default()
                }),
                closed: Vec::new(),
                host: head.host.as_ref().map(|host| Arc::new(host.unpack())),
                missed: head.missed,
                taken_ns: head.taken_ns,
                clock: head.clock,
                gaps: Vec::new(),
            });
            return Some(());
        }
        let batch = self.batch.as_mut()?;
        if tag == Tag::Gone as u8 {
            batch.open.as_mut()?.gone.push(from.uint()?);
            return Some(());
        }
        let cgroup = piece.cgroups.get(usize::try_from(from.uint()?).ok()?)?;
        if tag == Tag::Changed as u8 {
            let mut session = unpack(from, &mut Known::default(), cgroup)?;
            if self.is_at_full {
                session.advance_idle_to(batch.taken_ns);
            }
            batch.open.as_mut()?.changed.push(session);
        } else {
            batch.closed.push(unpack(from, closed, cgroup)?);
        }
        Some(())
    }
}
