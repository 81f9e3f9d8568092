//! Host facilities for the benchmark: a network namespace, processes, and their costs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::mem::zeroed;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use libbpf_rs::libbpf_sys;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::Signal;
use rustix::thread::UnshareFlags;

/// Moves this process and all its children into a network namespace of its own, free of the host's other traffic,
/// limits and firewall, and configures it: no waiting for ports, no short queues.
pub(crate) fn enter_own_network() -> anyhow::Result<()> {
    let flags = UnshareFlags::NEWNET | UnshareFlags::NEWNS;
    // SAFETY: no thread runs beside this one, and neither namespace makes memory or descriptors unsafe.
    unsafe { rustix::thread::unshare_unsafe(flags) }.context("cannot make a network namespace")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).context("cannot keep mounts to itself")?;
    // libbpf-tools' tcplife reads the tracepoint's format from tracefs
    if !Path::new("/sys/kernel/tracing/events").exists() {
        let at = "/sys/kernel/tracing";
        rustix::mount::mount("tracefs", at, "tracefs", MountFlags::empty(), None)
            .context("cannot mount tracefs")?;
    }
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    ensure!(up.context("cannot start ip")?.success(), "cannot set lo up");
    for (name, value) in [
        ("core/somaxconn", "65535"),
        ("ipv4/tcp_max_syn_backlog", "65535"),
        // churn::PORT is not among them
        ("ipv4/ip_local_port_range", "2000 60999"),
        ("ipv4/tcp_tw_reuse", "1"),
        ("ipv4/tcp_max_tw_buckets", "1000000"),
    ] {
        let path = format!("/proc/sys/net/{name}");
        fs::write(&path, value).with_context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}

/// Command that starts this program in another role; it exits when this process does.
pub(crate) fn role(name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("which program this is")?);
    command.args(["--role", name]);
    Ok(command)
}

/// The first step of every role.
pub(crate) fn begin_role() -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("cannot ask to be ended")
}

/// Makes this process exit after `time`, whatever happens.
pub(crate) fn end_after(time: Duration) {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    // SAFETY: no pointers.
    unsafe { libc::alarm(seconds.max(1)) };
}

/// Raises the limit of open files to `count`, if it is lower.
pub(crate) fn allow_descriptors(count: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|now| now < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")?;
    }
    Ok(())
}

/// Zeroed memory shared between this process and its forks, never unmapped.
pub(crate) fn shared<T: Sync + Default>(count: usize) -> anyhow::Result<&'static [T]> {
    let bytes = count * size_of::<T>();
    // SAFETY: a new anonymous mapping takes nobody's memory.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    ensure!(memory != libc::MAP_FAILED, "cannot map {bytes} bytes");
    let first = memory.cast::<T>();
    for i in 0..count {
        // SAFETY: the mapping is `count` long, aligned to a page, and nobody else has it yet.
        unsafe { first.add(i).write(T::default()) };
    }
    // SAFETY: written above; it is never unmapped.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// A forked process that does one thing and exits.
pub(crate) struct Forked(libc::pid_t);

/// Forks. Only in a process without other threads.
pub(crate) fn fork(work: impl FnOnce()) -> anyhow::Result<Forked> {
    // SAFETY: without other threads no lock is held that the child would wait for.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()).context("cannot fork"),
        0 => {
            let done = begin_role().is_ok();
            work();
            // SAFETY: it never returns, and what the parent has is not cleaned up twice.
            unsafe { libc::_exit(i32::from(!done)) }
        }
        child => Ok(Forked(child)),
    }
}

impl Forked {
    /// Waits until it exits. Returns the CPU time that it used.
    pub(crate) fn wait(self) -> anyhow::Result<Duration> {
        let mut status = 0;
        // SAFETY: all zeros is a value of it.
        let mut usage: libc::rusage = unsafe { zeroed() };
        // SAFETY: both are writable for the call, and the child is ours.
        let ended = unsafe { libc::wait4(self.0, &mut status, 0, &mut usage) };
        ensure!(
            ended == self.0 && status == 0,
            "a child ended with status {status}"
        );
        let time = |t: libc::timeval| {
            Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
        };
        Ok(time(usage.ru_utime) + time(usage.ru_stime))
    }
}

/// User and system time of this process so far.
pub(crate) fn cpu_of_this_process() -> anyhow::Result<Duration> {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// User and system time of a process so far, including exited threads.
pub(crate) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let mut id = 0;
    // SAFETY: `id` is writable for the call.
    let error = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut id) };
    ensure!(error == 0, "process {pid} has no clock: error {error}");
    clock(id)
}

fn clock(id: libc::clockid_t) -> anyhow::Result<Duration> {
    // SAFETY: all zeros is a value of it.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: `time` is writable for the call.
    if unsafe { libc::clock_gettime(id, &mut time) } != 0 {
        return Err(std::io::Error::last_os_error()).context("cannot read a process's clock");
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Voluntary context switches of a process's threads: equal to the number of wake-ups.
pub(crate) fn sleeps_of(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        sum += number_after(&status, "voluntary_ctxt_switches:").unwrap_or(0);
    }
    Ok(sum)
}

/// Memory that programs can have without swapping, bytes.
pub(crate) fn available_memory() -> anyhow::Result<u64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    Ok(1024 * number_after(&info, "MemAvailable:").context("no MemAvailable")?)
}

/// Runs a command whose output nobody reads. Returns its CPU time.
pub(crate) fn cpu_of_command(command: &mut Command) -> anyhow::Result<Duration> {
    let name = command.get_program().to_owned();
    let before = cpu_of_children()?;
    let status = command.stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {}", name.display()))?;
    ensure!(status.success(), "{}: {status}", name.display());
    Ok(cpu_of_children()?.saturating_sub(before))
}

/// CPU time of all children that have been waited for.
fn cpu_of_children() -> anyhow::Result<Duration> {
    // SAFETY: all zeros is a value of it.
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: `usage` is writable for the call.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) } != 0 {
        return Err(std::io::Error::last_os_error()).context("cannot read the children's times");
    }
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}

/// Network namespaces, removed when dropped.
pub(crate) struct Namespaces(Vec<String>);

impl Namespaces {
    pub(crate) fn add(count: usize) -> anyhow::Result<Self> {
        let mut added = Namespaces(Vec::new());
        for number in 0..count {
            let name = format!("tcplife-bench-{number}");
            let status = Command::new("ip").args(["netns", "add", &name]).status();
            ensure!(status?.success(), "cannot add a network namespace");
            added.0.push(name);
        }
        Ok(added)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// Resident memory of this process, bytes.
pub(crate) fn memory_of_this_process() -> anyhow::Result<u64> {
    memory_of(std::process::id())
}

/// Resident memory of a process, bytes.
pub(crate) fn memory_of(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(1024 * number_after(&status, "VmRSS:").context("no VmRSS")?)
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|l| l.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Makes the kernel measure run times of BPF programs until dropped (Linux 5.8).
pub(crate) struct RunTimes(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

impl RunTimes {
    pub(crate) fn measure() -> anyhow::Result<Self> {
        // SAFETY: no pointers; it returns a new descriptor.
        let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
        if fd < 0 {
            bail!("the kernel does not measure BPF programs: error {fd}");
        }
        // SAFETY: the kernel has just made it for us.
        Ok(RunTimes(unsafe { OwnedFd::from_raw_fd(fd) }))
    }
}

/// Total run time so far of the BPF programs that a process has open, including its iterators.
pub(crate) fn programs_of(pid: u32) -> anyhow::Result<Duration> {
    let mut programs = BTreeMap::new();
    for fd in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // closed meanwhile, or not a program
        let Ok(info) = fs::read_to_string(fd?.path()) else {
            continue;
        };
        if let Some(id) = number_after(&info, "prog_id:")
            && let Some(ns) = number_after(&info, "run_time_ns:")
        {
            programs.insert(id, ns);
        }
    }
    ensure!(!programs.is_empty(), "process {pid} has no BPF programs");
    Ok(Duration::from_nanos(programs.values().sum()))
}

/// Path of a command, if it is installed.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Waits until a child has written its first line.
pub(crate) fn first_line(child: &mut Child) -> anyhow::Result<()> {
    line_with(child, "")
}

/// Waits until a child has written a line that contains `wanted`.
pub(crate) fn line_with(child: &mut Child, wanted: &str) -> anyhow::Result<()> {
    let out = child.stdout.as_mut().context("its output is not read")?;
    for line in BufReader::new(out).lines() {
        if line?.contains(wanted) {
            return Ok(());
        }
    }
    bail!("it ended without a word");
}

/// Interrupts a child and waits until it exits.
pub(crate) fn interrupt(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, Signal::INT)?;
    Ok(child.wait()?)
}

/// One line about the machine, without which figures mean nothing.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get());
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown CPU", |(_, model)| model.trim());
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let version = release.split('-').next().unwrap_or_default();
    format!("{cpus} × {model}, Linux {version}")
}
