import type { AttachRequest, ExecRequest, PortForwardRequest } from '../api/api_pb.js'

/** The server that exec, attach and port-forward stream over. */
export interface Streaming {
  /** URLs with a token that can be used once, for a minute. */
  exec(request: ExecRequest): string
  attach(request: AttachRequest): string
  portForward(request: PortForwardRequest): string
  close(): Promise<void>
}
