/** ExecSync: a command in a container that runs, and all that it said. */
import { WherryError } from '../../runtime/errors.ts'
import type { Cri } from '../cri.ts'
import { startExec } from './exec.ts'
import type { ExecOutput } from './exec/output.ts'

export interface ExecResult {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly exitCode: number
}

/** Bytes of the largest message that kubelet takes; what is beyond it nobody would ever see. */
const MESSAGE = 16 * 1024 * 1024
/** Of what is in a message besides. */
const FRAME = 4096
const CUT = Buffer.from('\n[output cut: it is more than 16 MiB]\n')

/** What both streams may still take. */
interface Room {
  left: number
}

/** Takes all that comes, keeps what there is room for. */
const collect = (output: ExecOutput | undefined, room: Room): (() => Uint8Array) => {
  const kept: Buffer[] = []
  let cut = false
  output?.on('data', (bytes: Buffer) => {
    const part = bytes.length <= room.left ? bytes : bytes.subarray(0, room.left)
    room.left -= part.length
    if (part.length > 0) kept.push(part)
    cut ||= part.length < bytes.length
  })
  return () => (cut ? Buffer.concat([...kept, CUT]) : kept.length === 1 ? kept[0]! : Buffer.concat(kept))
}

const over = (output: ExecOutput | undefined): Promise<void> =>
  output === undefined || output.readableEnded ? Promise.resolve() : new Promise((resolve) => output.once('end', resolve))

/**
 * @param timeout seconds, 0: none. Throws `not-found`, `failed-precondition`, `deadline-exceeded` when its time is over, the signal's reason when nobody
 * waits any more (in both cases all of it has been killed), or why it could not be executed.
 */
export const execSync = async (
  cri: Cri,
  text: string,
  command: readonly string[],
  timeout: number,
  signal: AbortSignal,
): Promise<ExecResult> => {
  const container = cri.containers.find(text)
  signal.throwIfAborted()
  const session = await startExec(cri, container, { command, tty: false, stdin: false })
  const room: Room = { left: MESSAGE - FRAME - 2 * CUT.length }
  const [stdout, stderr] = [collect(session.stdout, room), collect(session.stderr, room)]
  const ends = [over(session.stdout), over(session.stderr)]
  let late = false
  const kill = (): void => {
    session.kill().catch((error: unknown) => cri.log.error('an exec’d process cannot be killed', { container: container.id, error }))
  }
  const timer =
    timeout > 0
      ? setTimeout(
          () => {
            late = true
            kill()
          },
          Math.min(timeout * 1000, 2 ** 31 - 1),
        )
      : undefined
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  try {
    const exitCode = await session.exited
    await Promise.all(ends)
    if (late) throw new WherryError('deadline-exceeded', `the command ${JSON.stringify(command[0])} timed out: ${timeout} s were over`)
    signal.throwIfAborted()
    return { stdout: stdout(), stderr: stderr(), exitCode }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
  }
}
