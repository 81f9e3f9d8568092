#!/usr/bin/env bash
# Tests the packages in dist/ as a user would try them: in a Debian of its own, made with debootstrap, installs, runs,
# upgrades and purges the .deb, and compares the files before and after; unpacks the .rpm. Called by `make test-packages`,
# as root, after `make release`; takes a minute or two, and 1 GB below TMPDIR or /var/tmp.
#
#   scripts/test-packages.sh [bookworm|trixie]
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

say() { printf 'test-packages: %s\n' "$*" >&2; }
die() {
    say "FAILED: $*"
    exit 1
}

suite=${1:-bookworm}
((EUID == 0)) || die 'not root, and debootstrap and chroot take it: run this as root'
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || die 'no debootstrap here; scripts/setup.sh bare installs it'
deb=$(ls dist/*.deb 2>/dev/null) || die 'no package in dist/: run make release first'

# In a mount namespace of its own, so that no mount outlives this script, however it exits.
[[ ${2-} == unshared ]] || exec unshare --mount scripts/test-packages.sh "$suite" unshared

root=$(mktemp -d "${TMPDIR:-/var/tmp}/tcplife-packages.XXXXXX")
remove_root() {
    ! mountpoint -q "$root" || umount --recursive --lazy "$root"
    rm -rf --one-file-system -- "$root" "$root.log"
}
chmod 755 "$root"
trap remove_root EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "Debian $suite, in $root"
# the mirror from which this host's apt gets Debian's packages
# shellcheck disable=SC2016 # apt-get replaces these
mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    awk '$1 == "Debian" { print $2; exit }' || true)
debootstrap --variant=minbase --include=bash-completion,man-db "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
    die "debootstrap of $suite failed: $(tail -n 5 "$root.log")"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

bare() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
        chroot "$root" "$@"
}

# files: prints every file, without what apt, dpkg and man-db keep for themselves.
files() {
    find "$root" -xdev -mindepth 1 \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" -o -path "$root/tmp" \
        -o -path "$root/var/lib/dpkg" -o -path "$root/var/cache" -o -path "$root/var/log" \) -prune -o -printf '%P\n' | sort
}

# expect WORDS COMMAND...: fails unless the command succeeds and prints the words.
expect() {
    local words=$1 out
    shift
    out=$(bare "$@" 2>&1) || die "\`$*\`: $out"
    [[ $out == *"$words"* ]] || die "\`$*\` does not print \`$words\`: $out"
}

files >"$root.before"
say 'install'
cp "$deb" "$root/tmp/tcplife.deb"
# a program of the same name that comes first in root's PATH
printf '#!/bin/sh\necho other\n' >"$root/usr/sbin/tcplife"
chmod 755 "$root/usr/sbin/tcplife"
said=$(bare dpkg -i /tmp/tcplife.deb 2>&1) || die "dpkg -i: $said"
[[ $said == *'/usr/sbin/tcplife, another program, comes first'* ]] || die "the installation does not mention the other program: $said"
rm "$root/usr/sbin/tcplife"

say 'run'
expect "tcplife $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)" tcplife -V
expect 'commit: ' tcplife --version
expect 'tcplife works on this host' tcplife --doctor
expect 'PID' tcplife -o text --duration 100ms
expect 'NAME' man -P cat tcplife
expect 'complete -o nosort -F _tcplife tcplife' bash -ic '. /usr/share/bash-completion/bash_completion; _comp_load tcplife 2>/dev/null || _completion_loader tcplife; complete -p tcplife'
expect 'interval' cat /usr/share/doc/tcplife/examples/config.toml
expect '' bash -c '! [ -e /etc/systemd/system/multi-user.target.wants/tcplife-recorder.service ]'
expect '' bash -c 'mkdir -p /var/lib/tcplife && timeout --preserve-status -s INT 2 tcplife -o none --record /var/lib/tcplife --record-keep 24h,1GB; tcplife --replay /var/lib/tcplife -o json >/dev/null'

say 'upgrade, with capabilities for a group'
if bare sh -c 'command -v setcap' >/dev/null || bare apt-get -qq install libcap2-bin >/dev/null 2>&1; then
    bare groupadd --system tcplife
    bare dpkg-statoverride --update --add root tcplife 0750 /usr/bin/tcplife
    bare dpkg -i /tmp/tcplife.deb >/dev/null 2>&1 || die 'the upgrade failed'
    expect 'cap_perfmon,cap_bpf' getcap /usr/bin/tcplife
    expect 'root tcplife 750' stat -c '%U %G %a' /usr/bin/tcplife
    bare groupdel tcplife 2>/dev/null || true
else
    say 'SKIPPED the capabilities: libcap2-bin cannot be installed'
    bare dpkg -i /tmp/tcplife.deb >/dev/null 2>&1 || die 'the upgrade failed'
fi

say 'purge'
bare dpkg --purge tcplife >/dev/null 2>&1 || die 'dpkg --purge failed'
rm -f "$root/tmp/tcplife.deb"
files >"$root.after"
# what this script has installed and created by itself is no concern
left=$(comm -13 "$root.before" "$root.after" | grep -i tcplife || true)
rm -f "$root.before" "$root.after"
[[ -z $left ]] || die "purge leaves: $left"

if rpm=$(ls dist/*.rpm 2>/dev/null) && command -v rpm >/dev/null; then
    say 'RPM'
    rpm -K --nosignature "$rpm" >/dev/null || die "rpm -K: $(rpm -K --nosignature "$rpm" 2>&1)"
    list=$(rpm -qlp "$rpm" 2>/dev/null)
    for file in /usr/bin/tcplife /usr/share/man/man8/tcplife.8.gz /usr/lib/systemd/system/tcplife-recorder.service \
        /usr/share/bash-completion/completions/tcplife /usr/share/licenses/tcplife/LICENSES; do
        grep -qx "$file" <<<"$list" || die "$rpm lacks $file"
    done
    mkdir "$root/tmp/rpm"
    rpm2cpio "$rpm" | (cd "$root/tmp/rpm" && cpio -idm --quiet)
    cmp "$root/tmp/rpm/usr/bin/tcplife" dist/tcplife-*-linux-gnu || die "$rpm has another program"
else
    say 'SKIPPED the RPM: no package in dist/, or no rpm here'
fi
say 'all passed'
