/** A completion script for bash, made from the commands. */
import type { Command, Flags } from './flags.ts'
import { type DoorHelp, visible } from './help.ts'

const words = (flags: Flags): string => [...visible(Object.entries(flags)).map(([name]) => `--${name}`), '--help'].join(' ')

const quoted = (name: string, short: string | undefined): string => (short === undefined ? `--${name}` : `--${name}|-${short}`)

/** Patterns of flags whose value is a path, or one of a few words; after the others nothing is offered. */
const PATHS = new Set(['FILE', 'SOCKET'])

const valueCases = (flags: Flags): string =>
  visible(Object.entries(flags))
    .filter(([, flag]) => flag.type !== 'boolean')
    .map(([name, flag]) => {
      const offer =
        flag.choices !== undefined
          ? `COMPREPLY=($(compgen -W '${flag.choices.join(' ')}' -- "$cur"))`
          : flag.value === 'DIR'
            ? 'COMPREPLY=($(compgen -d -- "$cur"))'
            : flag.value !== undefined && PATHS.has(flag.value)
              ? 'COMPREPLY=($(compgen -f -- "$cur"))'
              : 'COMPREPLY=()'
      return `    ${quoted(name, flag.short)}) ${offer}; return ;;\n`
    })
    .join('')

/** Of a command: its flags, and what its arguments may be. */
const commandCase = <Context>(command: Command<Context>): string => `  ${command.name})
    case $prev in
${valueCases(command.flags)}    esac
    case $cur in
    -*) COMPREPLY=($(compgen -W '${words(command.flags)}' -- "$cur")) ;;
    *) ${command.operands.startsWith('ID') ? `COMPREPLY=($(compgen -W "$(\${words[0]} list -q 2>/dev/null)" -- "$cur"))` : 'COMPREPLY=($(compgen -f -- "$cur"))'} ;;
    esac
    ;;
`

export const bashCompletion = <Context>(door: DoorHelp, commands: readonly Command<Context>[]): string => {
  const shown = visible(commands.map((command) => [command.name, command] as const)).map(([, command]) => command)
  const taking = visible(Object.entries(door.flags)).filter(([, flag]) => flag.type !== 'boolean')
  const name = `_${door.name.replaceAll('-', '_')}`
  return `# bash completion of ${door.name}: . <(${door.name} completion bash)
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb= at=1
  local words=("\${COMP_WORDS[@]}")
  COMPREPLY=()
  while [ $at -lt $COMP_CWORD ]; do
    case \${words[at]} in
    ${taking.map(([flag, { short }]) => quoted(flag, short)).join('|')}) at=$((at + 2)) ;;
    -*) at=$((at + 1)) ;;
    *) verb=\${words[at]}; break ;;
    esac
  done
  case $verb in
  '')
    case $prev in
${valueCases(door.flags)}    esac
    COMPREPLY=($(compgen -W '${shown.map((command) => command.name).join(' ')} help ${words(door.flags)} --version' -- "$cur"))
    ;;
${shown.map(commandCase).join('')}  esac
}
complete -F ${name} ${door.name}
`
}
