import type { Duplex } from 'node:stream'
import type { AttachRequest, ExecRequest, PortForwardRequest } from '../api/api_pb.js'

/** The server that exec, attach and port-forward stream over. */
export interface Streaming {
  /** URLs with a token that can be used once, for a minute. Throw `invalid-argument`; `resource-exhausted` while too many have not been used. */
  exec(request: ExecRequest): string
  attach(request: AttachRequest): string
  portForward(request: PortForwardRequest): string
  /** Those who are connected are told so. Idempotent. */
  close(): Promise<void>
}

/** Where bytes for a client go. */
export interface Sink {
  /** Undefined: more at once. Else resolves when more is welcome. What is written after the client has gone is dropped. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** The client reads the end of the file. Idempotent. */
  end(): void
}

/** Of a terminal; 1 to 65535 each. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** What a client of exec and attach has opened. */
export interface RemoteStreams {
  /** Ends with the client’s stdin, and when the client has gone. Whoever stops iterating drops the rest. */
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly stdout?: Sink
  readonly stderr?: Sink
  /** Sizes of the client’s terminal as they change. */
  readonly sizes?: AsyncIterable<TerminalSize>
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal
}

export interface ExecTarget {
  readonly containerId: string
  readonly command: readonly string[]
  readonly tty: boolean
}

export interface AttachTarget {
  readonly containerId: string
  readonly tty: boolean
}

/** What the server lets clients reach. Errors are told to the client in their own words. */
export interface Backend {
  /** Resolves to the exit status when the process has ended and all it wrote has been written. */
  exec(target: ExecTarget, streams: RemoteStreams): Promise<number>
  /** Resolves when the container has ended and all it wrote has been written, or when the client has left. */
  attach(target: AttachTarget, streams: RemoteStreams): Promise<void>
  /** A connection to localhost:port in the network namespace of a sandbox. */
  connect(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex>
}
