#!/bin/sh
# Installs everything missing on this machine that tcplife's build needs: packages with the
# distribution's package manager, Rust as a package where that is new enough, else with rustup.
#
#   scripts/setup.sh              dependencies of the build
#   scripts/setup.sh test         also those of the tests
#   scripts/setup.sh lint         also tools that `make lint` uses beyond cargo
#   scripts/setup.sh bench        also the tools that `make bench` compares tcplife with
#   scripts/setup.sh healthy      also the servers and clients of `make healthy`
#   scripts/setup.sh static       also what scripts/static.sh needs to build libelf itself
#   scripts/setup.sh release      also the cargo tools of `make release`, for this user
#   scripts/setup.sh deny         also cargo-deny of `make deny`, for this user
#   scripts/setup.sh bare         also what scripts/test-bare.sh needs
#   scripts/setup.sh cargo        install nothing; print the cargo command to build with
#
# Every build runs this, so when nothing is missing it is quick, prints nothing and never asks for
# sudo. POSIX sh, because a bare machine has nothing else. stdout stays free for the program that
# is built and run afterwards.
set -euf
case $0 in */*) cd -- "${0%/*}/.." ;; *) cd .. ;; esac

# One row per need: its role, the command, file (/), header (.h) or library (.a) to look for, and
# the packages that contain it, one column per manager. A comma separates packages, a bar
# alternative names of a command or file; - means that the distribution has no package, and that the
# need is optional.
managers='apt-get dnf pacman zypper apk'
needs='
build  clang         clang               clang                  clang              clang               clang
build  cc            gcc,libc6-dev       gcc,glibc-devel        gcc                gcc,glibc-devel     gcc,musl-dev
build  make          make                make                   make               make                make
build  pkg-config    pkg-config          pkgconf-pkg-config     pkgconf            pkg-config          pkgconf
build  libelf.h      libelf-dev          elfutils-libelf-devel  libelf             libelf-devel        elfutils-dev
build  zlib.h        zlib1g-dev          zlib-devel             zlib               zlib-devel          zlib-dev
build  linux/types.h linux-libc-dev      kernel-headers         linux-api-headers  linux-glibc-devel   linux-headers
build  CA-certificates ca-certificates     ca-certificates        ca-certificates    ca-certificates     ca-certificates
test   bash          bash                bash                   bash               bash                bash
test   ip            iproute2            iproute                iproute2           iproute2            iproute2
test   ss            iproute2            iproute                iproute2           iproute2            iproute2
test   tc|/usr/sbin/tc|/sbin/tc iproute2 iproute-tc             iproute2           iproute2            iproute2
test   iptables|/usr/sbin/iptables|/sbin/iptables iptables iptables-nft iptables       iptables            iptables
test   setcap|/usr/sbin/setcap|/sbin/setcap libcap2-bin libcap libcap              libcap-progs        libcap-utils
test   zsh           zsh                 zsh                    zsh                zsh                zsh
test   fish          fish                fish                   fish               fish               fish
test   mandoc        mandoc              mandoc                 mandoc             mandoc             mandoc
test   man           man-db,groff-base   man-db,groff-base      man-db             man,groff          man-db,groff
test   setpriv       util-linux          util-linux             util-linux         util-linux          util-linux
test   systemd-nspawn systemd-container  systemd-container      systemd            systemd-container   -
test   unshare       util-linux          util-linux             util-linux         util-linux          util-linux
test   python3       python3             python3                python             python3             python3
test   ensurepip     python3-venv        python3                python             python3            python3
test   jq            jq                  jq                     jq                 jq                 jq
test   curl          curl                curl                   curl               curl                curl
test   runc          runc                runc                   runc               runc                runc
test   redis-server|valkey-server redis-server valkey               valkey             valkey              valkey
test   nginx|/usr/sbin/nginx|/sbin/nginx nginx-light nginx          nginx              nginx               nginx
test   initdb|pg_ctlcluster postgresql  postgresql-server      postgresql         postgresql-server   postgresql
test   psql          postgresql-client   postgresql             postgresql-libs    postgresql          postgresql-client
bench  ip            iproute2            iproute                iproute2           iproute2            iproute2
bench  iperf3        iperf3              iperf3                 iperf3             iperf               iperf3
bench  nethogs       nethogs             nethogs                nethogs            nethogs             nethogs
bench  tcplife-libbpf|bpf-tcplife|/usr/sbin/tcplife libbpf-tools libbpf-tools      -                   -                   -
healthy redis-benchmark|valkey-benchmark redis-tools valkey valkey              valkey              valkey-benchmark
healthy pgbench      postgresql          postgresql-contrib     postgresql         postgresql-contrib  postgresql-contrib
healthy wrk          wrk                 wrk                    wrk                wrk                 wrk
healthy iperf3       iperf3              iperf3                 iperf3             iperf               iperf3
healthy ssh          openssh-client      openssh-clients        openssh            openssh-clients     openssh-client
healthy sshd|/usr/sbin/sshd openssh-server openssh-server       openssh            openssh-server      openssh-server
lint   shellcheck    shellcheck          ShellCheck             shellcheck         ShellCheck          shellcheck
lint   clang-format  clang-format        clang-tools-extra      clang              clang-tools         clang-extra-tools
static bash          bash                bash                   bash               bash                bash
static libc.a        libc6-dev           glibc-static           glibc              glibc-devel-static  musl-dev
static autoreconf    autoconf,automake   autoconf,automake      autoconf,automake  autoconf,automake   autoconf,automake
static autopoint     autopoint,gettext   gettext-devel          gettext            gettext-tools       gettext-dev
static flex          flex                flex                   flex               flex                flex
static bison         bison               bison                  bison              bison               bison
static gawk          gawk                gawk                   gawk               gawk                gawk
release python3      python3             python3                python             python3            python3
release strip        binutils            binutils               binutils           binutils           binutils
bare   bash          bash                bash                   bash               bash                bash
bare   debootstrap|/usr/sbin/debootstrap debootstrap debootstrap debootstrap       debootstrap         debootstrap
bare   systemd-nspawn systemd-container  systemd-container      systemd            systemd-container   -
bare   unshare       util-linux          util-linux             util-linux         util-linux          util-linux
rustup curl          curl                curl                   curl               curl                curl
'

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# contains LIST WORD: true if a space-separated list has the word.
contains() {
    case " $1 " in *" $2 "*) return 0 ;; esac
    return 1
}

# names_of NEEDS: prints them, each with only the first of its names.
names_of() {
    names=''
    for need in $1; do names="$names ${need%%|*}"; done
    echo "${names# }"
}

# column NUMBER COLUMN...: prints the column of that number, from 1, with commas as spaces.
column() {
    shift "$1"
    IFS=,
    # shellcheck disable=SC2086 # a comma joins packages
    set -- $1
    IFS=' '
    echo "$*"
}

# --- packages ---

# True if all these headers are present: only the compiler knows where a distribution keeps them.
has_headers() {
    command -v cc >/dev/null || return
    printf '#include <%s>\n' "$@" | cc -E -x c -o /dev/null - 2>/dev/null
}

# The compiler prints the path of a library that it finds, else the bare name.
has_library() {
    case $(cc -print-file-name="$1" 2>/dev/null) in /*) return 0 ;; esac
    return 1
}

# True if one of the commands, separated by bars, is present.
has_command() {
    has_rest=$1
    while [ -n "$has_rest" ]; do
        command -v "${has_rest%%|*}" >/dev/null && return
        case $has_rest in *'|'*) has_rest=${has_rest#*|} ;; *) has_rest= ;; esac
    done
    return 1
}

# The certificates with which cargo verifies crates.io, where the distributions keep them.
has_certificates() {
    [ -z "${SSL_CERT_FILE-}" ] || return 0
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
        /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
        [ ! -s "$file" ] || return 0
    done
    return 1
}

# Sets `missing` to the needs of these roles that this machine lacks.
find_missing() {
    missing='' headers=''
    while read -r role need _; do
        contains "$roles" "${role:-none}" || continue
        case $need in
        *.h) headers="$headers $need" ;;
        *.a) has_library "$need" || missing="$missing $need" ;;
        CA-certificates) has_certificates || missing="$missing $need" ;;
        ensurepip) python3 -c 'import ensurepip' 2>/dev/null || missing="$missing $need" ;;
        *) has_command "$need" || missing="$missing $need" ;;
        esac
    done <<EOF
$needs
EOF
    # One compiler run answers for all headers; they are checked one by one only after a "no".
    # shellcheck disable=SC2086 # the list's words
    if ! has_headers $headers; then
        for need in $headers; do
            has_headers "$need" || missing="$missing $need"
        done
    fi
    missing=${missing# }
}

# Sets `manager` to this machine's package manager, or to nothing, and `number` to its column.
find_manager() {
    number=0
    for manager in $managers; do
        number=$((number + 1))
        command -v "$manager" >/dev/null && return
    done
    manager='' number=1
}

# Sets `packages` to the manager's names of the missing needs, and removes those without a package
# from `missing`: tcplife builds without them.
find_packages() {
    packages='' wanted=''
    while read -r _ need columns; do
        contains "$missing" "${need:-none}" || continue
        # shellcheck disable=SC2086 # the row's columns
        names=$(column "$number" $columns)
        if [ "$names" = - ]; then
            contains "$without" "$need" ||
                say "missing: ${need%%|*}, and $manager has no package of it; going on without"
            without="$without $need"
            continue
        fi
        contains "$wanted" "$need" || wanted="$wanted $need"
        for name in $names; do
            contains "$packages" "$name" || packages="$packages $name"
        done
    done <<EOF
$needs
EOF
    missing=${wanted# } packages=${packages# }
}

as_root() {
    if [ "$uid" = 0 ]; then "$@"; else sudo "$@"; fi
} </dev/null >&2

# Commands of each manager. All but apt-get refresh their package lists themselves, or (pacman) must
# not: installing from fresh lists without upgrading the rest can break an Arch system.
set_commands() {
    update='' hint=''
    case $manager in
    apt-get)
        # A freshly booted machine may hold the lock for its own upgrades.
        update='apt-get -o DPkg::Lock::Timeout=300 -qq update' hint='apt-get update'
        install='env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends --no-remove install'
        ;;
    dnf) install='dnf -y install' hint='dnf makecache' ;;
    pacman) install='pacman -S --needed --noconfirm' hint='pacman -Syu' ;;
    zypper) install='zypper --non-interactive install --no-recommends' hint='zypper refresh' ;;
    apk) install='apk add --no-cache' hint='apk update' ;;
    esac
}

# --- Rust ---

# The oldest Rust that builds tcplife, from Cargo.toml, the only place that defines it.
read_msrv() {
    while read -r key equals value _; do
        [ "$key $equals" = 'rust-version =' ] || continue
        value=${value#\"}
        msrv=${value%%\"*}
        msrv_major=${msrv%%.*} msrv_minor=${msrv#*.}
        msrv_minor=${msrv_minor%%.*}
        return
    done <Cargo.toml
    die "Cargo.toml has no line 'rust-version = \"MAJOR.MINOR\"', which says what Rust to ask for"
}

# new_enough VERSION: true if a Rust of that version builds tcplife.
new_enough() {
    its_major=${1%%.*} its_minor=${1#*.}
    its_minor=${its_minor%%[!0-9]*}
    case $its_major in '' | *[!0-9]*) return 1 ;; esac
    [ "$its_major" -gt "$msrv_major" ] ||
        { [ "$its_major" = "$msrv_major" ] && [ "${its_minor:-0}" -ge "$msrv_minor" ]; }
}

# cargo_version COMMAND: sets `version` to that cargo's version; fails if it does not work.
cargo_version() {
    # shellcheck disable=SC2086 # such as `cargo +nightly`
    version=$($1 --version 2>&1) || return
    case $version in 'cargo '*) ;; *) return 1 ;; esac
    version=${version#cargo }
    version=${version%% *}
}

# Sets `cargo` to the command of a Rust that is new enough: CARGO if that is set, else the first of
# cargo on PATH, rustup's, and Ubuntu's versioned ones. If there is none it fails, with those too
# old in `old`, and those that do not work in `broken`.
find_cargo() {
    old='' broken='' cargo=${CARGO-}
    if [ -n "$cargo" ]; then
        command -v "${cargo%% *}" >/dev/null ||
            die "CARGO=$cargo names no command; leave it unset to use the cargo on PATH"
        cargo_version "$cargo" || die "\`$cargo --version\` does not work (it said: ${version:-nothing})"
        new_enough "$version" ||
            die "Rust $msrv or newer is needed, and CARGO=$cargo is $version; leave it unset to use another"
        return
    fi
    for cargo in cargo "$home_cargo"; do
        command -v "$cargo" >/dev/null || continue
        if ! cargo_version "$cargo"; then
            broken="\`$(command -v "$cargo") --version\` does not work (it said: ${version:-nothing})"
        elif new_enough "$version"; then
            return
        elif [ -z "$old" ]; then
            old="$(command -v "$cargo") is $version"
        fi
    done
    # The newest of several.
    cargo='' minor=$msrv_minor
    while [ "$minor" -lt $((msrv_minor + 100)) ]; do
        suffix=$msrv_major.$minor
        if command -v "cargo-$suffix" >/dev/null && command -v "rustc-$suffix" >/dev/null; then
            cargo="env RUSTC=rustc-$suffix RUSTDOC=rustdoc-$suffix cargo-$suffix"
        fi
        minor=$((minor + 1))
    done
    [ -n "$cargo" ]
}

# A Rust that the user installed but that cannot be used as it is, is left for the user to repair.
respect_own_rust() {
    [ -z "$broken" ] ||
        die "$broken; if rustup put it there, \`rustup default stable\` mends it, else remove it or name another: CARGO=/path/to/cargo"
    if [ -n "$old" ] && { command -v rustup >/dev/null || [ -x "$home_cargo" ]; }; then
        die "Rust $msrv or newer is needed, and $old; get a newer one with \`rustup update stable\`"
    fi
    # rustup installs for one user, and sudo has root's PATH and home.
    [ -n "$sudo_user" ] || return 0
    own=$(getent passwd "$sudo_user" 2>/dev/null) || return 0
    own=${own%:*}
    own=${own##*:}/.cargo/bin/cargo
    [ ! -x "$own" ] ||
        die "Rust $msrv or newer is needed and root has none, but $sudo_user has $own; run this as $sudo_user without sudo: it calls sudo where it needs to"
}

# candidate PACKAGE: prints the version that the manager would install, if there is one.
candidate() {
    case $manager in
    apt-get) LC_ALL=C apt-cache policy "$1" | value_of Candidate: ;;
    # one line per architecture, of the same version
    dnf) dnf -q repoquery --latest-limit=1 --queryformat '%{version}\n' "$1" ;;
    pacman) LC_ALL=C pacman -Si "$1" | value_of Version ;;
    zypper) LC_ALL=C zypper --non-interactive --quiet info "$1" | value_of Version ;;
    apk) apk search --no-cache -x "$1" | while read -r line; do echo "${line#"$1"-}"; done ;;
    esac 2>/dev/null </dev/null | {
        read -r line || :
        echo "${line#*[0-9]:}" # without the epoch
    }
}

# value_of LABEL: the value next to it, with or without a colon between.
value_of() {
    while read -r label value rest; do
        [ "$label" = "$1" ] || continue
        [ "$value" != : ] || value=$rest
        echo "$value"
    done
}

# Sets `rust_packages` to the distribution's packages of a Rust that is new enough, or to nothing.
choose_rust() {
    rust_packages=''
    case $manager in
    apt-get)
        # Debian has a newer Rust for its browsers, and Ubuntu several, with their versions as
        # suffixes.
        newest=$msrv_minor suffixes=-web
        for name in $(apt-cache pkgnames "rustc-$msrv_major." 2>/dev/null); do
            minor=${name#"rustc-$msrv_major."}
            case $minor in '' | *[!0-9]*) continue ;; esac
            if [ "$minor" -ge "$newest" ] && new_enough "$(candidate "$name")"; then
                newest=$minor suffixes="-web -$msrv_major.$minor"
            fi
        done
        for suffix in '' $suffixes; do
            new_enough "$(candidate "rustc$suffix")" || continue
            # They conflict with an installed older Rust, which stays.
            if apt-get -qq -s --no-remove install "cargo$suffix" "rustc$suffix" >/dev/null 2>&1; then
                rust_packages="cargo$suffix rustc$suffix"
                return
            fi
        done
        ;;
    pacman) ! new_enough "$(candidate rust)" || rust_packages=rust ;;
    ?*) ! new_enough "$(candidate cargo)" || rust_packages=cargo ;;
    esac
}

# The last resort: rustup's own installer.
run_rustup() {
    download="curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs"
    flags='-y --profile minimal'
    [ -z "$sudo_user" ] ||
        die "Rust $msrv or newer is needed, no package here is one, and rustup installs for one user: run this as $sudo_user without sudo"
    say "no package here is Rust $msrv or newer; installing it for $(id -un) alone, in ${home_cargo%/bin/cargo}, with rustup: $download | sh -s -- $flags"
    if [ -t 0 ] && [ -t 2 ]; then
        printf 'setup: go on? [Y/n] ' >&2
        read -r answer || answer=n
        case $answer in '' | [Yy]*) ;; *) die "not installed; get Rust $msrv or newer in another way, then try again" ;; esac
    fi
    installer=$($download) || die "\`$download\` failed (see above); install Rust $msrv or newer in another way, then try again"
    # shellcheck disable=SC2086 # the flags' words
    printf '%s\n' "$installer" | sh -s -- $flags >&2 ||
        die "rustup's installer failed (see above); install Rust $msrv or newer in another way, then try again"
}

# --- main ---

# Installs everything missing with the manager, and Rust.
set_up() {
    find_manager
    set_commands
    sudo='' rust_packages=''
    if [ "$uid" != 0 ]; then
        sudo='sudo '
        command -v sudo >/dev/null || sudo=none
    fi
    report="missing: $(names_of "$missing")${missing:+${rust:+, }}${rust:+Rust $msrv or newer${old:+ ($old)}}"

    # The available Rust packages are known only with fresh lists.
    if [ -n "$update" ] && [ "$sudo" != none ]; then
        say "$report"
        say "refreshing the package lists: $sudo$hint"
        # A broken third-party list makes this fail, and seldom matters to the packages needed here.
        # shellcheck disable=SC2086 # the command's words
        as_root $update || say "\`$update\` failed; going on with the package lists there are"
    fi
    if [ -n "$rust" ]; then
        choose_rust
        if [ -z "$rust_packages" ]; then
            roles="$roles rustup"
            find_missing
        fi
    fi
    if [ -n "$missing$rust_packages" ]; then
        [ -n "$manager" ] || {
            find_packages
            die "$report; none of $managers is here to install it with: install it in this system's own way (Debian calls the packages $packages), then try again"
        }
        find_packages
        packages="$packages${packages:+${rust_packages:+ }}$rust_packages"
    fi
    if [ -n "$packages" ]; then
        [ "$sudo" != none ] || {
            [ -n "$missing" ] || report="$report (or only for yourself, with rustup: https://rustup.rs)"
            die "$report; neither root nor sudo here to install it with, so run as root: ${hint:+$hint && }$install $packages"
        }
        [ -n "$update" ] || say "$report"
        say "installing with $sudo$manager: $packages"
        # shellcheck disable=SC2086 # the command's and the list's words
        as_root $install $packages ||
            die "\`$sudo$install $packages\` failed (see above); refresh the package lists ($hint), or install these by hand: $packages"
        find_missing
        find_packages
        [ -z "$missing" ] ||
            die "$manager reported success, and yet missing: $(names_of "$missing"); look whether they are outside PATH ($PATH)"
    fi
    [ -n "$rust" ] || return 0
    [ -n "$rust_packages" ] || run_rustup
    find_cargo ||
        die "${rust_packages:-rustup} reported success, and yet no cargo of Rust $msrv or newer works (looked for cargo and cargo-$msrv_major.* on PATH, $PATH, and for $home_cargo)${old:+; $old}${broken:+; $broken}"
}

usage='usage: scripts/setup.sh [test] [lint] [bench] [healthy] [static] [release] [deny] [bare], or scripts/setup.sh cargo'
roles=build
for argument in "$@"; do
    case $argument in
    test | lint | bench | healthy | static | release | deny | bare) roles="$roles $argument" ;;
    cargo) roles=cargo ;;
    *)
        say "unknown argument '$argument'; $usage"
        exit 2
        ;;
    esac
done

uid=$(id -u)
sudo_user=''
if [ "$uid" = 0 ] && [ "${SUDO_USER:-root}" != root ]; then sudo_user=$SUDO_USER; fi
home_cargo=${CARGO_HOME:-${HOME-}/.cargo}/bin/cargo
packages='' without=''
read_msrv

if [ "$roles" = cargo ]; then
    # Without a working one, the cargo that then fails explains it.
    find_cargo || cargo=cargo
    printf '%s\n' "$cargo"
    exit
fi
find_missing
rust=''
find_cargo || {
    respect_own_rust
    rust=missing
}
[ -z "$missing$rust" ] || set_up

# Tools that the documents have queries for, and that no distribution has. Their tests are skipped without them.
install_query_tools() {
    tools=${CARGO_TARGET_DIR:-target}/query-tools pins=scripts/query-tools.txt
    ! cmp -s "$pins" "$tools/installed" || return 0
    say "installing DuckDB, polars and ClickHouse for the tests, from PyPI to $tools"
    { python3 -m venv --clear "$tools" &&
        "$tools/bin/pip" --quiet --disable-pip-version-check --retries 1 install --no-deps --only-binary=:all: -r "$pins" &&
        cp "$pins" "$tools/installed"; } </dev/null >&2 ||
        say 'that failed (see above); going on without them'
}
! contains "$roles" test || install_query_tools

# These tools come from crates.io: no distribution has them all.
tools=''
! contains "$roles" release || tools='cargo-deb cargo-generate-rpm cargo-auditable'
! contains "$roles" deny || tools="$tools cargo-deny"
for tool in $tools; do
    command -v "$tool" >/dev/null || [ -x "${home_cargo%/cargo}/$tool" ] || {
        say "installing for $(id -un) alone: $tool"
        # shellcheck disable=SC2086 # the command's words
        $cargo install --locked --quiet "$tool" >&2 ||
            die "\`cargo install --locked $tool\` failed (see above); install $tool in another way, then try again"
    }
done
