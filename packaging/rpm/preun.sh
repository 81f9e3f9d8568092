# shellcheck shell=sh
if [ "$1" = 0 ]; then
    systemctl disable --now tcplife-recorder.service >/dev/null 2>&1 || :
fi
