# shellcheck shell=bash
# Makes a Debian of its own with debootstrap, in which a test runs. To be sourced by the test, which runs as root, has `say`
# and `die`, and is in the top directory.

# own_mounts ARGUMENT...: starts the script again with these arguments, in a mount namespace of its own, so that no mount
# outlives it, however it exits; does nothing the second time.
own_mounts() {
    ((EUID == 0)) || die 'not root, and debootstrap and chroot take it: run this as root'
    PATH=$PATH:/usr/sbin:/sbin
    command -v debootstrap >/dev/null || die 'no debootstrap here; scripts/setup.sh bare installs it'
    [[ ${TCPLIFE_UNSHARED-} == "$$" ]] || TCPLIFE_UNSHARED=$$ exec unshare --mount "scripts/${0##*/}" "$@"
}

# repository LABEL: prints the address from which this host's apt gets Debian's packages with that label.
repository() {
    # shellcheck disable=SC2016 # apt-get replaces these
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        awk -v label="$1" '$1 == label { print $2; exit }' || true
}

remove_debian() {
    ! mountpoint -q "$root" || umount --recursive --lazy "$root"
    rm -rf --one-file-system -- "$root" "$root".*
}

# make_debian SUITE PACKAGES: makes a Debian with the smallest set of packages and these, with a comma between, in a
# directory that is removed at the exit: `root`. Packages come from this host's mirror and with apt's settings of this host;
# /proc, /sys and /dev are this host's.
make_debian() {
    local suite=$1 mirror security
    root=$(mktemp -d "${TMPDIR:-/var/tmp}/tcplife-debian.XXXXXX")
    chmod 755 "$root"
    trap remove_debian EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    say "Debian $suite with $2, in $root"
    mirror=$(repository Debian)
    debootstrap --variant=minbase --include="$2" "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
        die "debootstrap of $suite failed: $(tail -n 5 "$root.log")"

    # debootstrap leaves the mirror that it used; a new installation also has the updates.
    [[ -n $mirror ]] || mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
    mirror=${mirror%/}
    security=$(repository Debian-Security)
    security=${security:-$mirror-security}
    cat >"$root/etc/apt/sources.list" <<LIST
deb $mirror $suite main
deb $mirror $suite-updates main
deb $security $suite-security main
LIST
    rm -f "$root"/var/lib/apt/lists/*_*

    # Settings that a network like this host's needs, which are not under test.
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -E '^Acquire::(https?|Check-|Force|Retries)' >"$root/etc/apt/apt.conf.d/90host" || true
    fi
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
    mkdir -p "$root/usr/local/share/ca-certificates"
    local file
    for file in /usr/local/share/ca-certificates/*.crt; do
        [[ ! -e $file ]] || cp "$file" "$root/usr/local/share/ca-certificates/"
    done

    # A mount of its own, as / is elsewhere: unshare --mount, which tests use, needs that.
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
}

# let_cargo_in: gives the Debian the settings of this host with which cargo gets crates; the variables among them are in
# `environment` then.
let_cargo_in() {
    local config=${CARGO_HOME:-${HOME:-/root}/.cargo}/config.toml name
    mkdir -p "$root/root/.cargo"
    [[ ! -e $config ]] || cp "$config" "$root/root/.cargo/"
    environment=()
    while IFS= read -r name; do
        environment+=("$name=${!name}")
    done < <(compgen -e | grep -iE '^(https?|no|all)_proxy$|^CARGO_(SOURCE|REGISTR|HTTP|NET)|^TCPLIFE_REQUIRE_KERNEL$' || true)
}
