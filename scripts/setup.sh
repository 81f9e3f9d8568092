#!/usr/bin/env bash
# Installs what tcplife's build lacks on this machine, with the distribution's package manager.
#
#   scripts/setup.sh              what the build needs
#   scripts/setup.sh test         also what the tests need
#   scripts/setup.sh lint         also what `make lint` uses beyond cargo
#   scripts/setup.sh bench        also the tools that `make bench` measures tcplife beside
#   scripts/setup.sh static       also what scripts/static.sh needs to build libelf itself
#
# Every build goes through here, so when nothing is missing it is quick, prints nothing and never
# asks for sudo. Rust itself it does not install: which Rust a machine has is its user's choice.
set -euo pipefail
cd -- "${BASH_SOURCE[0]%/*}/.."

# Debian keeps tc out of an ordinary user's PATH: without these it would look missing for ever.
PATH=$PATH:/usr/sbin:/sbin

# One row a need: what it is for, the command, header (.h) or library (.a) looked for, and the
# packages that bring it, one column a manager. A comma joins several packages, a bar the names that
# a command has; - says that a distribution has no package, and one does without.
managers=(apt-get dnf pacman zypper apk)
needs='
build  clang         clang               clang                  clang              clang               clang
build  cc            gcc,libc6-dev       gcc,glibc-devel        gcc                gcc,glibc-devel     gcc,musl-dev
build  make          make                make                   make               make                make
build  pkg-config    pkg-config          pkgconf-pkg-config     pkgconf            pkg-config          pkgconf
build  libelf.h      libelf-dev          elfutils-libelf-devel  libelf             libelf-devel        elfutils-dev
build  zlib.h        zlib1g-dev          zlib-devel             zlib               zlib-devel          zlib-dev
build  linux/types.h linux-libc-dev      kernel-headers         linux-api-headers  linux-glibc-devel   linux-headers
test   ip            iproute2            iproute                iproute2           iproute2            iproute2
test   ss            iproute2            iproute                iproute2           iproute2            iproute2
test   tc            iproute2            iproute-tc             iproute2           iproute2            iproute2
test   setpriv       util-linux          util-linux             util-linux         util-linux          util-linux
test   unshare       util-linux          util-linux             util-linux         util-linux          util-linux
test   python3       python3             python3                python             python3             python3
test   curl          curl                curl                   curl               curl                curl
bench  ip            iproute2            iproute                iproute2           iproute2            iproute2
bench  iperf3        iperf3              iperf3                 iperf3             iperf               iperf3
bench  nethogs       nethogs             nethogs                nethogs            nethogs             nethogs
bench  tcplife-libbpf|bpf-tcplife|/usr/sbin/tcplife libbpf-tools libbpf-tools      -                   -                   -
lint   shellcheck    shellcheck          ShellCheck             shellcheck         ShellCheck          shellcheck
lint   clang-format  clang-format        clang-tools-extra      clang              clang-tools         clang-extra-tools
static libc.a        libc6-dev           glibc-static           glibc              glibc-devel-static  musl-dev
static autoreconf    autoconf,automake   autoconf,automake      autoconf,automake  autoconf,automake   autoconf,automake
static autopoint     autopoint,gettext   gettext-devel          gettext            gettext-tools       gettext-dev
static flex          flex                flex                   flex               flex                flex
static bison         bison               bison                  bison              bison               bison
static gawk          gawk                gawk                   gawk               gawk                gawk
'

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# Whether all the headers named are here, wherever a distribution puts them: the compiler knows.
has_headers() {
    local header
    if command -v cc >/dev/null; then
        printf '#include <%s>\n' "$@" | cc -E -x c -o /dev/null - 2>/dev/null
    else
        for header in "$@"; do
            [[ -e /usr/include/$header ]] || return
        done
    fi
}

# The compiler answers with the path of a library that it finds, and else with the bare name.
has_library() { [[ $(cc -print-file-name="$1" 2>/dev/null) == /* ]]; }

# Whether one of the commands named, with bars between, is here.
has_command() {
    local name names
    IFS='|' read -ra names <<<"$1"
    for name in "${names[@]}"; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

# find_missing ROLE...: sets `missing` to what these roles need and this machine lacks.
find_missing() {
    local roles=" $* " role need headers=()
    missing=()
    while read -r role need _; do
        [[ -n $role && $roles == *" $role "* ]] || continue
        case $need in
        *.h) headers+=("$need") ;;
        *.a) has_library "$need" || missing+=("$need") ;;
        *) has_command "$need" || missing+=("$need") ;;
        esac
    done <<<"$needs"
    # One run of the compiler answers for all headers; only a "no" is worth asking one by one.
    has_headers "${headers[@]}" && return
    for need in "${headers[@]}"; do
        has_headers "$need" || missing+=("$need")
    done
}

# do_without INDEX: takes out of `missing` what managers[INDEX] has no package of.
do_without() {
    local need row columns wanted=()
    while read -r _ need row; do
        [[ -n $need && " ${missing[*]} " == *" $need "* ]] || continue
        read -ra columns <<<"$row"
        if [[ ${columns[$1]} == - ]]; then
            say "missing: $need, and ${managers[$1]} has no package of it; going on without"
        else
            wanted+=("$need")
        fi
    done <<<"$needs"
    missing=(${wanted[@]+"${wanted[@]}"})
}

# find_packages INDEX: sets `packages` to what managers[INDEX] calls the missing things.
find_packages() {
    local need row columns package
    packages=()
    while read -r _ need row; do
        [[ -n $need && " ${missing[*]} " == *" $need "* ]] || continue
        read -ra columns <<<"$row"
        for package in ${columns[$1]//,/ }; do
            [[ " ${packages[*]-} " == *" $package "* ]] || packages+=("$package")
        done
    done <<<"$needs"
}

# install_packages INDEX: with managers[INDEX], as root.
install_packages() {
    local manager=${managers[$1]} packages install update=() as_root=()
    find_packages "$1"
    case $manager in
    apt-get)
        # A freshly booted machine may be holding the lock for its own upgrades.
        update=(apt-get -o DPkg::Lock::Timeout=300 -qq update)
        install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300
            -qq -y --no-install-recommends install "${packages[@]}")
        ;;
    dnf) install=(dnf -y install "${packages[@]}") ;;
    # Not -Sy: installing from fresh lists without upgrading the rest can break an Arch system.
    pacman) install=(pacman -S --needed --noconfirm "${packages[@]}") ;;
    zypper) install=(zypper --non-interactive install --no-recommends "${packages[@]}") ;;
    apk) install=(apk add --no-cache "${packages[@]}") ;;
    esac

    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "missing: ${missing[*]}; neither root nor sudo here to install it with, so run as root: ${update[*]:+${update[*]} && }${install[*]}"
        as_root=(sudo)
    fi
    say "missing: ${missing[*]}; installing with ${as_root[*]:+${as_root[*]} }$manager: ${packages[*]}"
    # A broken third-party list fails the update and seldom matters to the packages wanted here.
    if ((${#update[@]})) && ! ${as_root[@]+"${as_root[@]}"} "${update[@]}"; then
        say "\`${update[*]}\` failed; going on with the package lists there are"
    fi
    ${as_root[@]+"${as_root[@]}"} "${install[@]}" ||
        die "\`${install[*]}\` failed (see above); refresh the package lists ($(refresh_hint "$manager")), or install these by hand: ${packages[*]}"
}

refresh_hint() {
    case $1 in
    apt-get) echo 'apt-get update' ;;
    dnf) echo 'dnf makecache' ;;
    pacman) echo 'pacman -Syu' ;;
    zypper) echo 'zypper refresh' ;;
    apk) echo 'apk update' ;;
    esac
}

setup_packages() {
    local missing packages i
    find_missing "$@"
    ((${#missing[@]})) || return 0
    for i in "${!managers[@]}"; do
        command -v "${managers[i]}" >/dev/null || continue
        do_without "$i"
        ((${#missing[@]})) || return 0
        install_packages "$i"
        find_missing "$@"
        do_without "$i"
        ((${#missing[@]} == 0)) ||
            die "${managers[i]} reported success, and yet missing: ${missing[*]}; look whether they are outside PATH ($PATH)"
        return 0
    done
    find_packages 0
    die "missing: ${missing[*]}; none of ${managers[*]} is here to install them with: install them in this system's own way (Debian calls the packages ${packages[*]}), then try again"
}

# The oldest Rust that builds tcplife: Cargo.toml is the one place that says so.
read_msrv() {
    local line
    while read -r line; do
        if [[ $line =~ ^rust-version[[:space:]]*=[[:space:]]*\"([0-9]+)\.([0-9]+) ]]; then
            msrv=("${BASH_REMATCH[@]:1:2}")
            return
        fi
    done <Cargo.toml
    die "Cargo.toml has no line 'rust-version = \"MAJOR.MINOR\"', which says what Rust to ask for"
}

# cargo_version COMMAND...: sets `version` to what that cargo says; fails when it is no working cargo.
cargo_version() {
    version=$("$@" --version) && [[ $version =~ ^cargo\ ([0-9]+)\.([0-9]+) ]] || return
    version=("${BASH_REMATCH[@]:1:2}")
}

new_enough() {
    ((version[0] > msrv[0] || (version[0] == msrv[0] && version[1] >= msrv[1])))
}

check_rust() {
    local msrv version cargo home_cargo hint i
    read_msrv
    read -ra cargo <<<"${CARGO:-cargo}"
    home_cargo=${CARGO_HOME:-${HOME-}/.cargo}/bin/cargo

    hint='with rustup (https://rustup.rs)'
    for i in "${!managers[@]}"; do
        command -v "${managers[i]}" >/dev/null || continue
        case ${managers[i]} in
        pacman) hint="with \`pacman -S rust\`, or $hint" ;;
        apk) hint="with \`apk add cargo\` if that is ${msrv[0]}.${msrv[1]} or newer, else $hint" ;;
        *) hint="with \`${managers[i]} install cargo\` if that is ${msrv[0]}.${msrv[1]} or newer, else $hint" ;;
        esac
        break
    done

    if ! command -v "${cargo[0]}" >/dev/null; then
        if [[ -n ${CARGO-} && ${cargo[0]} != cargo ]]; then
            die "CARGO=$CARGO names no command; leave it unset to use the cargo on PATH"
        elif [[ -x $home_cargo ]]; then
            cargo[0]=$home_cargo
        elif [[ ${EUID}${SUDO_USER:+s} == 0s ]]; then
            # The usual reason: rustup installs for one user, and sudo has root's PATH and home.
            die "Rust ${msrv[0]}.${msrv[1]} or newer is needed and root has none (looked for cargo on PATH and for $home_cargo); build as $SUDO_USER without sudo, or install Rust for root $hint"
        else
            die "Rust ${msrv[0]}.${msrv[1]} or newer is needed and there is none (looked for cargo on PATH and for $home_cargo); install it $hint"
        fi
    fi
    cargo_version "${cargo[@]}" ||
        die "\`${cargo[*]} --version\` does not work (it said: ${version:-nothing}); if rustup put it there, \`rustup default stable\` mends it, else install Rust $hint"
    new_enough && return
    if command -v rustup >/dev/null; then
        hint="with \`rustup update stable\`"
    elif [[ ${cargo[0]} != "$home_cargo" && -x $home_cargo ]]; then
        hint="by putting ${home_cargo%/*} first on PATH, or $hint"
    fi
    die "Rust ${msrv[0]}.${msrv[1]} or newer is needed, and \`${cargo[*]}\` ($(command -v "${cargo[0]}")) is ${version[0]}.${version[1]}; get a newer one $hint"
}

roles=(build)
for argument in "$@"; do
    case $argument in
    test | lint | bench | static) roles+=("$argument") ;;
    *)
        say "unknown argument '$argument'; usage: scripts/setup.sh [test] [lint] [bench] [static]"
        exit 2
        ;;
    esac
done
setup_packages "${roles[@]}"
check_rust
