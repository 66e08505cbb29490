/** Does what a client of exec or attach is connected for, and tells it how that ended. */
import type { AttachRequest, ExecRequest } from '../../api/api_pb.js'
import type { Backend } from '../types.ts'
import type { Session, Wanted } from './session.ts'
import { exited, failed, type Status, SUCCESS } from './status.ts'

export const wantedOf = ({ stdin, stdout, stderr, tty }: ExecRequest | AttachRequest): Wanted => ({ stdin, stdout, stderr, tty })

export type RemoteRequest =
  | { readonly kind: 'exec'; readonly request: ExecRequest }
  | { readonly kind: 'attach'; readonly request: AttachRequest }

const carryOut = async (asked: RemoteRequest, session: Session, backend: Backend): Promise<Status> => {
  const { containerId, tty } = asked.request
  if (asked.kind === 'attach') {
    await backend.attach({ containerId, tty }, session)
    return SUCCESS
  }
  return exited(await backend.exec({ containerId, command: asked.request.cmd, tty }, session))
}

/** @param stop aborted with the reason when the server ends: the client must not take that for success */
export const serveRemoteCommand = async (asked: RemoteRequest, session: Session, backend: Backend, stop: AbortSignal): Promise<void> => {
  const doing = asked.kind === 'exec' ? 'error executing command in container' : 'error attaching to container'
  const stopped = Promise.withResolvers<Status>()
  const tell = (): void => stopped.resolve(failed(stop.reason, doing))
  stop.addEventListener('abort', tell)
  if (stop.aborted) tell()
  try {
    const done = carryOut(asked, session, backend).catch((error: unknown) => failed(error, doing))
    session.finish(await Promise.race([done, stopped.promise]))
  } finally {
    stop.removeEventListener('abort', tell)
  }
}
