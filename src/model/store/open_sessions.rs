//! The open sessions, in blocks of numbered slots: they can be gone through in parts while they change, and their memory grows
//! and shrinks without moving any of them.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::num::NonZeroU32;
use std::ops::Range;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::model::session::Session;

/// Number of a place of an open session. A session keeps its slot while it is open; later another one may get it.
pub type Slot = u32;

/// Slots of a block.
pub(super) const BLOCK: usize = 1 << 12;
const WORD: usize = u64::BITS as usize;

/// Where a session was last found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// New or changed in the snapshot with this number; since then only time has passed.
    Changed(NonZeroU32),
    /// Gone in the last snapshot; if its end is not reported by the next one, it was missed.
    Missing,
}

#[derive(Debug)]
struct Block {
    /// `None`: free, or freed since touched slots were last forgotten.
    sessions: Vec<Option<Session>>,
    marks: Vec<Mark>,
    /// Free slots among them, relative to the block.
    free: Vec<u16>,
    /// Slots with a new session, another figure, or none any more, since touched slots were last forgotten: bits.
    touched: [u64; BLOCK / WORD],
    is_touched: bool,
}

impl Block {
    fn new() -> Self {
        Block {
            sessions: Vec::new(),
            marks: Vec::new(),
            free: Vec::new(),
            touched: [0; BLOCK / WORD],
            is_touched: false,
        }
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty() || self.sessions.len() < BLOCK
    }

    fn touch(&mut self, at: usize) {
        self.touched[at / WORD] |= 1 << (at % WORD);
        self.is_touched = true;
    }

    fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.touched.iter().enumerate();
        let words = words.take(if self.is_touched { usize::MAX } else { 0 });
        words.flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.checked_ilog2()? as usize;
                left &= !(1 << bit);
                Some(i * WORD + bit)
            })
        })
    }
}

/// The open sessions.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    blocks: Vec<Block>,
    /// Slots by the hash of the cookie, which the session has. The kernel counts cookies up, so nobody can provoke hash
    /// collisions.
    slots: HashTable<(CookieHash, Slot)>,
    /// Blocks with a slot that is free or was never used.
    roomy: BTreeSet<usize>,
}

/// Hash of a cookie. It is kept beside the slot, so that the table can grow without a look at each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CookieHash(u32);

impl CookieHash {
    fn new(cookie: u64) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write_u64(cookie);
        let hash = hasher.finish();
        CookieHash((hash ^ hash >> 32) as u32)
    }

    /// The table uses the highest bits and the lowest.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

fn split(slot: Slot) -> (usize, usize) {
    let slot = slot as usize;
    (slot / BLOCK, slot % BLOCK)
}

fn joined(block: usize, at: usize) -> Slot {
    (block * BLOCK + at) as Slot
}

impl OpenSessions {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Number of blocks. Those beyond have no session.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The slot of a session, unless it is taken out.
    pub(super) fn slot(&self, cookie: u64) -> Option<Slot> {
        let hash = CookieHash::new(cookie);
        let found = self.slots.find(hash.spread(), |(other, slot)| {
            *other == hash && self.at(*slot).is_some_and(|s| s.cookie == cookie)
        });
        found.map(|(_, slot)| *slot)
    }

    pub(super) fn get(&self, cookie: u64) -> Option<&Session> {
        self.at(self.slot(cookie)?)
    }

    pub(super) fn at(&self, slot: Slot) -> Option<&Session> {
        let (block, at) = split(slot);
        self.blocks.get(block)?.sessions.get(at)?.as_ref()
    }

    /// Iterates over the sessions in these slots.
    pub(super) fn within(&self, slots: Range<Slot>) -> impl Iterator<Item = (Slot, &Session)> {
        let blocks = slots.start as usize / BLOCK..(slots.end as usize).div_ceil(BLOCK);
        let blocks = blocks.start.min(self.blocks.len())..blocks.end.min(self.blocks.len());
        let first = blocks.start;
        let sessions = self.blocks[blocks].iter().enumerate();
        let sessions = sessions.flat_map(move |(i, block)| {
            let sessions = block.sessions.iter().enumerate();
            sessions.filter_map(move |(at, s)| Some((joined(first + i, at), s.as_ref()?)))
        });
        sessions.filter(move |(slot, _)| slots.contains(slot))
    }

    /// Adds a session of a cookie that stands for none. Returns its slot.
    pub(super) fn insert(&mut self, session: Session, mark: Mark) -> Slot {
        let block = match self.roomy.first() {
            Some(block) => *block,
            None => {
                self.blocks.push(Block::new());
                self.roomy.insert(self.blocks.len() - 1);
                self.blocks.len() - 1
            }
        };
        let cookie = session.cookie;
        let place = &mut self.blocks[block];
        let at = match place.free.pop() {
            Some(at) => {
                let at = usize::from(at);
                (place.sessions[at], place.marks[at]) = (Some(session), mark);
                at
            }
            None => {
                place.sessions.push(Some(session));
                place.marks.push(mark);
                place.sessions.len() - 1
            }
        };
        place.touch(at);
        if !place.has_room() {
            self.roomy.remove(&block);
        }
        let slot = joined(block, at);
        let hash = CookieHash::new(cookie);
        self.slots
            .insert_unique(hash.spread(), (hash, slot), |(hash, _)| hash.spread());
        slot
    }

    /// Takes a session out of its slot, which stays its own: [`OpenSessions::put`] has to follow.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Session> {
        let (block, at) = split(slot);
        self.blocks.get_mut(block)?.sessions.get_mut(at)?.take()
    }

    /// Puts a session with the same cookie back into its slot.
    pub(super) fn put(&mut self, slot: Slot, session: Session, mark: Mark) {
        let (block, at) = split(slot);
        let block = &mut self.blocks[block];
        (block.sessions[at], block.marks[at]) = (Some(session), mark);
        block.touch(at);
    }

    /// Removes a session.
    pub(super) fn remove(&mut self, cookie: u64) -> Option<Session> {
        let slot = self.slot(cookie)?;
        let hash = CookieHash::new(cookie);
        let entry = self
            .slots
            .find_entry(hash.spread(), |(_, other)| *other == slot);
        entry.ok()?.remove();
        let (block, at) = split(slot);
        let block = &mut self.blocks[block];
        block.touch(at);
        block.sessions[at].take()
    }

    /// Marks a session as missing. False if it was already.
    pub(super) fn lose(&mut self, slot: Slot) -> bool {
        let (block, at) = split(slot);
        let Some(block) = self.blocks.get_mut(block) else {
            return false;
        };
        let Some(Some(session)) = block.sessions.get_mut(at) else {
            return false;
        };
        (session.tx_rate, session.rx_rate) = (0.0, 0.0);
        let before = std::mem::replace(&mut block.marks[at], Mark::Missing);
        block.touch(at);
        before != Mark::Missing
    }

    /// True if the session of a slot is marked as missing.
    pub(super) fn is_missing(&self, slot: Slot) -> bool {
        let (block, at) = split(slot);
        let mark = self.blocks.get(block).and_then(|b| b.marks.get(at));
        mark == Some(&Mark::Missing) && self.at(slot).is_some()
    }

    /// Notes that the line of a session may have to change.
    pub(super) fn touch(&mut self, slot: Slot) {
        let (block, at) = split(slot);
        if let Some(block) = self.blocks.get_mut(block) {
            block.touch(at);
        }
    }

    /// Slots in these that were touched, in no order.
    pub(super) fn touched(&self, slots: Range<Slot>) -> impl Iterator<Item = Slot> {
        let blocks = slots.start as usize / BLOCK..(slots.end as usize).div_ceil(BLOCK);
        let blocks = blocks.start.min(self.blocks.len())..blocks.end.min(self.blocks.len());
        let first = blocks.start;
        let touched = self.blocks[blocks].iter().enumerate();
        touched.flat_map(move |(i, block)| block.touched().map(move |at| joined(first + i, at)))
    }

    /// Forgets which slots of these blocks were touched, so that those without a session can get another one.
    pub(super) fn forget_touched(&mut self, slots: Range<Slot>) {
        let blocks = slots.start as usize / BLOCK..(slots.end as usize).div_ceil(BLOCK);
        for number in blocks.start..blocks.end.min(self.blocks.len()) {
            let block = &mut self.blocks[number];
            if !block.is_touched {
                continue;
            }
            let freed = block.touched().filter(|at| block.sessions[*at].is_none());
            let freed: Vec<u16> = freed.map(|at| at as u16).collect();
            block.free.extend(freed);
            if block.free.len() == block.sessions.len() {
                *block = Block::new();
            }
            (block.touched, block.is_touched) = ([0; BLOCK / WORD], false);
            if block.has_room() {
                self.roomy.insert(number);
            }
        }
    }

    /// Goes through a block at the end of a snapshot: for sessions that have not changed, time passes. If the snapshot was
    /// whole, these are missing instead: adds their slots to `missing`.
    pub(super) fn settle(
        &mut self,
        block: usize,
        snapshot: NonZeroU32,
        now_ns: u64,
        is_whole: bool,
        missing: &mut Vec<Slot>,
    ) {
        let Some(place) = self.blocks.get_mut(block) else {
            return;
        };
        for at in 0..place.sessions.len() {
            let is_idle = match place.marks[at] {
                Mark::Changed(last) => last != snapshot,
                Mark::Missing => false,
            };
            let Some(session) = place.sessions[at].as_mut().filter(|_| is_idle) else {
                continue;
            };
            let had_rate = session.tx_rate != 0.0 || session.rx_rate != 0.0;
            if is_whole {
                (session.tx_rate, session.rx_rate) = (0.0, 0.0);
                place.marks[at] = Mark::Missing;
                missing.push(joined(block, at));
            } else {
                session.advance_idle_to(now_ns);
            }
            if had_rate {
                place.touch(at);
            }
        }
    }
}
