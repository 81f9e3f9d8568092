//! `./dev` on machines made of stub commands: what it installs with each package manager, what it prints, what it
//! passes to make, and its exit status. `make test-bare` tries it on a real one.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should say so and fail"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use tempfile::TempDir;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Returns a Rust version that is `later` minor versions after the oldest that builds tcplife.
fn rust(later: i32) -> String {
    let (major, minor) = env!("CARGO_PKG_RUST_VERSION")
        .split_once('.')
        .expect("MAJOR.MINOR");
    let minor: i32 = minor.parse().expect("a number");
    format!("{major}.{}", minor + later)
}

/// Result of a run of `./dev`.
struct Run {
    status: Option<i32>,
    /// Commands that it called, as the stubs recorded them.
    log: Vec<String>,
    out: String,
    err: String,
}

impl Run {
    /// Returns the packages that it asked the manager for.
    fn installed(&self, install: &str) -> &str {
        self.log
            .iter()
            .find_map(|line| line.strip_prefix(install))
            .unwrap_or_else(|| panic!("no `{install}` in {:#?}\n{}", self.log, self.err))
            .trim()
    }

    fn called(&self, command: &str) -> bool {
        self.log
            .iter()
            .any(|line| line.split(' ').next() == Some(command))
    }

    #[track_caller]
    fn assert_fails(&self, words: &[&str]) {
        assert_eq!(self.status, Some(1), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in: {}", self.err);
        }
        assert!(!self.called("make"), "{:#?}", self.log);
    }

    #[track_caller]
    fn assert_hands_on(&self, make: &str) {
        assert_eq!(self.status, Some(0), "{}", self.err);
        assert_eq!(
            self.log.last().map(String::as_str),
            Some(make),
            "{}",
            self.err
        );
    }
}

/// A machine whose commands are those in `bin`. The contents of packages are in `packaged`.
struct Machine {
    dir: TempDir,
    env: Vec<(&'static str, String)>,
}

impl Machine {
    /// Has nothing but a shell and what every distribution has, and an ordinary user who may call sudo.
    fn bare() -> Self {
        let machine = Self {
            dir: TempDir::new().expect("a directory"),
            env: Vec::new(),
        };
        for name in ["bin", "packaged", "home"] {
            fs::create_dir(machine.path(name)).expect("a directory");
        }
        for tool in ["sh", "sed", "env"] {
            machine.real(tool);
        }
        machine.command("bin/id", "[ $1 = -un ] && echo ann || echo 1000");
        machine.command("bin/sudo", "\"$@\"");
        for name in ["clang", "pkg-config", "make", "curl", "cc"] {
            machine.command(&format!("packaged/{name}"), "");
        }
        machine
    }

    /// Has everything, with a cargo of this version.
    fn complete(version: &str) -> Self {
        let machine = Self::bare();
        for name in ["clang", "pkg-config", "make", "cc"] {
            machine.command(&format!("bin/{name}"), "");
        }
        machine.command("bin/cargo", &cargo(version));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Adds a command that records how it was called, and then runs `body`.
    fn command(&self, path: &str, body: &str) {
        let name = Path::new(path).file_name().expect("a name");
        let log = self.path("log");
        let text = format!(
            "#!/bin/sh\necho \"{}${{*:+ $*}}\" >>'{}'\n{body}\n",
            name.display(),
            log.display()
        );
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("writing a command");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("making it one");
    }

    /// Adds a command of the host that the tests run on.
    fn real(&self, name: &str) {
        let path = std::env::var_os("PATH").expect("PATH");
        let file = std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.exists())
            .unwrap_or_else(|| panic!("no {name} on PATH"));
        let link = self.path("bin").join(name);
        let _ = fs::remove_file(&link);
        symlink(file, link).expect("a link");
    }

    /// Adds a package manager, which installs from `packaged`, with a cargo of this version.
    fn manager(&self, name: &str, cargo_version: &str, queries: &str) {
        self.command("packaged/cargo", &cargo(cargo_version));
        let body = format!(
            "PATH='{}'
            case \" $* \" in *' install '* | *' -S '* | *' add '*) ;; *) {queries}
            exit ;; esac
            case \" $* \" in *' -s '*) [ ! -e '{dir}/conflict' ]; exit ;; esac
            for word in \"$@\"; do
                case $word in
                gcc) word=cc ;;
                pkgconf*) word=pkg-config ;;
                cargo-web | rust) word=cargo ;;
                esac
                if [ -e '{dir}/packaged/'$word ]; then ln -sf '{dir}/packaged/'$word '{dir}/bin/'$word; fi
            done",
            std::env::var("PATH").expect("PATH"),
            dir = self.dir.path().display(),
        );
        self.command(&format!("bin/{name}"), &body);
    }

    /// Adds apt-get and its cache, with these versions of Rust.
    fn apt(&self, versions: &[(&str, &str)]) {
        self.manager("apt-get", &rust(8), ":");
        let (mut policy, mut names) = (String::new(), String::new());
        for (name, version) in versions {
            policy += &format!("'policy {name}') echo '  Candidate: {version}' ;;\n");
            if name.starts_with("rustc-") {
                names += &format!("{name} ");
            }
        }
        let body = format!(
            "case \"$*\" in\n{policy}policy*) echo '  Candidate: (none)' ;;\npkgnames*) echo '{names}' ;;\nesac"
        );
        self.command("bin/apt-cache", &body);
    }

    /// Makes `curl` return the rustup installer, which installs this version of Rust.
    fn rustup(&self, version: &str) {
        self.command("packaged/rustup-cargo", &cargo(version));
        let body = format!(
            "echo 'echo \"installer $*\" >>{dir}/log'
            echo 'PATH={}; mkdir -p \"$HOME/.cargo/bin\"; cp {dir}/packaged/rustup-cargo \"$HOME/.cargo/bin/cargo\"'",
            std::env::var("PATH").expect("PATH"),
            dir = self.dir.path().display(),
        );
        self.command("packaged/curl", &body);
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let path = |name| self.path(name).display().to_string();
        let mut env = self.env.clone();
        env.push(("PATH", path("bin")));
        env.push(("HOME", path("home")));
        env.push(("SSL_CERT_FILE", "/there".to_owned())); // the host's certificates do not count
        env
    }

    fn dev(&self, args: &[&str]) -> Run {
        self.run("dev", args)
    }

    fn run(&self, script: &str, args: &[&str]) -> Run {
        let _ = fs::remove_file(self.path("log"));
        let output = Command::new(Path::new(REPOSITORY).join(script))
            .args(args)
            .env_clear()
            .envs(self.env())
            .stdin(Stdio::null())
            .output()
            .expect("the script can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let asked = ["id ", "cargo ", "cc ", "apt-cache "]; // these change nothing
        Run {
            status: output.status.code(),
            log: log
                .lines()
                .filter(|line| !asked.iter().any(|name| line.starts_with(name)))
                .map(str::to_owned)
                .collect(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// Returns the body of a cargo of this version.
fn cargo(version: &str) -> String {
    format!("case \"$*\" in *--version) echo 'cargo {version}.0 (0123456789 2025-01-01)' ;; esac")
}

const APT_INSTALL: &str =
    "apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends --no-remove install";
const SUDO_APT_INSTALL: &str = "sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends --no-remove install";
const APT_BUILD: &str = "clang gcc libc6-dev make pkg-config libelf-dev zlib1g-dev linux-libc-dev";

#[test]
fn dev_on_complete_machine_installs_and_prints_nothing() {
    let machine = Machine::complete(&rust(0));
    machine.apt(&[]);
    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    assert_eq!(run.log.len(), 1, "{:?}", run.log);
}

#[test]
fn dev_on_debian_with_newer_rustc_web_installs_it() {
    let machine = Machine::bare();
    let web = format!("{}.0+dfsg1-1~deb12u2", rust(8));
    machine.apt(&[("rustc", "1.63.0+dfsg1-2"), ("rustc-web", &web)]);
    let run = machine.dev(&["run", "-o", "text"]);
    run.assert_hands_on("make -s run ARGS='-o' 'text'");
    assert_eq!(
        run.installed(SUDO_APT_INSTALL),
        format!("{APT_BUILD} cargo-web rustc-web")
    );
    for words in [
        "missing: clang cc make pkg-config libelf.h zlib.h linux/types.h, Rust ",
        "refreshing the package lists: sudo apt-get update",
        "installing with sudo apt-get: clang gcc",
    ] {
        assert!(run.err.contains(words), "no `{words}` in: {}", run.err);
    }
    assert_eq!(run.out, "", "stdout is for tcplife");

    let again = machine.dev(&["run"]);
    assert_eq!((again.err.as_str(), again.log.len()), ("", 1));
}

#[test]
fn dev_on_debian_with_new_enough_rustc_installs_it() {
    let machine = Machine::bare();
    let own = format!("{}.0+dfsg3-1", rust(0));
    let web = format!("{}.0+dfsg1-1", rust(8));
    machine.apt(&[("rustc", &own), ("rustc-web", &web)]);
    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!(
        run.installed(SUDO_APT_INSTALL),
        format!("{APT_BUILD} cargo rustc")
    );
}

#[test]
fn dev_on_ubuntu_installs_newest_versioned_rust_and_uses_it() {
    let machine = Machine::bare();
    let versioned = |later| {
        let version = rust(later);
        (
            format!("rustc-{version}"),
            format!("{version}.0+dfsg0ubuntu1-0ubuntu1"),
        )
    };
    let [old, new, newest] = [versioned(-8), versioned(1), versioned(3)];
    let there = [&newest, &old, &new].map(|(name, version)| (name.as_str(), version.as_str()));
    machine.apt(&[&[("rustc", "1.75.0+dfsg0ubuntu1-0ubuntu7")], &there[..]].concat());
    let suffix = rust(3);
    machine.command(&format!("packaged/cargo-{suffix}"), &cargo(&suffix));
    machine.command(&format!("packaged/rustc-{suffix}"), "");

    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!(
        run.installed(SUDO_APT_INSTALL),
        format!("{APT_BUILD} cargo-{suffix} rustc-{suffix}")
    );
    let run = machine.run("scripts/setup.sh", &["cargo"]);
    assert_eq!(
        run.out,
        format!("env RUSTC=rustc-{suffix} RUSTDOC=rustdoc-{suffix} cargo-{suffix}\n")
    );
}

#[test]
fn dev_on_debian_with_older_rust_installed_keeps_it_and_runs_rustup() {
    let machine = Machine::complete("1.65");
    let web = format!("{}.0+dfsg1-1~deb12u2", rust(8));
    machine.apt(&[("rustc", "1.63.0+dfsg1-2"), ("rustc-web", &web)]);
    machine.rustup(&rust(9));
    fs::write(machine.path("conflict"), "").expect("writing");
    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!(run.installed(SUDO_APT_INSTALL), "curl");
    assert!(run.err.contains("/bin/cargo is 1.65.0"), "{}", run.err);
    let run = machine.run("scripts/setup.sh", &["cargo"]);
    let home = machine.path("home/.cargo/bin/cargo");
    assert_eq!(run.out, format!("{}\n", home.display()));
}

#[test]
fn dev_without_new_enough_package_announces_and_runs_rustup() {
    let machine = Machine::bare();
    machine.apt(&[("rustc", "1.63.0+dfsg1-2")]);
    machine.rustup(&rust(0));
    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!(run.installed(SUDO_APT_INSTALL), format!("{APT_BUILD} curl"));
    assert!(run.err.contains(
        "with rustup: curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
    ));
    assert!(
        run.log
            .contains(&"installer -y --profile minimal".to_owned())
    );
    assert!(run.called("curl"));
}

#[test]
fn dev_rustup_download_failing_error_names_the_command() {
    let machine = Machine::bare();
    machine.apt(&[]);
    machine.command(
        "packaged/curl",
        "echo 'curl: (6) Could not resolve host' >&2; exit 6",
    );
    machine.dev(&["run"]).assert_fails(&[
        "curl: (6)",
        "`curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs` failed",
        "in another way, then try again",
    ]);
}

#[test]
fn dev_rustup_declined_at_prompt_is_not_run() {
    let machine = Machine::complete(&rust(0));
    fs::remove_file(machine.path("bin/cargo")).expect("no cargo");
    machine.command("bin/curl", "");
    let mut command = CommandBuilder::new(Path::new(REPOSITORY).join("dev"));
    command.arg("run");
    command.env_clear();
    command.cwd(machine.dir.path());
    for (name, value) in machine.env() {
        command.env(name, value);
    }
    let pty = native_pty_system()
        .openpty(PtySize::default())
        .expect("a terminal");
    let mut keys = pty.master.take_writer().expect("a writer");
    keys.write_all(b"n\n").expect("typing");
    let mut child = pty.slave.spawn_command(command).expect("it can be started");
    drop(pty.slave);
    let mut text = String::new();
    let mut screen = pty.master.try_clone_reader().expect("a reader");
    screen.read_to_string(&mut text).expect("what it prints");
    assert_eq!(child.wait().expect("its end").exit_code(), 1, "{text}");
    assert!(text.contains("go on? [Y/n] "), "{text}");
    assert!(text.contains("not installed; get Rust"), "{text}");
    let log = fs::read_to_string(machine.path("log")).expect("a log");
    assert!(!log.contains("curl"), "{log}");
}

/// Every other manager: its name, its query for a version, the answer, and what is installed.
#[test]
fn dev_on_other_package_managers_installs_their_package_names() {
    let version = rust(2);
    let cases = [
        (
            "dnf",
            "*repoquery*cargo",
            version.clone(),
            "sudo dnf -y install",
            "clang gcc glibc-devel make pkgconf-pkg-config elfutils-libelf-devel zlib-devel kernel-headers",
            "cargo",
        ),
        (
            "pacman",
            "-Si*rust",
            format!("Name            : rust\nVersion         : 1:{version}.0-1"),
            "sudo pacman -S --needed --noconfirm",
            "clang gcc make pkgconf libelf zlib linux-api-headers",
            "rust",
        ),
        (
            "zypper",
            "*info*cargo",
            format!("Name           : cargo\nVersion        : {version}.0-1.1"),
            "sudo zypper --non-interactive install --no-recommends",
            "clang gcc glibc-devel make pkg-config libelf-devel zlib-devel linux-glibc-devel",
            "cargo",
        ),
        (
            "apk",
            "search*-x*cargo",
            format!("cargo-{version}.1-r0"),
            "sudo apk add --no-cache",
            "clang gcc musl-dev make pkgconf elfutils-dev zlib-dev linux-headers",
            "cargo",
        ),
    ];
    for (manager, question, answer, install, build, cargo) in cases {
        let machine = Machine::bare();
        let queries = format!("case \"$*\" in {question}) echo '{answer}' ;; *) exit 1 ;; esac");
        machine.manager(manager, &version, &queries);
        let run = machine.dev(&["run"]);
        run.assert_hands_on("make -s run ARGS=");
        assert_eq!(run.installed(install), format!("{build} {cargo}"));
        assert!(!run.called("curl"), "{manager}: {:?}", run.log);

        // from an older one it takes everything except Rust
        let machine = Machine::bare();
        let queries = queries.replace(&version, &rust(-1));
        machine.manager(manager, &version, &queries);
        machine.rustup(&version);
        let run = machine.dev(&["run"]);
        run.assert_hands_on("make -s run ARGS=");
        assert_eq!(run.installed(install), format!("{build} curl"));
        assert!(run.called("installer"), "{manager}: {:?}", run.log);
    }
}

#[test]
fn dev_without_known_package_manager_error_lists_missing_tools() {
    Machine::bare().dev(&["run"]).assert_fails(&[
        "missing: clang cc make",
        "none of apt-get dnf pacman zypper apk is here",
        "(Debian calls the packages clang gcc libc6-dev make",
    ]);
}

#[test]
fn dev_without_root_or_sudo_error_names_commands_to_run_as_root() {
    let machine = Machine::bare();
    let web = format!("{}.0+dfsg1-1", rust(0));
    machine.apt(&[("rustc-web", &web)]);
    fs::remove_file(machine.path("bin/sudo")).expect("no sudo");
    let run = machine.dev(&["run"]);
    run.assert_fails(&[
        "neither root nor sudo here",
        "run as root: apt-get update && ",
        &format!("{APT_BUILD} cargo-web rustc-web"),
    ]);

    let machine = Machine::complete(&rust(-1));
    machine.apt(&[("rustc-web", &web)]);
    fs::remove_file(machine.path("bin/sudo")).expect("no sudo");
    let run = machine.dev(&["run"]);
    run.assert_fails(&["or only for yourself, with rustup: https://rustup.rs"]);
}

#[test]
fn dev_as_root_installs_without_sudo() {
    let machine = Machine::bare();
    machine.command("bin/id", "[ $1 = -un ] && echo root || echo 0");
    machine.apt(&[("rustc", &format!("{}.0", rust(0)))]);
    let run = machine.dev(&["run"]);
    run.assert_hands_on("make -s run ARGS=");
    assert_eq!(
        run.installed(APT_INSTALL),
        format!("{APT_BUILD} cargo rustc")
    );
    assert!(!run.called("sudo"), "{:?}", run.log);
}

#[test]
fn dev_as_root_by_sudo_error_names_user_to_run_as() {
    let mut machine = Machine::complete(&rust(0));
    fs::rename(machine.path("bin/cargo"), machine.path("packaged/cargo")).expect("no cargo");
    machine.command("bin/id", "[ $1 = -un ] && echo root || echo 0");
    machine.command("bob/.cargo/bin/cargo", "");
    let home = machine.path("bob");
    let line = format!("echo 'bob:x:1000:1000:Bob:{}:/bin/sh'", home.display());
    machine.command("bin/getent", &line);
    machine.env.push(("SUDO_USER", "bob".to_owned()));
    machine.apt(&[]);
    machine
        .dev(&["run"])
        .assert_fails(&["but bob has", "run this as bob without sudo"]);

    // and rustup is not for root alone when bob calls
    machine.command("bin/getent", "exit 2");
    let run = machine.dev(&["run"]);
    run.assert_fails(&["rustup installs for one user: run this as bob without sudo"]);
    assert!(!run.called("curl"), "{:?}", run.log);
}

#[test]
fn dev_with_unusable_rustup_rust_error_names_rustup_command() {
    let machine = Machine::complete(&rust(-1));
    machine.command("bin/rustup", "");
    machine
        .dev(&["run"])
        .assert_fails(&["bin/cargo is ", "`rustup update stable`"]);

    let machine = Machine::complete(&rust(0));
    machine.command(
        "bin/cargo",
        "echo 'error: no default toolchain' >&2; exit 1",
    );
    machine.dev(&["run"]).assert_fails(&[
        "bin/cargo --version` does not work (it said: error: no default toolchain)",
        "`rustup default stable`",
    ]);
}

#[test]
fn dev_with_cargo_variable_set_uses_or_rejects_that_cargo() {
    let mut machine = Machine::complete(&rust(0));
    machine.command("bin/other", &cargo(&rust(-1)));
    machine.env.push(("CARGO", "nowhere +nightly".to_owned()));
    machine
        .dev(&["run"])
        .assert_fails(&["CARGO=nowhere +nightly names no command"]);
    machine.env = vec![("CARGO", "other".to_owned())];
    machine
        .dev(&["run"])
        .assert_fails(&["and CARGO=other is ", "leave it unset"]);
    machine.env = vec![("CARGO", "cargo +nightly".to_owned())];
    machine.dev(&["run"]).assert_hands_on("make -s run ARGS=");
}

#[test]
fn dev_install_failing_error_names_packages_and_remedy() {
    let machine = Machine::complete(&rust(0));
    fs::remove_file(machine.path("bin/clang")).expect("no clang");
    machine.command("bin/dnf", "echo 'Error: no mirror' >&2; exit 1");
    machine.dev(&["run"]).assert_fails(&[
        "Error: no mirror",
        "`sudo dnf -y install clang` failed",
        "dnf makecache",
    ]);
    machine.command("bin/dnf", "");
    machine
        .dev(&["run"])
        .assert_fails(&["dnf reported success, and yet missing: clang"]);
}

#[test]
fn dev_help_or_invalid_arguments_print_usage_and_install_nothing() {
    let machine = Machine::bare();
    machine.apt(&[]);
    let help = machine.dev(&["-h"]);
    assert_eq!((help.status, help.err.as_str()), (Some(0), ""));
    assert!(help.out.starts_with("usage: ./dev run"), "{}", help.out);
    for (args, words) in [
        (&[][..], "usage: ./dev run"),
        (&["tset"], "no target 'tset'"),
        (&["-o"], "no target '-o'"),
        (&["run", "-f", "port 1\nor port 2"], "line break"),
    ] {
        let run = machine.dev(args);
        assert_eq!((run.status, run.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.err.contains(words), "{args:?}: {}", run.err);
        assert_eq!(run.log.len(), 0, "{args:?}: {:?}", run.log);
    }
    let run = machine.run("scripts/setup.sh", &["tests"]);
    assert_eq!(run.status, Some(2));
    assert!(run.err.contains("unknown argument 'tests'"), "{}", run.err);
}

#[test]
fn dev_other_targets_install_their_tools_and_pass_arguments() {
    let machine = Machine::complete(&rust(0));
    for tool in ["shellcheck", "clang-format"] {
        machine.command(&format!("packaged/{tool}"), "");
    }
    machine.apt(&[]);
    let run = machine.dev(&["lint", "build", "V=1"]);
    run.assert_hands_on("make lint build V=1");
    assert_eq!(run.installed(SUDO_APT_INSTALL), "shellcheck clang-format");
}

/// Through the real make and its shell.
#[test]
fn dev_run_special_characters_reach_tcplife_unchanged() {
    let mut machine = Machine::complete(&rust(0));
    machine.real("make");
    machine.command("bin/id", "echo 0");
    machine.command(
        "target/release/tcplife",
        "for word in \"$@\"; do echo \"<$word>\"; done",
    );
    let target = machine.path("target").display().to_string();
    machine.env.push(("CARGO_TARGET_DIR", target));
    let run = machine.dev(&[
        "run",
        "-f",
        r#"comm ~ "it's $HOME$$" and `x` # \ %"#,
        "",
        "*",
    ]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    assert_eq!(
        run.out,
        "<-f>\n<comm ~ \"it's $HOME$$\" and `x` # \\ %>\n<>\n<*>\n"
    );
}
