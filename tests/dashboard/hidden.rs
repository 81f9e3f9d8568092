//! Processes that the user who runs the dashboard may not see: reported as hidden, not as gone.

use crate::common::copies::copy_for_everybody;
use crate::common::loopback::{Pair, V4, listen};
use crate::common::pty;
use crate::common::requirements::{kernel_or_skip, tool_or_skip};
use crate::harness::{Seen, only};

/// Runs a shell command in a mount namespace of its own, and then the dashboard as nobody, with the capabilities that it
/// needs and no other.
fn as_nobody(first: &str, flags: &[&str]) -> Option<(tempfile::TempDir, Seen)> {
    let (folder, copy) = copy_for_everybody();
    if !tool_or_skip(&["setcap", "cap_bpf,cap_perfmon+ep", &copy])
        || !tool_or_skip(&["unshare", "-m", "true"])
    {
        return None;
    }
    let script =
        format!("{first} && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"");
    let argv = [
        &["unshare", "-m", "sh", "-c", &script, "sh", &copy][..],
        flags,
    ]
    .concat();
    Some((folder, Seen::sized(pty::command(&argv), 44, 120)))
}

#[test]
fn process_hidden_by_proc_is_not_called_gone() {
    if !kernel_or_skip() {
        return;
    }
    let listener = listen(V4);
    let _pair = Pair::open(&listener, V4);
    let ports = only(&[&listener]);
    for option in ["hidepid=1", "hidepid=2"] {
        let mount = format!("mount -t proc -o {option} proc /proc");
        let Some((_folder, mut seen)) = as_nobody(&mount, &["-L", &ports]) else {
            return;
        };
        seen.wait_for("the session", |s| s.rows().len() == 1);
        seen.press("\r");
        seen.wait_for("the owner", |s| s.shows("OWNER"));
        seen.wait_for("a word", |s| s.shows("not readable") && s.shows("hidepid"));
        assert!(!seen.shows("exited"), "{}", seen.picture());
        seen.press("q");
        seen.quit();
    }
}

#[test]
fn namespaces_that_cannot_be_entered_are_announced() {
    if !kernel_or_skip() || !tool_or_skip(&["unshare", "-n", "true"]) {
        return;
    }
    // kept by a mount of its own, like those of container runtimes
    let mount = "mount --make-rprivate / && mount -t tmpfs none /mnt && touch /mnt/netns && unshare --net=/mnt/netns true";
    let Some((_folder, mut seen)) = as_nobody(mount, &["-L", &only(&[&listen(V4)])]) else {
        return;
    };
    seen.wait_for("a word", |s| s.shows("without CAP_SYS_ADMIN"));
    seen.quit();
}
