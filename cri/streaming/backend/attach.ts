/** A client before a container: its output from now on, and its input. Any number of clients at once. */
import { WherryError } from '../../../runtime/errors.ts'
import { attach, type Attachment } from '../../../runtime/keeper/attach.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { keeperFolders } from '../../container/places.ts'
import type { Container } from '../../state/types.ts'
import type { Reached } from '../backend.ts'
import type { AttachTarget, RemoteStreams } from '../types.ts'
import { endInput, pumpInput } from './pump.ts'

const open = async (cri: Reached, { id, config }: Container, stdin: boolean): Promise<Attachment> => {
  const folders = keeperFolders(cri.containers, id)
  const terminal = config.tty
  try {
    return await attach(folders, { input: stdin && config.stdin, terminal })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET'))
      throw new WherryError('failed-precondition', `container ${id} is not running: it has ended`, { cause: error })
    // stdin_once: somebody was here before, or the container has closed it; there is the output
    if (!terminal && isErrno(error, 'EPIPE')) return attach(folders, { input: false, terminal })
    throw error
  }
}

export const attachTo = async (cri: Reached, { containerId }: AttachTarget, streams: RemoteStreams): Promise<void> => {
  const container = cri.containers.find(containerId)
  const { config, phase, id } = container
  if (phase !== 'running') throw new WherryError('failed-precondition', `container ${id} is not running: it is ${phase}`)
  const { stdin, stdout, stderr, sizes, gone } = streams
  const attachment = await open(cri, container, stdin !== undefined)
  const { input } = attachment
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const typing = async (): Promise<void> => {
    if (stdin === undefined) return
    if (input === undefined) {
      // nobody takes it, and it is not to be in the way of the other streams
      for await (const _ of stdin) return
      return
    }
    const whole = await pumpInput(stdin, input)
    if (gone.aborted) return
    // the end of the client's stdin is the container's if that is all it gets; else it is how clients leave
    if (!config.stdinOnce || config.tty) return leave()
    if (!whole) return
    await endInput(input)
    attachment.closeStdin()
  }
  const showing = async (): Promise<void> => {
    for await (const event of attachment.output()) {
      if (event.kind !== 'record') continue
      const room = (event.stream === 'stdout' ? stdout : stderr)?.write(event.payload)
      if (room !== undefined) await room
      if (gone.aborted) return
    }
  }
  const resizing = async (): Promise<void> => {
    for await (const size of sizes ?? []) attachment.resize(size)
  }
  const goneToo = (): void => leave()
  gone.addEventListener('abort', goneToo)
  if (gone.aborted) leave()
  input?.on('error', () => {})
  try {
    await Promise.race([showing(), left, typing().then(() => left), resizing().then(() => left)])
  } finally {
    gone.removeEventListener('abort', goneToo)
    await attachment.close()
  }
}
