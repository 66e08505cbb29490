/**
 * Completion scripts for shells that leave the thinking to `NAME __complete -- WORD...`: WORDs are those behind the program’s name up to
 * the one under the cursor. It prints candidates, one per line, with a tab and a description behind those that have one, and last a line
 * of its own: `:files`, `:dirs` or `:words`, for what else may be offered.
 */

const bash = (name: string): string => `# bash completion of ${name}: . <(${name} completion bash)
_${name.replaceAll('-', '_')}() {
  # not COMP_WORDS: bash takes alpine:3.19 and --a=b for three words each
  local words line="\${COMP_LINE:0:COMP_POINT}" cur kind value
  read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    case $value in
      :*) kind=$value ;;
      "$cur"*) COMPREPLY+=("$value") ;;
    esac
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  case $kind in
    :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "\${cur#--*=}")) ;;
    :dirs) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "\${cur#--*=}")) ;;
  esac
  # readline replaces what stands behind the last of its word breaks only
  local head=\${cur%"\${cur##*[=:]}"} index
  if [[ -n $head && $COMP_WORDBREAKS == *[=:]* ]]; then
    for index in "\${!COMPREPLY[@]}"; do COMPREPLY[index]=\${COMPREPLY[index]#"$head"}; done
  fi
}
complete -F _${name.replaceAll('-', '_')} ${name}
`

const zsh = (name: string): string => `#compdef ${name}
# zsh completion of ${name}: save it as _${name} in a folder of $fpath
_${name.replaceAll('-', '_')}() {
  local line value kind
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :*) kind=$line ;;
      *$'\\t'*) value=\${line%%$'\\t'*}; candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}") ;;
      *) candidates+=("\${line//:/\\\\:}") ;;
    esac
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe -t candidates '${name}' candidates
  case $kind in
    :files) compset -P '--*='; _files ;;
    :dirs) compset -P '--*='; _files -/ ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${name.replaceAll('-', '_')} "$@"; else compdef _${name.replaceAll('-', '_')} ${name}; fi
`

const fish = (name: string): string => `# fish completion of ${name}: ${name} completion fish | source
function __${name.replaceAll('-', '_')}_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l kind
    for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
        switch $line
            case ':*'
                set kind $line
            case '*'
                echo $line
        end
    end
    switch "$kind"
        case :files
            __fish_complete_path (commandline -ct)
        case :dirs
            __fish_complete_directories (commandline -ct)
    end
end
complete -c ${name} -f -a '(__${name.replaceAll('-', '_')}_complete)'
`

/** By name of the shell: the script for a program of that name. */
export const SHELLS: ReadonlyMap<string, (name: string) => string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])
