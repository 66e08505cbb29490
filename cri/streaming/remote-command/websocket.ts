/** exec and attach over a WebSocket: k8s.io/cri-streaming/pkg/streaming/remotecommand, and version 5, with which stdin can end. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Channels } from '../websocket/channels.ts'
import type { Session, Wanted } from './session.ts'
import { terminalSizes } from './sizes.ts'
import { encodeStatus } from './status.ts'

const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4] as const

interface Protocol {
  readonly base64: boolean
  readonly closes: boolean
  /** The end is told in JSON. */
  readonly json: boolean
}

export const WEBSOCKET_PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'v5.channel.k8s.io': { base64: false, closes: true, json: true },
  'v4.channel.k8s.io': { base64: false, closes: false, json: true },
  'v4.base64.channel.k8s.io': { base64: true, closes: false, json: true },
  'channel.k8s.io': { base64: false, closes: false, json: false },
  'base64.channel.k8s.io': { base64: true, closes: false, json: false },
  '': { base64: false, closes: false, json: false },
}

export const openWebSocketSession = (webSocket: WebSocket, connection: Socket, protocol: Protocol, wanted: Wanted): Session => {
  const { stdin, stdout, stderr, tty } = wanted
  const channels = new Channels(webSocket, connection, {
    ...protocol,
    inputs: [...(stdin ? [STDIN] : []), ...(tty ? [RESIZE] : [])],
    count: 5,
  })
  const sinks = { ...(stdout ? { stdout: channels.sink(STDOUT) } : {}), ...(stderr ? { stderr: channels.sink(STDERR) } : {}) }
  // by an empty message old clients know that they are connected
  void channels.sink(stdout ? STDOUT : stderr ? STDERR : ERROR).write(Buffer.alloc(0))
  return {
    ...(stdin ? { stdin: channels.inbox(STDIN) } : {}),
    ...sinks,
    ...(tty ? { sizes: terminalSizes(channels.inbox(RESIZE)) } : {}),
    gone: channels.gone,
    finish: (status) => {
      const text = encodeStatus(status, protocol.json)
      if (text.length > 0) void channels.sink(ERROR).write(text)
      channels.close()
    },
  }
}
