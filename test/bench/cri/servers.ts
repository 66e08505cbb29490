/** The servers that are compared: wherry, and containerd with runc and with crun. Each in network and mount namespaces of its own. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openStore } from '../../../image/store/store.ts'
import { Corner } from '../../integration/peers/corner.ts'
import { type CriClient, connectCri } from '../../support/cri/client.ts'
import { putUnpacked } from '../../support/cri/images.ts'
import { has } from '../../support/requires.ts'
import { BUSYBOX, busybox, PAUSE, pause, writeArchive } from './images.ts'

const home = join(import.meta.dirname, '../../..')
/** Milliseconds. */
const PATIENCE = 60_000

const PLUGINS = '/usr/lib/cni'
const NETWORK = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'bench',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni-bench',
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/16' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

export interface Server {
  readonly name: string
  readonly corner: Corner
  readonly client: CriClient
  readonly pid: number
  /** cgroup parent of its pods. */
  readonly pods: string
  close(): Promise<void>
}

export type OpenServer = () => Promise<Server>

const CONTAINERD = (folder: string, runtime: string): string => `
version = 2
root = "${folder}/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${folder}/cri.sock"
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "bench"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.bench]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.bench.options]
        BinaryName = "${runtime}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${PLUGINS}"
    conf_dir = "${folder}/net.d"
`

/** crun does not run where a unified hierarchy beside the others has controllers. */
const HIDE_UNIFIED = 'if mountpoint -q /sys/fs/cgroup/unified; then umount -l /sys/fs/cgroup/unified; fi'

/** A corner with a network configuration, where plugins may keep what they keep. */
const openCorner = async (name: string): Promise<Corner> => {
  const corner = await Corner.open(`bench-cri-${name}`)
  mkdirSync(join(corner.folder, 'net.d'))
  writeFileSync(join(corner.folder, 'net.d/10-bench.conflist'), NETWORK)
  const script = `set -e
mkdir -p /run/netns
mount -t tmpfs lib /var/lib
sysctl -qw net.ipv4.ip_forward=1
${name.endsWith('crun') ? HIDE_UNIFIED : ''}`
  const { status, stderr } = corner.run(['sh', '-c', script])
  if (status !== 0) throw new Error(`the corner for ${name}: ${stderr}`)
  mkdirSync(corner.cgroupDirectory('pids'), { recursive: true })
  mkdirSync(`${corner.cgroupDirectory('pids')}/server`)
  return corner
}

/** Starts it in a cgroup of its own, so that all that it leaves is ended with the corner. */
const begin = async (name: string, corner: Corner, command: readonly string[]): Promise<Server> => {
  const socket = `${corner.folder}/cri.sock`
  const enter = `echo $$ >${corner.cgroupDirectory('pids')}/server/cgroup.procs; exec "$@"`
  const child: ChildProcess = corner.start(['sh', '-c', enter, 'sh', ...command], {
    PATH: process.env['PATH'],
    HOME: corner.folder,
    TMPDIR: corner.folder,
    CONTAINERS_REGISTRIES_CONF: '/dev/null',
  })
  child.stdin!.end()
  let said = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk) => {
      said = (said + String(chunk)).slice(-8192)
    })
  const client = connectCri(`unix:${socket}`)
  for (const until = performance.now() + PATIENCE; ; await setTimeout(50)) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`)
    try {
      const { status } = await client.status({}, { timeout: 2000 })
      if (status?.conditions.every(({ status: ok }) => ok) === true) break
    } catch (error) {
      if (performance.now() > until) throw new Error(`${name} is not ready: ${said}`, { cause: error })
    }
    if (performance.now() > until) throw new Error(`${name} is not ready: ${said}`)
  }
  return {
    name,
    corner,
    client,
    // nsenter and sh execute what comes next
    pid: child.pid!,
    pods: `${corner.cgroup}/pods`,
    async close() {
      client.close()
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      if (child.exitCode !== 0 && child.exitCode !== null) console.error(`${name}: exit status ${child.exitCode}: ${said}`)
      await corner.close()
    },
  }
}

const inCorner = async (name: string, prepare: (corner: Corner) => Promise<readonly string[]>): Promise<Server> => {
  const corner = await openCorner(name)
  try {
    return await begin(name, corner, await prepare(corner))
  } catch (error) {
    await corner.close()
    throw error
  }
}

const openContainerd = async (runtime: string): Promise<Server> => {
  const server = await inCorner(`containerd-${runtime}`, async ({ folder }) => {
    writeFileSync(join(folder, 'config.toml'), CONTAINERD(folder, runtime))
    return ['containerd', '--config', join(folder, 'config.toml')]
  })
  const { corner } = server
  const archive = join(corner.folder, 'images.tar')
  await writeArchive(archive, { [BUSYBOX]: await busybox(), [PAUSE]: await pause(corner.folder) })
  const ctr = ['ctr', '--address', join(corner.folder, 'cri.sock'), '--namespace', 'k8s.io', 'images', 'import', archive]
  const { status, stderr } = corner.run(ctr)
  rmSync(archive)
  if (status !== 0) {
    await server.close()
    throw new Error(`ctr images import: ${stderr}`)
  }
  return server
}

/**
 * As it is installed, but with a Node of its own: pages that the server shares with this process would count half.
 */
const installed = (folder: string): string => {
  const program = join(folder, 'package')
  for (const name of ['bin', 'dist']) cpSync(join(home, name), join(program, name), { recursive: true })
  mkdirSync(join(program, 'node_modules'))
  for (const name of readdirSync(join(home, 'node_modules'))) {
    const [from, to] = [join(home, 'node_modules', name), join(program, 'node_modules', name)]
    if (name.startsWith('node-linux-')) cpSync(from, to, { recursive: true })
    else symlinkSync(from, to)
  }
  return join(program, 'bin/wherry')
}

const openWherry: OpenServer = () =>
  inCorner('wherry', async ({ folder }) => {
    const store = openStore(join(folder, 'root'))
    await putUnpacked(store, BUSYBOX, await busybox())
    const flags = {
      root: join(folder, 'root'),
      // a tmpfs, as it is on a node
      'run-root': '/run/wherry',
    }
    const own = {
      socket: join(folder, 'cri.sock'),
      'cni-config': join(folder, 'net.d'),
      'cni-plugins': PLUGINS,
      'cgroup-driver': 'cgroupfs',
    }
    const words = (options: Readonly<Record<string, string>>): string[] =>
      Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    return [installed(folder), ...words(flags), 'cri', ...words(own), '--restrict-oom-score-adj']
  })

const version = (command: string): string => execFileSync(command, ['--version'], { encoding: 'utf8' }).split('\n')[0]!

/** By name; peers that are not installed are left out. */
export const servers = (): Readonly<Record<string, OpenServer>> => {
  const found: Record<string, OpenServer> = { wherry: openWherry }
  for (const runtime of ['runc', 'crun'] as const)
    if (has('containerd') && has(runtime)) {
      console.log(`peer: ${version('containerd')}, ${version(runtime)}`)
      found[`containerd-${runtime}`] = () => openContainerd(runtime)
    }
  return found
}
