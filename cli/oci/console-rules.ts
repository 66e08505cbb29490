import { WherryError } from '../../runtime/errors.ts'

/** A terminal needs somebody who serves it: the caller's socket if we leave, else ourselves. */
export const checkConsole = (terminal: boolean, detached: boolean, socket: string | undefined): void => {
  if (detached && terminal && !socket)
    throw new WherryError('invalid-argument', 'cannot allocate tty if the runtime will detach without setting console socket')
  if (socket && !(detached && terminal))
    throw new WherryError('invalid-argument', 'cannot use console socket if the runtime will not detach or allocate tty')
}
