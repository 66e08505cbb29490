/** What is executed in a container that runs: its own process with another command. */
import type { CgroupRecord } from '../../../runtime/cgroups/types.ts'
import { isAlive } from '../../../runtime/container/process-id.ts'
import { specOf } from '../../../runtime/container/spec.ts'
import { Store } from '../../../runtime/container/store.ts'
import type { Engine } from '../../../runtime/container/types.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import type { Process, Spec } from '../../../runtime/spec/types.ts'
import type { Container } from '../../state/types.ts'

export interface Described {
  readonly process: Process
  /** Of the container. */
  readonly spec: Spec
  readonly cgroup: CgroupRecord
}

/** The container’s TERM counts; without one there is that of people’s terminals. */
const withTerm = (env: readonly string[]): readonly string[] =>
  env.some((entry) => entry.startsWith('TERM=')) ? env : [...env, 'TERM=xterm']

/** Throws `failed-precondition` for a container that does not run, `invalid-argument` for no command. */
export const execProcess = (engine: Engine, container: Container, command: readonly string[], tty: boolean): Described => {
  const { id, phase } = container
  if (command.length === 0 || command[0] === '') throw new InvalidField('cmd', 'is empty: name a program')
  for (const [index, word] of command.entries()) if (word.includes('\0')) throw new InvalidField(`cmd[${index}]`, 'has a NUL byte')
  const store = new Store(engine.root)
  const record = phase === 'running' ? store.tryRead(id) : undefined
  if (record?.init === undefined || !isAlive(record.init))
    throw new WherryError('failed-precondition', `container ${id} is not running: it is ${phase === 'running' ? 'ending' : phase}`)
  const spec = specOf(store, record)
  const own = spec.process
  return {
    spec,
    cgroup: record.cgroup,
    process: { ...own, args: command, terminal: tty, consoleSize: undefined, env: tty ? withTerm(own.env ?? []) : (own.env ?? []) },
  }
}
