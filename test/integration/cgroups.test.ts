/** Cgroups on the kernel of this machine: every limit is read back from it. The parent of all is /wherry-test-PID. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { after, afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCgroup, openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { setDevicesV2 } from '../../runtime/cgroups/devices/v2.ts'
import { deviceRules } from '../../runtime/cgroups/devices/rules.ts'
import { homesOf } from '../../runtime/cgroups/homes.ts'
import { layout } from '../../runtime/cgroups/layout.ts'
import { watchOom } from '../../runtime/cgroups/oom.ts'
import type { Cgroup } from '../../runtime/cgroups/types.ts'
import type { LinuxResources } from '../../runtime/spec/types.ts'
import { has, requires } from '../support/requires.ts'

const skip = requires('root')
const BASE = `/wherry-test-${process.pid}`

const cgroups: Cgroup[] = []
const children: ChildProcess[] = []
let number = 0

const open = async (cgroupsPath = `${BASE}/${++number}`, more: { readonly ownerUid?: number } = {}): Promise<Cgroup> => {
  const cgroup = await createCgroup({ id: `c${process.pid}`, cgroupsPath, systemd: false, rootless: false, warn: () => {}, ...more })
  cgroups.push(cgroup)
  return cgroup
}

const create = async (resources: LinuxResources = {}, cgroupsPath?: string): Promise<Cgroup> => {
  const cgroup = await open(cgroupsPath)
  await cgroup.create(resources)
  return cgroup
}

/** A process in the cgroup that runs `script`: it enters by itself where the kernel has v1, else it is put there. */
const start = async (cgroup: Cgroup, script = 'exec sleep 1000'): Promise<ChildProcess> => {
  const { into, tasks } = cgroup.entrance()!
  const enter = 'read go; for file; do echo 0 >"$file" || exit 99; done;'
  const child = spawn('/bin/sh', ['-c', `${enter} ${script}`, 'sh', ...tasks], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  if (into !== undefined) writeFileSync(`${into}/cgroup.procs`, String(child.pid))
  child.stdin!.end('go\n')
  for (const dir of cgroup.directories())
    while (!readFileSync(`${dir}/cgroup.procs`, 'utf8').split('\n').includes(String(child.pid))) await sleep(5)
  return child
}

/** What a script in the cgroup prints. */
const output = async (cgroup: Cgroup, script: string): Promise<string> => {
  const { into, tasks } = cgroup.entrance()!
  const files = [...tasks, ...(into === undefined ? [] : [`${into}/cgroup.procs`])]
  const child = spawn('/bin/sh', ['-c', `for file; do echo 0 >"$file" || exit 99; done; ${script}`, 'sh', ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk))
  await once(child, 'close')
  return Buffer.concat(chunks).toString().trim()
}

const dirOf = (cgroup: Cgroup, controller: string): string => {
  const { paths, layout: kind } = cgroup.record
  return (kind === 'v2' ? paths[''] : paths[controller])!
}

/** The file of a v1 controller, or the one of v2. */
const read = (cgroup: Cgroup, v1: readonly [controller: string, file: string], v2: string): string =>
  readFileSync(cgroup.record.layout === 'v2' ? `${dirOf(cgroup, '')}/${v2}` : `${dirOf(cgroup, v1[0])}/${v1[1]}`, 'utf8').trim()

const everyMount = (): readonly string[] => [...new Set([...layout().hierarchies.values()].map(({ mountPoint }) => mountPoint))]

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const end = once(child, 'exit')
    child.kill('SIGKILL')
    for (const cgroup of cgroups) if (cgroup.frozen) await cgroup.thaw()
    await end
  }
  for (const cgroup of cgroups.splice(0)) await cgroup.destroy()
})

const removeAll = (dir: string): void => {
  if (!existsSync(dir)) return
  for (const entry of readdirSync(dir, { withFileTypes: true })) if (entry.isDirectory()) removeAll(`${dir}/${entry.name}`)
  rmdirSync(dir)
}

/** What hybrid machines have enabled in the unified hierarchy, where limits of huge pages enable more. */
const enabled = (): readonly string[] => {
  const unified = layout().kind === 'hybrid' ? layout().hierarchies.get('')?.mountPoint : undefined
  return unified === undefined ? [] : readFileSync(`${unified}/cgroup.subtree_control`, 'utf8').split(/\s+/).filter(Boolean)
}
const enabledBefore = skip ? [] : enabled()

after(() => {
  if (skip) return
  for (const mountPoint of everyMount()) removeAll(mountPoint + BASE)
  for (const controller of enabled())
    if (!enabledBefore.includes(controller))
      writeFileSync(`${layout().hierarchies.get('')!.mountPoint}/cgroup.subtree_control`, `-${controller}`)
})

test('limits of memory, cpu, cpuset and pids arrive', { skip }, async () => {
  const cgroup = await create({
    memory: { limit: 64n << 20n, reservation: 32n << 20n },
    cpu: { shares: 512, quota: 20000, period: 50000, cpus: '0', mems: '0' },
    pids: { limit: 17 },
  })
  assert.equal(read(cgroup, ['memory', 'memory.limit_in_bytes'], 'memory.max'), String(64 << 20))
  assert.equal(read(cgroup, ['memory', 'memory.soft_limit_in_bytes'], 'memory.low'), String(32 << 20))
  assert.equal(read(cgroup, ['pids', 'pids.max'], 'pids.max'), '17')
  assert.equal(read(cgroup, ['cpuset', 'cpuset.cpus'], 'cpuset.cpus'), '0')
  assert.equal(read(cgroup, ['cpuset', 'cpuset.mems'], 'cpuset.mems'), '0')
  if (cgroup.record.layout === 'v2') {
    assert.equal(read(cgroup, ['', ''], 'cpu.max'), '20000 50000')
    assert.equal(read(cgroup, ['', ''], 'cpu.weight'), '59')
  } else {
    assert.equal(read(cgroup, ['cpu', 'cpu.shares'], ''), '512')
    assert.equal(read(cgroup, ['cpu', 'cpu.cfs_quota_us'], ''), '20000')
    assert.equal(read(cgroup, ['cpu', 'cpu.cfs_period_us'], ''), '50000')
  }
})

test('memory and swap together arrive', { skip }, async (t) => {
  const probe = await create()
  const file =
    probe.record.layout === 'v2' ? `${dirOf(probe, '')}/memory.swap.max` : `${dirOf(probe, 'memory')}/memory.memsw.limit_in_bytes`
  if (!existsSync(file)) return t.skip('requires swap accounting')
  const cgroup = await create({ memory: { limit: 32n << 20n, swap: 48n << 20n } })
  const swap = () => read(cgroup, ['memory', 'memory.memsw.limit_in_bytes'], 'memory.swap.max')
  const sum = (limit: number, both: number) => String(cgroup.record.layout === 'v2' ? both - limit : both)
  assert.equal(swap(), sum(32 << 20, 48 << 20))
  await cgroup.update({ memory: { limit: 64n << 20n, swap: 80n << 20n } })
  assert.equal(swap(), sum(64 << 20, 80 << 20), 'raised above what both were')
  await cgroup.update({ memory: { limit: 16n << 20n, swap: 20n << 20n } })
  assert.equal(swap(), sum(16 << 20, 20 << 20), 'lowered below what the limit was')
  assert.equal(read(cgroup, ['memory', 'memory.limit_in_bytes'], 'memory.max'), String(16 << 20))
  await cgroup.update({ memory: { limit: -1n } })
  assert.match(swap(), /^(max|9223372036854771712)$/)
})

test('limits of block devices arrive, each a line, and can be taken back', { skip }, async (t) => {
  const device = readdirSync('/sys/block').find((name) => !/^(loop|ram|zram)/.test(name)) ?? 'loop0'
  if (!existsSync(`/sys/block/${device}/dev`)) return t.skip('requires a block device')
  const [major, minor] = readFileSync(`/sys/block/${device}/dev`, 'utf8').trim().split(':').map(Number) as [number, number]
  const rate = (value: number) => [{ major, minor, rate: BigInt(value) }]
  const cgroup = await create({
    blockIO: {
      throttleReadBpsDevice: rate(1048576),
      throttleWriteBpsDevice: rate(2097152),
      throttleReadIOPSDevice: rate(100),
      throttleWriteIOPSDevice: rate(200),
    },
  })
  const file = (name: string) => read(cgroup, ['blkio', `blkio.throttle.${name}_device`], 'io.max')
  const key = `${major}:${minor}`
  if (cgroup.record.layout === 'v2') assert.equal(file(''), `${key} rbps=1048576 wbps=2097152 riops=100 wiops=200`)
  else {
    assert.deepEqual(
      ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map(file),
      [1048576, 2097152, 100, 200].map((value) => `${key} ${value}`),
    )
  }
  const before = file('read_bps')
  await assert.rejects(cgroup.update({ blockIO: { throttleReadBpsDevice: rate(5000000) }, cpu: { quota: 1 } }), { code: 'EINVAL' })
  assert.equal(file('read_bps'), before, 'a later failure brings back the line')
  await cgroup.update({ blockIO: { throttleReadBpsDevice: rate(0) } })
  assert.doesNotMatch(file('read_bps'), /1048576/)
})

test('limits of huge pages arrive, on whichever hierarchy the controller is', { skip }, async (t) => {
  const cgroup = await open()
  const home = homesOf(cgroup.record)('hugetlb')
  if (home === undefined) return t.skip('requires the hugetlb controller')
  await cgroup.create({ hugepageLimits: [{ pageSize: '2MB', limit: 4n << 20n }] })
  const file = (kind: string) =>
    readFileSync(`${home.dir}/hugetlb.2MB${kind}.${home.version === 1 ? 'limit_in_bytes' : 'max'}`, 'utf8').trim()
  assert.equal(file(''), String(4 << 20))
  assert.equal(file('.rsvd'), String(4 << 20))
})

test('an update sets what it names and leaves the rest', { skip }, async () => {
  const cgroup = await create({ pids: { limit: 20 }, cpu: { quota: 500000, period: 1000000 } })
  await cgroup.update({ pids: { limit: 30 } })
  await cgroup.update({ cpu: { period: 900000 } })
  const cpu = () =>
    cgroup.record.layout === 'v2'
      ? read(cgroup, ['', ''], 'cpu.max')
      : `${read(cgroup, ['cpu', 'cpu.cfs_quota_us'], '')} ${read(cgroup, ['cpu', 'cpu.cfs_period_us'], '')}`
  assert.equal(cpu(), '500000 900000')
  await cgroup.update({ cpu: { quota: 600000 } })
  assert.equal(cpu(), '600000 900000')
  await cgroup.update({ cpu: { quota: -1 } })
  assert.match(cpu(), /^(max|-1) 900000$/)
  await cgroup.update({ pids: { limit: -1 } })
  assert.equal(read(cgroup, ['pids', 'pids.max'], 'pids.max'), 'max')
})

test('period, quota and burst are taken in the order the kernel needs', { skip }, async () => {
  const parent = await create({ cpu: { quota: 50000, period: 100000 } }, `${BASE}/pod`)
  const cgroup = await create({}, `${BASE}/pod/c`)
  await assert.rejects(
    cgroup.update({ cpu: { quota: 60000, period: 100000 } }).then(() => {
      // v2 lets a child have more; the parent's limit holds anyway.
      if (cgroup.record.layout === 'v2') throw Object.assign(new Error('v2'), { code: 'EINVAL' })
    }),
    { code: 'EINVAL' },
  )
  await cgroup.update({ cpu: { quota: 3000, period: 10000, burst: 1000 } })
  const burst = () => read(cgroup, ['cpu', 'cpu.cfs_burst_us'], 'cpu.max.burst')
  assert.equal(burst(), '1000')
  await cgroup.update({ cpu: { quota: 9000, period: 20000, burst: 5000 } })
  assert.equal(burst(), '5000', 'a burst above the old quota')
  await cgroup.destroy()
  await parent.destroy()
})

test('idle, and shares again', { skip }, async () => {
  const cgroup = await create({ cpu: { idle: 1 } })
  assert.equal(read(cgroup, ['cpu', 'cpu.idle'], 'cpu.idle'), '1')
  await cgroup.update({ cpu: { idle: 0, shares: 2048 } })
  assert.equal(read(cgroup, ['cpu', 'cpu.idle'], 'cpu.idle'), '0')
  assert.equal(read(cgroup, ['cpu', 'cpu.shares'], 'cpu.weight'), cgroup.record.layout === 'v2' ? '174' : '2048')
  await assert.rejects(cgroup.update({ cpu: { idle: 2 } }), {
    code: 'EINVAL',
    message: /linux\.resources\.cpu\.idle: write .*cpu\.idle "2": EINVAL \(the kernel takes 0 and 1 only\)/,
  })
})

test('an update that fails half-way is undone', { skip }, async () => {
  const cgroup = await create({ pids: { limit: 20 }, memory: { limit: 64n << 20n } })
  await assert.rejects(cgroup.update({ pids: { limit: 10 }, memory: { limit: 128n << 20n }, cpu: { quota: 1 } }), {
    name: 'SyscallError',
    code: 'EINVAL',
    message: /linux\.resources\.cpu\.quota: write \/.* "1": EINVAL \(out of range/,
  })
  assert.equal(read(cgroup, ['pids', 'pids.max'], 'pids.max'), '20')
  assert.equal(read(cgroup, ['memory', 'memory.limit_in_bytes'], 'memory.max'), String(64 << 20))
})

test('a limit below the usage says what the usage is', { skip: skip || requires('cgroup_v1') }, async () => {
  const cgroup = await create({ memory: { limit: 64n << 20n } })
  const child = await start(cgroup, 'text=$(head -c 8000000 /dev/zero | tr "\\0" x); echo there; exec <&2; kill -STOP $$; echo $text')
  await once(child.stdout!, 'data')
  await assert.rejects(cgroup.update({ memory: { limit: 65536n } }), {
    code: 'EBUSY',
    message: /memory\.limit: write .*"65536": EBUSY \(unable to set memory limit to 65536 \(current usage: \d+, peak usage: \d+\)\)/,
  })
})

test('unified: any file of v2, not at all elsewhere', { skip }, async () => {
  const cgroup = await open()
  const resources = { unified: { 'memory.high': '20971520', 'cgroup.max.depth': '3' } }
  if (layout().kind === 'v2') {
    await cgroup.create(resources)
    assert.equal(read(cgroup, ['', ''], 'memory.high'), '20971520')
    assert.equal(read(cgroup, ['', ''], 'cgroup.max.depth'), '3')
    await assert.rejects(cgroup.update({ unified: { 'nothing.max': '1' } }), /the nothing controller is not enabled in/)
  } else {
    await assert.rejects(cgroup.create(resources), { kind: 'invalid-argument', message: /cannot use unified on cgroup v1/ })
    assert.equal(cgroup.exists(), false, 'refused before anything is made')
  }
})

test('a create that fails leaves nothing, parents included', { skip }, async () => {
  const cgroup = await open(`${BASE}-fail/a/b`)
  await assert.rejects(cgroup.create({ cpu: { quota: 1 } }), { code: 'EINVAL' })
  for (const mountPoint of everyMount()) assert.equal(existsSync(`${mountPoint}${BASE}-fail`), false, mountPoint)
})

test('a cgroup with processes is refused, one that is empty is taken', { skip }, async () => {
  const cgroup = await create({ pids: { limit: 5 } })
  const [dir] = cgroup.directories()
  mkdirSync(`${dir}/sub`)
  const child = await start(cgroup)
  const again = await open(
    cgroup.directories()[0]!.slice(layout().hierarchies.get(Object.keys(cgroup.record.paths)[0]!)!.mountPoint.length),
  )
  await assert.rejects(again.create({}), {
    kind: 'failed-precondition',
    message: /container's cgroup is not empty: 1 process\(es\) found in/,
  })
  assert.equal(read(cgroup, ['pids', 'pids.max'], 'pids.max'), '5', 'untouched')
  const end = once(child, 'exit')
  await cgroup.kill()
  await end
  await again.create({ pids: { limit: 6 } })
  assert.equal(read(cgroup, ['pids', 'pids.max'], 'pids.max'), '6')
})

test('a frozen cgroup is refused', { skip }, async () => {
  const cgroup = await create()
  await cgroup.freeze()
  const hierarchy = cgroup.record.layout === 'v2' ? '' : 'freezer'
  const again = await open(cgroup.record.paths[hierarchy]!.slice(layout().hierarchies.get(hierarchy)!.mountPoint.length))
  await assert.rejects(again.create({}), { kind: 'failed-precondition', message: /container's cgroup unexpectedly frozen/ })
  await cgroup.thaw()
})

test('without a path it is named after the container, relative ones do not lead out', { skip }, async () => {
  const cgroup = await open('')
  await cgroup.create({})
  for (const dir of cgroup.directories()) assert.ok(dir.endsWith(`/c${process.pid}`), dir)
  const relative = await open(`../../..${BASE}/relative`)
  await relative.create({})
  for (const [key, dir] of Object.entries(relative.record.paths)) assert.ok(dir.startsWith(layout().hierarchies.get(key)!.mountPoint), dir)
  await relative.destroy()
  for (const dir of relative.directories()) removeAll(dir.slice(0, dir.lastIndexOf('/')))
})

test('a process that enters by itself is in every hierarchy', { skip }, async () => {
  const cgroup = await create()
  const child = await start(cgroup)
  assert.deepEqual(cgroup.processes(), [child.pid])
  const lines = readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')
  for (const key of Object.keys(cgroup.record.paths)) {
    const line = lines.split('\n').find((one) => one.split(':')[1]?.split(',').includes(key))
    assert.match(line ?? '', new RegExp(`${BASE}/${number}$`), key)
  }
})

test('a process can be put there, and its record opens the cgroup again', { skip }, async () => {
  const cgroup = await create()
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  children.push(child)
  await cgroup.attach(child.pid!)
  const again = await openCgroup(JSON.parse(JSON.stringify(cgroup.record)), () => {})
  assert.deepEqual(again.processes(), [child.pid])
  assert.deepEqual(again.record, cgroup.record)
})

test('sub-cgroups: processes of all, and who joins one', { skip }, async () => {
  const cgroup = await create()
  const first = await start(cgroup)
  for (const dir of cgroup.directories()) mkdirSync(`${dir}/sub`)
  const sub = cgroup.record.paths['cpuset']
  if (sub !== undefined)
    for (const file of ['cpus', 'mems']) writeFileSync(`${sub}/sub/cpuset.${file}`, readFileSync(`${sub}/cpuset.${file}`))
  const second = spawn('sleep', ['1000'], { stdio: 'ignore' })
  children.push(second)
  cgroup.join(second.pid!, { sub: { '': 'sub' } })
  assert.deepEqual(cgroup.processes({ recursive: false }), [first.pid])
  assert.deepEqual([...cgroup.processes()].sort(), [first.pid, second.pid].sort())
  assert.ok(cgroup.entrance({ '': '/sub/' })!.tasks.every((file) => file.endsWith('/sub/tasks')))
  assert.throws(() => cgroup.directories({ '': '..' }), /\.\. is not a sub cgroup path/)
  assert.throws(() => cgroup.directories({ '': `../${number}0` }), /is not a sub cgroup path/)
  assert.throws(() => cgroup.directories({ nonsense: 'sub' }), /controller nonsense/)
  assert.throws(
    () => cgroup.join(second.pid!, { sub: { '': 'none' } }),
    new RegExp(` adding pid ${second.pid} to cgroups: /.*/none/cgroup.procs: no such file `),
  )
  const ends = [first, second].map((child) => once(child, 'exit'))
  await cgroup.kill()
  await Promise.all(ends)
  await cgroup.destroy()
  assert.equal(cgroup.exists(), false)
  for (const dir of cgroup.directories()) assert.equal(existsSync(dir), false, dir)
  await cgroup.destroy()
})

test('join goes where init is when the container enabled controllers below', { skip: skip || requires('cgroup_v2') }, async () => {
  const cgroup = await create()
  const init = await start(cgroup)
  const dir = dirOf(cgroup, '')
  mkdirSync(`${dir}/inner`)
  writeFileSync(`${dir}/inner/cgroup.procs`, String(init.pid))
  writeFileSync(`${dir}/cgroup.subtree_control`, '+memory')
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  children.push(child)
  assert.throws(() => cgroup.join(child.pid!), /cgroup\.procs: device or resource busy/)
  assert.throws(() => cgroup.join(child.pid!, { sub: { '': '/' }, init: init.pid! }), /device or resource busy/, 'asked for by name')
  cgroup.join(child.pid!, { init: init.pid! })
  assert.match(readFileSync(`/proc/${child.pid}/cgroup`, 'utf8'), /\/inner$/m)
})

const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!

test('freeze stops, thaw continues', { skip }, async () => {
  const cgroup = await create()
  const child = await start(cgroup, 'while :; do :; done')
  await cgroup.freeze()
  assert.equal(cgroup.frozen, true)
  const time = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ').slice(13, 15).join()
  const before = time()
  await sleep(100)
  assert.equal(time(), before, 'no time is used')
  await cgroup.freeze()
  await cgroup.thaw()
  assert.equal(cgroup.frozen, false)
  while (time() === before) await sleep(10)
})

test('a frozen cgroup is killed, too', { skip }, async () => {
  const cgroup = await create()
  const child = await start(cgroup)
  await cgroup.freeze()
  const end = once(child, 'exit')
  await cgroup.kill()
  assert.deepEqual(await end, [null, 'SIGKILL'])
})

test('kill reaches every process, also those that keep forking', { skip }, async () => {
  const cgroup = await create({ pids: { limit: 60 } })
  const child = await start(cgroup, 'while :; do (sleep 1000 &) 2>/dev/null; done 2>/dev/null')
  while (cgroup.processes().length < 30) await sleep(10)
  const end = once(child, 'exit')
  await cgroup.kill()
  await end
  await cgroup.destroy()
  assert.equal(cgroup.exists(), false)
})

test('where the kernel does not kill by itself, signals while frozen reach every process, too', { skip }, async () => {
  const cgroup = await create({ pids: { limit: 60 } })
  const child = await start(cgroup, 'while :; do (sleep 1000 &) 2>/dev/null; done 2>/dev/null')
  while (cgroup.processes().length < 30) await sleep(10)
  const end = once(child, 'exit')
  await cgroup.signal(9)
  await end
  await cgroup.destroy()
  assert.equal(cgroup.exists(), false)
})

test('a signal reaches every process and leaves the cgroup as it was', { skip }, async () => {
  const cgroup = await create()
  const child = await start(
    cgroup,
    'trap "echo got; exit 0" TERM; (trap "echo got too; exit 0" TERM; echo ready; while :; do sleep 0.05; done) & echo ready; while :; do sleep 0.05; done',
  )
  let text = ''
  child.stdout!.on('data', (chunk) => {
    text += chunk
  })
  while (text.split('ready').length < 3) await sleep(10)
  const end = once(child.stdout!, 'close')
  await cgroup.signal(15)
  assert.equal(cgroup.frozen, false)
  await end
  assert.match(text, /^got$/m)
  assert.match(text, /^got too$/m)
})

test('a cgroup in use is not removed, and the error says by whom', { skip }, async () => {
  const cgroup = await create()
  const child = await start(cgroup)
  await assert.rejects(cgroup.destroy(), {
    code: 'EBUSY',
    message: new RegExp(`rmdir .*: EBUSY \\(processes are still in it: ${child.pid}\\)`),
  })
  assert.equal(stateOf(child.pid!), 'S')
})

/** Opens devices for reading and says which are refused. */
const PROBE = 'for node in null zero full urandom kmsg; do if true </dev/$node; then echo $node; fi; done 2>/dev/null'

test('devices: those of every container, nothing else', { skip }, async () => {
  const cgroup = await create({ devices: [{ allow: false, access: 'rwm' }] })
  assert.equal(await output(cgroup, PROBE), 'null\nzero\nfull\nurandom')
})

test('devices: what is allowed and denied by rules, and changed live', { skip }, async () => {
  const kmsg = { allow: true, type: 'c', major: 1, minor: 11, access: 'r' } as const
  const cgroup = await create({ devices: [{ allow: false, access: 'rwm' }, kmsg] })
  const write = '(: >/dev/kmsg) 2>/dev/null && echo w'
  assert.equal(await output(cgroup, `${PROBE}; ${write}`), 'null\nzero\nfull\nurandom\nkmsg', 'for reading only')
  await cgroup.update({ devices: [{ ...kmsg, access: 'rw' }] })
  assert.equal(await output(cgroup, `${PROBE}; ${write}`), 'null\nzero\nfull\nurandom\nkmsg\nw')
  await cgroup.update({ pids: { limit: 100 } })
  assert.equal(await output(cgroup, PROBE), 'null\nzero\nfull\nurandom\nkmsg', 'devices are not named: left alone')
  await cgroup.update({ devices: [] })
  assert.equal(await output(cgroup, PROBE), 'null\nzero\nfull\nurandom')
  await cgroup.update({ devices: [{ allow: true, access: 'rwm' }] })
  assert.equal(await output(cgroup, PROBE), 'null\nzero\nfull\nurandom\nkmsg')
})

test('devices: no update denies in passing what stays allowed', { skip }, async () => {
  const cgroup = await create({ devices: [] })
  const child = await start(cgroup, 'while :; do true </dev/null || echo refused; done 2>&1')
  let text = ''
  child.stdout!.on('data', (chunk) => {
    text += chunk
  })
  for (let minor = 0; minor < 50; minor++) {
    await cgroup.update({ devices: [{ allow: true, type: 'c', major: 4, minor, access: 'rw' }] })
    await sleep(2)
  }
  assert.equal(text, '')
})

test('devices: a program on the unified hierarchy, one at a time', {
  skip: skip || (has('cgroup_v2') || has('cgroup_hybrid') ? false : 'requires a unified hierarchy'),
}, async () => {
  const { mountPoint } = layout().hierarchies.get('')!
  const dir = `${mountPoint}${BASE}-bpf`
  mkdirSync(dir)
  try {
    const probe = async (): Promise<string> => {
      const child = spawn('/bin/sh', ['-c', `echo 0 >${dir}/cgroup.procs; ${PROBE}`], { stdio: ['ignore', 'pipe', 'inherit'] })
      let text = ''
      child.stdout.on('data', (chunk) => {
        text += chunk
      })
      await once(child, 'close')
      return text.trim().replaceAll('\n', ' ')
    }
    const reading = (minor: number) => ({ allow: true, type: 'c', major: 1, minor, access: 'rw' }) as const
    setDevicesV2(dir, deviceRules([reading(3)]))
    assert.equal(await probe(), 'null')
    setDevicesV2(dir, deviceRules([reading(3), reading(11)]))
    assert.equal(await probe(), 'null kmsg', 'the second replaced the first')
    setDevicesV2(
      dir,
      deviceRules([
        { allow: true, access: 'rwm' },
        { ...reading(5), allow: false, access: 'r' },
      ]),
    )
    assert.equal(await probe(), 'null full urandom kmsg')
  } finally {
    while (readFileSync(`${dir}/cgroup.procs`, 'utf8') !== '') await sleep(5)
    rmdirSync(dir)
  }
})

test('statistics count', { skip }, async () => {
  const cgroup = await create({ memory: { limit: 64n << 20n }, pids: { limit: 20 }, cpu: { quota: 20000, period: 100000 } })
  await start(cgroup, 'text=$(head -c 1000000 /dev/zero | tr "\\0" x); while :; do :; done')
  const until = async (condition: () => boolean) => {
    while (!condition()) await sleep(20)
  }
  await until(() => (cgroup.stats().cpu?.throttling.throttled ?? 0) > 0 && (cgroup.stats().memory?.usage.usage ?? 0) > 1000000)
  await until(() => cgroup.stats().pids?.current === 1)
  const { cpu, memory, pids, io, version } = cgroup.stats()
  assert.equal(version, cgroup.record.layout === 'v2' ? 2 : 1)
  assert.ok(cpu!.total > 0 && cpu!.throttling.periods > 0)
  assert.deepEqual(pids, { current: 1, limit: 20 })
  assert.equal(memory!.usage.limit, 64 << 20)
  assert.ok(memory!.usage.usage > 0 && memory!.workingSet <= memory!.usage.usage)
  assert.ok(Object.keys(memory!.stat).length > 10)
  assert.equal(memory!.oomKills, 0)
  assert.ok(io !== undefined)
  if (version === 1) assert.ok(cpu!.perCpu!.length > 0 && cgroup.stats().cpuset!.cpus.length > 0)
})

test('a process that the OOM killer ends is counted and told of', { skip }, async () => {
  const cgroup = await create({ memory: { limit: 16n << 20n } })
  let killed = 0
  let ended = 0
  const watch = watchOom(homesOf(cgroup.record)('memory')!, {
    killed: (count) => {
      killed += count
    },
    ended: () => {
      ended++
    },
  })
  try {
    const child = await start(cgroup, 'sleep 0.3; tail /dev/zero; exec sleep 1000')
    while (killed === 0) await sleep(20)
    assert.equal(killed, 1)
    assert.equal(ended, 0)
    assert.equal(cgroup.oomKills(), 1)
    const end = once(child, 'exit')
    await cgroup.kill()
    await end
    await cgroup.destroy()
    while (ended === 0) await sleep(20)
    assert.equal(ended, 1)
  } finally {
    watch.close()
  }
})

test('all controllers of v2 are there, below new parents too', { skip: skip || requires('cgroup_v2') }, async () => {
  const cgroup = await create({}, `${BASE}/deep/er/still`)
  const controllers = (dir: string) => readFileSync(`${dir}/cgroup.controllers`, 'utf8')
  assert.equal(controllers(dirOf(cgroup, '')), controllers(layout().hierarchies.get('')!.mountPoint))
})

test('below a threaded cgroup only threads can be limited', { skip: skip || requires('cgroup_v2') }, async () => {
  const parent = dirOf(await create({}, `${BASE}/threads`), '')
  mkdirSync(`${parent}/t`)
  writeFileSync(`${parent}/t/cgroup.type`, 'threaded')
  const cgroup = await create({ pids: { limit: 5 } }, `${BASE}/threads/t/c`)
  assert.equal(read(cgroup, ['', ''], 'cgroup.type'), 'threaded')
  await assert.rejects(create({ memory: { limit: 1n << 20n } }, `${BASE}/threads/t/d`), {
    kind: 'failed-precondition',
    message: /is a cgroup of type "domain threaded", where memory cannot be limited/,
  })
  assert.equal(existsSync(`${parent}/t/d`), false)
})

test('a delegated cgroup belongs to its owner', { skip: skip || requires('cgroup_v2') }, async () => {
  const cgroup = await open(undefined, { ownerUid: 12345 })
  await cgroup.create({})
  const dir = dirOf(cgroup, '')
  for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control']) assert.equal(statSync(dir + file).uid, 12345, file)
  assert.equal(statSync(`${dir}/memory.max`).uid, 0)
})

test('an unprivileged user without a delegated cgroup: nothing asked, nothing made', {
  skip: skip || requires('public_checkout'),
}, async () => {
  const script = `
    import { createCgroup } from '${new URL('../../runtime/cgroups/cgroup.ts', import.meta.url)}'
    const open = (cgroupsPath) => createCgroup({ id: 'c${process.pid}-rootless', cgroupsPath, systemd: false, rootless: true, warn: () => {} })
    const attempt = async (cgroup, resources) => { try { await cgroup.create(resources); return JSON.stringify(cgroup.record.paths) } catch (error) { return error.message } }
    console.log(await attempt(await open(), {}))
    console.log(await attempt(await open(), { pids: { limit: 5 } }))
    console.log(await attempt(await open('${BASE}/rootless'), {}))
    const cgroup = await open(); await cgroup.create({}); await cgroup.attach(process.pid)
    console.log(cgroup.processes().length, cgroup.exists(), cgroup.frozen, cgroup.oomKills())
    await cgroup.freeze().catch((error) => console.log(error.message)); await cgroup.destroy()
  `
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    uid: 65534,
    gid: 65534,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += chunk
    })
  await once(child, 'close')
  const [nothing, limit, path, state, frozen] = text.trim().split('\n')
  assert.equal(nothing, '{}', text)
  assert.match(
    limit!,
    /linux\.resources\.pids\.limit: cannot set pids limit: container could not join or create cgroup: .*mkdir .*: EACCES/,
  )
  assert.match(path!, /unable to apply cgroup configuration: mkdir .*rootless: EACCES \(not permitted here/)
  assert.equal(state, '0 false false 0')
  assert.match(frozen!, /cannot pause: the container has no cgroup/)
})
