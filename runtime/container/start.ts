/** start: lets the init of a created container execute its process. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { PAGE_SIZE } from '../program/layout.ts'
import { restoreOps, type SavedOps } from '../program/saved-ops.ts'
import { syscall } from '../sys/syscall.ts'
import { unixConnect } from '../sys/unix.ts'
import { answered } from './answer.ts'
import { readPage } from './page-file.ts'
import { runAllHooks, stateOf } from './hooks.ts'
import { kill } from './kill.ts'
import { failureIn } from './launch.ts'
import { NotifySocket } from './notify.ts'
import { hooksOf } from './spec.ts'
import { isStarted, statusOf } from './state.ts'
import { Store } from './store.ts'
import type { ContainerRecord, Engine, ProcessId } from './types.ts'

/** Asks init to go on, and waits until it has. */
const ask = async (socket: string): Promise<void> => {
  const connection = unixConnect(socket)
  try {
    syscall('write', [connection, '.', 1])
    // its end is the execve or the end of init; startContainer hooks may take long
    await answered(connection)
  } finally {
    closeSync(connection)
  }
}

/** Why init ended instead of executing its process; undefined if it did. */
const failed = async (store: Store, id: string): Promise<Error | undefined> => {
  const page = openSync(store.file(id, 'page'), 'r')
  try {
    if (readPage(page).failure === undefined) return undefined
    const saved = readFileSync(page).subarray(PAGE_SIZE).toString()
    return await failureIn({ image: restoreOps(JSON.parse(saved) as SavedOps), page })
  } finally {
    closeSync(page)
  }
}

const refusal = (record: ContainerRecord, status: string): WherryError =>
  new WherryError(
    'failed-precondition',
    status === 'stopped'
      ? `cannot start a container that has stopped: ${record.id}`
      : `cannot start a container in the ${status} state: ${record.id}`,
  )

export interface StartOptions {
  /** A failing poststart hook ends the container and is an error, as in `runc run`; else it is a warning, as the runtime-spec says. */
  readonly strict?: boolean
  /** Listen for the container to say that it is ready. */
  readonly notify?: boolean
}

export interface Started {
  readonly init: ProcessId
  /** The caller's to wait on or to close; only where it was asked for, here and in `create`. */
  readonly notify: NotifySocket | undefined
}

/** Throws not-found; failed-precondition where it is not created; why its process could not be executed. */
export const start = async (engine: Engine, id: string, { strict = false, notify = false }: StartOptions = {}): Promise<Started> => {
  const store = new Store(engine.root)
  store.read(id)
  const lock = (await store.lock(id))!
  let listening: NotifySocket | undefined
  try {
    const record = store.read(id)
    const status = await statusOf(engine, store, record)
    if (status !== 'created') throw (status === 'stopped' ? await failed(store, id) : undefined) ?? refusal(record, status)
    if (notify) listening = NotifySocket.listen(store.notifyFolder(id))
    try {
      await ask(store.file(id, 'start.sock'))
    } catch (error) {
      throw (await failed(store, id)) ?? error // it ended just now
    }
    store.removeSocket(id)
    const error = await failed(store, id)
    if (error !== undefined) throw error
    if (!isStarted(store, id)) throw new WherryError('internal', `container ${id} ended before its process was executed`)
    const hooks = hooksOf(store, record)
    const failedHook = await runAllHooks('poststart', hooks?.poststart, stateOf(record, 'running'), strict ? () => {} : engine.warn)
    if (failedHook === undefined || !strict) return { init: record.init!, notify: listening }
    await kill(engine, id, 9, { all: true })
    throw failedHook
  } catch (error) {
    listening?.close()
    throw error
  } finally {
    store.settle(id)
    lock.release()
  }
}
