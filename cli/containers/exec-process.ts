/** What `exec` executes: the container’s own process with another command, and what else was asked for. */
import { closeSync, constants, openSync } from 'node:fs'
import { resolveUser } from '../../image/apply/user.ts'
import { allCapabilities, capabilityNames } from '../../runtime/capabilities.ts'
import { isAlive } from '../../runtime/container/process-id.ts'
import { specOf } from '../../runtime/container/spec.ts'
import { Store } from '../../runtime/container/store.ts'
import type { ContainerRecord } from '../../runtime/container/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Process } from '../../runtime/spec/types.ts'
import type { Home } from './home.ts'
import type { Container } from './store.ts'

export interface ExecRequest {
  readonly command: readonly string[]
  readonly tty: boolean
  /** As a user writes it: looked up in the container’s root as it is now. Absent: the container’s. */
  readonly user?: string
  readonly workdir?: string
  /** Without a value: removed. */
  readonly env: readonly (readonly [name: string, value: string | undefined])[]
  readonly privileged: boolean
}

/** Throws `failed-precondition` for a container that has no processes, or none that go on. */
export const engineRecord = (
  home: Home,
  { id, config: { name } }: Container,
): ContainerRecord & Required<Pick<ContainerRecord, 'init'>> => {
  const record = new Store(home.engine.root).tryRead(id)
  if (record?.init !== undefined && isAlive(record.init)) return { ...record, init: record.init }
  throw new WherryError('failed-precondition', `container ${name} is not running: start it with \`wherry start ${name}\``)
}

const lookUp = (pid: number, user: string, groups: readonly string[]): Process['user'] => {
  const root = openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const { uid, gid, additionalGids } = resolveUser(root, user, { groups })
    return { uid, gid, additionalGids: [...additionalGids] }
  } catch (error) {
    // of the container’s databases, which may have become anything
    if (!(error instanceof WherryError) || error.message.startsWith('user ')) throw error
    throw new WherryError(error.kind, `user ${JSON.stringify(user)}: ${error.message}`, { cause: error })
  } finally {
    closeSync(root)
  }
}

const changed = (env: readonly string[], changes: ExecRequest['env']): string[] => {
  const byName = new Map(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry]))
  for (const [name, value] of changes) {
    if (value === undefined) byName.delete(name)
    else byName.set(name, `${name}=${value}`)
  }
  return [...byName.values()]
}

/** Throws `not-found` and `invalid-argument` for users that are none. */
export const execProcess = (home: Home, container: Container, request: ExecRequest): Process => {
  const record = engineRecord(home, container)
  const own = specOf(new Store(home.engine.root), record).process
  const { tty, user, workdir, env, privileged } = request
  const all = privileged ? capabilityNames(allCapabilities()) : []
  return {
    ...own,
    args: request.command,
    terminal: tty,
    cwd: workdir ?? own.cwd,
    env: changed(own.env ?? [], [...(tty ? [['TERM', 'xterm'] as const] : []), ...env]),
    ...(user === undefined ? {} : { user: { ...own.user, ...lookUp(record.init.pid, user, container.config.request.groups) } }),
    ...(privileged
      ? {
          capabilities: { bounding: all, effective: all, permitted: all, inheritable: [], ambient: [] },
          apparmorProfile: 'unconfined',
          noNewPrivileges: false,
        }
      : {}),
  }
}
