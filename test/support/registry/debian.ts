/** Debian’s docker-registry (distribution), on a free port of the loopback, over a folder of its own that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { failure } from './answer.ts'
import { certificates } from './certificates.ts'
import type { User } from './login.ts'
import { startRegistry, type TestRegistry } from './server.ts'

/** perl -e 'print crypt("a pass:word", "\$2b\$04\$wherrywherrywherrywhe.")', which is bcrypt by libcrypt */
export const USER: User = { username: 'wherry', password: 'a pass:word' }
const HTPASSWD = 'wherry:$2b$04$wherrywherrywherrywhe.xTkIq5LW6omvlC1Oaa/QU2S4cGaK4oW\n'

const ISSUER = 'wherry test issuer'
const SERVICE = 'docker-registry'

export interface DebianRegistryOptions {
  /** Default none. */
  readonly login?: 'none' | 'basic' | 'token'
  /** Serves https with `certificates().server`. */
  readonly tls?: boolean
}

export interface DebianRegistry {
  /** `127.0.0.1:34567` */
  readonly host: string
  readonly url: string
  /** Where its blobs are. */
  readonly folder: string
  /** Of `login: 'token'`. */
  readonly tokens: TestRegistry | undefined
  /** What it said. */
  output(): string
  close(): Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** RFC 7519, as distribution’s "Token Authentication Implementation" has it. */
const jwt = (access: readonly object[]): string => {
  const { cert, key } = certificates().authority
  const now = Math.floor(Date.now() / 1000)
  const header = base64url({ typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] })
  const claims = base64url({
    iss: ISSUER,
    sub: USER.username,
    aud: SERVICE,
    exp: now + 300,
    nbf: now - 60,
    iat: now,
    jti: randomUUID(),
    access,
  })
  const signature = sign('sha256', Buffer.from(`${header}.${claims}`), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' })
  return `${header}.${claims}.${signature.toString('base64url')}`
}

/** Gives the user all, and who has no login the right to pull what is below `public/`. */
const startTokens = async (): Promise<TestRegistry> => {
  const server = await startRegistry()
  const login = `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}`
  server.on('/token', ({ request, query }) => {
    const { authorization } = request.headers
    if (authorization !== undefined && authorization !== login) return failure(401, 'UNAUTHORIZED', 'incorrect username or password')
    const access = query.getAll('scope').flatMap((scope) => {
      const [, type, name, actions] = /^([a-z]+):(.+):([a-z*,]+)$/.exec(scope) ?? []
      if (name === undefined || actions === undefined) return []
      const wanted = actions.split(',')
      const granted = authorization === undefined ? wanted.filter((action) => action === 'pull' && name.startsWith('public/')) : wanted
      return [{ type, name, actions: granted }]
    })
    return {
      status: 200,
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(JSON.stringify({ token: jwt(access), expires_in: 300 })),
    }
  })
  return server
}

/** YAML is a superset of JSON. */
const settings = (folder: string, port: number, options: DebianRegistryOptions, tokens: TestRegistry | undefined): object => ({
  version: 0.1,
  log: { level: 'warn', accesslog: { disabled: true } },
  storage: {
    filesystem: { rootdirectory: join(folder, 'data') },
    delete: { enabled: true },
    maintenance: { uploadpurging: { enabled: false } },
  },
  http: {
    addr: `127.0.0.1:${port}`,
    secret: createHash('sha256').update(folder).digest('hex'),
    ...(options.tls === true ? { tls: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') } } : {}),
  },
  ...(options.login === 'basic' ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
  ...(tokens === undefined
    ? {}
    : {
        auth: { token: { realm: `${tokens.url}/token`, service: SERVICE, issuer: ISSUER, rootcertbundle: join(folder, 'authority.crt') } },
      }),
})

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

export const startDebianRegistry = async (options: DebianRegistryOptions = {}): Promise<DebianRegistry> => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-docker-registry-'))
  const tokens = options.login === 'token' ? await startTokens() : undefined
  const port = await freePort()
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(settings(folder, port, options, tokens)))
  writeFileSync(join(folder, 'htpasswd'), HTPASSWD)
  if (options.tls === true) {
    writeFileSync(join(folder, 'server.crt'), certificates().server.cert)
    writeFileSync(join(folder, 'server.key'), certificates().server.key)
  }
  if (tokens !== undefined) writeFileSync(join(folder, 'authority.crt'), certificates().authority.cert)
  // it goes with a test that is killed
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'docker-registry', 'serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // what is set for other programs of the machine is not for it
    env: { PATH: process.env['PATH'] ?? '', OTEL_TRACES_EXPORTER: 'none' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString()
    })
  const close = async (): Promise<void> => {
    await end(child)
    await tokens?.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const host = `127.0.0.1:${port}`
  const url = `${options.tls === true ? 'https' : 'http'}://${host}`
  try {
    await listening(child, port, () => output)
  } catch (error) {
    await close()
    throw error
  }
  return { host, url, folder: join(folder, 'data'), tokens, output: () => output, close }
}

const listening = async (child: ChildProcess, port: number, output: () => string): Promise<void> => {
  for (const deadline = performance.now() + 60_000; ; await setTimeout(20)) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}: ${output()}`)
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    if (performance.now() > deadline) throw new Error(`docker-registry does not listen: ${output()}`)
  }
}
