/** The server, from its first moment to its last. */
import { SyscallError } from '../runtime/sys/error.ts'
import type { CriConfig } from './config.ts'
import type { Log } from './cri.ts'
import { openCri } from './open.ts'
import { openGrpcServer } from './server/grpc.ts'
import { listen, takeActivation } from './server/listen.ts'
import { lockState } from './server/lock.ts'
import { notify, type ServiceState } from './server/notify.ts'

/** Milliseconds that calls have to end by themselves when the server is asked to. */
const PATIENCE = 10_000

export interface RunningServer {
  /** Takes no more calls, waits for those that are under way, and lets go of the state. Containers go on. Idempotent. */
  close(): Promise<void>
}

/**
 * Resolves when calls are answered. Throws `failed-precondition` (another server has this state), `already-exists` (another one has the
 * socket).
 */
export const startServer = async (config: CriConfig, log: Log, env: NodeJS.ProcessEnv = {}): Promise<RunningServer> => {
  const passed = takeActivation(env)
  const lock = lockState(`${config.root}/cri`, `${config.runRoot}/cri`)
  const undo: (() => void | Promise<void>)[] = [() => lock.release()]
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const { cri, close: closeCri } = await openCri(config, log)
    undo.push(closeCri)
    const grpc = openGrpcServer(cri)
    undo.push(() => grpc.close(PATIENCE))
    const listener = await listen(config.socket, passed, (connection) => grpc.accept(connection))
    // it ends when the last connection has ended, which is the next step
    undo.push(() => void listener.close())
    log.info('the server is ready', { socket: passed === undefined ? config.socket : 'passed by systemd' })
  } catch (error) {
    await close()
    throw error
  }
  return { close: () => (closed ??= close()) }
}

/** A server that nobody hears of is of more use than none. */
const tell = (socket: string | undefined, state: ServiceState, log: Log): void => {
  try {
    notify(socket, state)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    log.warn(`NOTIFY_SOCKET=${socket}: ${state} is not told: ${error.message}`)
  }
}

/** `wherry cri`: until the signal. */
export const serve = async (config: CriConfig, log: Log, signal: AbortSignal): Promise<void> => {
  const notifySocket = process.env['NOTIFY_SOCKET']
  // not for those that we start
  delete process.env['NOTIFY_SOCKET']
  // a mistake of ours in one thing is no reason to let go of all others
  process.on('unhandledRejection', (reason) =>
    log.error(`nobody has handled: ${String(reason)}`, { stack: reason instanceof Error ? reason.stack : undefined }),
  )
  const server = await startServer(config, log, process.env)
  tell(notifySocket, 'READY=1', log)
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  tell(notifySocket, 'STOPPING=1', log)
  await server.close()
}
