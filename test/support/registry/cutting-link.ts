/** A link to a server of the loopback that breaks: TCP, so that it does so to any server, in either direction. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CuttingLink {
  /** `127.0.0.1:34567` */
  readonly host: string
  /** Connections that were cut. */
  readonly cuts: number
  /** The next connections are cut, each after so many bytes in the one direction or the other. */
  cut(times: number, bytes: number, direction: 'up' | 'down'): void
  close(): Promise<void>
}

export const startCuttingLink = async (to: string): Promise<CuttingLink> => {
  const [host = '', port] = to.split(':')
  const sockets = new Set<Socket>()
  let left = 0
  let limit = 0
  let way: 'up' | 'down' = 'down'
  let cuts = 0
  const server = createServer((near) => {
    const far = connect(Number(port), host)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    }
    const end = (): void => {
      near.destroy()
      far.destroy()
    }
    near.on('close', end)
    far.on('close', end)
    const counted = (from: Socket, onto: Socket, direction: 'up' | 'down'): void => {
      let bytes = 0
      from.on('data', (piece) => {
        bytes += piece.length
        if (left > 0 && way === direction && bytes >= limit) {
          left--
          cuts++
          onto.write(piece.subarray(0, Math.max(0, piece.length - (bytes - limit))), end)
          from.pause()
          return
        }
        if (!onto.write(piece)) {
          from.pause()
          onto.once('drain', () => from.resume())
        }
      })
    }
    counted(near, far, 'up')
    counted(far, near, 'down')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
    cut: (times, bytes, direction) => {
      left = times
      limit = bytes
      way = direction
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
