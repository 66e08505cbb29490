/** What the runtime says of itself and of containers: list, ps, events, features, spec, logs, explain. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { bundle, type ShownState, succeeded } from '../../support/bundle.ts'
import type { Config } from '../../support/config.ts'
import { requiresController } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { command, OURS, RUNTIME, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('list: a table, ids alone, or JSON', { skip }, async (t) => {
  const box = bundle(t)
  mkdirSync(box.root, { mode: 0o700 })
  assert.equal((await box.must('list', '--quiet')).stdout, '')
  assert.match((await box.must('list')).stdout, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n$/)
  assert.equal((await box.must('list', '--format', 'json')).stdout.trim(), 'null')
  const { pid } = await box.up()
  const other = box.another()
  box.config.linux.cgroupsPath = `/${other}`
  box.write()
  await box.must('create', '--bundle', box.folder, other)
  box.config.linux.cgroupsPath = `/${box.id}`
  assert.equal((await box.must('list', '-q')).stdout, `${box.id}\n${other}\n`)
  const [header, ...lines] = (await box.must('list')).stdout.trimEnd().split('\n')
  assert.match(header!, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/)
  assert.match(lines[0]!, new RegExp(`^${box.id} +${pid} +running +${box.folder} +\\d{4}-\\S+ +root$`))
  assert.match(lines[1]!, new RegExp(`^${other} +\\d+ +created `))
  const json = JSON.parse((await box.must('list', '-f', 'json')).stdout) as ShownState[]
  assert.deepEqual(
    json.map(({ id, status, bundle: folder, owner }) => [id, status, folder, owner]),
    [
      [box.id, 'running', box.folder, 'root'],
      [other, 'created', box.folder, 'root'],
    ],
  )
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  assert.match((await box.must('list')).stdout, new RegExp(`${box.id} +0 +stopped`))
})

test('ps: the processes of the container alone', { skip }, async (t) => {
  const box = bundle(t)
  const { pid } = await box.up('sleep 100000 & exec sleep 200000')
  const pids = JSON.parse((await box.must('ps', '--format', 'json', box.id)).stdout) as number[]
  assert.equal(pids.length, 2)
  assert.ok(pids.includes(pid))
  const [header, ...lines] = (await box.must('ps', box.id)).stdout.trimEnd().split('\n')
  assert.match(header!, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/)
  assert.deepEqual(lines.map((line) => line.split(' ').slice(-2).join(' ')).sort(), ['sleep 100000', 'sleep 200000'])
  assert.match((await box.must('ps', box.id, '-e', '-o', 'pid,args')).stdout, /PID.*\n *\d+ sleep \d+\n *\d+ sleep \d+\n$/)
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  assert.equal((await box.must('ps', '--format', 'json', box.id)).stdout.trim(), OURS ? '[]' : 'null')
})

interface StatsEvent {
  readonly type: string
  readonly id: string
  readonly data: {
    readonly cpu: { readonly usage: { readonly total: number } }
    readonly memory: { readonly usage: { readonly usage: number; readonly limit: number } }
    readonly pids: { readonly current: number; readonly limit: number }
  }
}

test('events --stats: what the cgroup has used', { skip: skip || requiresController('memory', 'pids', 'cpu') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.resources = { memory: { limit: 32 * 2 ** 20 }, pids: { limit: 17 } }
  })
  await box.up('sleep 100000 & exec sleep 100000')
  const { stdout } = await box.must('events', '--stats', box.id)
  assert.match(stdout, /^\{"type":"stats","id":"/)
  const { id, data } = JSON.parse(stdout) as StatsEvent
  assert.equal(id, box.id)
  assert.deepEqual([data.pids.current, data.pids.limit, data.memory.usage.limit], [2, 17, 32 * 2 ** 20])
  assert.ok(data.memory.usage.usage > 0 && data.cpu.usage.total > 0)
})

test('events: one line per interval, an end with the container, and out of memory', {
  skip: skip || requiresController('memory'),
}, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.resources = { memory: { limit: 24 * 2 ** 20, swap: 24 * 2 ** 20 } }
  })
  await box.up()
  const events = box.runtime(['events', '--interval', '100ms', box.id])
  await new Promise((resolve) => setTimeout(resolve, 1000))
  await box.exec(['sh', '-c', 'head -c 200000000 /dev/zero | tail -c 150000000 | wc -c'])
  await new Promise((resolve) => setTimeout(resolve, 1000))
  await box.must('delete', '--force', box.id)
  const { stdout } = succeeded(await events, 'events')
  const lines = stdout.trimEnd().split('\n')
  assert.ok(lines.filter((line) => line.startsWith(`{"type":"stats","id":"${box.id}",`)).length >= 2, stdout)
  assert.ok(lines.includes(`{"type":"oom","id":"${box.id}"}`), stdout.slice(-300))
})

test('features: what is known, as the spec describes it', { skip }, async (t) => {
  const box = bundle(t)
  const features = JSON.parse((await box.must('features')).stdout) as {
    ociVersionMin: string
    ociVersionMax: string
    hooks: string[]
    mountOptions: string[]
    linux: {
      namespaces: string[]
      capabilities: string[]
      cgroup: Record<string, boolean>
      seccomp: { enabled: boolean; actions: string[]; archs: string[] }
    }
  }
  assert.equal(features.ociVersionMin, '1.0.0')
  assert.match(features.ociVersionMax, /^1\.[2-9]/)
  assert.deepEqual([...features.hooks].sort(), ['createContainer', 'createRuntime', 'poststart', 'poststop', 'prestart', 'startContainer'])
  for (const option of ['rbind', 'ro', 'rro', 'tmpcopyup', ...(OURS ? ['idmap'] : []), 'rshared'])
    assert.ok(features.mountOptions.includes(option), option)
  assert.deepEqual([...features.linux.namespaces].sort(), ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'])
  assert.ok(features.linux.capabilities.includes('CAP_SYS_ADMIN'))
  assert.equal(features.linux.cgroup['v1'], true)
  assert.equal(features.linux.cgroup['v2'], true)
  assert.equal(features.linux.seccomp.enabled, true)
  assert.ok(features.linux.seccomp.actions.includes('SCMP_ACT_NOTIFY'))
})

test('spec: a config.json that runs, and is not overwritten', { skip }, async (t) => {
  const box = bundle(t)
  await box.must('spec', '--bundle', box.folder)
  const file = `${box.folder}/config.json`
  const config = JSON.parse(readFileSync(file, 'utf8')) as Config
  assert.deepEqual([config.process.args, config.root, config.process.terminal], [['sh'], { path: 'rootfs', readonly: true }, true])
  const again = await box.runtime(['spec', '--bundle', box.folder])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /exists/)
  box.config = { ...config, linux: { ...config.linux, cgroupsPath: `/${box.id}` } }
  box.config.process.terminal = false
  assert.match(
    (await box.run(['sh', '-c', 'id -u; hostname; touch /new 2>&1; cat /proc/sys/kernel/hostname'])).stdout,
    /^0\nrunc\ntouch: \/new: Read-only file system\nrunc\n$/,
  )
  rmSync(file)
  await box.must('spec', '--rootless', '--bundle', box.folder)
  const rootless = JSON.parse(readFileSync(file, 'utf8')) as Config
  assert.ok(rootless.linux.namespaces.some(({ type }) => type === 'user'))
  assert.equal(rootless.linux.uidMappings?.[0]?.hostID, 0)
})

test('--log takes what goes wrong, as text or JSON, and errors are on stderr too', { skip }, async (t) => {
  const box = bundle(t)
  const file = `${box.folder}/log`
  box.globals = ['--log', file]
  const text = await box.runtime(['state', 'nosuch'])
  assert.equal(text.status, 1)
  assert.match(readFileSync(file, 'utf8'), /^time="[^"]+" level=error msg="[^"]*does not exist[^"]*"\n$/)
  assert.match(text.stderr, /does not exist/)
  rmSync(file)
  box.globals = ['--log', file, '--log-format', 'json']
  await box.runtime(['state', 'nosuch'])
  const { level, msg, time } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  assert.equal(level, 'error')
  assert.match(msg!, /does not exist/)
  assert.ok(!Number.isNaN(Date.parse(time!)))
  const bad = await box.runtime(['state', 'nosuch'], {})
  assert.equal(bad.stdout, '')
  box.globals = ['--log-format', 'xml']
  assert.equal((await box.runtime(['state', 'nosuch'])).status, 1)
})

test('--version and --help', { skip }, async (t) => {
  const box = bundle(t)
  const version = await box.must('--version')
  assert.match(version.stdout, /^\S+ version \d+\.\d+\.\d+\S*\ncommit: \S+\nspec: 1\.\d/)
  const help = (await box.must('--help')).stdout
  for (const verb of [
    'create',
    'delete',
    'exec',
    'kill',
    'list',
    'pause',
    'ps',
    'resume',
    'run',
    'spec',
    'start',
    'state',
    'update',
    'events',
    'features',
  ])
    assert.match(help, new RegExp(`^ +${verb}\\b`, 'm'))
  const unknown = await box.runtime(['nosuchverb'])
  assert.notEqual(unknown.status, 0)
})

test('explain prints the program of a bundle and makes nothing', { skip: skip || wherryOnly('explain') }, async (t) => {
  const box = bundle(t, ({ linux, mounts }) => {
    linux.maskedPaths = ['/proc/kcore']
    mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs', options: ['size=64k'] })
  })
  box.config.process.args = ['echo', 'explained']
  box.write()
  const { stdout } = await box.must('explain', box.folder)
  for (const call of ['clone3(', 'pivot_root(', 'move_mount(', 'execve(', 'fsopen("tmpfs"', 'close_range('])
    assert.ok(stdout.includes(call), call)
  assert.ok(stdout.includes('"explained"'))
  box.assertNothingLeft()
  const elf = `${box.folder}/program`
  await box.must('explain', '--elf', elf, box.folder)
  assert.equal(readFileSync(elf).subarray(0, 4).toString('latin1'), '\x7fELF')
  assert.ok((statSync(elf).mode & 0o111) !== 0)
  const refused = await box.runtime(['explain', box.rootfs])
  assert.match(refused.stderr, /config\.json not found/)
})

test('NODE_OPTIONS and its like change nothing of the runtime, and are not lost to hooks', {
  skip: skip || wherryOnly('Node'),
}, async (t) => {
  const box = bundle(t, (config, { folder }) => {
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `env > ${folder}/hook`] }] }
  })
  const env = { NODE_OPTIONS: '--require /no/such/module.js', NODE_PATH: '/no/such', OPENSSL_CONF: '/no/such' }
  const result = await box.run(['env'], { env })
  assert.equal(result.status, 0, result.stderr)
  assert.doesNotMatch(result.stdout, /NODE|WHERRY|OPENSSL/)
  assert.ok(existsSync(`${box.folder}/hook`))
})

test('no configuration of the caller is needed: an empty environment will do', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = ['echo', 'ran']
  box.write()
  const result = await command(['env', '-i', RUNTIME, '--root', box.root, 'run', '--bundle', box.folder, box.id], box.folder)
  assert.equal(result.stdout, 'ran\n', result.stderr)
})
