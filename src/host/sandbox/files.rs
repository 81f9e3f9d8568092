//! Landlock: which files a thread may open.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
};

use crate::host::{cgroup, proc};

/// Newest version of the interface that is used. The next one has a right to ioctl(2) on devices, and a process without it
/// cannot set its own terminal (Linux 6.10).
const NEWEST: ABI = ABI::V4;

/// Directories whose files are read, apart from control groups: processes, and the files of names (users, services, hosts,
/// resolver). A directory and not its files, because many of them are replaced by new ones, for which a rule would not hold.
const READ: [&str; 2] = [proc::ROOT, "/etc"];

/// Files of /etc that often are links to elsewhere.
const LINKS: [&str; 4] = ["resolv.conf", "hosts", "services", "passwd"];

/// Returns the directories and files that may be read.
pub fn readable() -> Vec<PathBuf> {
    let elsewhere = LINKS.iter().filter_map(|name| {
        let target = fs::canonicalize(Path::new("/etc").join(name)).ok()?;
        // everything is below the root
        let folder = target.parent().filter(|folder| *folder != Path::new("/"));
        Some(folder.unwrap_or(&target).to_path_buf())
    });
    let mut folders: Vec<PathBuf> = READ.iter().map(PathBuf::from).collect();
    folders.extend(cgroup::mount_point());
    folders.extend(elsewhere);
    folders.sort();
    folders.dedup();
    folders
}

/// Prepares the rules: read these, write nothing, no TCP.
///
/// # Errors
/// If the kernel refuses them.
pub fn rules(readable: &[PathBuf]) -> anyhow::Result<RulesetCreated> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .create()?;
    // a directory that does not exist needs no rule
    let rules = readable.iter().filter_map(|path| {
        let access = if path.is_dir() {
            read
        } else {
            AccessFs::ReadFile.into()
        };
        Some(Ok(PathBeneath::new(PathFd::new(path).ok()?, access)))
    });
    ruleset
        .add_rules(rules)
        .map_err(|e: landlock::RulesetError| e.into())
}

/// Puts the rules into force for the calling thread. Returns the version of the interface that is used.
///
/// # Errors
/// If the kernel has no Landlock, or it is not enabled.
pub fn restrict(rules: anyhow::Result<RulesetCreated>) -> anyhow::Result<u8> {
    let status = rules?.restrict_self()?;
    let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
        bail!(
            "this kernel has no Landlock, or it is not enabled (Linux 5.13 and later; kernel command line: lsm=landlock,…)"
        );
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        bail!("the kernel did not put Landlock's rules into force");
    }
    Ok((effective_abi as u8).min(NEWEST as u8))
}
