#!/usr/bin/env bash
# Builds tcplife as one file without shared libraries, to be copied to any host of this
# architecture. Called by `make static`.
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
        cc -static -x c -o /dev/null - -lelf -lz 2>/dev/null
}

read -ra cargo <<<"${CARGO:-cargo}"
target=$("${cargo[@]}" -vV | sed -n 's/^host: //p')
[[ $target == *-linux-gnu* ]] ||
    die "works with glibc only, and \`${cargo[*]}\` builds for ${target:-nothing it tells}; use a distribution with glibc"

if libelf_links; then
    feature=static
    # Debian, Fedora and others keep static libraries in different places; the compiler knows.
    libraries=$(dirname -- "$(cc -print-file-name=libelf.a)"):$(dirname -- "$(cc -print-file-name=libz.a)")
    export "LIBBPF_SYS_LIBRARY_PATH_${target//-/_}=$libraries"
else
    printf 'static: the libelf.a here is missing or does not link: building libelf and zlib from source\n' >&2
    scripts/setup.sh static
    feature=libbpf-rs/vendored
fi

# Relocations of the program's own addresses take a fifth of the space where the linker and the C library know how.
pack='-Wl,-z,pack-relative-relocs'
packed_relocations_work() {
    local try
    try=$(mktemp) || return
    printf 'int a, *b[] = {&a, &a, &a, &a};\nint main(void) { return b[3] != &a; }\n' |
        cc -static-pie -fPIE $pack -x c -o "$try" - 2>/dev/null && "$try"
    local status=$?
    rm -f "$try"
    return $status
}
packed=''
! packed_relocations_work || packed="-C link-arg=$pack"

# tcplife compresses with the two fastest strategies of zstd only.
for strategy in GREEDY LAZY LAZY2 BTLAZY2 BTOPT BTULTRA; do
    CFLAGS="${CFLAGS:-} -DZSTD_EXCLUDE_${strategy}_BLOCK_COMPRESSOR"
done
export CFLAGS

# With --target these flags do not apply to build scripts and procedural macros, which cannot be
# static.
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static $packed" \
    "${cargo[@]}" ${TCPLIFE_AUDITABLE:+auditable} build --locked --release --features "$feature" --target "$target"

binary=${CARGO_TARGET_DIR:-target}/$target/release/tcplife
dynamic=$(readelf --dynamic "$binary")
if [[ $dynamic == *NEEDED* ]]; then
    die "$binary still needs shared libraries, look at \`readelf --dynamic\`; was RUSTFLAGS overridden by CARGO_ENCODED_RUSTFLAGS?"
fi
printf 'static: %s\n' "$binary"
