/** Who pulls: wherry, podman, containerd, and the floor, which only inflates and hashes. Each into a store that is made for it and taken away. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Corner } from '../../integration/peers/corner.ts'
import { type BenchImage, CACHE } from './image.ts'
import { end, referenceOf } from './registry.ts'
import { type Usage, watch } from './watch.ts'

export interface Outcome extends Usage {
  /** Seconds from the start of the command to its end. */
  readonly elapsed: number
}

interface Place {
  /** Empty; for configuration and sockets. */
  readonly folder: string
  /** Empty; a file system of its own, seen by what runs in the corner. */
  readonly disk: string
}

/** Pulls once. */
export type Candidate = (image: BenchImage, place: Place) => Promise<Outcome>

const home = join(import.meta.dirname, '../../..')
const node = join(home, 'node_modules/.bin/node')

const collect = (child: ChildProcess): (() => string) => {
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said = (said + String(chunk)).slice(-8192)))
  return () => said
}

const timed = async (
  corner: Corner,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  daemons: readonly number[] = [],
): Promise<Outcome> => {
  const from = performance.now()
  const child = corner.start(command, { ...process.env, ...env })
  child.stdin!.end()
  const said = collect(child)
  const watched = watch(child.pid!, ...daemons)
  const [status] = await once(child, 'exit')
  const elapsed = (performance.now() - from) / 1000
  const usage = watched.stop()
  if (status !== 0) throw new Error(`${command.join(' ')}: exit status ${String(status)}: ${said()}`)
  return { elapsed, ...usage }
}

const CONTAINERD = ({ folder, disk }: Place): string => `
version = 2
root = "${disk}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${folder}/containerd.sock"
[debug]
  level = "warn"
`

/** `ctr images pull`: the client downloads, the daemon unpacks; both are counted. */
const containerd =
  (corner: Corner): Candidate =>
  async (image, place) => {
    const { folder } = place
    writeFileSync(join(folder, 'config.toml'), CONTAINERD(place))
    const daemon = corner.start(['containerd', '--config', join(folder, 'config.toml')])
    const said = collect(daemon)
    const ctr = ['ctr', '--address', join(folder, 'containerd.sock'), '--namespace', 'bench']
    try {
      const deadline = performance.now() + 20_000
      while (corner.run([...ctr, 'version']).status !== 0) {
        if (daemon.exitCode !== null || performance.now() > deadline) throw new Error(`containerd: ${said()}`)
        await setTimeout(100)
      }
      return await timed(corner, [...ctr, 'images', 'pull', '--plain-http', referenceOf(image)], {}, [daemon.pid!])
    } finally {
      await end(daemon)
    }
  }

const podman =
  (corner: Corner): Candidate =>
  (image, { folder, disk }) => {
    const at = (name: string): string => join(folder, name)
    const storage = join(disk, 'storage')
    writeFileSync(at('containers.conf'), '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\n')
    writeFileSync(at('storage.conf'), `[storage]\ndriver = "overlay"\ngraphroot = "${storage}"\nrunroot = "${at('run')}"\n`)
    corner.run(['mkdir', join(disk, 'tmp')])
    const global = ['--root', storage, '--runroot', at('run'), '--tmpdir', at('tmp')]
    return timed(corner, ['podman', ...global, 'pull', '--quiet', '--tls-verify=false', referenceOf(image)], {
      HOME: folder,
      TMPDIR: join(disk, 'tmp'),
      CONTAINERS_CONF: at('containers.conf'),
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
    })
  }

const wherry =
  (corner: Corner): Candidate =>
  (image, { disk }) =>
    timed(
      corner,
      [join(home, 'bin/wherry'), '--root', join(disk, 'store'), 'pull', '--quiet', '--tls-verify=false', referenceOf(image)],
      {},
    )

const floor =
  (corner: Corner): Candidate =>
  (image) =>
    timed(
      corner,
      [node, join(home, 'test/bench/pull-floor.ts'), ...image.layers.map(({ digest }) => join(image.layout, 'blobs/sha256', digest))],
      {},
    )

export const candidates = (corner: Corner): Readonly<Record<string, Candidate>> => ({
  wherry: wherry(corner),
  podman: podman(corner),
  containerd: containerd(corner),
  floor: floor(corner),
})

const DISK = 12 * 2 ** 30

/**
 * Runs it once, on an ext4 of its own that has just been made: one where many files were deleted a moment ago is slow to make new ones
 * (recently_deleted() of fs/ext4/ialloc.c), and who comes second would pay for who came first.
 */
export const runOnce = async (corner: Corner, candidate: Candidate, image: BenchImage): Promise<Outcome> => {
  const folder = mkdtempSync(join(CACHE, 'run-'))
  const [disk, file] = [join(folder, 'disk'), join(folder, 'disk.ext4')]
  const must = (...command: string[]): void => {
    const { status, stderr } = corner.run(command, { timeout: 600_000 })
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  }
  try {
    mkdirSync(disk)
    must('fallocate', '-l', String(DISK), file)
    must('mkfs.ext4', '-q', '-E', 'nodiscard,lazy_itable_init=1,lazy_journal_init=1', file)
    const { status, stdout, stderr } = corner.run(['losetup', '--find', '--show', '--direct-io=on', file])
    if (status !== 0) throw new Error(`losetup: ${stderr}`)
    const device = stdout.trim()
    try {
      must('mount', '-o', 'noinit_itable', device, disk)
    } finally {
      // takes effect when it is unmounted
      must('losetup', '--detach', device)
    }
    try {
      must('sync')
      return await candidate(image, { folder, disk })
    } finally {
      // podman leaves its storage mounted, in the corner's mount namespace alone
      must('umount', '--recursive', disk)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
