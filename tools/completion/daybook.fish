# fish completion for daybook and daybookd. The tool itself says what fits.

function __daybook_candidates
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end

function __daybook_wants_file
    test (count (__daybook_candidates)) -eq 0
end

complete -c daybook -f -a '(__daybook_candidates)'
complete -c daybook -n __daybook_wants_file -F

complete -c daybookd -f
complete -c daybookd -l help -d 'show help'
complete -c daybookd -l version -d 'show the version'
complete -c daybookd -l config -r -F -d 'read this file in place of the user\'s config.toml'
complete -c daybookd -l data -r -F -d 'the directory of the journal'
complete -c daybookd -l model -x -d 'what new sessions start with'
complete -c daybookd -l console -d 'talk on stdin and stdout, too'
complete -c daybookd -l check -d 'check settings and journal, then exit'
