#!/usr/bin/env bash
# Tests the packages in dist/ as a user would try them: in a Debian of its own, made with debootstrap, installs, runs,
# upgrades and purges the .deb, and compares the files before and after; the same with the .rpm, by rpm itself. Called by
# `make test-packages`, as root, after `make release`; takes some minutes, and 1 GB below TMPDIR or /var/tmp.
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
deb=$(ls dist/*.deb 2>/dev/null) || die 'no package in dist/: run make release first'
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
own_mounts "$suite"
make_debian "$suite" bash-completion,zsh,fish,man-db,mandoc,libcap2-bin,systemd,systemd-sysv

bare() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
        chroot "$root" "$@"
}

# files: prints every file, without what dpkg, rpm, man-db and shells keep for themselves, backups of user databases, and
# the home of the user, whose history of the dashboard is not the package's.
files() {
    find "$root" -xdev -mindepth 1 \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" -o -path "$root/tmp" \
        -o -path "$root/var/lib/dpkg" -o -path "$root/var/lib/rpm" -o -path "$root/var/cache" -o -path "$root/var/log" \
        -o -path "$root/root" -o -path "$root/etc/*-" \) -prune -o -printf '%P\n' | sort
}

# expect_nothing_left WHAT: fails if there are files that were not there before.
expect_nothing_left() {
    files >"$root.after"
    local left
    left=$(comm -13 "$root.before" "$root.after")
    [[ -z $left ]] || die "$1 leaves: $left"
}

# expect WORDS COMMAND...: fails unless the command succeeds and prints the words.
expect() {
    local words=$1 out
    shift
    out=$(bare "$@" 2>&1) || die "\`$*\`: $out"
    [[ $out == *"$words"* ]] || die "\`$*\` does not print \`$words\`: $out"
}

files >"$root.before"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

say 'install an earlier version'
# the same package with a lower number, as there is no earlier one
dpkg-deb --raw-extract "$deb" "$root/tmp/earlier"
sed -i 's/^Version: .*/Version: 0.1.0-1/' "$root/tmp/earlier/DEBIAN/control"
dpkg-deb --build "$root/tmp/earlier" "$root/tmp/earlier.deb" >/dev/null
cp "$deb" "$root/tmp/tcplife.deb"
# a program of the same name that comes first in root's PATH
printf '#!/bin/sh\necho other\n' >"$root/usr/sbin/tcplife"
chmod 755 "$root/usr/sbin/tcplife"
said=$(bare dpkg -i /tmp/earlier.deb 2>&1) || die "dpkg -i: $said"
[[ $said == *'/usr/sbin/tcplife, another program, comes first'* ]] || die "the installation does not mention the other program: $said"
rm "$root/usr/sbin/tcplife"

# try_program UNIT: runs what a user runs first.
# shellcheck disable=SC2016 # the shells in the chroot replace these
try_program() {
    expect "tcplife $version" tcplife -V
    expect 'commit: ' tcplife --version
    expect 'tcplife works on this host' tcplife --doctor
    expect 'refused' tcplife --demo -o json
    # the dashboard, on a terminal of its own
    expect 'Sessions' bash -c '(sleep 2; printf qq) | TERM=xterm script -qec "stty rows 24 cols 80; tcplife --demo" /dev/null'
    expect 'PID' tcplife -o text --duration 100ms
    expect 'NAME' man -P cat tcplife
    expect '' bash -c 'said=$(man --warnings -P cat tcplife 2>&1 >/dev/null); [ -z "$said" ] || { echo "$said"; exit 1; }'
    expect '' sh -c 'zcat /usr/share/man/man8/tcplife.8.gz | mandoc -Tlint -Wstyle'
    expect 'complete -o nosort -F _tcplife tcplife' bash -ic '. /usr/share/bash-completion/bash_completion; _comp_load tcplife 2>/dev/null || _completion_loader tcplife; complete -p tcplife'
    expect '--snapshots' fish -c 'complete --do-complete "tcplife --snap"'
    expect 'ExecStart=/usr/bin/tcplife ' cat "$1"
    expect '' bash -c '! [ -e /etc/systemd/system/multi-user.target.wants/tcplife-recorder.service ]'
}

# record_as_unit: boots the chroot, without a lasting change, and fails unless the unit records a session and has no rights.
record_as_unit() {
    local log=$root.log place='' leader='' nspawn program try
    program=$(ls "$PWD"/dist/tcplife-*-linux-gnu)
    unshare --mount sh -c "umount -R '$root/proc' '$root/sys' '$root/dev'
        exec systemd-nspawn --quiet --register=no --keep-unit --volatile=overlay --directory='$root' --boot \
            --capability=all --system-call-filter='bpf perf_event_open' --console=pipe systemd.log_target=console \
            systemd.wants=tcplife-recorder.service" </dev/null >"$log" 2>&1 &
    nspawn=$!
    for ((try = 0; try < 600; try++)); do
        leader=$(pgrep -P "$nspawn" -x systemd || true)
        place=/proc/${leader:-none}/root/var/lib/private/tcplife
        ! compgen -G "$place/*.zst" >/dev/null || break
        sleep 0.1
    done
    # a session that is refused, again until it is in the recording
    for ((try = 0; try < 100; try++)); do
        (: </dev/tcp/127.0.0.1/9) 2>/dev/null || true
        ! cat "$place"/*.zst 2>/dev/null | "$program" --replay - -o text -f 'rport 9 and reason refused' 2>/dev/null |
            grep -q ' 9 ' || break
        sleep 0.1
    done
    local recorder rights=''
    recorder=$(pgrep -P "${leader:-0}" -x tcplife | head -1 || true)
    [[ -z $recorder ]] || rights=$(grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$recorder/status" | tr -s '\t\n' ' ')
    # the first signal shuts it down, the second one at once
    kill "$nspawn" && sleep 0.5
    kill "$nspawn" 2>/dev/null || true
    wait "$nspawn" || true
    ((try < 100)) || die "the unit records nothing: $(tail -n 20 "$log")"
    [[ $rights == 'CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 ' ]] || die "the recorder has $rights"
}

if command -v systemd-nspawn >/dev/null; then
    say 'the unit, under systemd'
    record_as_unit
else
    say 'SKIPPED the unit: no systemd-nspawn here; scripts/setup.sh bare installs it'
fi

say 'upgrade'
bare groupadd --system tcplife
bare dpkg-statoverride --update --add root tcplife 0750 /usr/bin/tcplife
said=$(bare dpkg -i /tmp/tcplife.deb 2>&1) || die "the upgrade failed: $said"
expect 'cap_perfmon,cap_bpf' getcap /usr/bin/tcplife
expect 'root tcplife 750' stat -c '%U %G %a' /usr/bin/tcplife

say 'run'
unit=$(bare sh -c 'ls /lib/systemd/system/tcplife-recorder.service /usr/lib/systemd/system/tcplife-recorder.service 2>/dev/null | head -1')
try_program "$unit"
# shellcheck disable=SC2016 # zsh replaces it
expect '_tcplife' zsh -c 'autoload -U compinit; compinit -u -D; echo $_comps[tcplife]'
expect 'interval' cat /usr/share/doc/tcplife/examples/config.toml

if command -v systemd-nspawn >/dev/null; then
    say 'the unit, as a member of the group'
    dropin=$root/etc/systemd/system/tcplife-recorder.service.d
    mkdir -p "$dropin"
    printf '[Service]\nSupplementaryGroups=tcplife\n' >"$dropin/group.conf"
    record_as_unit
    rm -r "$dropin"
fi

say 'record and replay'
expect '' bash -c 'mkdir -p /var/lib/tcplife && timeout --preserve-status -s INT 2 tcplife -o none --record /var/lib/tcplife --record-keep 24h,1GB'
expect '"event":"summary"' tcplife --replay /var/lib/tcplife -o json

say 'remove and purge'
bare dpkg --remove tcplife >/dev/null 2>&1 || die 'dpkg --remove failed'
expect '' test -d /var/lib/tcplife
bare dpkg --purge tcplife >/dev/null 2>&1 || die 'dpkg --purge failed'
bare groupdel tcplife
expect '' sh -c '! dpkg-statoverride --list /usr/bin/tcplife'
expect_nothing_left 'dpkg --purge'

if rpm=$(ls dist/*.rpm 2>/dev/null) && command -v rpm >/dev/null; then
    say 'RPM: install, run, erase'
    rpm -K --nosignature "$rpm" >/dev/null || die "rpm -K: $(rpm -K --nosignature "$rpm" 2>&1)"
    for script in prein postin preun postun; do
        rpm -qp --queryformat "%{$script}" "$rpm" 2>/dev/null | sed 's:^(none)$::' | sh -n || die "$rpm: the script $script is wrong"
    done
    # directories of the distributions that have RPM
    mkdir -p "$root/usr/share/licenses" "$root/usr/share/zsh/site-functions"
    files >"$root.before"
    said=$(rpm --root "$root" --nodeps -i "$PWD/$rpm" 2>&1) || die "rpm -i: $said"
    cmp "$root/usr/bin/tcplife" dist/tcplife-*-linux-gnu || die "$rpm has another program"
    said=$(rpm --root "$root" -V --nodeps tcplife) || die "rpm -V: $said"
    try_program /usr/lib/systemd/system/tcplife-recorder.service
    expect 'MIT' cat /usr/share/licenses/tcplife/LICENSE-MIT
    rpm --root "$root" --nodeps -e tcplife || die 'rpm -e failed'
    expect_nothing_left 'rpm -e'
else
    say 'SKIPPED the RPM: no package in dist/, or no rpm here'
fi
say 'all passed'
