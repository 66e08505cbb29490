/**
 * The command line's rows of the design beside podman's, with crun and with runc: whole commands from start to end, in turns. All of it in network and mount
 * namespaces of its own: bridges, rules and mounts go with them. BENCH_ROUNDS (20), BENCH_CONTAINERS (200: for ps), BENCH_PARALLEL (50).
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeRootfs } from '../support/rootfs.ts'
import { interleave, report, type Row } from './median.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 20)
const CONTAINERS = Number(process.env['BENCH_CONTAINERS'] ?? 200)
const PARALLEL = Number(process.env['BENCH_PARALLEL'] ?? 50)
/** Names of rows that are measured, by their beginning; all if empty. */
const ONLY = process.argv.slice(2)

const IMAGE = 'localhost/bench:latest'
const home = join(import.meta.dirname, '../..')
const INSIDE = 'WHERRY_BENCH_INSIDE'

if (process.env[INSIDE] === undefined) {
  const argv = ['--net', '--mount', '--propagation', 'private', '--', process.execPath, import.meta.filename, ...ONLY]
  const { status } = spawnSync('unshare', argv, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } })
  process.exit(status ?? 1)
}
spawnSync('busybox', ['ip', 'link', 'set', 'lo', 'up'], { stdio: 'inherit' })
// crun does not run where a unified hierarchy beside the others has controllers, and engines make folders for controllers that have no hierarchy
// here: nobody but us sees that the one is gone, and gets the others
const OWN_CGROUPS = `set -e
if mountpoint -q /sys/fs/cgroup/unified; then umount -l /sys/fs/cgroup/unified; fi
mkdir "$0/cgroup"
mount --rbind /sys/fs/cgroup "$0/cgroup"
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for folder in "$0"/cgroup/*; do
  mountpoint -q "$folder" || continue
  mkdir "/sys/fs/cgroup/\${folder##*/}"
  mount --bind "$folder" "/sys/fs/cgroup/\${folder##*/}"
done
umount -l "$0/cgroup"
rmdir "$0/cgroup"`

const work = mkdtempSync(join(tmpdir(), 'wherry-bench-'))
/** Where the state of a boot is a tmpfs on most machines; where it is not, another one stands for it. */
const TMPFS_MAGIC = 0x01021994
const state = mkdtempSync(join(statfsSync('/run').type === TMPFS_MAGIC ? '/run' : '/dev/shm', 'wherry-bench-'))

if (!existsSync('/sys/fs/cgroup/cgroup.procs')) {
  const { status } = spawnSync('sh', ['-c', OWN_CGROUPS, work], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the hierarchies of cgroups cannot be mounted again')
}

interface Engine {
  readonly name: string
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Flags that each of its containers needs on this machine. */
  readonly place: readonly string[]
  /** Removes containers that run, at once. */
  readonly remove: readonly string[]
}

/** Of podman’s containers; removed at the end. */
const CGROUP = `/wherry-bench-${process.pid}`

/** What is left of it in the hierarchies: folders of containers that have ended, and itself. */
const removeCgroups = (): void => {
  const roots = existsSync('/sys/fs/cgroup/cgroup.procs')
    ? ['/sys/fs/cgroup']
    : readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)
  const remove = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) remove(join(folder, entry.name))
    rmdirSync(folder)
  }
  for (const root of roots) if (existsSync(`${root}/cgroup.procs`) && existsSync(root + CGROUP)) remove(root + CGROUP)
}

const env = { PATH: process.env['PATH'], HOME: work, TMPDIR: work }

const wherry: Engine = {
  name: 'wherry',
  argv: [join(home, 'bin/wherry')],
  env: { ...env, WHERRY_ROOT: join(work, 'wherry'), WHERRY_RUN_ROOT: join(state, 'wherry'), WHERRY_CONFIG: '/dev/null' },
  place: [],
  remove: ['rm', '--force'],
}

/** Each with a store of its own: a container belongs to the runtime that made it. */
const podman = (runtime: string, path: string): Engine => {
  const name = `podman with ${runtime}`
  const [folder, run] = [join(work, runtime), join(state, runtime)]
  for (const made of [folder, run, join(folder, 'networks')]) mkdirSync(made)
  const conf = join(folder, 'containers.conf')
  writeFileSync(
    conf,
    `[network]\nnetwork_config_dir = "${folder}/networks"\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\n`,
  )
  const storage = join(folder, 'storage.conf')
  writeFileSync(storage, `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/storage"\nrunroot = "${run}/storage"\n`)
  return {
    name,
    argv: ['podman', '--tmpdir', join(run, 'tmp'), '--runtime', path],
    env: { ...env, CONTAINERS_CONF: conf, CONTAINERS_STORAGE_CONF: storage },
    // as much as a machine without CAP_SYS_RESOURCE can give
    place: ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', '--cgroup-parent', CGROUP],
    remove: ['rm', '--force', '--time', '0'],
  }
}

const call = ({ name, argv, env: own }: Engine, ...args: readonly string[]): string => {
  const [program, ...rest] = [...argv, ...args]
  const { status, stdout, stderr } = spawnSync(program!, rest, { env: own, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: exit status ${status}: ${stderr.trim()}`)
  return stdout
}

/** The same without reading what it says: a pipe would be waited for until nobody holds it. */
const start = ({ name, argv, env: own }: Engine, ...args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const [program, ...rest] = [...argv, ...args]
    const child = spawn(program!, rest, { env: own, stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (status) => (status === 0 ? resolve() : reject(new Error(`${name} ${args.join(' ')}: exit status ${status}`))))
  })

const importImage = (engine: Engine, archive: string): void => void call(engine, 'import', '--quiet', archive, IMAGE)

/** Engines that can run a container at all; what hinders the others is said. */
const working = (engines: readonly Engine[], archive: string): Engine[] =>
  engines.filter((engine) => {
    try {
      importImage(engine, archive)
      call(engine, 'run', '--rm', '--network', 'none', ...engine.place, IMAGE, 'true')
      return true
    } catch (error) {
      console.log(`left out: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`)
      return false
    }
  })

const turns = (engines: readonly Engine[], work: (engine: Engine) => unknown, rounds = ROUNDS): Promise<Row[]> =>
  interleave(rounds, Object.fromEntries(engines.map((engine) => [engine.name, () => work(engine)])))

const SLEEPER = 'bench-sleeper'

const ROWS: Readonly<Record<string, (engines: readonly Engine[]) => Promise<Row[]>>> = {
  'run --rm --network none IMAGE true': (engines) =>
    turns(engines, (engine) => start(engine, 'run', '--rm', '--network', 'none', ...engine.place, IMAGE, 'true')),
  'run --rm --publish 18080:80 IMAGE true': (engines) =>
    turns(engines, (engine) => start(engine, 'run', '--rm', '--publish', '18080:80', ...engine.place, IMAGE, 'true')),
  'exec C true': async (engines) => {
    for (const engine of engines)
      call(engine, 'run', '--detach', '--name', SLEEPER, '--network', 'none', ...engine.place, IMAGE, 'sleep', '100000')
    const rows = await turns(engines, (engine) => start(engine, 'exec', SLEEPER, 'true'))
    for (const engine of engines) call(engine, ...engine.remove, SLEEPER)
    return rows
  },
  [`ps with ${CONTAINERS} containers`]: async (engines) => {
    for (const engine of engines)
      for (let index = 0; index < CONTAINERS; index++)
        call(engine, 'run', '--detach', '--network', 'none', ...engine.place, IMAGE, 'sleep', '100000')
    const rows = await turns(engines, (engine) => start(engine, 'ps'))
    for (const engine of engines) removeAll(engine)
    return rows
  },
  [`${PARALLEL} × run --rm at once`]: (engines) =>
    turns(
      engines,
      (engine) =>
        Promise.all(
          Array.from({ length: PARALLEL }, () => start(engine, 'run', '--rm', '--network', 'none', ...engine.place, IMAGE, 'true')),
        ),
      Math.max(3, Math.ceil(ROUNDS / 5)),
    ),
}

const removeAll = (engine: Engine): void => {
  const ids = call(engine, 'ps', '--all', '--quiet')
    .trim()
    .split('\n')
    .filter((id) => id !== '')
  if (ids.length > 0) call(engine, ...engine.remove, ...ids)
}

const runtimes = Object.entries({ crun: ['/usr/bin/crun'], runc: ['/usr/sbin/runc', '/usr/bin/runc'] }).flatMap(([name, paths]) => {
  const path = paths.find((one) => existsSync(one))
  return path === undefined ? [] : [{ name, path }]
})
const engines: Engine[] = []
try {
  const rootfs = join(work, 'image/rootfs')
  mkdirSync(join(work, 'image'))
  makeRootfs(rootfs)
  const archive = join(work, 'image.tar')
  const { status } = spawnSync('tar', ['-C', rootfs, '-cf', archive, '.'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('tar failed')
  const all = [wherry, ...(process.env['BENCH_ALONE'] === undefined ? runtimes.map(({ name, path }) => podman(name, path)) : [])]
  engines.push(...working(all, archive))
  const base = engines.find(({ name }) => name === 'podman with crun') ?? engines[0]!
  for (const [title, measure] of Object.entries(ROWS)) {
    if (ONLY.length > 0 && !ONLY.some((wanted) => title.startsWith(wanted))) continue
    report(title, await measure(engines), base.name)
  }
  const load = readFileSync('/proc/loadavg', 'utf8').trim()
  console.log(`\n${load} (load), ${cpus().length} cores, kernel ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}`)
} finally {
  for (const engine of engines) removeAll(engine)
  removeCgroups()
  for (const folder of [work, state]) rmSync(folder, { recursive: true, force: true })
}
