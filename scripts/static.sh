#!/usr/bin/env bash
# Builds tcplife as one file without shared libraries, to be copied to any host of its architecture. Called by
# `make static`.
#
#   scripts/static.sh          for this host's architecture
#   scripts/static.sh aarch64  for that one; takes its compiler and C libraries, and Rust's standard library for it
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

die() {
    printf 'static: %s\n' "$*" >&2
    exit 1
}

# True if this distribution's libelf.a can be linked with zlib alone. Some distributions have no
# libelf.a; one built with zstd cannot be linked by cargo into the build script, which uses libelf
# too; and that of elfutils 0.192 is incomplete (https://sourceware.org/PR32293).
libelf_links() {
    printf '#include <libelf.h>\nint main(void) { return elf_begin(0, ELF_C_NULL, 0) || elf_end(0); }\n' |
        "$cc" -static -x c -o /dev/null - -lelf -lz 2>/dev/null
}

read -ra cargo <<<"${CARGO:-cargo}"
host=$("${cargo[@]}" -vV | sed -n 's/^host: //p')
[[ $host == *-linux-gnu* ]] ||
    die "works with glibc only, and \`${cargo[*]}\` builds for ${host:-nothing it tells}; use a distribution with glibc"
architecture=${1:-${host%%-*}}
target=$architecture-${host#*-}
cc=cc
if [[ $target != "$host" ]]; then
    cc=$architecture-linux-gnu-gcc
    command -v "$cc" >/dev/null || die "no $cc here, which builds for $architecture; Debian has it in gcc-${architecture/_/-}-linux-gnu"
    linker=CARGO_TARGET_${target^^}_LINKER
    export "${linker//-/_}=$cc"
fi

if libelf_links; then
    feature=static
    # Debian, Fedora and others keep static libraries in different places; the compiler knows. The build script links them, too.
    for side in "$host cc" "$target $cc"; do
        compiler=${side#* } variable=LIBBPF_SYS_LIBRARY_PATH_${side% *}
        export "${variable//-/_}=$(dirname -- "$("$compiler" -print-file-name=libelf.a)"):$(dirname -- "$("$compiler" -print-file-name=libz.a)")"
    done
else
    [[ $target == "$host" ]] || die "no libelf.a and libz.a for $architecture here; Debian has them in libelf-dev and zlib1g-dev of that architecture"
    printf 'static: the libelf.a here is missing or does not link: building libelf and zlib from source\n' >&2
    scripts/setup.sh static
    feature=libbpf-rs/vendored
fi

# links FLAG: true if Rust's linker takes the flag, and a program that is linked with it runs, as far as that can be tried here.
links() {
    local try works=no
    try=$(mktemp) || return
    printf 'static A: [&str; 2] = ["a", "b"]; fn main() { assert_eq!(A[std::env::args().count()], "b"); }' |
        "$rustc" --crate-name try --target "$target" -C target-feature=+crt-static -C linker="$cc" -C link-arg="$1" -o "$try" - 2>/dev/null &&
        { [[ $target != "$host" ]] || "$try"; } && works=yes
    rm -f "$try"
    [[ $works == yes ]]
}
rustc=${RUSTC:-rustc}
for word in "${cargo[@]}"; do
    [[ $word != RUSTC=* ]] || rustc=${word#*=}
done
flags=(-C target-feature=+crt-static -C force-unwind-tables=no)
# Equal functions once; the addresses in data that move with the program in a fifth of the space; no tables for unwinding, as
# the standard library brings them. A path must be the same in every directory, or the program is not.
for flag in -Wl,--icf=all -Wl,-z,pack-relative-relocs -Wl,--no-eh-frame-hdr,-T,scripts/no-unwinding.ld; do
    ! links "$flag" || flags+=(-C "link-arg=$flag")
done
export CARGO_PROFILE_RELEASE_STRIP=symbols

# tcplife compresses with the two fastest strategies of zstd only.
for strategy in GREEDY LAZY LAZY2 BTLAZY2 BTOPT BTULTRA; do
    CFLAGS="${CFLAGS:-} -DZSTD_EXCLUDE_${strategy}_BLOCK_COMPRESSOR"
done
export CFLAGS="$CFLAGS -fno-asynchronous-unwind-tables"

# With --target these flags do not apply to build scripts and procedural macros, which cannot be
# static.
RUSTFLAGS="${RUSTFLAGS:-} ${flags[*]}" \
    "${cargo[@]}" ${TCPLIFE_AUDITABLE:+auditable} build --locked --release --features "$feature" --target "$target"

binary=${CARGO_TARGET_DIR:-target}/$target/release/tcplife
dynamic=$(readelf --dynamic "$binary")
if [[ $dynamic == *NEEDED* ]]; then
    die "$binary still needs shared libraries, look at \`readelf --dynamic\`; was RUSTFLAGS overridden by CARGO_ENCODED_RUSTFLAGS?"
fi
# Without tables for unwinding, a search for the callers of an error ends the program before it has said a word.
if [[ $target == "$host" ]]; then
    said=$(RUST_BACKTRACE=1 "$binary" --replay /nonexistent 2>&1 </dev/null) && status=0 || status=$?
    [[ $status == 1 && $said == *"cannot replay"* ]] ||
        die "$binary says of an error: \`$said\`, and exits with $status"
fi
printf 'static: %s\n' "$binary"
