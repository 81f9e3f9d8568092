//! The collector's thread: starts the BPF programs, drains the ring buffer and takes snapshots.
//!
//! `decode` interprets the bytes.

use std::cell::RefCell;
use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::Sender;
use libbpf_rs::{Iter, Link, PrintLevel, RingBuffer, RingBufferBuilder, libbpf_sys};
use rustix::event::{Timespec, epoll};
use rustix::thread::CapabilitySet;

use crate::collector::kernel::decode::{BadRecord, DecodeContext, decode};
use crate::collector::kernel::drops::{DropCounts, DropReasons};
use crate::collector::kernel::features::{Features, FileSocket, Walk};
use crate::collector::kernel::iterators::{Iterators, Scanner, walk, walk_silent};
use crate::collector::kernel::listeners::{GoneOwners, Listeners};
use crate::collector::kernel::load::{
    attach_tracepoint, attach_tracepoints, keep_complaint, kernel_types, load, refused,
};
use crate::collector::kernel::netns::Search;
use crate::collector::kernel::process_names::ProcessNames;
use crate::collector::kernel::reader::{Reader, both_clocks};
use crate::collector::kernel::shared::SharedState;
use crate::collector::kernel::skel::{self, types};
use crate::collector::kernel::snapshots::Snapshots;
use crate::collector::kernel::write_watch::WriteWatch;
use crate::collector::kernel::{CollectorConfig, Started, netns};
use crate::collector::{Orders, Wanted};
use crate::host::cgroup::Cgroups;
use crate::host::interfaces::Interfaces;
use crate::host::privileges::without_capabilities;
use crate::host::thread;
use crate::model::batch::{Batch, Clock, Holders, HostSnapshot, Missed};
use crate::model::session::{Comm, Session, SessionId};

/// Maximum time that a closed session waits in the ring buffer while more of them close.
const TAKE_EVERY: Duration = Duration::from_millis(50);
/// Maximum sleep of the collector.
const SLEEP: Duration = Duration::from_secs(1);
/// Minimum time between scans of all open files, for sessions of which only the listener is known.
const SCAN_EVERY: Duration = Duration::from_secs(5);
/// Minimum time between scans in units of the CPU time of one: they take a fiftieth of a processor at most.
const SCAN_SHARE: u32 = 50;
/// Minimum time between scans for sessions of which an earlier scan found no owner: they may still be in the listener's queue.
const SCAN_AGAIN: Duration = Duration::from_secs(60);
/// Minimum age of a session without a known owner that justifies a scan.
const SCAN_AFTER_NS: u64 = 2_000_000_000;
/// Maximum number of sessions in a batch: bounds what the channel can hold.
const BATCH_SESSIONS: usize = 4096;

/// Collects until asked to stop, or until nobody receives the batches any more. `ready` is told how it has started.
pub fn run(
    config: CollectorConfig,
    tx: Sender<Batch>,
    orders: &Orders,
    ready: &dyn Fn(Started),
) -> anyhow::Result<()> {
    libbpf_rs::set_print(Some((PrintLevel::Warn, keep_complaint)));
    let types = kernel_types()?;
    let features = Features::of_this_kernel(&types, config.at_most);
    let mut object = MaybeUninit::uninit();
    let builder = skel::TcplifeSkelBuilder::default();
    let reasons = config.drops.then(|| DropReasons::of_this_kernel(&types));
    let reasons = reasons.flatten();
    let mut skel = load(
        builder,
        &mut object,
        &config,
        &types,
        features,
        reasons.as_ref(),
    )?;
    drop(types);
    let bss = skel.maps.bss_data.as_deref_mut();
    let variables = SharedState::new(bss.context("the programs have no variables")?);
    let reader = Reader::learn(&skel.progs, &variables)?;
    let _links = attach_tracepoints(&skel.progs)?;
    let writes = WriteWatch::begin(&skel.progs, &skel.maps.followed)?;
    let _drops_link = reasons
        .is_some()
        .then(|| attach_tracepoint(&skel.progs.on_drop));
    let _drops_link = _drops_link.transpose()?;
    let started_ns = reader.now_ns();
    let iterators = Iterators::attach(&skel.progs, features.walk, skel.maps.states.as_fd())?;
    // from here on, nothing is loaded or attached
    let in_force = config
        .sandbox
        .enter(needed_capabilities(&iterators.scan)?)?;
    let started = Started {
        in_force,
        finds_all: features.walk == Walk::Map,
    };
    if !config.scan_first {
        ready(started);
    }
    // Sessions that are already open: the tracepoints are attached, so nothing can slip in between.
    let scratch = [&skel.maps.holders, &skel.maps.port_holders];
    let scanner = Scanner::new(&iterators.scan, scratch, &skel.maps.notes, &variables);
    scanner.scan()?;
    // a scan that can use the sockets of open files has found those in all namespaces
    let search = match features.files {
        FileSocket::Whole => Search::Processes,
        FileSocket::ReadOnly => Search::Everywhere,
    };
    match config.namespaces {
        Some(namespaces) => namespaces.run(iterators.scan_orphans.as_fd(), search)?,
        // this thread may still have the right to
        None => netns::in_each(search, || walk_silent(&iterators.scan_orphans))?,
    }
    // the thread id may belong to another thread from now on
    variables.forget_scanner();

    let taken = RingRecords {
        context: RefCell::new(DecodeContext {
            hz: reader.hz,
            started_ns,
            cgroups: Cgroups::of_this_host(config.containers),
            names: ProcessNames::default(),
            interfaces: Interfaces::of_this_namespace(),
        }),
        closed: RefCell::default(),
        open: RefCell::default(),
        seen: RefCell::default(),
        bad_record: RefCell::default(),
    };
    let mapping = "mapping the ring buffer";
    let mut ring = RingBufferBuilder::new();
    ring.add(&skel.maps.sessions, |bytes| taken.take(bytes))
        .map_err(refused(mapping))?;
    let ring = ring.build().map_err(refused(mapping))?;
    if config.scan_first {
        ready(started);
    }
    let rest = Rest::new(skel.maps.sessions.as_fd(), orders)?;
    let listeners = Listeners {
        link: iterators.listeners.as_ref(),
        map: &skel.maps.listeners,
        variables: &variables,
    };
    let rounds = Rounds {
        listeners,
        gone_owners: GoneOwners::default(),
        snapshots: Snapshots::new(&variables, &iterators.live, features.walk, config.part),
        holders: &iterators.holders,
        scanner,
        on_state: skel.progs.on_state.as_fd(),
        is_by_pid: config.capture.pid.is_some(),
        finds_all: started.finds_all,
        variables: &variables,
        reader: &reader,
        clock: Clock::default().ahead(reader.ahead_ns),
        missed: Missed::default(),
        missed_at: None,
        ring,
        taken: &taken,
        interval: config.interval,
        writes,
        drops: reasons.map(|reasons| {
            let maps = [&skel.maps.session_drops, &skel.maps.other_drops];
            DropCounts::new(reasons, maps)
        }),
        last_scan_ns: started_ns,
        scan_cost: Duration::ZERO,
    };
    rounds.run(&rest, &tx, orders)
}

/// Records taken from the ring buffer that are not handed over yet.
struct RingRecords {
    context: RefCell<DecodeContext>,
    closed: RefCell<Vec<Session>>,
    /// Open sessions of the current snapshot, as their records name them.
    open: RefCell<Vec<Session>>,
    /// Closed sessions that were in a snapshot: see `DeltaTracker::close`.
    seen: RefCell<Vec<(SessionId, u8)>>,
    bad_record: RefCell<Option<BadRecord>>,
}

impl RingRecords {
    /// Callback of libbpf: a value other than 0 would stop it.
    fn take(&self, bytes: &[u8]) -> i32 {
        if let Ok(new) = bytemuck::try_pod_read_unaligned::<types::new_cgroup>(bytes) {
            self.context.borrow_mut().cgroups.note(new.cgroup);
            return 0;
        }
        let decoded = decode(bytes, &mut self.context.borrow_mut());
        match decoded {
            Ok(session) if bytes[offset_of!(types::session_record, closed)] == 0 => {
                self.open.borrow_mut().push(session);
            }
            Ok(mut session) => {
                self.context.borrow().names.apply(&mut session);
                let seen = bytes[offset_of!(types::session_record, seen)];
                if seen != 0 {
                    self.seen.borrow_mut().push((session.id(), seen));
                }
                self.closed.borrow_mut().push(session);
            }
            Err(e) => *self.bad_record.borrow_mut() = Some(e),
        }
        0
    }
}

/// Main loop: takes snapshots and drains the ring buffer.
struct Rounds<'a> {
    listeners: Listeners<'a>,
    gone_owners: GoneOwners,
    snapshots: Snapshots<'a>,
    holders: &'a Link,
    scanner: Scanner<'a>,
    /// The first of the two programs that follow the transitions.
    on_state: BorrowedFd<'a>,
    variables: &'a SharedState<'a>,
    reader: &'a Reader,
    clock: Clock,
    missed: Missed,
    /// The capture filter has a pid, so that a session whose owner changes may leave it.
    is_by_pid: bool,
    /// Snapshots find all open sessions.
    finds_all: bool,
    /// Time of the last count of what was missed; `None`: never.
    missed_at: Option<Instant>,
    ring: RingBuffer<'a>,
    taken: &'a RingRecords,
    /// Time between two snapshots; `None`: no snapshots.
    interval: Option<Duration>,
    writes: WriteWatch<'a>,
    /// Dropped packets; `None`: the kernel gives no reasons, or they are not wanted.
    drops: Option<DropCounts<'a>>,
    last_scan_ns: u64,
    /// CPU time of the last scan of all open files.
    scan_cost: Duration,
}

impl Rounds<'_> {
    fn run(mut self, rest: &Rest, tx: &Sender<Batch>, orders: &Orders) -> anyhow::Result<()> {
        let mut idle_rounds = 0;
        loop {
            orders.waker().drain();
            self.taken.context.borrow_mut().cgroups.catch_up();
            self.writes.keep_cheap(Instant::now())?;
            let last = orders.stop();
            if let Some(capture) = orders.capture() {
                self.variables.set_filter(&capture);
                self.is_by_pid = capture.pid.is_some();
                self.snapshots.restart();
            }
            self.interval = orders.interval().or(self.interval);
            if orders.wants_all() {
                self.snapshots.request_whole();
            }
            if let Some(wanted) = orders.holders() {
                orders.answer(self.find_holders(wanted)?);
            }
            let is_due = self.until_snapshot().is_some_and(|t| last || t.is_zero());
            let mut has_taken = false;
            let is_wanted = loop {
                if is_due {
                    self.snapshots.read(self.reader.now_ns())?;
                }
                // takes those that closed while the snapshot was read, too: it does not show them any more
                let (taken, wanted) = self.drain(last, is_due, tx)?;
                has_taken |= taken;
                if wanted && self.snapshots.is_complete() {
                    break tx.send(self.snapshot()?).is_ok();
                }
                if !(last && is_due && wanted) {
                    break wanted;
                }
            };
            if last || !is_wanted {
                return Ok(());
            }
            // The idle flag is set one round before the long sleep: a program that did not see it has completed by
            // then, and the next drain takes its record.
            if has_taken {
                idle_rounds = 0;
            } else if !self.snapshots.is_reading() {
                idle_rounds += 1;
            }
            if !self.snapshots.is_reading() {
                self.scanner.forget()?;
            }
            self.variables.set_sleeps(idle_rounds > 0);
            // the ring was drained, so the programs may wake this thread again during the next wait
            self.variables.answer_call();
            let most = if idle_rounds > 1 { SLEEP } else { TAKE_EVERY };
            rest.until(self.until_snapshot().map_or(most, |due| due.min(most)))?;
        }
    }

    fn find_holders(&self, wanted: Wanted) -> anyhow::Result<Holders> {
        let Wanted { cookie, pid } = wanted;
        self.variables.set_wanted(cookie, pid);
        let mut found = Holders {
            cookie,
            ..Holders::default()
        };
        walk(self.holders, &mut |bytes| {
            let records = bytes.chunks_exact(size_of::<types::holder_record>());
            let rest = records.remainder().len();
            for record in records {
                let record: types::holder_record = bytemuck::try_pod_read_unaligned(record)
                    .map_err(|_| BadRecord(record.len()))?;
                if record.holds != 0 {
                    found.processes.push((record.pid, Comm::new(record.comm)));
                }
                if record.pid == pid && record.netns != 0 {
                    found.owner_netns = Some(record.netns);
                }
            }
            Ok(bytes.len() - rest)
        })
        .context("cannot look for the processes that hold a session")?;
        // a process may have several descriptors of it
        found.processes.sort_unstable();
        found.processes.dedup();
        Ok(found)
    }

    /// Returns the time until the next snapshot; `None`: there is none.
    fn until_snapshot(&self) -> Option<Duration> {
        self.interval.map(|every| self.snapshots.until_next(every))
    }

    /// Returns a batch with the snapshot that is complete, and with that of the host.
    fn snapshot(&mut self) -> anyhow::Result<Batch> {
        let mut batch = self.new_batch();
        let interval = self.interval.unwrap_or_default();
        if let Some((open, begun_ns)) = self.snapshots.end(interval) {
            batch.taken_ns = begun_ns;
            batch.open = Some(open);
        }
        let mut context = self.taken.context.borrow_mut();
        let owners = self.snapshots.deltas().owners();
        if context.names.refresh(owners, &self.clock) {
            self.snapshots.request_whole();
        }
        drop(context);
        let now_ns = self.reader.now_ns();
        let unowned = self.snapshots.deltas().unowned();
        let least = SCAN_EVERY.max(self.scan_cost * SCAN_SHARE);
        if scan_is_due(unowned, self.last_scan_ns, now_ns, least) {
            self.last_scan_ns = now_ns;
            let cpu = thread::cpu_time();
            // the owners it finds show in the next snapshot
            self.scanner.scan()?;
            self.scan_cost = thread::cpu_time().saturating_sub(cpu);
        }
        batch.host = Some(self.host_snapshot()?.into());
        Ok(batch)
    }

    /// Listeners and dropped packets.
    fn host_snapshot(&mut self) -> anyhow::Result<HostSnapshot> {
        let now_ns = self.reader.now_ns();
        let mut context = self.taken.context.borrow_mut();
        let listeners = self.listeners.read(&mut context, now_ns)?;
        let drops = self.drops.as_mut();
        let drops = drops.map(|drops| drops.read(self.variables)).transpose()?;
        let (drops, drops_not_kept) = drops.unzip();
        let gone = listeners.as_ref().and_then(|l| self.gone_owners.next(l));
        if let Some(gone) = gone {
            // the owners it finds show in the next snapshot
            self.scanner.scan_listeners_of(gone)?;
        }
        Ok(HostSnapshot {
            taken_ns: now_ns,
            lacks_listeners: listeners.is_none(),
            listeners: listeners.unwrap_or_default(),
            drops,
            drops_not_kept: drops_not_kept.unwrap_or(0),
        })
    }

    /// Hands over closed sessions, in one or more batches, and the open ones in the ring to their snapshot. If this is the
    /// `last` time and no snapshot `follows`, there is a batch in any case. Returns two flags: any session had closed, and
    /// the receiver wants more.
    fn drain(
        &mut self,
        last: bool,
        follows: bool,
        tx: &Sender<Batch>,
    ) -> anyhow::Result<(bool, bool)> {
        let mut has_taken = false;
        let cpu = self.snapshots.is_reading().then(thread::cpu_time);
        loop {
            let mut batch = self.new_batch();
            let taken = self.ring.consume_raw_n(BATCH_SESSIONS);
            if taken < 0 {
                let error = io::Error::from_raw_os_error(-taken);
                return Err(error).context("cannot read the ring buffer");
            }
            if let Some(e) = self.taken.bad_record.take() {
                return Err(e.into());
            }
            for session in self.taken.open.take() {
                let context = self.taken.context.borrow();
                self.snapshots.take(session, &context.names);
            }
            for (id, seen) in self.taken.seen.take() {
                self.snapshots.close(id, seen);
            }
            // the next batch will be about as large
            let room = Vec::with_capacity(self.taken.closed.borrow().len());
            batch.closed = self.taken.closed.replace(room);
            batch.missed = self.count_missed(last);
            has_taken |= !batch.closed.is_empty();
            let more = taken as usize >= BATCH_SESSIONS;
            let is_worth_it = !batch.closed.is_empty() || (last && !follows);
            if is_worth_it && tx.send(batch).is_err() {
                return Ok((has_taken, false));
            }
            if !more {
                let cost = cpu.map(|cpu| thread::cpu_time().saturating_sub(cpu));
                self.snapshots.add_cost(cost.unwrap_or_default());
                return Ok((has_taken, true));
            }
        }
    }
}

impl Rounds<'_> {
    fn new_batch(&mut self) -> Batch {
        if let Some((boot_ns, wall_ns)) = both_clocks() {
            self.clock.set(self.clock.of_kernel(boot_ns), wall_ns);
        }
        Batch {
            taken_ns: self.reader.now_ns(),
            clock: self.clock,
            missed: self.missed,
            ..Batch::default()
        }
    }

    /// Counts what was missed. What takes a system call is counted at most once a second, and at the end.
    fn count_missed(&mut self, last: bool) -> Missed {
        self.missed.ring_full = self.variables.ring_full();
        self.missed.no_memory = self.variables.no_memory();
        // the store counts those that vanish
        let is_known = self.interval.is_some() && !self.is_by_pid && self.finds_all;
        self.missed.vanished = is_known.then_some(0);
        if last || self.missed_at.is_none_or(|at| at.elapsed() >= SLEEP) {
            self.missed_at = Some(Instant::now());
            let first = recursion_misses(self.on_state);
            let made_good = self.variables.made_good();
            self.missed.not_run = first.map(|misses| misses.saturating_sub(made_good));
        }
        self.missed
    }
}

/// Number of times that the kernel did not run a program because it was already running on that processor; `None`: the
/// kernel does not say.
fn recursion_misses(program: BorrowedFd<'_>) -> Option<u64> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut size = size_of_val(&info) as u32;
    // SAFETY: `info` has `size` bytes, and with all its pointers null the kernel writes nowhere else.
    let result = unsafe {
        libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut size)
    };
    (result == 0).then_some(info.recursion_misses)
}

/// True if a scan of all open files is worthwhile: no process has been seen using some sessions, because they are idle
/// or only written to. `unowned` are their start times, and `least` is the minimum time between scans.
fn scan_is_due(
    unowned: impl Iterator<Item = u64>,
    last_scan_ns: u64,
    now_ns: u64,
    least: Duration,
) -> bool {
    let since = Duration::from_nanos(now_ns.saturating_sub(last_scan_ns));
    unowned
        .map(|start_ns| start_ns.saturating_add(SCAN_AFTER_NS))
        .filter(|due_ns| *due_ns <= now_ns)
        .any(|due_ns| {
            let was_in_vain = due_ns <= last_scan_ns;
            since
                >= if was_in_vain {
                    least.max(SCAN_AGAIN)
                } else {
                    least
                }
        })
}

/// Waits for a timeout, a wake-up by the kernel, or an order.
struct Rest(OwnedFd);

impl Rest {
    fn new(sessions: BorrowedFd<'_>, orders: &Orders) -> anyhow::Result<Self> {
        let waiting = "cannot wait for the ring buffer";
        let all = epoll::create(epoll::CreateFlags::CLOEXEC).context(waiting)?;
        // Edge-triggered: only a wake-up by the kernel ends the wait, not data in the ring, which is normally there.
        let kernel = epoll::EventFlags::IN | epoll::EventFlags::ET;
        for (fd, flags) in [
            (sessions, kernel),
            (orders.waker().as_fd(), epoll::EventFlags::IN),
        ] {
            epoll::add(&all, fd, epoll::EventData::new_u64(0), flags).context(waiting)?;
        }
        Ok(Rest(all))
    }

    /// Waits for `time`, or until there is something to do.
    fn until(&self, time: Duration) -> anyhow::Result<()> {
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 2];
        match epoll::wait(&self.0, &mut events, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(e).context("cannot wait for the ring buffer"),
        }
    }
}

/// Returns the capabilities that the collector goes on to need: CAP_BPF, if the kernel refuses every bpf(2) call without it.
/// It does before Linux 5.19 (commit c8644cd0efe7), unless unprivileged BPF is allowed.
fn needed_capabilities(link: &Link) -> anyhow::Result<CapabilitySet> {
    let tried = without_capabilities(|| Iter::new(link).map(|_| ()));
    Ok(
        match tried.context("cannot try the BPF iterators without capabilities")? {
            Ok(()) => CapabilitySet::empty(),
            Err(_) => CapabilitySet::BPF,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::units::S;

    #[test]
    fn file_scan_is_due_only_for_sessions_still_without_owner() {
        let due = |start_s: u64, last_s, now_s| {
            scan_is_due(
                std::iter::once(start_s * S),
                last_s * S,
                now_s * S,
                SCAN_EVERY,
            )
        };
        assert!(due(100, 97, 102));
        assert!(!due(100, 90, 101), "it may yet show by itself");
        assert!(!due(100, 98, 102), "the last scan was a moment ago");
        assert!(!due(100, 102, 161), "a scan has told nothing of it");
        assert!(due(100, 102, 162), "it may have been accepted since");
        assert!(!scan_is_due(std::iter::empty(), 0, 200 * S, SCAN_EVERY));
        let least = Duration::from_secs(20);
        let of_many_files = |now_s| scan_is_due(std::iter::once(90 * S), 88 * S, now_s * S, least);
        assert_eq!([100, 108].map(of_many_files), [false, true]);
    }

    #[test]
    fn decode_unaligned_record_succeeds() {
        let mut bytes = vec![0; size_of::<types::session_record>() + 1];
        bytes[1] = 7;
        let mut context = DecodeContext {
            hz: 250,
            started_ns: 0,
            cgroups: Cgroups::none(),
            names: ProcessNames::default(),
            interfaces: Interfaces::default(),
        };
        let session = decode(&bytes[1..], &mut context).expect("a record");
        assert_eq!(session.cookie, 7);
    }
}
