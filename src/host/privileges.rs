//! Changing the user and the capabilities of a thread, for good.
//!
//! The kernel keeps both for each thread; a thread inherits them from the one that starts it.

use rustix::io;
use rustix::process::{DumpableBehavior, getgroups, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// A user and its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// True if the calling thread may take on another user and other groups.
pub fn may_change_user() -> bool {
    has(CapabilitySet::SETUID | CapabilitySet::SETGID)
}

/// True if the calling thread has all these capabilities.
pub fn has(needed: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

impl Identity {
    /// The user of a process that is nobody's; the number is the kernel's own (include/linux/highuid.h, overflowuid).
    pub const NOBODY: Identity = Identity {
        uid: 65_534,
        gid: 65_534,
        groups: Vec::new(),
    };

    fn groups(&self) -> Vec<Gid> {
        self.groups.iter().map(|g| Gid::from_raw(*g)).collect()
    }
}

/// Makes the calling thread that user's, if one is given, and gives up all capabilities but `kept`, and everything that could
/// give it more.
///
/// # Errors
/// If the kernel refuses: another user takes CAP_SETUID and CAP_SETGID.
pub fn give_up(user: Option<&Identity>, kept: CapabilitySet) -> io::Result<()> {
    set_no_new_privs(true)?;
    // takes CAP_SETPCAP; without it, no_new_privs alone keeps the capabilities of files away
    for capability in CapabilitySet::all() {
        let _ = remove_capability_from_bounding_set(capability);
    }
    if let Some(user) = user {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        set_thread_groups(&user.groups())?;
        set_thread_res_gid(gid, gid, gid)?;
        // the kept ones would go with root
        set_keep_capabilities(true)?;
        set_thread_res_uid(uid, uid, uid)?;
    }
    // Linux before 4.3 has no such set
    let _ = clear_ambient_capability_set();
    let sets = capabilities(None)?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: sets.permitted & kept,
            permitted: sets.permitted & kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    // no other process of that user may read this one's memory, and no core file may hold command lines
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Runs `work` while the calling thread opens files with the rights of that user only.
///
/// # Errors
/// If the kernel refuses; then `work` is not run.
pub fn with_files_of<T>(user: &Identity, work: impl FnOnce() -> T) -> io::Result<T> {
    // the ids that files are opened with; an id that none can be asks for the present ones (setfsuid(2))
    let ids = |gid: u32, uid: u32| {
        // SAFETY: numbers only. The kernel takes the capabilities for files with root, and returns them with it.
        unsafe { (libc::setfsgid(gid), libc::setfsuid(uid)) }
    };
    let now = || ids(u32::MAX, u32::MAX);
    let (before, groups) = (now(), getgroups()?);
    let wanted = (user.gid.cast_signed(), user.uid.cast_signed());
    if before == wanted {
        return Ok(work());
    }
    set_thread_groups(&user.groups())?;
    ids(user.gid, user.uid);
    let result = if now() == wanted {
        Ok(work())
    } else {
        Err(io::Errno::PERM)
    };
    ids(before.0.cast_unsigned(), before.1.cast_unsigned());
    set_thread_groups(&groups)?;
    result
}

/// Runs `attempt` without any effective capability in the calling thread.
///
/// # Errors
/// If the kernel refuses to take the capabilities, or to return them.
pub fn without_capabilities<T>(attempt: impl FnOnce() -> T) -> io::Result<T> {
    let before = capabilities(None)?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        ..before
    };
    set_capabilities(None, none)?;
    let result = attempt();
    set_capabilities(None, before)?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use rustix::process::geteuid;

    use super::*;

    #[test]
    fn files_of_another_user_are_opened_with_its_rights() {
        if !geteuid().is_root() {
            return;
        }
        // only root's group may read it
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::set_permissions(file.path(), Permissions::from_mode(0o040)).expect("ours");
        let other = Identity {
            uid: 54_321,
            gid: 54_321,
            groups: Vec::new(),
        };
        let is_readable = || fs::read(file.path()).is_ok();
        assert!(is_readable());
        assert_eq!(with_files_of(&other, is_readable), Ok(false));
        assert!(is_readable());
    }
}
