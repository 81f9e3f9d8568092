//! Requirements of the tests that run the real program, and how they are skipped where a requirement is missing.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The program under test.
pub(crate) const TCPLIFE: &str = env!("CARGO_BIN_EXE_tcplife");

/// How long a test waits, on a busy machine, for what is due at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Reports a skipped test on the real stderr, which the test harness does not capture. Fails where the test must run.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("TCPLIFE_REQUIRE_KERNEL").is_none_or(|v| v.is_empty() || v == "0"),
        "TCPLIFE_REQUIRE_KERNEL is set, and a test cannot run: {why}"
    );
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED {name}: {why}");
}

/// True if tcplife can capture here. Only what tcplife itself reports as missing on the host counts: any other error
/// must fail the test.
pub(crate) fn kernel_or_skip() -> bool {
    static LACKS: OnceLock<Option<String>> = OnceLock::new();
    let lacks = LACKS.get_or_init(|| {
        let run = Command::new(TCPLIFE)
            .args(["-o", "json", "--duration", "1ms"])
            .stdin(Stdio::null())
            .output()
            .expect("tcplife can be started");
        let said = String::from_utf8_lossy(&run.stderr).trim().to_owned();
        let lack = [
            "loading BPF programs needs",
            "is too old",
            "/sys/kernel/btf/vmlinux, is missing",
            "lockdown is in mode",
        ];
        (!run.status.success() && lack.iter().any(|l| said.contains(l))).then_some(said)
    });
    match lacks {
        None => true,
        Some(why) => {
            skip(why);
            false
        }
    }
}

/// True if a command that a test needs works here, as shown by `probe`.
pub(crate) fn tool_or_skip(probe: &[&str]) -> bool {
    let works = Command::new(probe[0])
        .args(&probe[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !works {
        skip(&format!("`{}` does not work here", probe.join(" ")));
    }
    works
}
