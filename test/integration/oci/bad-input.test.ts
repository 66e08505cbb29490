/** A config that is wrong is refused before anything is made, with the JSON path of the field and what is allowed there. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { baseConfig, type Config, inUserNamespace } from '../../support/config.ts'
import { hierarchies, mountsOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox') || wherryOnly('messages with JSON paths')

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** `value` at a path like `linux.namespaces[0].type`; undefined takes the field away. */
const set = (config: Config, path: string, value: Json | undefined): void => {
  const keys = path.split(/[.[\]]+/).filter(Boolean)
  const last = keys.pop()!
  let at = config as unknown as Record<string, unknown>
  for (const [index, key] of keys.entries()) {
    at[key] ??= /^\d+$/.test(keys[index + 1] ?? last) ? [] : {}
    at = at[key] as Record<string, unknown>
  }
  if (value === undefined) delete at[last]
  else at[last] = value
}

/** Path, wrong value, what the message says besides the path. */
const FIELDS: readonly (readonly [path: string, value: Json | undefined, reason: RegExp])[] = [
  ['ociVersion', '2.0.0', /1\.x/],
  ['ociVersion', undefined, /1\.x/],
  ['root', undefined, /object/],
  ['root.path', '', /empty/],
  ['root.path', 'missing', /directory/],
  ['root.readonly', 'yes', /true or false/],
  ['process.args', 'sh', /list/],
  ['process.args', [], /at least one/],
  ['process.args[1]', 'a\0b', /NUL/],
  ['process.cwd', 'relative', /absolute/],
  ['process.cwd', undefined, /absolute/],
  ['process.env[0]', 'NOVALUE', /NAME=value/],
  ['process.user.uid', -1, /0 to/],
  ['process.user.gid', 4_294_967_295, /0 to/],
  ['process.user.uid', '0', /whole number/],
  ['process.user.additionalGids[0]', 1.5, /whole number/],
  ['process.user.umask', 512, /0 to 511/],
  ['process.terminal', 1, /true or false/],
  ['process.consoleSize', { height: 10 }, /consoleSize\.width|whole number/],
  ['process.capabilities.bounding', 'CAP_KILL', /list/],
  ['process.rlimits[0]', { type: 'RLIMIT_NOPE', soft: 1, hard: 1 }, /RLIMIT_NOFILE/],
  ['process.rlimits[0]', { type: 'RLIMIT_NOFILE', soft: 2, hard: 1 }, /hard/],
  ['process.oomScoreAdj', 1001, /-1000 to 1000/],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_NOPE' }, /IOPRIO_CLASS_BE/],
  ['process.scheduler', { policy: 'SCHED_NOPE' }, /SCHED_OTHER/],
  ['process.scheduler', { policy: 'SCHED_FIFO', priority: 100 }, /1 to 99/],
  ['process.execCPUAffinity.initial', 'x', /0-3,7/],
  ['mounts', {}, /list/],
  ['mounts[0].destination', undefined, /string|missing/],
  ['mounts[3]', { destination: '/mnt', options: ['bind'] }, /source/],
  ['mounts[3]', { destination: '/mnt', source: '/no/such/source', options: ['bind'] }, /\/no\/such\/source/],
  ['mounts[3]', { destination: '/mnt', source: 'x' }, /type/],
  ['mounts[3]', { destination: '/mnt', type: 'tmpfs', source: 'x', options: 'ro' }, /list/],
  ['mounts[3]', { destination: '/mnt', type: 'tmpfs', source: 'x', uidMappings: [{ containerID: 0, hostID: 0, size: 1 }] }, /bind/],
  ['hostname', 'h'.repeat(65), /64 bytes/],
  ['hostname', 'two\nlines', /control/],
  ['hooks.prestart[0].path', 'relative', /absolute/],
  ['hooks.poststop[0]', { path: '/bin/true', timeout: 0 }, /1 to/],
  ['annotations', { key: 1 }, /string/],
  ['annotations', { '': 'x' }, /empty key/],
  ['linux.namespaces[0].type', 'nope', /one of .*uts/],
  ['linux.namespaces[0].path', 'relative', /absolute/],
  ['linux.namespaces[0].path', '/no/such/namespace', /cannot open/],
  ['linux.namespaces[0].path', '/etc/passwd', /not a namespace/],
  ['linux.namespaces[0].path', '/proc/self/ns/net', /type network, not pid/],
  ['linux.namespaces[6]', { type: 'pid' }, /twice/],
  ['linux.uidMappings', [{ containerID: 0, hostID: 0, size: 1 }], /namespace/],
  ['linux.timeOffsets', { monotonic: { secs: 1 } }, /namespace/],
  ['linux.timeOffsets', { realtime: { secs: 1 } }, /clock/],
  ['linux.devices[0]', { type: 'x', path: '/dev/x', major: 1, minor: 1 }, /one of c, u, b, p/],
  ['linux.devices[0]', { type: 'c', path: 'dev/x', major: 1, minor: 1 }, /absolute/],
  ['linux.devices[0]', { type: 'c', path: '/dev/../x', major: 1, minor: 1 }, /\.\./],
  ['linux.devices[0]', { type: 'c', path: '/dev/x' }, /major/],
  ['linux.cgroupsPath', '/a/../../b', /\.\./],
  ['linux.rootfsPropagation', 'sharing', /one of .*rslave/],
  ['linux.resources.memory.limit', -2, /-1/],
  ['linux.resources.cpu.cpus', '0-', /0-3,7/],
  ['linux.resources.cpu.period', 10, /1000/],
  ['linux.resources.pids', {}, /limit|whole number/],
  ['linux.resources.blockIO.weight', 5000, /10 to 1000/],
  ['linux.resources.hugepageLimits[0]', { pageSize: '2 MB', limit: 1 }, /2MB/],
  ['linux.resources.devices[0]', { allow: true, access: 'x', type: 'z' }, /one of|r, w and m/],
  ['linux.resources.unified', { '../escape': '1' }, /CONTROLLER/],
  ['linux.sysctl', { 'kernel.panic': '1' }, /namespace/],
  ['linux.maskedPaths[0]', 'proc/kcore', /absolute/],
  ['linux.readonlyPaths', '/proc/sys', /list/],
  ['linux.personality.domain', 'BSD', /one of LINUX/],
  ['linux.seccomp', { defaultAction: 'SCMP_ACT_NOPE' }, /SCMP_ACT_ALLOW/],
  ['linux.seccomp', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [], action: 'SCMP_ACT_ERRNO' }] }, /names/],
  ['linux.intelRdt', { closID: 'x' }, /not supported/],
]

const literal = (text: string): string => text.replace(/[.[\]]/g, '\\$&')

/** Refused, and not even the folder of the state is there. */
const refusedUnmade = async (box: Bundle, reason: RegExp): Promise<void> => {
  const result = await box.runtime(['create', '--bundle', box.folder, box.id])
  assert.equal(result.status, 1, `${reason}: ${result.stderr}`)
  assert.match(result.stderr.replaceAll('\\"', '"'), reason)
  assert.ok(!existsSync(box.root) || box.known.length === 0, `${reason}: something is made`)
  for (const folder of hierarchies()) assert.ok(!existsSync(`${folder}/${box.id}`), `${reason}: a cgroup is made`)
  assert.deepEqual(mountsOf(box.id), [])
}

test('every field that is wrong is named', { skip }, async (t) => {
  const box = bundle(t)
  for (const [path, value, reason] of FIELDS) {
    box.config = baseConfig()
    box.config.process.args = ['sh', '-c', 'true']
    set(box.config, path, value)
    box.write()
    // a missing or wrong part of an entry is named more exactly than the entry
    const named = new RegExp(`${literal(path)}.*(${reason.source})`)
    await t.test(`${path}: ${JSON.stringify(value) ?? 'missing'}`.slice(0, 100), () => refusedUnmade(box, named))
  }
})

test('mappings that overlap, do not map root, or leave out the user', { skip }, async (t) => {
  const box = bundle(t, (config) => inUserNamespace(config))
  const one = { containerID: 0, hostID: 100_000, size: 1000 }
  for (const [mappings, uid, reason] of [
    [[one, { containerID: 500, hostID: 200_000, size: 10 }], 0, /linux\.uidMappings\[1\]\.containerID: must not overlap/],
    [[one, { containerID: 5000, hostID: 100_999, size: 10 }], 0, /linux\.uidMappings\[1\]\.hostID: must not overlap/],
    [[{ containerID: 1, hostID: 100_000, size: 10 }], 1, /linux\.uidMappings: must map id 0/],
    [[one], 1000, /process\.user\.uid: 1000 is not mapped/],
    [[{ ...one, size: 0 }], 0, /linux\.uidMappings\[0\]\.size/],
    [[{ containerID: 0, hostID: 4_294_967_290, size: 10 }], 0, /linux\.uidMappings\[0\]\.size: must not reach beyond/],
    [[], 0, /linux\.uidMappings: must have at least one/],
    [Array.from({ length: 341 }, (_, i) => ({ containerID: i, hostID: i, size: 1 })), 0, /linux\.uidMappings: must not have more than 340/],
  ] as const) {
    box.config.linux.uidMappings = [...mappings]
    box.config.process.user.uid = uid
    box.write()
    await refusedUnmade(box, reason)
  }
})

test('what is no config', { skip }, async (t) => {
  const box = bundle(t)
  const file = `${box.folder}/config.json`
  for (const [content, reason] of [
    ['', /is not valid JSON/],
    ['{"ociVersion": "1.0.0",}', /is not valid JSON/],
    ['[]', /config\.json: must be an object/],
    ['null', /config\.json: must be an object/],
    [Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
  ] as const) {
    writeFileSync(file, content)
    await refusedUnmade(box, reason)
  }
  truncateSync(file, 17 * 2 ** 20)
  await refusedUnmade(box, /must not be larger than 16 MiB/)
  rmSync(file)
  mkdirSync(file)
  await refusedUnmade(box, /must be a regular file/)
  rmSync(file, { recursive: true })
  await refusedUnmade(box, /config\.json not found/)
})

test('a root that is a link, which somebody could turn', { skip }, async (t) => {
  const box = bundle(t)
  symlinkSync('/', `${box.folder}/link`)
  box.config.root.path = 'link'
  box.write()
  await refusedUnmade(box, /root\.path: must be a directory, not a symbolic link/)
})

test('ids that are no names', { skip }, async (t) => {
  const box = bundle(t)
  box.write()
  for (const id of ['', '.', '..', '../escape', 'a/b', '/abs', '-x y', 'ü', '@journal', 'x'.repeat(1100), 'new\nline']) {
    for (const verb of [['create', '--bundle', box.folder], ['state'], ['delete', '--force']]) {
      const result = await box.runtime([...verb, '--', id])
      assert.notEqual(result.status, 0, JSON.stringify([verb[0], id]))
      assert.match(result.stderr, /id|argument/i)
    }
    assert.deepEqual(box.known, [])
  }
  assert.ok(!existsSync(`${box.folder}/escape`))
})

test('flags and arguments that are wrong', { skip }, async (t) => {
  const box = bundle(t)
  box.write()
  for (const [args, reason] of [
    [['create', '--nosuchflag', box.id], /unknown flag --nosuchflag/],
    [['create'], /exactly 1 argument/],
    [['create', box.id, 'more'], /exactly 1 argument/],
    [['run', '--preserve-fds', 'x', box.id], /--preserve-fds: "x" is not a whole number/],
    [['run', '--preserve-fds', '-1', box.id], /--preserve-fds must not be negative/],
    [['kill', box.id, 'NOSUCH'], /unknown signal|NOSUCH/],
    [['list', '--format', 'xml'], /table or json|xml/],
    [['exec', '--user', 'root', box.id, 'true'], /does not exist|numeric/],
  ] as const) {
    const result = await box.runtime(args)
    assert.notEqual(result.status, 0, args.join(' '))
    assert.match(result.stderr.replaceAll('\\"', '"'), reason)
  }
})

test('what is not known is passed over: later versions of the spec have more', { skip }, async (t) => {
  const box = bundle(t)
  set(box.config, 'ociVersion', '1.9.7')
  set(box.config, 'windows', { layerFolders: ['x'] })
  set(box.config, 'process.nosuch', { a: 1 })
  set(box.config, 'linux.nosuch', [1])
  set(box.config, 'process.capabilities.bounding[13]', 'CAP_OF_TOMORROW')
  assert.equal(await box.probe('echo ran'), 'ran')
  assert.ok(readFileSync(`${box.folder}/config.json`, 'utf8').includes('nosuch'))
})
