/**
 * The time during which we stand between a user and a container: its output is shown, what is typed and signalled is passed on. Without
 * streams of Node’s, which take longer to load than most commands take to run: it waits by poll(2), here for a moment, then in a thread.
 */
import { closeSync } from 'node:fs'
import { kill } from '../../../runtime/container/kill.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { Keeper } from '../../../runtime/keeper/keeper.ts'
import { type SpoolEvent, SpoolReader } from '../../../runtime/keeper/reader.ts'
import { Requester } from '../../../runtime/keeper/request.ts'
import { SpoolWatch } from '../../../runtime/keeper/spool-watch.ts'
import { type KeeperFolders, readOutcome } from '../../../runtime/keeper/wait.ts'
import { F_DUPFD_CLOEXEC } from '../../../runtime/sys/abi/fcntl.ts'
import { POLLIN } from '../../../runtime/sys/abi/poll.ts'
import { SIGNALS, type SignalName } from '../../../runtime/sys/abi/signal.ts'
import { monotonic } from '../../../runtime/sys/clock.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { type Interest, pollAll, pollAllLater } from '../../../runtime/sys/poll.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { sleep } from '../../../runtime/sleep.ts'
import { type Home, keeperFolders } from '../../containers/home.ts'
import { type HostTerminal, openHostTerminal } from '../../oci/foreground/host-terminal.ts'
import { FORWARDED, unblock } from '../../oci/foreground/signals.ts'
import { optimise } from '../../support/optimise.ts'
import { writeAll } from '../../support/output.ts'
import { DetachFilter } from './detach-keys.ts'
import { Typing } from './typing.ts'

export interface AttendOptions {
  readonly id: string
  /** Of another keeper than the container's own: an exec session's. */
  readonly folders?: KeeperFolders
  /** We are the keeper's subscriber, by which its end is known soonest. */
  readonly subscriber?: Keeper
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

/** Milliseconds that signals may wait for a container that is about to end. */
const MOMENT = 30
/** Milliseconds between looks at its output meanwhile. */
const TICK = 4
/** Milliseconds after which it is worth compiling what shows its output. */
const LONG = 1000
/** Milliseconds between looks where nothing tells of changes. */
const LOOK = 50

/** Signals that have come are heeded; setImmediate waits for nothing, a timer does. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

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
  unblock('SIGUSR1')
  return () => {
    for (const name of FORWARDED) process.off(name, send)
  }
}

const LEAVING = ['SIGHUP', 'SIGTERM', 'SIGQUIT'] as const

/** Our terminal and our signals, which are to be left as they were on every way out. */
const takeOver = (home: Home, { id, terminal, stdin, stdout, signals }: AttendOptions, master: number | undefined): (() => void) => {
  const host: HostTerminal | undefined = terminal && (stdin || stdout) ? openHostTerminal() : undefined
  const stopProxy = signals ? proxySignals(home, id) : () => {}
  let open = true
  const leave = (): void => {
    if (!open) return
    open = false
    host?.restore()
    stopProxy()
    process.off('exit', leave)
    if (terminal) for (const name of LEAVING) process.off(name, hungUp)
  }
  const hungUp = (name: NodeJS.Signals): void => {
    leave()
    process.kill(process.pid, name)
  }
  process.once('exit', leave)
  if (terminal) for (const name of LEAVING) process.once(name, hungUp)
  if (master !== undefined) host?.follow(master)
  // the container’s terminal maps newlines, for those who read its output later too
  if (stdin) host?.raw('raw')
  return leave
}

/** By which it is known that the container has ended. */
interface End {
  readonly fd: number
  ended(): boolean
}

/** To be called when the container's init exists, and before its process is executed if nothing is to be missed. */
export const attend = async (home: Home, options: AttendOptions): Promise<Attendance> => {
  const { id, terminal, stdin, subscriber } = options
  const folders = options.folders ?? keeperFolders(home, id)
  const requester = subscriber === undefined || stdin || terminal ? new Requester(folders.run) : undefined
  let watch: SpoolWatch | undefined
  let reader: SpoolReader | undefined
  let master: number | undefined
  let typing: Typing | undefined
  let leave: (() => void) | undefined
  let open = true
  const close = async (): Promise<void> => {
    if (!open) return
    open = false
    leave?.()
    typing?.close()
    if (master !== undefined) closeSync(master)
    requester?.close()
    watch?.close()
    await reader?.close()
  }
  try {
    reader = await SpoolReader.open(folders, { from: 'end', hold: true })
    if (terminal) master = await requester!.descriptor('master')
    if (stdin) {
      const to = master === undefined ? await requester!.descriptor('stdin') : syscall('fcntl', [master, F_DUPFD_CLOEXEC, 3])
      typing = new Typing({ from: 0, to, pipe: !terminal, ...(terminal ? { filter: new DetachFilter(options.detachKeys) } : {}) })
    }
    leave = takeOver(home, options, master)
  } catch (error) {
    await close()
    throw error
  }
  const end: End =
    subscriber === undefined
      ? { fd: requester!.fd, ended: () => requester!.isOver() }
      : { fd: subscriber.fd, ended: () => subscriber.hasEnded() }
  const show = shower(options)
  const showAll = async (last: boolean): Promise<void> => {
    for await (const event of reader!.available({ last })) show(event)
  }
  /** The end of input is told once. */
  let told = false
  const heed = (): 'detached' | undefined => {
    if (typing?.how === 'detached') return 'detached'
    if (typing?.how === 'end' && !terminal && options.closesStdin && !told) {
      told = true
      requester!.tell('closeStdin')
    }
    return undefined
  }

  /** Of a container that may be about to end: a watch on its spool takes longer to be closed than it has to live. */
  const soon = async (): Promise<'ended' | 'detached' | undefined> => {
    for (const until = monotonic() + MOMENT; monotonic() < until; await turn()) {
      const typed = typing?.interests() ?? []
      const [ready = 0, ...rest] = pollAll([{ fd: end.fd, events: POLLIN }, ...typed], TICK)
      const ended = ready !== 0 && end.ended()
      await showAll(ended)
      if (ended) return 'ended'
      typing?.step(rest)
      if (heed() === 'detached') return 'detached'
    }
    return undefined
  }

  const later = async (): Promise<'ended' | 'detached'> => {
    let compiles: (() => void) | undefined = optimise
    const begun = monotonic()
    watch = new SpoolWatch(folders.spool)
    const { fd } = watch
    for (let [changed, gone] = [true, false]; ; ) {
      if (compiles !== undefined && monotonic() > begun + LONG) {
        compiles()
        compiles = undefined
      }
      const ended: boolean = gone || (changed && subscriber === undefined && readOutcome(folders) !== undefined)
      if (ended || changed) await showAll(ended)
      if (ended) return 'ended'
      const typed = typing?.interests() ?? []
      const watched: Interest[] = fd === undefined ? [] : [{ fd, events: POLLIN }]
      const interests: Interest[] = [{ fd: end.fd, events: POLLIN }, ...watched, ...typed]
      // where nothing tells of changes one has to look from time to time
      if (fd === undefined) await sleep(LOOK)
      const ready = fd === undefined ? pollAll(interests, 0) : await pollAllLater(interests)
      gone = ready[0] !== 0 && end.ended()
      const { content, exit } = watch.take()
      changed = content || exit
      typing?.step(ready.slice(interests.length - typed.length))
      if (heed() === 'detached') return 'detached'
    }
  }

  return {
    async watch() {
      return (subscriber === undefined ? undefined : await soon()) ?? later()
    },
    close,
  }
}
