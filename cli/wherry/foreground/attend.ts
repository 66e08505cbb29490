/** The time during which we stand between a user and a container: its output is shown, what is typed and signalled is passed on. */
import { kill } from '../../../runtime/container/kill.ts'
import { type Attachment, attach } from '../../../runtime/keeper/attach.ts'
import type { SpoolEvent } from '../../../runtime/keeper/reader.ts'
import { SIGNALS, type SignalName } from '../../../runtime/sys/abi/signal.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { type Home, keeperFolders } from '../../containers/home.ts'
import { openHostTerminal } from '../../oci/foreground/host-terminal.ts'
import { FORWARDED } from '../../oci/foreground/signals.ts'
import { writeAll } from '../../support/output.ts'
import { DetachFilter } from './detach-keys.ts'
import { passInput } from './typing.ts'

export interface AttendOptions {
  readonly id: string
  readonly terminal: boolean
  /** Of our own streams those that are to be the container's. */
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** The end of our stdin is that of the container's. */
  readonly closesStdin: boolean
  readonly detachKeys: Uint8Array
  readonly signals: boolean
}

export interface Attendance {
  /** Resolves when all output has been shown and the container has ended, or the user has left it. */
  watch(): Promise<'ended' | 'detached'>
  /** Leaves our terminal as it was; may be called at any time, and again. */
  close(): Promise<void>
}

/** Streams whose readers have gone are shown no more, and the container goes on. */
const shower = ({ stdout, stderr }: AttendOptions) => {
  const open = new Map([
    ['stdout', stdout ? 1 : undefined],
    ['stderr', stderr ? 2 : undefined],
  ])
  return (event: SpoolEvent): void => {
    if (event.kind !== 'record') return
    const fd = open.get(event.stream)
    if (fd === undefined) return
    try {
      writeAll(fd, event.payload)
    } catch (error) {
      if (!isErrno(error, 'EPIPE', 'EIO', 'EBADF', 'ECONNRESET')) throw error
      open.set(event.stream, undefined)
    }
  }
}

const proxySignals = (home: Home, id: string): (() => void) => {
  const send = (name: NodeJS.Signals): void => {
    kill(home.engine, id, SIGNALS[name as SignalName], { all: false }).catch((error: unknown) => {
      // it has just ended
      if (!(error instanceof WherryError) || (error.kind !== 'failed-precondition' && error.kind !== 'not-found')) home.warn(String(error))
    })
  }
  for (const name of FORWARDED) process.on(name, send)
  return () => {
    for (const name of FORWARDED) process.off(name, send)
  }
}

/** To be called when the container's init exists, and before its process is executed if nothing is to be missed. */
export const attend = async (home: Home, options: AttendOptions): Promise<Attendance> => {
  const { id, terminal } = options
  const attachment: Attachment = await attach(keeperFolders(home, id), { input: options.stdin, terminal })
  const host = terminal && (options.stdin || options.stdout) ? openHostTerminal() : undefined
  const stopProxy = options.signals ? proxySignals(home, id) : () => {}
  let open = true
  const leave = (): void => {
    if (!open) return
    open = false
    host?.restore()
    stopProxy()
  }
  const hungUp = (name: NodeJS.Signals): void => {
    leave()
    process.kill(process.pid, name)
  }
  process.once('exit', leave)
  if (terminal) for (const name of ['SIGHUP', 'SIGTERM', 'SIGQUIT'] as const) process.once(name, hungUp)
  if (attachment.master !== undefined) host?.follow(attachment.master)
  if (options.stdin) host?.raw()

  const typed = async (): Promise<'detached' | undefined> => {
    const { input } = attachment
    if (input === undefined) return undefined
    const how = await passInput({
      from: 0,
      to: input,
      ...(terminal ? { filter: new DetachFilter(options.detachKeys) } : {}),
    })
    // the container reads the end once nobody has it open: we do not, and the keeper is told not to
    if (how === 'end' && !terminal && options.closesStdin) input.end(() => attachment.closeStdin())
    return how === 'detached' ? how : undefined
  }

  const shown = async (): Promise<'ended'> => {
    const show = shower(options)
    for await (const event of attachment.output()) show(event)
    return 'ended'
  }

  return {
    async watch() {
      // input that has ended leaves the output to be waited for
      const input = new Promise<'detached'>((resolve, reject) => {
        typed().then((how) => how !== undefined && resolve(how), reject)
      })
      return Promise.race([shown(), input])
    },
    async close() {
      leave()
      process.off('exit', leave)
      if (terminal) for (const name of ['SIGHUP', 'SIGTERM', 'SIGQUIT'] as const) process.off(name, hungUp)
      await attachment.close()
    },
  }
}
