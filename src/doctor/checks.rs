//! The table of checks: a row is one thing that is examined.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use crate::collector::kernel;
use crate::collector::kernel::StartError;
use crate::doctor::trial::Trial;
use crate::doctor::{Diagnosis, Facts, shown};
use crate::host::cgroup;
use crate::host::privileges::with_files_of;
use crate::host::proc::{Process, sysctl};
use crate::host::session_env::SessionEnv;
use crate::host::users;
use crate::model::fields;
use crate::ui::config::Config;
use crate::ui::terminal::glyphs::Glyphs;
use crate::ui::theme::Environment;

/// One row of [`CHECKS`].
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) examine: Examine,
}

/// How a check examines.
pub(super) enum Examine {
    /// The host, with the rights that there are at first.
    Host(fn(&Facts) -> Diagnosis),
    /// The trial, at whose end the rights are given up.
    Trial(fn(&Facts, &Trial) -> Diagnosis),
}

/// Everything that is examined, in the order of the report.
pub(super) static CHECKS: &[Check] = &[
    host("kernel", kernel_version),
    host("types", types),
    host("rights", rights),
    host("user namespace", user_namespace),
    host("pid namespace", pid_namespace),
    host("net namespaces", net_namespaces),
    host("time namespace", time_namespace),
    host("lockdown", lockdown),
    host("security", security_modules),
    host("descriptors", descriptors),
    host("locked memory", locked_memory),
    host("option memory", option_memory),
    host("compiler", compiler),
    host("control groups", control_groups),
    trial("programs", programs),
    trial("open session", open_session),
    trial("closed session", closed_session),
    trial("given up", given_up),
    host("terminal", terminal),
    host("clipboard", clipboard),
    host("PATH", path),
    host("configuration", configuration),
];

const fn host(name: &'static str, examine: fn(&Facts) -> Diagnosis) -> Check {
    let examine = Examine::Host(examine);
    Check { name, examine }
}

const fn trial(name: &'static str, examine: fn(&Facts, &Trial) -> Diagnosis) -> Check {
    let examine = Examine::Trial(examine);
    Check { name, examine }
}

/// Diagnosis of something without which nothing starts. `command` helps if it is missing.
fn required(found: String, checked: Result<(), StartError>, command: &str) -> Diagnosis {
    match checked {
        Ok(()) => Diagnosis::ok(found),
        Err(error) => Diagnosis::failed(found, error.to_string(), command),
    }
}

fn kernel_version(facts: &Facts) -> Diagnosis {
    let uname = rustix::system::uname();
    let machine = uname.machine().to_string_lossy().into_owned();
    let release = &facts.requirements.release;
    required(
        format!("Linux {release}, {machine}"),
        facts.requirements.check_kernel(),
        "uname -r   # after a boot into a newer kernel",
    )
}

fn types(facts: &Facts) -> Diagnosis {
    let file = Path::new(kernel::BTF);
    let size = fs::metadata(file).map(|file| file.len());
    let found = match size {
        Ok(size) => format!("{}, {}", kernel::BTF, fields::binary_size(size)),
        Err(error) => format!("{}: {error}", kernel::BTF),
    };
    let checked = facts.requirements.check_types();
    required(
        found,
        checked,
        "grep CONFIG_DEBUG_INFO_BTF /boot/config-$(uname -r)",
    )
}

fn rights(facts: &Facts) -> Diagnosis {
    let uid = rustix::process::geteuid().as_raw();
    let checked = facts.requirements.check_capabilities();
    let has = match &checked {
        Ok(()) => "with CAP_BPF and CAP_PERFMON",
        Err(_) => "without CAP_BPF and CAP_PERFMON",
    };
    let command = match &checked {
        Err(StartError::NoCapability { .. }) => "sudo tcplife --doctor",
        _ => "docker run --pid=host --network=host --cap-add=BPF --cap-add=PERFMON …",
    };
    let name = users::name_of(uid).unwrap_or_else(|| format!("uid {uid}"));
    let found = format!("{name}, {has}");
    required(found, checked, command)
}

fn user_namespace(facts: &Facts) -> Diagnosis {
    let checked = facts.requirements.check_user_namespace();
    let found = match checked {
        Ok(()) => "that of the host",
        Err(_) => "another than the host's",
    };
    required(
        found.into(),
        checked,
        "lsns -t user   # tcplife has to run in the first one",
    )
}

fn pid_namespace(_: &Facts) -> Diagnosis {
    match (kernel::has_own_pids(), kernel::limits()) {
        (false, _) => Diagnosis::ok("that of the host"),
        (true, None) => Diagnosis::ok("a container's, with the /proc of the host"),
        (true, Some(limit)) => {
            Diagnosis::limited("a container's", limit, "docker run --pid=host …")
        }
    }
}

fn net_namespaces(_: &Facts) -> Diagnosis {
    match kernel::limits() {
        Some(limit) if !kernel::has_own_pids() => {
            Diagnosis::limited("there are others", limit, "sudo tcplife")
        }
        _ => Diagnosis::ok("sessions of all are seen"),
    }
}

fn time_namespace(_: &Facts) -> Diagnosis {
    /// A constant of the kernel (PROC_TIME_INIT_INO).
    const HOST_TIME_NAMESPACE: u64 = 0xEFFF_FFFA;
    Diagnosis::ok(match Process::own().time_namespace_inode() {
        Some(HOST_TIME_NAMESPACE) => "that of the host",
        Some(_) => "another than the host's; times of day are right all the same",
        None => "the kernel has none",
    })
}

fn lockdown(facts: &Facts) -> Diagnosis {
    let text = &facts.requirements.lockdown;
    let chosen = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let found = chosen.map_or("the kernel has none", |(mode, _)| mode);
    required(
        found.to_owned(),
        facts.requirements.check_lockdown(),
        "cat /sys/kernel/security/lockdown   # after a boot with lockdown=integrity",
    )
}

fn security_modules(_: &Facts) -> Diagnosis {
    let list = match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(list) => list.trim().to_owned(),
        Err(error) => {
            return Diagnosis::ok(format!("not known: /sys/kernel/security/lsm: {error}"));
        }
    };
    match list.split(',').any(|module| module == "landlock") {
        true => Diagnosis::ok(list),
        false => Diagnosis::limited(
            list,
            "Landlock is not enabled: once the programs are attached, the files of this host are protected by the user \
             alone",
            "cat /sys/kernel/security/lsm   # after a boot with landlock in lsm=",
        ),
    }
}

fn descriptors(facts: &Facts) -> Diagnosis {
    let found = format!("{} per process", facts.requirements.descriptors);
    required(
        found,
        facts.requirements.check_descriptors(),
        "ulimit -n 1024",
    )
}

fn locked_memory(_: &Facts) -> Diagnosis {
    let limit = getrlimit(Resource::Memlock).current;
    let limit = limit.map_or_else(|| "no limit".to_owned(), fields::binary_size);
    // every kernel with which tcplife works
    Diagnosis::ok(format!(
        "{limit}; BPF does not count towards it since Linux 5.11"
    ))
}

fn option_memory(_: &Facts) -> Diagnosis {
    /// The smallest default of a kernel.
    const USUAL: u64 = 20_480;
    let name = "net.core.optmem_max";
    // a network namespace other than the first does not show it
    let Some(bytes) = sysctl(name).and_then(|text| text.parse::<u64>().ok()) else {
        return Diagnosis::ok(format!("{name} is not shown here"));
    };
    let found = format!("{name} is {bytes}");
    match bytes >= USUAL {
        true => Diagnosis::ok(found),
        false => Diagnosis::limited(
            found,
            "the state of a session counts towards it: where there is no room, a session is reported without owner and age",
            "sysctl -w net.core.optmem_max=131072",
        ),
    }
}

fn compiler(_: &Facts) -> Diagnosis {
    let name = "net.core.bpf_jit_enable";
    match sysctl(name).as_deref() {
        Some("0") => Diagnosis::limited(
            format!("{name} is 0"),
            "the kernel interprets BPF programs, which costs several times as much",
            "sysctl -w net.core.bpf_jit_enable=1",
        ),
        Some(value) => Diagnosis::ok(format!("{name} is {value}")),
        None => Diagnosis::ok(format!("{name} is not shown here")),
    }
}

fn control_groups(_: &Facts) -> Diagnosis {
    match cgroup::mount_point() {
        Some(point) => Diagnosis::ok(format!("version 2, in {}", shown(&point))),
        None => Diagnosis::limited(
            "no version 2",
            "the columns of containers, pods and units stay empty",
            "mount -t cgroup2 none /sys/fs/cgroup/unified",
        ),
    }
}

fn programs(facts: &Facts, trial: &Trial) -> Diagnosis {
    match &trial.attached {
        Ok(time) => Diagnosis::ok(format!("loaded and attached in {} ms", time.as_millis())),
        Err(_) if facts.requirements.check().is_err() => {
            Diagnosis::failed("not attached, for the reason above", "", "")
        }
        Err(error) => Diagnosis::failed("not attached", error, ""),
    }
}

/// Diagnosis of a session that was not made.
fn not_tried(trial: &Trial) -> Diagnosis {
    let meaning = "the session that should be seen is one over the loopback interface";
    match &trial.not_made {
        Some(error) => Diagnosis::failed(error, meaning, "ip link set lo up"),
        None => Diagnosis::failed("not tried: no programs are attached", "", ""),
    }
}

fn open_session(_: &Facts, trial: &Trial) -> Diagnosis {
    match &trial.open {
        None => not_tried(trial),
        Some(Err(error)) => Diagnosis::failed(error, "open sessions are not seen", ""),
        Some(Ok(time)) if trial.finds_all => {
            Diagnosis::ok(format!("in a snapshot after {} ms", time.as_millis()))
        }
        Some(Ok(time)) => Diagnosis::limited(
            format!("in a snapshot after {} ms", time.as_millis()),
            "the kernel refuses iterators over maps: open sessions of other network namespaces may be missing",
            "",
        ),
    }
}

fn closed_session(_: &Facts, trial: &Trial) -> Diagnosis {
    let seen = match &trial.closed {
        None => return not_tried(trial),
        Some(Err(error)) => {
            return Diagnosis::failed(error, "sessions are not seen", "");
        }
        Some(Ok(seen)) => seen,
    };
    let after = seen.after.as_millis();
    let session = &seen.session;
    let found = format!(
        "reported after {after} ms: {} bytes out, {} in, {}",
        session.tx_bytes,
        session.rx_bytes,
        session.reason.name()
    );
    let wrong = seen.wrong();
    if !wrong.is_empty() {
        return Diagnosis::failed(found, format!("wrong figures: {}", wrong.join(", ")), "");
    }
    match session.pid {
        0 => Diagnosis::limited(
            found,
            "its owner has no process id here, because the ids of this container are not those of the host",
            "docker run --pid=host …",
        ),
        pid => Diagnosis::ok(format!("{found}, pid {pid}")),
    }
}

fn given_up(_: &Facts, trial: &Trial) -> Diagnosis {
    match &trial.in_force {
        None => Diagnosis::ok("not tried: nothing was loaded"),
        Some(Err(error)) => Diagnosis::failed(
            error,
            "tcplife exits rather than run with these rights",
            "tcplife --sandbox off",
        ),
        Some(Ok(in_force)) => {
            let rows = in_force.rows();
            let rows: Vec<String> = rows
                .iter()
                .map(|(name, is)| format!("{name} {is}"))
                .collect();
            Diagnosis::ok(rows.join(", "))
        }
    }
}

fn terminal(_: &Facts) -> Diagnosis {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Diagnosis::ok("none on stdin and stdout: rows instead of the dashboard");
    }
    let environment = Environment::read();
    let (colors, glyphs) = (environment.colors(), Glyphs::for_environment());
    let name = shown(Path::new(&environment.term));
    match environment.term.as_str() {
        "" | "dumb" => Diagnosis::limited(
            format!("TERM is `{name}`"),
            "the dashboard needs a terminal that can move its cursor",
            "TERM=xterm-256color tcplife",
        ),
        _ if glyphs == Glyphs::Ascii => Diagnosis::limited(
            format!("{name}, {colors}, no UTF-8"),
            "the dashboard draws with ASCII alone, because the locale is not UTF-8",
            "LC_ALL=C.UTF-8 tcplife",
        ),
        _ => Diagnosis::ok(format!("{name}, {colors}, UTF-8")),
    }
}

fn clipboard(_: &Facts) -> Diagnosis {
    let found = match SessionEnv::detect().multiplexer {
        Some(multiplexer) => {
            let name = format!("{multiplexer:?}").to_lowercase();
            format!("by OSC 52, through {name}")
        }
        None => "by OSC 52".to_owned(),
    };
    Diagnosis {
        // no terminal says whether it takes it
        command:
            r"printf '\033]52;c;dGNwbGlmZQ==\a'   # pastes as tcplife if the terminal takes it"
                .into(),
        ..Diagnosis::ok(found)
    }
}

/// Directories in which root finds programs by sudo, besides those of PATH.
const OF_ROOT: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

fn path(_: &Facts) -> Diagnosis {
    let own = Process::own().program().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let (first, others) = others_on_path(&own, &path);
    let list: Vec<String> = others.iter().map(|path| shown(path)).collect();
    let list = list.join(", ");
    match first {
        Some(first) => Diagnosis::limited(
            format!("{} comes first, before {}", shown(&first), shown(&own)),
            format!(
                "`tcplife` starts another program, such as that of bcc or libbpf-tools: {list}"
            ),
            &format!("{} --version", shown(&own)),
        ),
        None if others.is_empty() => Diagnosis::ok(shown(&own)),
        None => Diagnosis::ok(format!("{} comes first, before {list}", shown(&own))),
    }
}

/// Finds other programs named tcplife: the first one, if the shell or sudo finds it instead of this one, and all.
fn others_on_path(own: &Path, path: &OsStr) -> (Option<PathBuf>, Vec<PathBuf>) {
    let id = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let is_own = |path: &PathBuf| id(path) == id(own);
    let programs = |directories: Vec<PathBuf>| -> Vec<PathBuf> {
        let files = directories.into_iter().map(|dir| dir.join("tcplife"));
        files.filter(|file| file.is_file()).collect()
    };
    let of_shell = programs(std::env::split_paths(path).collect());
    let of_root = programs(OF_ROOT.iter().map(PathBuf::from).collect());
    let comes_first = |found: &[PathBuf]| {
        let has_own = found.iter().any(is_own);
        found
            .first()
            .filter(|first| has_own && !is_own(first))
            .cloned()
    };
    let first = comes_first(&of_shell).or_else(|| comes_first(&of_root));
    let mut seen: HashSet<_> = id(own).into_iter().collect();
    let all = of_shell.into_iter().chain(of_root);
    let others = all.filter(|file| id(file).is_some_and(|id| seen.insert(id)));
    (first, others.collect())
}

fn configuration(facts: &Facts) -> Diagnosis {
    let Some(file) = &facts.config else {
        return Diagnosis::ok("no place for one: HOME is not set");
    };
    let opened = with_files_of(&facts.caller.identity, || File::open(file));
    let opened = opened
        .map_err(std::io::Error::from)
        .and_then(|opened| opened);
    let is_absent = opened
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_absent && !facts.is_config_named {
        return Diagnosis::ok(format!("none in {}: the defaults", shown(file)));
    }
    match Config::read(file, opened) {
        Ok(_) => Diagnosis::ok(shown(file)),
        Err(error) => Diagnosis::limited(
            shown(file),
            format!("the dashboard does not start: {error}"),
            "tcplife --print-config",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_of_the_same_name_before_this_one_on_path_is_found() {
        let folder = tempfile::tempdir().expect("a directory");
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for folder in [&first, &second] {
            fs::create_dir(folder).expect("a directory");
            fs::write(folder.join("tcplife"), "").expect("a file");
        }
        let (own, other) = (second.join("tcplife"), first.join("tcplife"));
        let path = |folders: [&PathBuf; 2]| std::env::join_paths(folders).expect("a list");
        let (found, all) = others_on_path(&own, &path([&first, &second]));
        assert_eq!(found, Some(other.clone()));
        assert!(all.contains(&other) && !all.contains(&own));
        let (found, all) = others_on_path(&own, &path([&second, &first]));
        assert_eq!(found, None);
        assert!(all.contains(&other));
    }

    #[test]
    fn checks_have_different_names_that_fit_their_column() {
        for (i, check) in CHECKS.iter().enumerate() {
            assert!(check.name.len() <= 14, "{}", check.name);
            let mut names = CHECKS.iter().map(|check| check.name);
            assert_eq!(names.position(|name| name == check.name), Some(i));
        }
    }
}
