#!/usr/bin/env bash
# Builds the static program for aarch64 in a Debian of its own, which has a Rust for it, and runs it under Debian's kernels
# for arm64 in an emulated machine: its version, the demo, --doctor, and a real session. Called by `make test-aarch64`, as
# root; takes some minutes, and 4 GB below TMPDIR or /var/tmp. What is not committed is not tried.
#
#   scripts/test-aarch64.sh [KERNEL...]   by default of 6.1 and 6.12
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

say() { printf 'test-aarch64: %s\n' "$*" >&2; }
die() {
    say "FAILED: $*"
    exit 1
}

(($#)) || set -- 6.1 6.12
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
own_mounts "$@"
make_debian bookworm git,ca-certificates
let_cargo_in

# bare COMMAND: runs it in the Debian.
bare() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        ${environment[@]+"${environment[@]}"} chroot "$root" sh -c "$1"
}

say 'compilers and libraries'
bare "update-ca-certificates && dpkg --add-architecture arm64 && apt-get -qq update && apt-get -qq -y --no-install-recommends install \
    clang gcc libc6-dev make pkg-config libelf-dev zlib1g-dev rustc-web cargo-web \
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross libelf-dev:arm64 zlib1g-dev:arm64 libstd-rust-web-dev:arm64 \
    qemu-system-arm cpio" >"$root.log" 2>&1 || die "apt-get: $(tail -n 5 "$root.log")"

say 'build'
git clone --quiet --no-hardlinks . "$root/root/tcplife"
bare 'cd /root/tcplife && scripts/static.sh aarch64' || die 'the build failed (see above)'
guest=$root/root/guest
mkdir -p "$guest"/{bin,proc,sys,dev,tmp}
cp "$root/root/tcplife/target/aarch64-unknown-linux-gnu/release/tcplife" "$guest/bin/"
bare 'apt-get -qq download busybox-static:arm64 && dpkg -x busybox-static_*_arm64.deb busybox' >"$root.log" 2>&1 ||
    die "busybox: $(tail -n 5 "$root.log")"
cp "$root/busybox/bin/busybox" "$guest/bin/"

# What the machine does, with a line before each part.
cat >"$guest/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin HOME=/tmp LANG=C.UTF-8
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /tmp
mount -t tracefs tracefs /sys/kernel/tracing
ip link set lo up
echo "== version"; tcplife --version
echo "== demo"; tcplife --demo -o json | grep refused | tail -n 1
echo "== doctor"; tcplife --doctor; echo "doctor exits with $?"
echo "== session"
tcplife -o json >/tmp/rows 2>/tmp/said & tcplife=$!
for try in $(seq 100); do
    nc -l -p 7777 >/dev/null & server=$!
    usleep 100000
    echo 'twelve bytes' | nc 127.0.0.1 7777
    wait $server
    ! grep -q '"rport":7777' /tmp/rows || break
done
kill -INT $tcplife; wait $tcplife
cat /tmp/said; grep 7777 /tmp/rows
echo "== end"
poweroff -f
INIT
chmod 755 "$guest/init"
bare 'cd /root/guest && find . | cpio --quiet -o -H newc >../initrd'

# expect KERNEL WORDS: fails unless the machine has printed them.
expect() {
    grep -q -- "$2" "$root.said" || die "Linux $1 on aarch64 does not print \`$2\`: $(cat "$root.said")"
}

for version in "$@"; do
    package=$(bare "apt-cache pkgnames linux-image-$version." | grep -- '-cloud-arm64$' | sort -V | tail -n 1)
    [[ -n $package ]] || die "Debian has no kernel $version for arm64"
    say "$package"
    bare "cd && apt-get -qq download $package:arm64 && dpkg -x ${package}_*.deb kernel-$version" >"$root.log" 2>&1 ||
        die "$package: $(tail -n 5 "$root.log")"
    bare "timeout -k 5 300 qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -m 1024 -nodefaults -display none -no-reboot \
        -serial stdio -kernel /root/kernel-$version/boot/vmlinuz-* -initrd /root/initrd \
        -append 'console=ttyAMA0 loglevel=3 panic=-1'" </dev/null 2>&1 | tr -d '\r' >"$root.said" || true
    expect "$version" '^== end'
    expect "$version" '^target: aarch64'
    expect "$version" refused
    expect "$version" 'tcplife works on this host'
    expect "$version" 'doctor exits with 0'
    expect "$version" '"comm":"nc".*"rport":7777.*"tx_bytes":13'
done
say 'all passed'
