//! The user on whose behalf tcplife runs: the one who called sudo, doas or pkexec, else the one it runs as.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::process::{getegid, geteuid, getgroups};

use crate::host::privileges::Identity;
use crate::host::proc::Process;
use crate::host::users::{Account, account_named, account_of};

/// Maximum number of ancestors searched for a process of the caller.
const MOST_ANCESTORS: usize = 16;

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub identity: Identity,
    /// The command by which the caller has become root.
    pub through: Option<&'static str>,
    /// Home directory.
    pub home: Option<PathBuf>,
}

impl Caller {
    /// Finds the caller.
    pub fn detect() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let found = geteuid().is_root().then(|| of_variables(&variable));
        let Some((through, uid, gid)) = found.flatten() else {
            let groups = getgroups().unwrap_or_default();
            return Caller {
                identity: Identity {
                    uid: geteuid().as_raw(),
                    gid: getegid().as_raw(),
                    groups: groups.iter().map(|g| g.as_raw()).collect(),
                },
                through: None,
                home,
            };
        };
        // sudo sets HOME to root's, unless it is told to keep the caller's
        let is_theirs = |home: &PathBuf| home.metadata().is_ok_and(|dir| dir.uid() == uid);
        let home = home.filter(is_theirs);
        Caller {
            identity: Identity {
                uid,
                gid,
                groups: groups_of(uid).unwrap_or_default(),
            },
            through: Some(through),
            home: home.or_else(|| Some(account_of(uid)?.home.into())),
        }
    }

    /// The caller as an error message names them.
    pub fn described(&self) -> String {
        let uid = self.identity.uid;
        let name = account_of(uid).map(|account| account.name);
        let name = name.unwrap_or_else(|| format!("uid {uid}"));
        match self.through {
            Some(command) => format!("{name} ({command})"),
            None if uid == 0 => format!("{name} without capabilities"),
            None => name,
        }
    }
}

/// Finds who called, in the variables that sudo(8), doas(1) and pkexec(1) set. A caller that is root is no other user.
fn of_variables(variable: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, u32, u32)> {
    // the greatest id means none
    let id = |name| {
        Some(variable(name)?.parse().ok())
            .flatten()
            .filter(|id| *id != u32::MAX)
    };
    let of_account = |account: Account| (account.uid, account.gid);
    let sudo = || Some(("sudo", id("SUDO_UID")?, id("SUDO_GID")?));
    let doas = || {
        let (uid, gid) = of_account(account_named(&variable("DOAS_USER")?)?);
        Some(("doas", uid, gid))
    };
    let pkexec = || {
        let uid = id("PKEXEC_UID")?;
        Some(("pkexec", uid, account_of(uid)?.gid))
    };
    let found = sudo().or_else(doas).or_else(pkexec);
    found.filter(|(_, uid, _)| *uid != 0)
}

/// Supplementary groups of the nearest ancestor that is that user's: the ones that the shell has, in which sudo was called,
/// whatever directory service they come from.
fn groups_of(uid: u32) -> Option<Vec<u32>> {
    let mut process = Process::own();
    for _ in 0..MOST_ANCESTORS {
        process = Process::new(process.stat()?.parent);
        if let Some(groups) = process.groups_of_user(uid) {
            return Some(groups);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<(&'static str, u32, u32)> {
        of_variables(&|name| {
            let value = variables.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn caller_is_who_called_sudo_doas_or_pkexec() {
        let sudo = |uid, gid| found(&[("SUDO_UID", uid), ("SUDO_GID", gid)]);
        assert_eq!(sudo("1000", "100"), Some(("sudo", 1000, 100)));
        for (uid, gid) in [
            ("0", "0"),
            ("", "0"),
            ("x", "1"),
            ("4294967295", "1"),
            ("-1", "1"),
        ] {
            assert_eq!(sudo(uid, gid), None, "{uid} {gid}");
        }
        assert_eq!(found(&[("SUDO_UID", "1000")]), None);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("DOAS_USER", "no such user")]), None);
        assert_eq!(found(&[("DOAS_USER", "root")]), None);
        assert_eq!(
            found(&[("PKEXEC_UID", "4000000000")]),
            None,
            "without an account"
        );
    }

    #[test]
    fn caller_without_sudo_is_the_user_of_this_process() {
        let caller = Caller::detect();
        assert!(caller.through.is_some() || caller.identity.uid == geteuid().as_raw());
    }
}
