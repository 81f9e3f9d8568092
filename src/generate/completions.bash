# Completion of tcplife in bash. The program itself completes the words.

_tcplife() {
    local words=() word cur head line i
    # bash splits at = outside of quotes: join what belongs together
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$2
        if ((i)) && [[ ${words[-1]} == --* && ($word == = || ${words[-1]} == --*=) ]]; then
            words[-1]+=$word
        elif ((i < COMP_CWORD)) && [[ $word == \'*\' || $word == \"*\" ]]; then
            words+=("${word:1:${#word}-2}")
        else
            words+=("$word")
        fi
    done
    cur=${words[-1]}
    if [[ $2 == = ]]; then head=$cur; else head=${cur%"$2"}; fi
    COMPREPLY=()
    while IFS= read -r line; do
        line=${line%%$'\t'*}
        line=${line#"$head"}
        # outside of quotes, what is inserted is read by the shell
        [[ ${COMP_WORDS[COMP_CWORD]} == [\"\']* || $line != *[!a-zA-Z0-9_.,:=/+-]* ]] ||
            printf -v line %q "$line"
        COMPREPLY+=("$line")
    done < <(TCPLIFE_COMPLETE=bash "${COMP_WORDS[0]}" -- "${words[@]}" 2>/dev/null)
    if [[ ${COMPREPLY[0]-} == */ ]]; then compopt -o nospace; fi
}

complete -o nosort -F _tcplife tcplife 2>/dev/null || complete -F _tcplife tcplife
