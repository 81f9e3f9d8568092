//! Checks before loading: turns what is missing on this host into one error that can be acted on.

use std::fs;
use std::path::Path;

use crate::host::proc::Process;

/// Oldest kernel with socket storage (5.11) and cookies (5.12) in tracing programs.
const OLDEST: (u32, u32) = (5, 12);

/// Reason that no session can be seen on this host.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StartError {
    /// Kernel too old.
    #[error(
        "Linux {0} is too old: tcplife needs 5.12 or later, which has socket storage and cookies for BPF tracing programs. Boot a newer kernel"
    )]
    OldKernel(String),
    /// Kernel without type information.
    #[error(
        "the kernel's type information, /sys/kernel/btf/vmlinux, is missing: tcplife needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (and /sys mounted)"
    )]
    NoBtf,
    /// Neither root nor the capabilities.
    #[error(
        "loading BPF programs needs root or the {missing}. Run `sudo tcplife`, or once `sudo setcap cap_bpf,cap_perfmon+ep $(command -v tcplife)`"
    )]
    NoCapability {
        /// Missing capabilities, and what they are.
        missing: String,
    },
    /// Kernel lockdown stricter than these programs can live with.
    #[error(
        "kernel lockdown is in mode `confidentiality`, which forbids every BPF program that reads kernel memory. tcplife works in mode `integrity` (kernel command line: lockdown=integrity)"
    )]
    LockedDown,
    /// All checks passed, and the kernel refused all the same.
    #[error("{doing} failed: {error}{detail}")]
    Refused {
        /// The attempted operation.
        doing: &'static str,
        /// The kernel's error.
        error: String,
        /// Messages of libbpf.
        detail: String,
    },
}

/// Facts about the host that the checks need.
#[derive(Debug, Default)]
struct Facts {
    release: String,
    btf: bool,
    /// Effective capabilities of this process.
    capabilities: u64,
    /// /sys/kernel/security/lockdown, empty if there is none.
    lockdown: String,
}

impl Facts {
    fn gather() -> Self {
        Facts {
            release: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            // without /proc, assume that all are present: loading fails if they are not
            capabilities: Process::own().status().capabilities.unwrap_or(u64::MAX),
            lockdown: fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default(),
        }
    }

    fn check_system(&self) -> Result<(), StartError> {
        let mut numbers = self
            .release
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < OLDEST {
            return Err(StartError::OldKernel(self.release.clone()));
        }
        // include/uapi/linux/capability.h; CAP_SYS_ADMIN stands for both
        const CAP_SYS_ADMIN: u32 = 21;
        let has = |bit: u32| {
            self.capabilities >> bit & 1 == 1 || self.capabilities >> CAP_SYS_ADMIN & 1 == 1
        };
        let missing: Vec<&str> = [("CAP_PERFMON", 38), ("CAP_BPF", 39)]
            .iter()
            .filter(|c| !has(c.1))
            .map(|c| c.0)
            .collect();
        if !missing.is_empty() {
            let noun = match missing.len() {
                1 => "capability",
                _ => "capabilities",
            };
            return Err(StartError::NoCapability {
                missing: format!("{noun} {}", missing.join(" and ")),
            });
        }
        if self.lockdown.contains("[confidentiality]") {
            return Err(StartError::LockedDown);
        }
        if !self.btf {
            return Err(StartError::NoBtf);
        }
        Ok(())
    }
}

/// Checks the host before anything is loaded, because libbpf's messages about a failed load do not say what to do.
pub fn check() -> Result<(), StartError> {
    Facts::gather().check_system()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            release: "6.18.44-amd64".into(),
            btf: true,
            capabilities: 1 << 38 | 1 << 39,
            lockdown: "none [integrity] confidentiality\n".into(),
        }
    }

    #[test]
    fn preflight_two_capabilities_and_btf_are_enough() {
        assert_eq!(good().check_system(), Ok(()));
        assert_eq!(
            Facts {
                capabilities: 1 << 21,
                ..good()
            }
            .check_system(),
            Ok(())
        );
        assert_eq!(
            Facts {
                release: "5.12.0".into(),
                ..good()
            }
            .check_system(),
            Ok(())
        );
    }

    #[test]
    fn preflight_error_names_each_missing_requirement() {
        let says = |facts: Facts| {
            facts
                .check_system()
                .expect_err("something is missing")
                .to_string()
        };
        assert!(
            says(Facts {
                release: "5.10.0-33-cloud-amd64".into(),
                ..good()
            })
            .contains("Linux 5.10.0-33-cloud-amd64 is too old")
        );
        assert!(
            says(Facts {
                release: "4.19".into(),
                ..good()
            })
            .contains("5.12 or later")
        );
        assert!(
            says(Facts {
                btf: false,
                ..good()
            })
            .contains("CONFIG_DEBUG_INFO_BTF")
        );
        assert!(
            says(Facts {
                capabilities: 0,
                ..good()
            })
            .contains("the capabilities CAP_PERFMON and CAP_BPF.")
        );
        assert!(
            says(Facts {
                capabilities: 1 << 39,
                ..good()
            })
            .contains("the capability CAP_PERFMON.")
        );
        let locked = Facts {
            lockdown: "none integrity [confidentiality]".into(),
            ..good()
        };
        assert!(says(locked).contains("lockdown=integrity"));
    }
}
