# bash completion for daybook and daybookd. The tool itself says what fits.

_daybook() {
  local line=${COMP_LINE:0:COMP_POINT} words candidate
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local word=${words[-1]}
  # bash breaks words at colons, and wants no more than what follows the last one.
  local before=${word%"${word##*:}"}
  COMPREPLY=()
  while IFS=$'\t' read -r candidate _; do
    COMPREPLY+=("${candidate#"$before"}")
  done < <("${words[0]/#\~/$HOME}" complete -- "${words[@]:1}" 2>/dev/null)
}

complete -o default -F _daybook daybook
complete -o default -W '--help --version --config --data --model --console --check' daybookd
