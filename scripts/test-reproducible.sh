#!/usr/bin/env bash
# Builds the program twice, in directories of different length and with different homes, and compares the bytes. Called by
# `make reproducible`; takes two release builds. What is not committed is not tried.
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

say() { printf 'test-reproducible: %s\n' "$*" >&2; }

folder=$(mktemp -d "${TMPDIR:-/var/tmp}/tcplife-same.XXXXXX")
trap 'rm -rf -- "$folder"' EXIT
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
# also if somebody commits meanwhile
commit=$(git rev-parse HEAD)
# a build that is not to be the same by chance must not share a target directory
unset CARGO_TARGET_DIR

build() {
    local place=$1 home=$2
    mkdir -p "$home/.cargo"
    # the crates and the settings of this host, in another place
    for entry in registry git config.toml; do
        [[ ! -e $cargo_home/$entry ]] || ln -s "$cargo_home/$entry" "$home/.cargo/$entry"
    done
    git clone --quiet --no-hardlinks . "$place"
    git -C "$place" -c advice.detachedHead=false checkout --quiet "$commit"
    HOME=$home CARGO_HOME=$home/.cargo "$place/scripts/release.sh" program
}
say 'first build'
build "$folder/a" "$folder/h"
say 'second build'
build "$folder/another-directory/with/a/longer/name" "$folder/home-of-somebody-else"

first=("$folder"/a/dist/tcplife-*)
second=("$folder"/another-directory/with/a/longer/name/dist/tcplife-*)
cmp -- "${first[0]}" "${second[0]}" || {
    say "FAILED: ${first[0]##*/} differs"
    exit 1
}
say "the same bytes twice: $(sha256sum <"${first[0]}" | cut -c 1-64)  ${first[0]##*/}"
