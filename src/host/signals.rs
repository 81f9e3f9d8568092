//! Signals as messages on a channel, so that a signal interrupts only waits.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use anyhow::Context;
use crossbeam_channel::{Receiver, unbounded};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level;

use crate::host::proc::Process;
use crate::host::thread;
use crate::host::waker::Waker;

/// timeout(1) sends its signal twice: to the program and to its group.
const SAME_SIGNAL_MS: i64 = 200;

/// Milliseconds since boot.
fn now_ms() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Delivers signals until it is dropped.
#[derive(Debug)]
pub struct Watch {
    /// Signal numbers, as they arrive.
    pub received: Receiver<i32>,
    waker: Waker,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to catch these signals. A second SIGINT or SIGTERM terminates the process at once, as it would without
    /// this: the first may arrive during something slow. One that follows within [`SAME_SIGNAL_MS`] is still the first.
    ///
    /// # Errors
    /// If the kernel refuses a handler or a thread.
    pub fn new(signals: &[i32]) -> anyhow::Result<Self> {
        for &signal in signals.iter().filter(|&&s| s == SIGINT || s == SIGTERM) {
            let first = AtomicI64::new(0);
            let exit_on_second = move || {
                let first = match first.load(Ordering::Relaxed) {
                    0 => return first.store(now_ms(), Ordering::Relaxed),
                    first => first,
                };
                if now_ms() - first >= SAME_SIGNAL_MS {
                    last_act(signal);
                    low_level::exit(128 + signal);
                }
            };
            // SAFETY: reading the clock, the last act, which is made for this, and _exit(2) are allowed in a handler
            unsafe { low_level::register(signal, exit_on_second) }
                .with_context(|| format!("cannot catch signal {signal}"))?;
        }
        let waker = Waker::new()?;
        let mut caught = Signals::new(signals).context("cannot catch signals")?;
        let handle = caught.handle();
        let (tx, received) = unbounded();
        let wakes = waker.clone();
        let thread = thread::spawn("tcplife-signals", move || {
            for signal in caught.forever() {
                if tx.send(signal).is_err() {
                    break;
                }
                wakes.wake();
            }
        })?;
        Ok(Watch {
            received,
            waker,
            handle,
            thread: Some(thread),
        })
    }

    /// Readable from the first signal on, for a wait that includes descriptors.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// True if this process ignores the signal, as under nohup. Also true without /proc: the signal is better left alone.
pub fn is_ignored(signal: i32) -> bool {
    let ignored = Process::own().status().ignored_signals;
    ignored.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // it does nothing that could panic, and nobody is left to report to
            let _ = thread.join();
        }
    }
}

/// Ignores a signal from now on.
///
/// # Errors
/// If the kernel refuses.
pub fn ignore(signal: c_int) -> anyhow::Result<()> {
    // SAFETY: SIG_IGN is a disposition that every signal but two can have
    match unsafe { libc::signal(signal, libc::SIG_IGN) } {
        libc::SIG_ERR => Err(io::Error::last_os_error())
            .with_context(|| format!("cannot ignore signal {signal}")),
        _ => Ok(()),
    }
}

/// The last act of this process when a signal ends it; see [`set_last_act`].
static LAST_ACT: OnceLock<fn(c_int)> = OnceLock::new();
/// The signals that end this process at once, with their dispositions before.
static FATAL: OnceLock<Vec<(c_int, libc::sigaction)>> = OnceLock::new();

/// Signals that end a process unless it handles them. Those that [`Watch`] delivers are not among them, and SIGKILL lets
/// nobody act.
const ENDS_PROCESS: [c_int; 18] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGUSR1,
    libc::SIGSEGV,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGSTKFLT,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSYS,
];

/// Runs `act` with the signal's number before a signal ends this process at once: a second SIGINT or SIGTERM, or one that
/// is not delivered by [`Watch`]. In all else, such a signal keeps its effect.
///
/// `act` runs in a signal handler: it may make system calls, but neither allocate memory nor wait for a lock.
///
/// # Errors
/// If the kernel refuses a handler.
pub fn set_last_act(act: fn(c_int)) -> anyhow::Result<()> {
    if LAST_ACT.set(act).is_err() {
        return Ok(());
    }
    let mut before = Vec::new();
    for signal in ENDS_PROCESS
        .into_iter()
        .chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
    {
        let caught =
            catch_fatal(signal).with_context(|| format!("cannot catch signal {signal}"))?;
        before.extend(caught.map(|before| (signal, before)));
    }
    // a handler that runs before this finds nothing, and falls back to the default
    let _ = FATAL.set(before);
    Ok(())
}

fn last_act(signal: c_int) {
    if let Some(act) = LAST_ACT.get() {
        act(signal);
    }
}

/// Handles a fatal signal from now on, unless it is ignored. Returns its disposition before.
fn catch_fatal(signal: c_int) -> io::Result<Option<libc::sigaction>> {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the kernel fills what the pointer is to
    if unsafe { libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was filled
    let before = unsafe { before.assume_init() };
    if before.sa_sigaction == libc::SIG_IGN {
        return Ok(None);
    }
    let mut action = default_action();
    action.sa_sigaction = on_fatal as extern "C" fn(_, _, _) as usize;
    // on the alternate stack, because the usual one may have overflowed
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and does what is allowed in a handler
    match unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } {
        0 => Ok(Some(before)),
        _ => Err(io::Error::last_os_error()),
    }
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeros is a value: the default action, without flags
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Handles a fatal signal: the last act, and then what would have happened without it.
extern "C" fn on_fatal(signal: c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    last_act(signal);
    let is_of_cpu = matches!(
        signal,
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE
    );
    // SAFETY: the kernel passes a valid siginfo_t
    let is_fault = is_of_cpu && unsafe { (*info).si_code } > 0;
    let before = || FATAL.get()?.iter().find(|(known, _)| *known == signal);
    let action = match before() {
        // Rust's own handler reports it if the stack has overflowed
        Some((_, before)) if is_fault => *before,
        _ => default_action(),
    };
    // SAFETY: the disposition is the default one, or one that the signal had
    unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    // A fault happens again when the handler returns. Any other signal is raised once more, and arrives then.
    if !is_fault {
        let _ = low_level::raise(signal);
    }
}
