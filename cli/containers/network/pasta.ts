/**
 * The network of a container of somebody who is not root of the machine: pasta(1) copies between a tap interface in the container's namespace and
 * sockets of the user's. It has the machine's own addresses inside, and its ports by pasta's -t and -u.
 */
import { spawn } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, readFileSync, rmSync } from 'node:fs'
import { identify } from '../../../runtime/container/process-id.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { PublishedPort } from '../../../runtime/network/attachments.ts'
import { pinNamespace, unpinNamespace } from '../../../runtime/network/cni/pin.ts'
import { DEFAULT_NETWORK } from '../../../runtime/network/definition.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { filePaths } from './files.ts'
import { networkNames } from './plan.ts'
import { holdAll, wantedPorts } from './publish.ts'
import type { AttachedNetwork, RunNetwork } from './run.ts'

const PROGRAM = 'pasta'
/** Milliseconds until it has made the interface and gone to the background. */
const PATIENCE = 20_000

const findPasta = (): string => {
  const folders = (process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  const found = folders.map((folder) => `${folder}/${PROGRAM}`).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new WherryError(
    'failed-precondition',
    "networks of users who are not root need pasta, which is not there: install it (Debian's package passt), or use --network none or --network host",
  )
}

const TUN = '/dev/net/tun'

/** Throws `failed-precondition` where the user may not make an interface of his own. */
const checkTun = (): void => {
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK)
  } catch (cause) {
    const problem = isErrno(cause, 'ENOENT')
      ? 'is not there: load the module (modprobe tun)'
      : `may not be opened by you: chmod 0666 ${TUN}`
    throw new WherryError(
      'failed-precondition',
      `${TUN}, which pasta makes the container's interface with, ${problem}; or use --network none or host`,
      { cause },
    )
  }
}

/** Throws `unsupported` for what only networks of root have. */
const checkRequest = ({ request }: ContainerConfig): void => {
  const { names, ip, ip6, mac, ports } = request.network
  const other = names.find((name) => name !== DEFAULT_NETWORK)
  const asked =
    other !== undefined
      ? `--network ${other}`
      : ip !== undefined
        ? '--ip'
        : ip6 !== undefined
          ? '--ip6'
          : mac !== undefined
            ? '--mac-address'
            : undefined
  if (asked !== undefined)
    throw new WherryError(
      'unsupported',
      `${asked} needs root of the machine: without it a container has the default network alone, by pasta`,
    )
  if (ports.some(({ protocol }) => protocol === 'sctp'))
    throw new WherryError('unsupported', 'sctp ports cannot be published without root: pasta has tcp and udp')
}

const spec = ({ host, hostPort, port }: PublishedPort): string => `${host === undefined ? '' : `${host}/`}${hostPort}:${port}`

const portFlags = (ports: readonly PublishedPort[]): string[] => [
  ...(['tcp', 'udp'] as const).flatMap((protocol) => {
    const flag = protocol === 'tcp' ? '-t' : '-u'
    const own = ports.filter((port) => port.protocol === protocol)
    return own.length === 0 ? [flag, 'none'] : own.flatMap((port) => [flag, spec(port)])
  }),
  // nothing of the machine's loopback is seen inside
  ...['-T', 'none', '-U', 'none'],
]

const run = (path: string, argv: readonly string[]): Promise<{ readonly status: number | null; readonly stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(path, argv, { stdio: ['ignore', 'ignore', 'pipe'], timeout: PATIENCE, killSignal: 'SIGKILL' })
    const chunks: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', reject)
    // it goes to the background with our end of the pipe
    child.once('exit', (status) => {
      child.stderr.destroy()
      resolve({ status, stderr: Buffer.concat(chunks).toString() })
    })
  })

const words = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('Failed to send'))
    .slice(-3)
    .join('; ')

const readPid = (path: string): number => {
  try {
    return Number(readFileSync(path, 'utf8').trim())
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0
    throw error
  }
}

/** Throws `failed-precondition` naming the package, `already-exists` naming a port. */
export const pastaNetwork = (home: Home, config: ContainerConfig): RunNetwork => {
  const path = findPasta()
  checkRequest(config)
  checkTun()
  if (networkNames(config.request.network).length > 1) throw new WherryError('unsupported', 'several networks need root of the machine')
  const wanted = wantedPorts(config.request.network, config.process.exposed)
  // that they are free is found out now; they are pasta's own afterwards
  const { published, held } = wanted.length === 0 ? { published: [], held: [] } : holdAll(wanted, new Set([4, 6]))
  let open = true
  const close = (): void => {
    if (open) for (const { fd } of held) closeSync(fd)
    open = false
  }
  return {
    files: filePaths(home, config.id),
    async attach(init): Promise<AttachedNetwork> {
      const pidFile = `${placesOf(home, config.id).run}/pasta.pid`
      rmSync(pidFile, { force: true })
      close()
      const netns = `${placesOf(home, config.id).run}/netns`
      // it gives up the capability by which it could look at another process’s namespaces, but not what it may do in them
      pinNamespace(init.pid, netns)
      let ended: Awaited<ReturnType<typeof run>>
      try {
        // the path goes as soon as it is open; it is ended by us
        const own = ['--config-net', '--quiet', '--no-map-gw', '--no-netns-quit', '--runas', '0:0']
        ended = await run(path, [...own, ...portFlags(published), '--pid', pidFile, '--netns', netns])
      } finally {
        unpinNamespace(netns)
      }
      const { status, stderr } = ended
      const pid = readPid(pidFile)
      if (status !== 0 || pid === 0)
        throw new WherryError(
          'failed-precondition',
          `pasta, which makes the container's network: ${words(stderr) || `it exited with ${status}`}`,
        )
      return { relay: identify(pid), ports: published }
    },
    close,
  }
}
