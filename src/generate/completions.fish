# Completion of tcplife in fish. The program itself completes the words.

function __tcplife_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    # the quote at the start of a word, or of a flag's value, belongs to the shell
    set -l word (commandline --current-token --cut-at-cursor | string replace --regex '^(--[a-z-]+=)?[\'"]' '$1')
    TCPLIFE_COMPLETE=fish $before[1] -- $before "$word" 2>/dev/null
end

complete --command tcplife --no-files --keep-order --arguments '(__tcplife_complete)'
