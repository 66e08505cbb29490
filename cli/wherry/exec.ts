import { isAbsolute } from 'node:path'
import { write } from 'node:fs'
import { POLLOUT } from '../../runtime/sys/abi/poll.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { pollAll } from '../../runtime/sys/poll.ts'
import { WherryError } from '../../runtime/errors.ts'
import { execAttended, execDetached } from '../containers/exec.ts'
import type { Session } from '../containers/exec-terminal.ts'
import type { ExecRequest } from '../containers/exec-process.ts'
import { ENV_FLAGS, readEnvironment } from '../containers/flags/environment.ts'
import type { Home } from '../containers/home.ts'
import { statusOf } from '../containers/status.ts'
import { type Container, findContainer } from '../containers/store.ts'
import { forwardSignals } from '../oci/foreground/signals.ts'
import { restoreOpenFiles } from '../oci/limits.ts'
import { describe } from '../support/describe.ts'
import { complain, writeAll } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { type Context, defineCommand } from './context.ts'
import { DETACH_KEYS, parseDetachKeys } from './foreground/detach-keys.ts'

const ENGINE = 125
const CANNOT_INVOKE = 126
const NOT_FOUND = 127
const DETACHED = 0

/** pipe(7): so much is written at once or not at all. */
const PIPE_BUF = 4096

/** Writes to a stream of ours without keeping signals waiting; what nobody reads any more is dropped. */
const writer = (fd: number): ((bytes: Uint8Array) => void | Promise<void>) => {
  let open = true
  const later = (bytes: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => write(fd, bytes, (error, length) => (error === null ? resolve(length) : reject(error))))
  return async (bytes) => {
    let rest = bytes
    try {
      while (open && rest.length > 0) {
        if (rest.length <= PIPE_BUF && pollAll([{ fd, events: POLLOUT }], 0)[0] === POLLOUT) return writeAll(fd, rest)
        try {
          rest = rest.subarray(await later(rest))
        } catch (error) {
          if (isErrno(error, 'EAGAIN')) await new Promise((resolve) => setTimeout(resolve, 5))
          else if (!isErrno(error, 'EINTR')) throw error
        }
      }
    } catch (error) {
      if (!isErrno(error, 'EPIPE', 'EIO', 'EBADF', 'ECONNRESET')) throw error
      open = false
    }
  }
}

const attended = async (home: Home, container: Container, request: ExecRequest, interactive: boolean): Promise<number> => {
  const signals = forwardSignals(home.debug)
  try {
    return await execAttended(home, container, request, {
      ...(interactive ? { stdin: 0 } : {}),
      stdout: writer(1),
      stderr: writer(2),
      started: (pid) => signals.to(pid),
    })
  } finally {
    signals.stop()
  }
}

const onTerminal = async (home: Home, container: Container, request: ExecRequest, stdin: boolean, keys: string): Promise<number> => {
  // what terminals need takes time to load
  const { attend } = await import('./foreground/attend.ts')
  const { execOnTerminal } = await import('../containers/exec-terminal.ts')
  let attendance: Awaited<ReturnType<typeof attend>> | undefined
  const detachKeys = parseDetachKeys(keys)
  const ready = async ({ folders }: Session): Promise<void> => {
    const streams = { stdin, stdout: true, stderr: true, closesStdin: false }
    attendance = await attend(home, { id: container.id, folders, terminal: true, ...streams, detachKeys, signals: false })
  }
  try {
    const session = await execOnTerminal(home, container, request, ready)
    const how = await attendance!.watch()
    await attendance!.close()
    if (how === 'detached') {
      session.keeper.detach()
      return DETACHED
    }
    const outcome = await session.keeper.ended()
    session.keeper.acknowledge()
    session.remove()
    if (outcome === undefined) throw new WherryError('data-loss', 'the keeper of the process was killed, so nobody knows how it ended')
    return outcome.exitCode
  } finally {
    await attendance?.close()
  }
}

/** What the program of the process says it does when it cannot be executed where and as it is asked to be. */
const statusFor = (error: unknown): number => {
  if (error instanceof SyscallError && /^(exec|process\.)/.test(error.message))
    return error.message.startsWith('exec: ') && (error.code === 'ENOENT' || error.code === 'ENOTDIR') ? NOT_FOUND : CANNOT_INVOKE
  return error instanceof WherryError && /^user "/.test(error.message) ? CANNOT_INVOKE : ENGINE
}

const requestOf = (
  flags: { readonly tty?: boolean; readonly user?: string; readonly workdir?: string; readonly privileged?: boolean },
  env: ExecRequest['env'],
  command: readonly string[],
): ExecRequest => {
  const { workdir } = flags
  if (workdir !== undefined && workdir !== '' && !isAbsolute(workdir))
    throw new UsageError(`--workdir ${JSON.stringify(workdir)}: an absolute path is wanted`)
  return {
    command,
    tty: flags.tty ?? false,
    ...(flags.user === undefined || flags.user === '' ? {} : { user: flags.user }),
    ...(workdir === undefined || workdir === '' ? {} : { workdir }),
    env,
    privileged: flags.privileged ?? false,
  }
}

const guarded = async (context: Context, work: () => Promise<number>): Promise<number> => {
  try {
    return await work()
  } catch (error) {
    const status = statusFor(error)
    if (status === ENGINE) throw error
    complain(`${context.name}: ${describe(error)}\n`)
    return status
  }
}

/** One that runs, and is not paused. */
const running = async (home: Home, text: string): Promise<Container> => {
  const found = findContainer(home, text)
  const { name } = found.config
  const status = await statusOf(home, found)
  if (status === 'paused')
    throw new WherryError('failed-precondition', `container ${name} is paused: go on with it first, by \`wherry unpause ${name}\``)
  if (status === 'running') return found
  // what has ended is cleaned up first, which takes more than a look
  const { tidy } = await import('../containers/tidy.ts')
  const container = await tidy(home, text)
  throw new WherryError(
    'failed-precondition',
    `container ${name} is not running (${await statusOf(home, container)}): start it with \`wherry start ${name}\``,
  )
}

export const command = defineCommand({
  name: 'exec',
  aliases: ['container exec'],
  heading: 'Containers',
  summary: 'run another command in a container that runs',
  operands: 'CONTAINER COMMAND [ARGUMENT...]',
  count: [2, Number.POSITIVE_INFINITY],
  description: `Runs COMMAND in all namespaces and in the cgroup of a container, with its environment and under its limits. The exit status is that of COMMAND: 125 if
the container does not run, 126 if COMMAND cannot be invoked, 127 if it is not found, 128 + N if signal N ended it. Signals are passed on.

With --tty it has a terminal; one can leave it by the detach keys, and it goes on. With --detach nobody sees its output.`,
  flags: {
    detach: { type: 'boolean', short: 'd', help: 'leave it to itself' },
    interactive: { type: 'boolean', short: 'i', help: 'pass stdin on' },
    tty: { type: 'boolean', short: 't', help: 'give it a terminal' },
    user: {
      type: 'string',
      short: 'u',
      value: 'USER[:GROUP]',
      help: 'names or numbers, looked up in the container (default: those of the container)',
    },
    workdir: { type: 'string', short: 'w', value: 'DIR', help: 'working directory in the container' },
    ...ENV_FLAGS,
    privileged: { type: 'boolean', help: 'give it all capabilities' },
    'detach-keys': { type: 'string', value: 'KEYS', help: `the keys to leave it by (default: ${DETACH_KEYS})` },
  },
  leading: true,
  failure: ENGINE,
  async run({ flags, args: [text, ...command], context }) {
    const keys = flags['detach-keys'] ?? DETACH_KEYS
    parseDetachKeys(keys)
    const env = readEnvironment(flags, { cwd: process.cwd(), env: process.env })
    const request = requestOf(flags, env, command)
    const home = await openHome(context, [text!])
    const container = await running(home, text!)
    restoreOpenFiles(context.launch.openFiles)
    const interactive = flags.interactive ?? false
    return guarded(context, async () => {
      if (!flags.detach)
        return request.tty ? onTerminal(home, container, request, interactive, keys) : attended(home, container, request, interactive)
      if (request.tty) {
        const { execOnTerminal } = await import('../containers/exec-terminal.ts')
        const { keeper } = await execOnTerminal(home, container, request)
        keeper.detach()
      } else await execDetached(home, container, request)
      return 0
    })
  },
})
