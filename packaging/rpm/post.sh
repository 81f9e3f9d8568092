# shellcheck shell=sh
for other in /usr/local/sbin/tcplife /usr/local/bin/tcplife /usr/sbin/tcplife; do
    if [ -e "$other" ] && [ "$(readlink -f "$other")" != /usr/bin/tcplife ]; then
        echo "tcplife: $other, another program, comes first in root's PATH; this one is /usr/bin/tcplife" >&2
    fi
done
systemctl daemon-reload >/dev/null 2>&1 || :
