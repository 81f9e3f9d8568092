#compdef tcplife
# Completion of tcplife in zsh. The program itself completes the words.

_tcplife() {
    local line value help word=${(Q)PREFIX}
    local -a before values shown
    before=("${(@Q)words[1,CURRENT-1]}")
    for line in "${(@f)$(TCPLIFE_COMPLETE=zsh $words[1] -- "$before[@]" "$word" 2>/dev/null)}"; do
        value=${line%%$'\t'*} help=${line#*$'\t'}
        [[ -n $value ]] || continue
        values+=("$value")
        shown+=("$value${help:+  -- $help}")
    done
    (( $#values )) || return 1
    if [[ $#values == 1 && $values[1] == */ ]]; then
        compadd -S '' -- "$values[@]"
    else
        compadd -V tcplife -l -d shown -- "$values[@]"
    fi
}

if [[ $funcstack[1] == _tcplife ]]; then
    _tcplife "$@"
else
    compdef _tcplife tcplife
fi
