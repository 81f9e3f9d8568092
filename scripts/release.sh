#!/usr/bin/env bash
# Builds everything that a release has, in dist/: the static program, packages for Debian and RPM, the source, the bill of
# materials and checksums. Called by `make release`. What is not committed is left out.
#
#   scripts/release.sh          everything
#   scripts/release.sh program  the program alone
#
# The same commit gives the same bytes, in any directory and for any user, with the same compilers and libraries
# (scripts/test-reproducible.sh).
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

say() { printf 'release: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

read -ra cargo <<<"${CARGO:-cargo}"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
target=$("${cargo[@]}" -vV | sed -n 's/^host: //p')
name=tcplife-$version
dist=$PWD/dist
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export TCPLIFE_COMMIT=${TCPLIFE_COMMIT:-$(git rev-parse HEAD)}
[[ -z $(git status --porcelain --untracked-files=no) ]] || say 'what is not committed is built, and not in the source archive'

# Places of this machine, which neither the program nor the BPF programs may contain.
sysroot=$(${RUSTC:-rustc} --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
build=${CARGO_TARGET_DIR:-$PWD/target}
flags=() c_flags=()
for place in "$PWD=/tcplife" "$build=/build" "$cargo_home=/cargo" "$sysroot=/rust"; do
    flags+=("--remap-path-prefix=$place")
    c_flags+=("-ffile-prefix-map=$place")
done
export RUSTFLAGS="${RUSTFLAGS:-} ${flags[*]}"
export CFLAGS="${CFLAGS:-} ${c_flags[*]}"

# With cargo-auditable, scanners read the list of crates from the program itself.
if [[ -z ${TCPLIFE_AUDITABLE-} ]] && command -v cargo-auditable >/dev/null; then
    export TCPLIFE_AUDITABLE=yes
elif [[ ${TCPLIFE_AUDITABLE-} != yes ]]; then
    say 'without cargo-auditable, the program does not contain the list of its crates; scripts/setup.sh release installs it'
fi
scripts/static.sh
program=$build/$target/release/tcplife

rm -rf "$dist"
mkdir -p "$dist"
cp "$program" "$dist/$name-$target"
strip --strip-all "$dist/$name-$target"
[[ ${1-} != program ]] || exit 0

# What packages contain besides the program.
extra=target/package
rm -rf "$extra"
mkdir -p "$extra"
cp "$dist/$name-$target" "$extra/tcplife"
"$extra/tcplife" --generate man | gzip -9n >"$extra/tcplife.8.gz"
for shell in bash zsh fish; do
    "$extra/tcplife" --generate "$shell" >"$extra/tcplife.$shell"
done
"$extra/tcplife" --print-config >"$extra/config.toml"
scripts/sbom.py "$target" "$dist/tcplife.cdx.json" "$extra/LICENSES"

say 'the packages'
"${cargo[@]}" deb --version >/dev/null 2>&1 || die 'no cargo-deb here; scripts/setup.sh release installs it'
"${cargo[@]}" deb --no-build --no-strip --target "$target" --output "$dist/" >/dev/null
if "${cargo[@]}" generate-rpm --version >/dev/null 2>&1; then
    "${cargo[@]}" generate-rpm --target "$target" --output "$dist/" >/dev/null
else
    say 'no RPM package without cargo-generate-rpm; scripts/setup.sh release installs it'
fi

git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$dist/$name.tar.gz"
find "$dist" -type f -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
(cd "$dist" && LC_ALL=C sha256sum -- * >SHA256SUMS)
(cd "$dist" && ls -l)
