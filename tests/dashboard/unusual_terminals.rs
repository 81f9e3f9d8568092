//! Unusual terminals, and unusual locales.

use crate::common::loopback::{Pair, V4, listen, port};
use crate::common::pty;
use crate::common::requirements::kernel_or_skip;
use crate::harness::{Seen, argv};

#[test]
fn dashboard_terminal_or_locale_without_unicode_is_drawn_in_ascii() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    // preexisting, so that its age has a sign, and with names that are cut
    let pair = Pair::open(&listener, V4);
    let (lport, rport) = (port(&listener), pair.client_port());
    let ports = format!("{lport},{rport}");
    // the line of both ends shows this one
    let filter = format!("lport {lport}");
    for (term, locale, is_ascii) in [
        ("xterm", "C.UTF-8", false),
        ("tmux-256color", "C.UTF-8", false),
        ("screen", "C.UTF-8", false),
        ("vt100", "C.UTF-8", false),
        ("linux", "C.UTF-8", true),
        ("xterm", "C", true),
    ] {
        let mut command = pty::command(&argv(&["-L", &ports, "-f", &filter]));
        command.env("TERM", term);
        command.env("LC_ALL", locale);
        let mut seen = Seen::sized(command, 40, 120);
        let case = format!("{term}, {locale}");
        seen.wait_for(&case, |s| s.is_whole() && s.row(lport, rport).is_some());
        let row = seen.row(lport, rport).expect("it is there");
        let sign = if is_ascii { '>' } else { '≥' };
        assert!(row.cell("AGE").starts_with(sign), "{case}: {row:?}");
        assert_eq!(row.cell("STATUS"), "established", "{case}: {row:?}");
        seen.press("\r");
        seen.wait_for("the detail", |s| s.is_whole() && s.shows("RATES"));
        seen.press("q?");
        seen.wait_for("the help", |s| s.is_whole() && s.shows("KEYS"));
        seen.press("qq");
        seen.ends(&case, 0);
        assert_eq!(seen.pty.written.is_ascii(), is_ascii, "{case}");
    }
}
