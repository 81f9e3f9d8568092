//! The open sessions at each look, of which the kernel tells only those that have changed since the one before.
//!
//! Responsible for putting a look together from what is new and what is remembered. Not for getting it (`bpf`), nor for
//! what a record means (`decode`).

use rustc_hash::FxHashMap;

use super::bpf::types::{session_record, unchanged_session};
use super::decode::{BadRecord, Context, decode};
use crate::session::Session;

/// What was open at the last look.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// By cookie.
    shown: FxHashMap<u64, Shown>,
    /// How many looks have begun.
    look: u64,
    /// When the one that is under way began, and what it has found.
    now_ns: u64,
    open: Vec<Session>,
    /// The kernel takes something for known that is not.
    is_amiss: bool,
}

#[derive(Debug)]
struct Shown {
    /// As the kernel told it last, which may be many looks ago.
    session: Session,
    /// The last look that it was in.
    look: u64,
}

impl Looks {
    /// Begins a look, at that time.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.look += 1;
        self.now_ns = now_ns;
        self.open = Vec::with_capacity(self.shown.len());
        self.is_amiss = false;
    }

    /// Takes what the iterator wrote, and says how many bytes of it are done with: what is cut off at the end is to come
    /// again when there is more.
    ///
    /// # Errors
    /// If a record is none.
    pub(super) fn take(&mut self, bytes: &[u8], context: &mut Context) -> Result<usize, BadRecord> {
        let mut rest = bytes;
        while let Some(first) = rest.first_chunk() {
            let is_unchanged = u64::from_ne_bytes(*first) == 0;
            let size = if is_unchanged {
                size_of::<unchanged_session>()
            } else {
                size_of::<session_record>()
            };
            let Some((item, after)) = rest.split_at_checked(size) else {
                break;
            };
            if is_unchanged {
                self.take_unchanged(item)?;
            } else {
                self.take_record(decode(item, context)?);
            }
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    fn take_record(&mut self, session: Session) {
        self.open.push(session.clone());
        let look = self.look;
        self.shown.insert(session.cookie, Shown { session, look });
    }

    fn take_unchanged(&mut self, item: &[u8]) -> Result<(), BadRecord> {
        let unchanged: unchanged_session =
            bytemuck::try_pod_read_unaligned(item).map_err(|_| BadRecord(item.len()))?;
        match self.shown.get_mut(&unchanged.cookie) {
            Some(shown) => {
                shown.look = self.look;
                self.open.push(later(&shown.session, self.now_ns));
            }
            None => self.is_amiss = true,
        }
        Ok(())
    }

    /// Ends a look: every session that is open. `None`: the kernel has to tell of all of them again.
    pub(super) fn end(&mut self) -> Option<Vec<Session>> {
        if self.shown.len() > self.open.len() {
            self.shown.retain(|_, shown| shown.look == self.look);
        }
        let open = std::mem::take(&mut self.open);
        (!self.is_amiss).then_some(open)
    }
}

/// The same session when only time has passed.
fn later(shown: &Session, now_ns: u64) -> Session {
    let mut session = shown.clone();
    let passed_ns = now_ns.saturating_sub(shown.end_ns);
    session.end_ns += passed_ns;
    if session.close_us != 0 {
        let passed_us = u32::try_from(passed_ns / 1000).unwrap_or(u32::MAX);
        session.close_us = session.close_us.saturating_add(passed_us);
    }
    session
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Cgroups;

    const S: u64 = 1_000_000_000;

    fn context() -> Context {
        Context {
            hz: 1000,
            started_ns: 0,
            cgroups: Cgroups::none(),
        }
    }

    fn record(cookie: u64, tx_bytes: u64, taken_ns: u64) -> Vec<u8> {
        let record = session_record {
            cookie,
            taken_ns,
            start_ns: S,
            closing_ns: if cookie == 2 { 2 * S } else { 0 },
            bytes_acked: tx_bytes,
            direction: 2,
            ip: 4,
            state: 1,
            ..bytemuck::Zeroable::zeroed()
        };
        let size = size_of::<session_record>();
        // SAFETY: integers without padding, as tcplife.h asserts.
        unsafe { std::slice::from_raw_parts((&raw const record).cast::<u8>(), size) }.to_vec()
    }

    fn unchanged(cookie: u64) -> Vec<u8> {
        [0_u64, cookie].map(u64::to_ne_bytes).concat()
    }

    fn look(looks: &mut Looks, now_s: u64, bytes: &[u8]) -> Option<Vec<(u64, u64, u64, u32)>> {
        looks.begin(now_s * S);
        // in pieces, as they may come
        let mut waiting = Vec::new();
        for piece in bytes.chunks(7) {
            waiting.extend(piece);
            let done = looks.take(&waiting, &mut context()).expect("records");
            waiting.drain(..done);
        }
        assert_eq!(waiting, [0; 0]);
        let seen = |s: Session| (s.cookie, s.tx_bytes, s.end_ns / S, s.close_us);
        Some(looks.end()?.into_iter().map(seen).collect())
    }

    #[test]
    fn what_has_not_changed_is_as_it_was_and_older() {
        let mut looks = Looks::default();
        let all = [record(1, 5, 3 * S), record(2, 6, 3 * S)].concat();
        let told = Some(vec![(1, 5, 3, 0), (2, 6, 3, 1_000_000)]);
        assert_eq!(look(&mut looks, 3, &all), told);
        // it stays what it is, however long nothing happens; a FIN is the longer ago
        for s in [4, 60] {
            let none = [unchanged(2), unchanged(1)].concat();
            let told = Some(vec![(2, 6, s, 1_000_000 * (s as u32 - 2)), (1, 5, s, 0)]);
            assert_eq!(look(&mut looks, s, &none), told);
        }
        let one = [unchanged(2), record(1, 9, 61 * S)].concat();
        let told = Some(vec![(2, 6, 61, 59_000_000), (1, 9, 61, 0)]);
        assert_eq!(look(&mut looks, 61, &one), told);
    }

    #[test]
    fn what_is_not_remembered_has_to_be_told_again() {
        let mut looks = Looks::default();
        let both = [record(1, 5, S), record(3, 5, S)].concat();
        assert!(look(&mut looks, 1, &both).is_some());
        assert_eq!(look(&mut looks, 2, &unchanged(1)), Some(vec![(1, 5, 2, 0)]));
        // it was not in the look before: a filter may have been in the way
        let amiss = [unchanged(1), unchanged(3)].concat();
        assert_eq!(look(&mut looks, 3, &amiss), None);
        assert!(look(&mut looks, 4, &both).is_some());
    }
}
