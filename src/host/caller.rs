//! The user on whose behalf tcplife runs: the one who called sudo, doas or pkexec, else the one it runs as.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getgroups, getuid};

use crate::host::privileges::Identity;
use crate::host::proc::Process;
use crate::host::users::{account_named, account_of};
use crate::text::sanitize::sanitize;

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

/// The caller is not certain, so that no file can be opened for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCaller {
    /// A variable names nobody that this host's list of users has.
    #[error("{variable} names no user of /etc/passwd: {value}. Unset it, or use -o text")]
    NoAccount {
        variable: &'static str,
        value: String,
    },
    /// Several commands have set their variables, to different users.
    #[error("{0} and {1} are set, to different users. Unset one of them, or use -o text")]
    Several(&'static str, &'static str),
}

impl Caller {
    /// Finds the caller.
    ///
    /// # Errors
    /// If that is not certain: nobody may get the rights of another user by a variable.
    pub fn detect() -> Result<Self, UnknownCaller> {
        let variable = |name: &str| std::env::var(name).ok();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let ids = |uid: Uid, gid: Gid| (uid.as_raw(), gid.as_raw());
        let found = match (getuid().is_root(), geteuid().is_root()) {
            (true, true) => of_variables(&variable)?,
            // a set-user-id program
            (false, true) => Some(("set-user-id", ids(getuid(), getgid()))),
            _ => None,
        };
        let Some((through, (uid, gid))) = found else {
            let groups = getgroups().unwrap_or_default();
            let (uid, gid) = ids(geteuid(), getegid());
            return Ok(Caller {
                identity: Identity {
                    uid,
                    gid,
                    groups: groups.iter().map(|g| g.as_raw()).collect(),
                },
                through: None,
                home,
            });
        };
        // sudo sets HOME to root's, unless it is told to keep the caller's
        let is_theirs = |home: &PathBuf| home.metadata().is_ok_and(|dir| dir.uid() == uid);
        let home = home.filter(is_theirs);
        Ok(Caller {
            identity: Identity {
                uid,
                gid,
                groups: groups_of(uid).unwrap_or_default(),
            },
            through: Some(through),
            home: home.or_else(|| Some(account_of(uid)?.home.into())),
        })
    }

    /// Nobody, where who called is not certain.
    pub fn nobody() -> Self {
        Caller {
            identity: Identity::NOBODY,
            through: None,
            home: None,
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

/// The command that the caller used, and their user and group.
type Found = (&'static str, (u32, u32));

/// Finds who called, in the variables that sudo(8), doas(1) and pkexec(1) set. One of them may let through what another one
/// would set, so they must agree. A caller that is root is no other user.
fn of_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Found>, UnknownCaller> {
    // the greatest id means none
    let id = |text: String| text.parse().ok().filter(|id| *id != u32::MAX);
    let unknown = |variable, value: &str| UnknownCaller::NoAccount {
        variable,
        value: sanitize(value),
    };
    let mut found: Vec<(&'static str, Found)> = Vec::new();
    if let Some(text) = variable("SUDO_UID") {
        let (uid, gid) = (id(text.clone()), variable("SUDO_GID").and_then(id));
        let ids = uid.zip(gid).ok_or_else(|| unknown("SUDO_UID", &text))?;
        found.push(("SUDO_UID", ("sudo", ids)));
    }
    if let Some(name) = variable("DOAS_USER") {
        let account = account_named(&name).ok_or_else(|| unknown("DOAS_USER", &name))?;
        found.push(("DOAS_USER", ("doas", (account.uid, account.gid))));
    }
    if let Some(text) = variable("PKEXEC_UID") {
        let account = id(text.clone()).and_then(account_of);
        let account = account.ok_or_else(|| unknown("PKEXEC_UID", &text))?;
        found.push(("PKEXEC_UID", ("pkexec", (account.uid, account.gid))));
    }
    let mut rest = found.iter();
    let Some((first, caller)) = rest.next() else {
        return Ok(None);
    };
    if let Some((other, _)) = rest.find(|(_, other)| other.1.0 != caller.1.0) {
        return Err(UnknownCaller::Several(first, other));
    }
    Ok(Some(*caller).filter(|(_, (uid, _))| *uid != 0))
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

    fn found(variables: &[(&str, &str)]) -> Result<Option<Found>, UnknownCaller> {
        of_variables(&|name| {
            let value = variables.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn caller_is_who_called_sudo_doas_or_pkexec() {
        let sudo = |uid, gid| found(&[("SUDO_UID", uid), ("SUDO_GID", gid)]);
        assert_eq!(sudo("1000", "100"), Ok(Some(("sudo", (1000, 100)))));
        assert_eq!(sudo("0", "0"), Ok(None));
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&[("DOAS_USER", "root")]), Ok(None));
    }

    #[test]
    fn caller_that_is_not_certain_is_nobody_and_not_root() {
        let refused = |variables: &[(&str, &str)]| {
            let error = found(variables).expect_err("not certain");
            error.to_string()
        };
        for (uid, gid) in [
            ("", "0"),
            ("x", "1"),
            ("4294967295", "1"),
            ("-1", "1"),
            ("1", ""),
        ] {
            assert!(refused(&[("SUDO_UID", uid), ("SUDO_GID", gid)]).contains("SUDO_UID"));
        }
        assert!(refused(&[("SUDO_UID", "1000")]).contains("SUDO_UID"));
        assert!(refused(&[("DOAS_USER", "no such user")]).contains("no such user"));
        assert!(refused(&[("PKEXEC_UID", "4000000000")]).contains("PKEXEC_UID"));
        // what doas lets through of the environment
        for uid in ["0", "1"] {
            let variables = [
                ("SUDO_UID", uid),
                ("SUDO_GID", uid),
                ("DOAS_USER", "nobody"),
            ];
            assert!(refused(&variables).contains("SUDO_UID and DOAS_USER"));
        }
    }
}
