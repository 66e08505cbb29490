/** The systemd driver: where systemd is pid 1, else only its bus. In the VM: test/vm/run --init systemd node --test FILE. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCgroup, openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { Bus } from '../../runtime/cgroups/systemd/bus.ts'
import { Manager } from '../../runtime/cgroups/systemd/manager.ts'
import type { Cgroup } from '../../runtime/cgroups/types.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'systemd')

const cgroups: Cgroup[] = []
const children: ChildProcess[] = []
const warnings: string[] = []
let number = 0

interface More {
  readonly annotations?: Readonly<Record<string, string>>
  readonly path?: string
}

const open = async ({ annotations, path = `wherry-test.slice:wherry-test:${process.pid}-${++number}` }: More = {}): Promise<Cgroup> => {
  const warn = (message: string) => void warnings.push(message)
  const cgroup = await createCgroup({ id: `c${process.pid}`, cgroupsPath: path, systemd: true, rootless: false, annotations, warn })
  cgroups.push(cgroup)
  return cgroup
}

const inScope = (script = 'exec sleep 1000'): ChildProcess => {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

const show = (cgroup: Cgroup, property: string): string =>
  execFileSync('systemctl', ['show', '--property', property, '--value', cgroup.record.unit!], { encoding: 'utf8' }).trim()

const read = (cgroup: Cgroup, file: string): string => readFileSync(`${cgroup.record.paths['']}/${file}`, 'utf8').trim()

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const end = once(child, 'exit')
    child.kill('SIGKILL')
    for (const cgroup of cgroups) if (cgroup.frozen) await cgroup.thaw()
    await end
  }
  for (const cgroup of cgroups.splice(0)) await cgroup.destroy()
  warnings.length = 0
})

test('a scope is made with its process and its limits, and goes with it', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({
    memory: { limit: 64n << 20n, reservation: 32n << 20n },
    cpu: { shares: 1024, quota: 600000, period: 900000, cpus: '0', mems: '0' },
    pids: { limit: 20 },
    unified: { 'memory.high': '60000000' },
  })
  assert.equal(cgroup.exists(), false, 'a scope cannot be without a process')
  assert.equal(cgroup.entrance(), undefined)
  const child = inScope()
  await cgroup.attach(child.pid!)
  assert.deepEqual(cgroup.processes(), [child.pid])
  assert.match(readFileSync(`/proc/${child.pid}/cgroup`, 'utf8'), /^0::\/wherry\.slice\/wherry-test\.slice\/wherry-test-.*\.scope$/m)
  for (const [property, value] of [
    ['MemoryMax', String(64 << 20)],
    ['MemoryLow', String(32 << 20)],
    ['MemoryHigh', '60000000'],
    ['CPUWeight', '100'],
    ['CPUQuotaPerSecUSec', '670ms'],
    ['CPUQuotaPeriodUSec', '900ms'],
    ['AllowedCPUs', '0'],
    ['AllowedMemoryNodes', '0'],
    ['TasksMax', '20'],
    ['Slice', 'wherry-test.slice'],
    ['Delegate', 'yes'],
    ['ActiveState', 'active'],
    ['NeedDaemonReload', 'no'],
  ] as const)
    assert.equal(show(cgroup, property), value, property)
  for (const [file, value] of [
    ['memory.max', String(64 << 20)],
    ['memory.low', String(32 << 20)],
    ['memory.high', String(Math.floor(60000000 / 4096) * 4096)],
    ['cpu.weight', '100'],
    ['cpu.max', '603000 900000'],
    ['cpuset.cpus', '0'],
    ['pids.max', '20'],
  ] as const)
    assert.equal(read(cgroup, file), value, file)
  const end = once(child, 'exit')
  await cgroup.kill()
  await end
  await cgroup.destroy()
  assert.equal(cgroup.exists(), false)
  assert.equal(show(cgroup, 'LoadState'), 'not-found')
  await cgroup.destroy()
})

test('the record opens it again; an update reaches systemd and cgroup', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({ memory: { limit: 64n << 20n }, cpu: { quota: 500000, period: 1000000, shares: 100 }, pids: { limit: 20 } })
  await cgroup.attach(inScope().pid!)
  const again = await openCgroup(JSON.parse(JSON.stringify(cgroup.record)), (message) => void warnings.push(message))
  await again.update({ memory: { limit: 128n << 20n }, pids: { limit: 30 }, cpu: { period: 900000 } })
  assert.equal(show(cgroup, 'MemoryMax'), String(128 << 20))
  assert.equal(read(cgroup, 'memory.max'), String(128 << 20))
  assert.equal(show(cgroup, 'TasksMax'), '30')
  assert.equal(show(cgroup, 'CPUQuotaPerSecUSec'), '560ms', 'the quota of before, in whole percents of the new period')
  assert.equal(read(cgroup, 'cpu.max'), '504000 900000')
  await again.update({ memory: { limit: -1n }, cpu: { quota: -1 }, pids: { limit: -1 } })
  for (const property of ['MemoryMax', 'CPUQuotaPerSecUSec', 'TasksMax']) assert.equal(show(cgroup, property), 'infinity', property)
  assert.equal(read(cgroup, 'cpu.max'), 'max 900000')
})

test('limits stay when systemd reloads', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({ memory: { limit: 64n << 20n }, cpu: { quota: 600000, period: 900000 }, devices: [{ allow: false, access: 'rwm' }] })
  // It starts when it is in the scope.
  const child = inScope(
    'kill -STOP $$; while :; do if true </dev/kmsg; then echo open; fi; true </dev/null || echo null; sleep 0.05; done 2>/dev/null',
  )
  await cgroup.attach(child.pid!)
  child.kill('SIGCONT')
  let text = ''
  child.stdout!.on('data', (chunk) => {
    text += chunk
  })
  execFileSync('systemctl', ['daemon-reload'])
  await cgroup.update({ pids: { limit: 50 } })
  assert.equal(read(cgroup, 'memory.max'), String(64 << 20))
  assert.equal(read(cgroup, 'cpu.max'), '603000 900000')
  await sleep(300)
  assert.equal(text, '', 'device rules held all the time')
  assert.equal(show(cgroup, 'NeedDaemonReload'), 'no')
})

test('an update that the kernel refuses is undone in both', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({ pids: { limit: 20 }, memory: { limit: 64n << 20n } })
  await cgroup.attach(inScope().pid!)
  await assert.rejects(cgroup.update({ pids: { limit: 10 }, memory: { limit: 32n << 20n }, unified: { 'memory.oom.group': '7' } }), {
    code: 'EINVAL',
  })
  assert.equal(show(cgroup, 'TasksMax'), '20')
  assert.equal(show(cgroup, 'MemoryMax'), String(64 << 20))
  assert.equal(read(cgroup, 'pids.max'), '20')
  assert.equal(read(cgroup, 'memory.max'), String(64 << 20))
})

test('idle and weight are one property of systemd', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({})
  await cgroup.attach(inScope().pid!)
  await cgroup.update({ unified: { 'cpu.idle': '1', 'cpu.weight': '8' } })
  assert.match(warnings.join('\n'), /unable to apply both/)
  assert.equal(read(cgroup, 'cpu.idle'), '1')
  await cgroup.update({ cpu: { shares: 200 } })
  assert.equal(read(cgroup, 'cpu.idle'), '0')
  assert.equal(read(cgroup, 'cpu.weight'), '29')
})

test('annotations become properties, wrong ones are refused with what systemd says', { skip }, async () => {
  const property = (name: string, value: string) => ({ annotations: { [`org.systemd.property.${name}`]: value } })
  const cgroup = await open(property('TimeoutStopSec', '7'))
  await cgroup.create({})
  await cgroup.attach(inScope().pid!)
  assert.equal(show(cgroup, 'TimeoutStopUSec'), '7s')
  const wrong = await open(property('NoSuchThing', 'true'))
  await wrong.create({})
  await assert.rejects(wrong.attach(inScope().pid!), { name: 'BusError', message: /systemd refuses StartTransientUnit: .*NoSuchThing/ })
})

test('a unit that failed and was left is no obstacle', { skip }, async () => {
  const cgroup = await open({
    annotations: { 'org.systemd.property.RuntimeMaxUSec': 'uint64 100000', 'org.systemd.property.TimeoutStopSec': '1' },
  })
  await cgroup.create({})
  const child = inScope()
  await cgroup.attach(child.pid!)
  await once(child, 'exit')
  while (show(cgroup, 'ActiveState') !== 'failed') await sleep(20)
  const again = await open({ path: `wherry-test.slice:wherry-test:${process.pid}-${number}` })
  await again.create({ pids: { limit: 3 } })
  await again.attach(inScope().pid!)
  assert.equal(show(again, 'ActiveState'), 'active')
  assert.equal(show(again, 'TasksMax'), '3')
})

test('a scope that is in use is refused', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({})
  await cgroup.attach(inScope().pid!)
  const again = await open({ path: `wherry-test.slice:wherry-test:${process.pid}-${number}` })
  await assert.rejects(again.create({}), { kind: 'failed-precondition', message: /container's cgroup is not empty: 1 process/ })
})

test('entering, freezing, statistics and killing are those of any cgroup', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({ memory: { limit: 64n << 20n } })
  const child = inScope()
  await cgroup.attach(child.pid!)
  assert.equal(cgroup.entrance()?.into, cgroup.record.paths[''])
  await cgroup.freeze()
  assert.equal(cgroup.frozen, true)
  await cgroup.update({ pids: { limit: 9 } })
  assert.equal(cgroup.frozen, true, 'an update leaves it frozen')
  await cgroup.thaw()
  assert.equal(cgroup.stats().memory?.usage.limit, 64 << 20)
  const second = inScope()
  cgroup.join(second.pid!)
  assert.equal(cgroup.processes().length, 2)
  const ends = [child, second].map((one) => once(one, 'exit'))
  await cgroup.kill()
  await Promise.all(ends)
  while (existsSync(cgroup.record.paths['']!)) await sleep(20)
})

test('all controllers are in the scope', { skip }, async () => {
  const cgroup = await open()
  await cgroup.create({})
  await cgroup.attach(inScope().pid!)
  assert.equal(read(cgroup, 'cgroup.controllers'), readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim())
})

test('by way of the system bus it is the same', { skip }, async () => {
  const bus = await Bus.open('/run/dbus/system_bus_socket', 'org.freedesktop.systemd1')
  try {
    await bus.call({ path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'Hello' }, 'org.freedesktop.DBus')
    const [version] = await bus.call({
      path: '/org/freedesktop/systemd1',
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      body: ['org.freedesktop.systemd1.Manager', 'Version'],
    })
    const manager = await Manager.open({ user: false })
    assert.deepEqual(version, await manager.property('Version'))
    manager.close()
  } finally {
    bus.close()
  }
})

/** `daemon` of every Debian: systemd wants a name for it. */
const USER = 1

test('an unprivileged user has a scope of their own systemd', { skip }, async () => {
  const unit = `wherry-test-user-${process.pid}.service`
  const runtime = `/run/wherry-test-user-${process.pid}`
  const properties = [
    `User=${USER}`,
    'Delegate=yes',
    `RuntimeDirectory=${runtime.slice('/run/'.length)}`,
    `Environment=XDG_RUNTIME_DIR=${runtime}`,
  ]
  execFileSync('systemd-run', [
    '--quiet',
    `--unit=${unit}`,
    ...properties.map((one) => `--property=${one}`),
    '/usr/lib/systemd/systemd',
    '--user',
  ])
  try {
    while (!existsSync(`${runtime}/systemd/private`)) {
      const state = execFileSync('systemctl', ['show', '--property=ActiveState', '--value', unit], { encoding: 'utf8' })
      assert.notEqual(state.trim(), 'failed', 'the systemd of the user')
      await sleep(50)
    }
    const script = `
      import { spawn } from 'node:child_process'
      import { readFileSync } from 'node:fs'
      import { createCgroup } from '${new URL('../../runtime/cgroups/cgroup.ts', import.meta.url)}'
      const cgroup = await createCgroup({ id: 'mine', systemd: true, rootless: true, warn: () => {} })
      await cgroup.create({ memory: { limit: ${64 << 20}n }, pids: { limit: 7 } })
      const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
      await cgroup.attach(child.pid)
      console.log(cgroup.record.paths[''], readFileSync(cgroup.record.paths[''] + '/pids.max', 'utf8').trim(), cgroup.processes().length)
      await cgroup.update({ pids: { limit: 9 } })
      console.log(readFileSync(cgroup.record.paths[''] + '/pids.max', 'utf8').trim())
      await cgroup.kill()
      await cgroup.destroy()
      console.log(cgroup.exists())
    `
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      uid: USER,
      gid: USER,
      env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: runtime },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        text += chunk
      })
    await once(child, 'close')
    assert.equal(text, `/sys/fs/cgroup/system.slice/${unit}/user.slice/wherry-mine.scope 7 1\n9\nfalse\n`)
  } finally {
    execFileSync('systemctl', ['stop', unit])
  }
})

test('without systemd the driver is refused', { skip: requires('systemd') ? false : 'requires a machine without systemd' }, async () => {
  await assert.rejects(open(), { kind: 'failed-precondition', message: /systemd not running on this host/ })
  await assert.rejects(Manager.open({ user: false }), {
    kind: 'unavailable',
    message: /cannot reach systemd: \/run\/systemd\/private: ENOENT; /,
  })
})

test('the client speaks with a real bus', { skip: requires('dbus-daemon') }, async () => {
  const dir = mkdtempSync(`${tmpdir()}/wherry-bus-`)
  const daemon = spawn('dbus-daemon', ['--session', `--address=unix:path=${dir}/bus`, '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await once(daemon.stdout, 'data')
    const bus = await Bus.open(`${dir}/bus`, 'org.freedesktop.DBus')
    const call = (member: string, signature = '', body: readonly string[] = []) =>
      bus.call({ path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member, signature, body })
    const signals: string[] = []
    bus.onSignal = (member, [name]) => void signals.push(`${member} ${name}`)
    const [name] = await call('Hello')
    assert.match(String(name), /^:1\.\d+$/)
    assert.deepEqual(await call('NameHasOwner', 's', [String(name)]), [true])
    await assert.rejects(call('Nonsense'), { name: 'BusError', errorName: 'org.freedesktop.DBus.Error.UnknownMethod' })
    assert.deepEqual(signals, [`NameAcquired ${name}`])
    const unanswered = call('ListNames')
    bus.close()
    await assert.rejects(unanswered, { kind: 'unavailable', message: /no answer of systemd to ListNames: the connection was closed/ })
    await assert.rejects(call('ListNames'), { kind: 'unavailable' })
  } finally {
    const end = once(daemon, 'exit')
    daemon.kill()
    await end
    rmSync(dir, { recursive: true })
  }
})
