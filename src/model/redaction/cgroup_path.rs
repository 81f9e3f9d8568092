//! Paths of control groups without the names in them.

use crate::model::cgroup::{is_id, namings, unescape};
use crate::model::redaction::Redactor;

/// Directories that are the same on many hosts.
const COMMON: &[&str] = &[
    "system.slice",
    "user.slice",
    "machine.slice",
    "init.scope",
    "kubepods",
    "kubepods.slice",
    "burstable",
    "besteffort",
    "guaranteed",
    "kubepods-burstable.slice",
    "kubepods-besteffort.slice",
];

/// Beginnings of names, besides those of the runtimes.
const PREFIXES: &[&str] = &[
    "kubepods-burstable-pod",
    "kubepods-besteffort-pod",
    "kubepods-pod",
    "pod",
    "crio-conmon-",
    "libpod-conmon-",
    "user-",
    "user@",
    "session-",
];

/// Ends of names.
const SUFFIXES: &[&str] = &[".service", ".scope", ".slice", ".socket", ".mount", ".swap"];

/// Returns a path in which the names are replaced.
pub fn redact(path: &str, redactor: &Redactor) -> String {
    let parts: Vec<String> = path.split('/').map(|p| part(p, redactor)).collect();
    parts.join("/")
}

fn part(part: &str, redactor: &Redactor) -> String {
    let is_common = COMMON.contains(&part) || namings().any(|(parent, _)| parent == part);
    if part.is_empty() || is_common {
        return part.to_owned();
    }
    let of_runtimes = namings().map(|(_, prefix)| prefix);
    let begins = of_runtimes.chain(PREFIXES.iter().copied());
    let begins = begins.filter(|prefix| part.starts_with(prefix));
    let prefix = begins.max_by_key(|prefix| prefix.len()).unwrap_or_default();
    let rest = &part[prefix.len()..];
    let mut ends = SUFFIXES.iter().copied();
    let suffix = ends.find(|end| rest.ends_with(end)).unwrap_or_default();
    let name = &rest[..rest.len() - suffix.len()];
    let digits = name.replace(['-', '_'], "");
    let name = match is_id(&digits) {
        true => redactor.hex(name),
        false => redactor.name("n", &unescape(name)),
    };
    format!("{prefix}{name}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cgroup::Within;

    #[test]
    fn redacted_path_says_the_same_about_runtimes_and_nothing_about_names() {
        const ID: &str = "4d5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
        const POD: &str = "8f3c7a52_0d0b_4bd3_9f2c_7f6a1c9b2e11";
        let redactor = Redactor::new(b"0123456789abcdef");
        for path in [
            "/".into(),
            "/system.slice/acme.service".into(),
            "/system.slice/system-acme.slice/acme@secret.service".into(),
            "/user.slice/user-4711.slice/user@4711.service/app.slice/app-acme.scope".into(),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/docker/{ID}"),
            format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope"
            ),
            format!("/kubepods/besteffort/pod{}/{ID}", POD.replace('_', "-")),
            format!("/machine.slice/libpod-{ID}.scope/container"),
            "/lxc.payload.acme/system.slice/acme.service".into(),
            "/machine.slice/systemd-nspawn@acme\\x2dbuild.service".into(),
        ] {
            let redacted = redact(&path, &redactor);
            for secret in ["acme", "secret", "4711", &ID[..12], &POD[..8]] {
                assert!(!redacted.contains(secret), "{path}: {redacted}");
            }
            let [before, after] = [&path, &redacted].map(|path| Within::read(path));
            assert_eq!(before.runtime, after.runtime, "{path}: {redacted}");
            let known = |within: &Within| {
                let Within {
                    container,
                    pod,
                    unit,
                    ..
                } = within;
                [container, pod, unit].map(|name| name.as_ref().map(|name| is_id(name)))
            };
            assert_eq!(known(&before), known(&after), "{path}: {redacted}");
        }
    }
}
