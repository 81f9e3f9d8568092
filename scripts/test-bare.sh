#!/usr/bin/env bash
# Tests the README's two commands, ./dev run and ./dev test, on a fresh Debian with nothing but
# git: in a chroot made with debootstrap. Prints how long they took. Called by `make test-bare`, as
# root; takes minutes, and 4 GB below TMPDIR or /var/tmp.
#
#   scripts/test-bare.sh [bookworm|trixie]
#
# Packages and crates come from this host's sources: its Debian mirror, apt's settings, the
# additional certificates that it trusts, cargo's configuration, proxies.
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

say() { printf 'test-bare: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

suite=${1:-bookworm}
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
own_mounts "$suite"
make_debian "$suite" git
let_cargo_in

[[ -z $(git status --porcelain) ]] || say 'what is not committed is not tried'
git clone --quiet --no-hardlinks . "$root/root/tcplife"

# bare COMMAND: runs it in the clone, in an environment like that after login.
bare() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
        LANG=C.UTF-8 ${environment[@]+"${environment[@]}"} \
        chroot "$root" sh -c "cd /root/tcplife && $1"
}

timings=()
# timed NAME COMMAND: runs it, and adds its duration to the timings.
timed() {
    local start=$EPOCHREALTIME
    say "$2"
    bare "$2" || die "\`$2\` failed on Debian $suite (see above)"
    local took=$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))
    timings+=("$(printf '%-40s %4d.%d s' "$1" $((took / 10)) $((took % 10)))")
}

! bare 'command -v make || command -v cc || command -v cargo' || die 'the chroot is no bare machine (see above)'
timed './dev run, bare, with a second of capture' './dev run -o json --duration 1s >out'
timed './dev run again' './dev run -o json --duration 1s >out 2>err'
! grep -v '^{' "$root/root/tcplife/out" || die './dev run -o json printed more on stdout than JSON lines (see above)'
! grep '^setup:' "$root/root/tcplife/err" || die './dev run found things missing the second time (see above)'
timed './dev test' './dev test'

printf '\nDebian %s, %s processors, %s:\n' "$suite" "$(nproc)" "$(bare 'scripts/setup.sh cargo | xargs -I{} sh -c "{} --version"')"
printf '  %s\n' "${timings[@]}"
