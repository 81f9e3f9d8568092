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
((EUID == 0)) || die 'not root, and debootstrap and chroot take it: run this as root'
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || die 'no debootstrap here; scripts/setup.sh bare installs it'

# In a mount namespace of its own, so that no mount outlives this script, however it exits.
[[ ${2-} == unshared ]] || exec unshare --mount scripts/test-bare.sh "$suite" unshared

root=$(mktemp -d "${TMPDIR:-/var/tmp}/tcplife-bare.XXXXXX")
remove_root() {
    ! mountpoint -q "$root" || umount --recursive --lazy "$root"
    rm -rf --one-file-system -- "$root"
}
chmod 755 "$root"
trap remove_root EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# repository LABEL: prints the address from which this host's apt gets Debian's packages with that
# label.
repository() {
    # shellcheck disable=SC2016 # apt-get replaces these
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        awk -v label="$1" '$1 == label { print $2; exit }' || true
}

say "Debian $suite with git only, in $root"
mirror=$(repository Debian)
debootstrap --variant=minbase --include=git "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
    die "debootstrap of $suite failed: $(tail -n 5 "$root.log")"
rm -f "$root.log"

# debootstrap leaves the mirror that it used; a new installation also has the updates.
[[ -n $mirror ]] || mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
mirror=${mirror%/}
security=$(repository Debian-Security)
security=${security:-$mirror-security}
cat >"$root/etc/apt/sources.list" <<EOF
deb $mirror $suite main
deb $mirror $suite-updates main
deb $security $suite-security main
EOF
rm -f "$root"/var/lib/apt/lists/*_*

# Settings that a network like this host's needs, which are not under test.
if command -v apt-config >/dev/null; then
    apt-config dump | grep -E '^Acquire::(https?|Check-|Force|Retries)' >"$root/etc/apt/apt.conf.d/90host" || true
fi
cp /etc/hosts /etc/resolv.conf "$root/etc/"
mkdir -p "$root/usr/local/share/ca-certificates" "$root/root/.cargo"
for file in /usr/local/share/ca-certificates/*.crt; do
    [[ ! -e $file ]] || cp "$file" "$root/usr/local/share/ca-certificates/"
done
config=${CARGO_HOME:-${HOME:-/root}/.cargo}/config.toml
[[ ! -e $config ]] || cp "$config" "$root/root/.cargo/"
environment=()
while IFS= read -r name; do
    environment+=("$name=${!name}")
done < <(compgen -e | grep -iE '^(https?|no|all)_proxy$|^CARGO_(SOURCE|REGISTR|HTTP|NET)|^TCPLIFE_REQUIRE_KERNEL$' || true)

# A mount of its own, as / is elsewhere: unshare --mount, which tests use, needs that.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

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
