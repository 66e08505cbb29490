/** The engine's rows of the design: a container in a warm process, and one run of the OCI runtimes on the same bundle. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '../../runtime/container/create.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { reap } from '../../runtime/container/launch.ts'
import { start } from '../../runtime/container/start.ts'
import { defaultProfile } from '../../runtime/seccomp/default-profile.ts'
import { defaultSpec } from '../../runtime/spec/default.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { interleave, report } from './median.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 20)
const home = join(import.meta.dirname, '../..')
const work = mkdtempSync(join(tmpdir(), 'wherry-bench-'))
/** Where runtimes keep the state of a boot is a tmpfs on most machines; where it is not, another one stands for it. */
const TMPFS_MAGIC = 0x01021994
const state = mkdtempSync(join(statfsSync('/run').type === TMPFS_MAGIC ? '/run' : '/dev/shm', 'wherry-bench-'))

/** busybox `true` as the only process; Debian's crun knows no ociVersion above 1.0. */
const makeBundle = (name: string, seccomp: boolean): string => {
  const bundle = join(work, name)
  mkdirSync(join(bundle, 'rootfs/bin'), { recursive: true })
  for (const folder of ['proc', 'sys', 'dev', 'etc', 'tmp']) mkdirSync(join(bundle, 'rootfs', folder))
  cpSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'))
  symlinkSync('busybox', join(bundle, 'rootfs/bin/true'))
  const spec = defaultSpec({ rootless: undefined, cgroupNamespace: false })
  const capabilities = new Set(spec.process.capabilities?.bounding ?? [])
  const config = {
    ...spec,
    ociVersion: '1.0.2',
    process: { ...spec.process, terminal: false, args: ['true'], rlimits: [] },
    linux: {
      ...spec.linux,
      resources: { ...spec.linux.resources, memory: { limit: 1 << 28 }, pids: { limit: 100 } },
      ...(seccomp ? { seccomp: defaultProfile({ capabilities, arch: process.arch === 'arm64' ? 'arm64' : 'x64', kernel: [6, 1] }) } : {}),
    },
  }
  writeFileSync(join(bundle, 'config.json'), stringifyJson(config))
  return bundle
}

const phases = { create: [] as number[], start: [] as number[], wait: [] as number[], delete: [] as number[] }

const warm = (bundle: string) => {
  const engine = { root: join(state, 'warm'), systemdCgroup: false, warn: () => {} }
  let count = 0
  return async () => {
    const id = `bench-${process.pid}-${count++}`
    const times = [performance.now()]
    const { init } = await create(engine, { id, bundle, noPivot: false, noNewKeyring: false, preserveFds: 0 })
    times.push(performance.now())
    await start(engine, id)
    times.push(performance.now())
    reap(init!.pid)
    times.push(performance.now())
    await deleteContainer(engine, id, { force: false })
    times.push(performance.now())
    for (const [index, name] of (['create', 'start', 'wait', 'delete'] as const).entries())
      phases[name].push(times[index + 1]! - times[index]!)
  }
}

const run = (runtime: string, root: string, bundle: string) => {
  let count = 0
  return () => {
    const { status, stderr } = spawnSync(runtime, ['--root', join(state, root), 'run', '--bundle', bundle, `bench-${root}-${count++}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (status !== 0) throw new Error(`${runtime}: ${stderr.toString().trim()}`)
  }
}

const works = (runtime: string, bundle: string): boolean => {
  try {
    run(runtime, 'probe', bundle)()
    return true
  } catch (error) {
    console.log(`left out: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`)
    return false
  }
}

const median = (times: readonly number[]): string => [...times].sort((a, b) => a - b)[times.length >> 1]!.toFixed(2)

try {
  const plain = makeBundle('plain', false)
  const filtered = makeBundle('filtered', true)
  const rows = await interleave(ROUNDS * 5, { 'with the default seccomp profile': warm(filtered) })
  report('a container in a warm process: create, start, wait, delete', rows, 'with the default seccomp profile')
  console.log(
    `of which: ${Object.entries(phases)
      .map(([name, times]) => `${name} ${median(times)}`)
      .join(', ')} (wait: until true has ended)`,
  )

  const node = join(home, 'node_modules/.bin/node')
  const peers = ['/usr/sbin/runc', '/usr/bin/runc', '/usr/bin/crun', ...(process.env['BENCH_PEERS'] ?? '').split(':')].filter(
    (path) => path !== '' && existsSync(path) && works(path, plain),
  )
  const candidates: Record<string, () => unknown> = { 'wherry-oci': run(join(home, 'bin/wherry-oci'), 'wherry', plain) }
  for (const peer of peers) candidates[peer] = run(peer, peer.replaceAll('/', '-'), plain)
  candidates['node -e 0 (floor)'] = () => execFileSync(node, ['-e', '0'])
  report(
    'run of a bundle: one process of the runtime from start to end',
    await interleave(ROUNDS, candidates),
    peers.find((peer) => peer.endsWith('runc')) ?? 'wherry-oci',
  )
  console.log(
    `\n${readFileSync('/proc/loadavg', 'utf8').trim()} (load), kernel ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}`,
  )
} finally {
  for (const folder of [work, state]) rmSync(folder, { recursive: true, force: true })
}
