//! Packs batches into frames. Keeps the open sessions, packed, so that a frame can begin with all of them.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use zstd::bulk::Compressor;

use crate::model::batch::{Batch, OpenSnapshot};
use crate::model::black_box::host::HostPacker;
use crate::model::black_box::packing::{Known, pack, pack_uint};
use crate::model::black_box::{Counts, Frame, FullState, Head, Piece, Tag};
use crate::model::cgroup::Cgroup;
use crate::model::session::{Session, SessionId};

/// Level of compression: level 1 packs a twentieth better, and takes 40 ns longer for a session.
const LEVEL: i32 = -1;
/// Bytes and sessions at which a piece ends: what is unpacked while a key waits.
const FULL_PIECE: usize = 128 << 10;
const FULL_SESSIONS: usize = 2048;
/// Events after which a frame begins with all open sessions; more if they would be most of it.
const EVENTS_TO_FULL: u64 = 50_000;
/// Time after which one does in any case, ns.
const TIME_TO_FULL_NS: u64 = 60_000_000_000;

/// An open session, packed.
#[derive(Debug)]
struct OpenSession {
    id: SessionId,
    cgroup: Arc<Cgroup>,
    bytes: Box<[u8]>,
}

/// Packs batches.
pub struct Packer {
    compressor: Compressor<'static>,
    open: FxHashMap<u64, OpenSession>,
    writing: Writing,
    /// Parts of the frame that are packed.
    heads: Vec<Head>,
    full: Option<FullState>,
    counts: Counts,
    /// Events and time of the last frame with all open sessions.
    events: u64,
    full_ns: Option<u64>,
    /// The last batch.
    last: Option<Head>,
    host: HostPacker,
    from_ns: u64,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

/// Records that are being packed into pieces.
#[derive(Debug, Default)]
struct Writing {
    text: Vec<u8>,
    /// Sessions in it.
    sessions: usize,
    cgroups: Vec<Arc<Cgroup>>,
    /// Index of each of `cgroups`, by its address.
    known: FxHashMap<usize, u64>,
    /// The control group of the last session, and its index: most have the same as the one before.
    last: Option<(usize, u64)>,
    /// The last closed sessions of the piece.
    closed: Known,
    pieces: Vec<Piece>,
}

impl Writing {
    fn cgroup(&mut self, cgroup: &Arc<Cgroup>) -> u64 {
        let address = Arc::as_ptr(cgroup).addr();
        if let Some((last, index)) = self.last
            && last == address
        {
            return index;
        }
        let index = *self.known.entry(address).or_insert_with(|| {
            self.cgroups.push(Arc::clone(cgroup));
            self.cgroups.len() as u64 - 1
        });
        self.last = Some((address, index));
        index
    }

    fn begin(&mut self, tag: Tag, cgroup: &Arc<Cgroup>) {
        self.text.push(tag as u8);
        self.sessions += 1;
        let index = self.cgroup(cgroup);
        pack_uint(index, &mut self.text);
    }

    /// Adds an open session, which is packed.
    fn open(&mut self, cgroup: &Arc<Cgroup>, bytes: &[u8]) {
        self.begin(Tag::Changed, cgroup);
        self.text.extend_from_slice(bytes);
    }

    fn closed(&mut self, session: &Session) {
        self.begin(Tag::Closed, &session.cgroup);
        pack(session, &mut self.closed, &mut self.text);
    }

    /// Ends the piece if it is full, or in any case.
    fn end_piece(&mut self, compressor: &mut Compressor<'_>, is_last: bool) -> io::Result<()> {
        let is_full = self.text.len() >= FULL_PIECE || self.sessions >= FULL_SESSIONS;
        if self.text.is_empty() || !is_full && !is_last {
            return Ok(());
        }
        let piece = Piece {
            bytes: compressor.compress(&self.text)?.into(),
            length: self.text.len(),
            sessions: std::mem::take(&mut self.sessions),
            cgroups: std::mem::take(&mut self.cgroups).into(),
        };
        self.pieces.push(piece);
        self.text.clear();
        self.known.clear();
        (self.last, self.closed) = (None, Known::default());
        Ok(())
    }

    fn take(&mut self, compressor: &mut Compressor<'_>) -> io::Result<Box<[Piece]>> {
        self.end_piece(compressor, true)?;
        Ok(std::mem::take(&mut self.pieces).into())
    }
}

impl Packer {
    /// Creates a packer.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new() -> io::Result<Self> {
        Ok(Packer {
            compressor: Compressor::new(LEVEL)?,
            open: FxHashMap::default(),
            writing: Writing::default(),
            heads: Vec::new(),
            full: None,
            counts: Counts::default(),
            events: 0,
            full_ns: None,
            last: None,
            host: HostPacker::default(),
            from_ns: 0,
            scratch: Vec::new(),
        })
    }

    /// Adds a batch. Returns the frame that ends with it: each does with a snapshot, or when it is full.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn batch(&mut self, batch: &Batch) -> io::Result<Option<Frame>> {
        if self.heads.is_empty() {
            self.begin(batch)?;
        }
        let host = batch.host.as_ref().map(|host| self.host.pack(host));
        let open = batch.open.as_ref();
        let head = Head {
            taken_ns: batch.taken_ns,
            clock: batch.clock,
            missed: batch.missed,
            host,
            has_snapshot: open.is_some(),
            is_whole: open.is_some_and(|open| open.is_whole),
            stretched: open.and_then(|open| open.stretched),
        };
        self.writing.text.push(Tag::Batch as u8);
        self.heads.push(head.clone());
        if let Some(open) = open {
            self.snapshot(open)?;
        }
        for session in &batch.closed {
            self.writing.closed(session);
            self.writing.end_piece(&mut self.compressor, false)?;
            self.counts.failed += u64::from(session.reason.is_failure());
            // few of the sessions that close have been seen by a snapshot
            if let Some(open) = self.open.get(&session.cookie)
                && open.id == session.id()
            {
                self.open.remove(&session.cookie);
            }
        }
        self.counts.closed += batch.closed.len() as u64;
        self.events += batch.closed.len() as u64;
        let before = self.last.as_ref().map_or(0, |last| last.missed.certain());
        self.counts.missed += batch.missed.certain().saturating_sub(before);
        self.last = Some(head);
        if batch.open.is_some() || self.writing.pieces.len() > 1 {
            return self.end(batch.taken_ns).map(Some);
        }
        Ok(None)
    }

    fn snapshot(&mut self, open: &OpenSnapshot) -> io::Result<()> {
        if open.is_whole {
            self.open.clear();
        }
        for session in &open.changed {
            self.scratch.clear();
            pack(session, &mut Known::default(), &mut self.scratch);
            self.writing.open(&session.cgroup, &self.scratch);
            self.writing.end_piece(&mut self.compressor, false)?;
            let known = self
                .open
                .insert(session.cookie, packed(session, &self.scratch));
            self.counts.opened += u64::from(known.is_none());
        }
        self.events += open.changed.len() as u64;
        for cookie in &open.gone {
            self.writing.text.push(Tag::Gone as u8);
            pack_uint(*cookie, &mut self.writing.text);
            self.open.remove(cookie);
        }
        Ok(())
    }

    /// Begins a frame, with all open sessions if it is time to.
    fn begin(&mut self, batch: &Batch) -> io::Result<()> {
        self.from_ns = self
            .last
            .as_ref()
            .map_or(batch.taken_ns, |last| last.taken_ns);
        let is_due = self.full_ns.is_none_or(|full_ns| {
            self.events >= EVENTS_TO_FULL.max(2 * self.open.len() as u64)
                || batch.taken_ns.saturating_sub(full_ns) >= TIME_TO_FULL_NS
        });
        if !is_due {
            return Ok(());
        }
        (self.full_ns, self.events) = (Some(batch.taken_ns), 0);
        let mut heads = Vec::new();
        if let Some(last) = &self.last {
            self.writing.text.push(Tag::Batch as u8);
            heads.push(Head {
                host: self.host.last.clone(),
                has_snapshot: true,
                is_whole: true,
                ..last.clone()
            });
            for open in self.open.values() {
                self.writing.open(&open.cgroup, &open.bytes);
                self.writing.end_piece(&mut self.compressor, false)?;
            }
        }
        let pieces = self.writing.take(&mut self.compressor)?;
        self.full = Some(FullState {
            heads: heads.into(),
            pieces,
        });
        Ok(())
    }

    fn end(&mut self, to_ns: u64) -> io::Result<Frame> {
        let counts = std::mem::take(&mut self.counts);
        let heads: Box<[Head]> = std::mem::take(&mut self.heads).into();
        Ok(Frame::new(
            self.full.take(),
            heads,
            self.writing.take(&mut self.compressor)?,
            counts,
            // records are taken beside snapshots, which may be a little older
            (self.from_ns.min(to_ns), to_ns),
        ))
    }
}

fn packed(session: &Session, bytes: &[u8]) -> OpenSession {
    OpenSession {
        id: session.id(),
        cgroup: Arc::clone(&session.cgroup),
        bytes: bytes.into(),
    }
}
