# shellcheck shell=sh
if [ "$1" = 0 ]; then
    rm -rf /var/lib/tcplife /var/lib/private/tcplife
    # the package cannot own them: cargo-generate-rpm 0.21 fails on entries for directories
    rmdir /usr/share/doc/tcplife/docs /usr/share/doc/tcplife /usr/share/licenses/tcplife 2>/dev/null || :
fi
systemctl daemon-reload >/dev/null 2>&1 || :
