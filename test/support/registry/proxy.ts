/** An HTTP proxy on the loopback: absolute addresses, and CONNECT tunnels (RFC 9110, sections 7.6 and 9.3.6). */
import { createServer, request as ask } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface TestProxy {
  /** `http://127.0.0.1:34567` */
  readonly url: string
  /** `CONNECT 127.0.0.1:443`, `GET http://…` */
  readonly requests: readonly string[]
  /** Values of Proxy-Authorization. */
  readonly logins: readonly (string | undefined)[]
  close(): Promise<void>
}

/** `refuse`: the status that all is answered with. */
export const startProxy = async ({ refuse }: { readonly refuse?: number } = {}): Promise<TestProxy> => {
  const requests: string[] = []
  const logins: (string | undefined)[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  }
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    logins.push(request.headers['proxy-authorization'])
    if (refuse !== undefined) {
      response.writeHead(refuse).end()
      return
    }
    const { 'proxy-authorization': _, 'proxy-connection': __, ...headers } = request.headers
    const onward = ask(request.url ?? '', { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.on('connect', (request, socket: Socket) => {
    requests.push(`CONNECT ${request.url}`)
    logins.push(request.headers['proxy-authorization'])
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse} Refused\r\n\r\n`)
      return
    }
    const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(request.url ?? '') ?? []
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    keep(onward)
    onward.on('error', () => socket.destroy())
  })
  server.on('connection', keep)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    logins,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
