/** linux.namespaces: each kind new, joined by path, and absent. */
import assert from 'node:assert/strict'
import { readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { mountsOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

/** Kinds as config.json names them, and as /proc/PID/ns does. The user namespace has tests of its own. */
const FILES = { pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', mount: 'mnt', cgroup: 'cgroup', time: 'time' } as const
type Kind = keyof typeof FILES
const KINDS = Object.keys(FILES) as Kind[]

const skip = requires('root', 'busybox')

const host = (kind: Kind): string => readlinkSync(`/proc/self/ns/${FILES[kind]}`)
const of = (pid: number, kind: Kind): string => readlinkSync(`/proc/${pid}/ns/${FILES[kind]}`)

const without = (box: Bundle, kind: string): void => {
  box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== kind)
}

const PRINT = `for n in ${Object.values(FILES).join(' ')} user; do readlink /proc/self/ns/$n; done`

test("new namespaces of all kinds are not the host's", { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => linux.namespaces.push({ type: 'time' }))
  const inside = await box.lines(PRINT)
  assert.equal(inside.length, KINDS.length + 1)
  for (const kind of KINDS) {
    assert.ok(
      inside.some((name) => name.startsWith(`${FILES[kind]}:[`)),
      `${kind} is printed`,
    )
    assert.ok(!inside.includes(host(kind)), `${kind} is not the host's`)
  }
  assert.ok(inside.includes(readlinkSync('/proc/self/ns/user')), "the user namespace, which is not listed, is the host's")
})

test("of namespaces that are not listed the process is in the host's", { skip }, async (t) => {
  const box = bundle(t)
  box.config.linux.namespaces = [{ type: 'mount' }]
  const { pid } = await box.up()
  for (const kind of KINDS) assert.equal(of(pid, kind) === host(kind), kind !== 'mount', kind)
})

test("without a mount namespace the process is in the host's", {
  skip: skip || wherryOnly('runc mounts the root on the host'),
}, async (t) => {
  const box = bundle(t, (config) => {
    config.mounts = [] // they would be made on the host
  })
  without(box, 'mount')
  const { pid } = await box.up()
  assert.equal(of(pid, 'mount'), host('mount'))
  assert.equal(readlinkSync(`/proc/${pid}/root`), box.rootfs)
  assert.deepEqual(mountsOf(box.folder), [])
})

test('each kind is joined by path', { skip }, async (t) => {
  const first = bundle(t, ({ linux }) => linux.namespaces.push({ type: 'time' }))
  const { pid } = await first.up()
  for (const kind of KINDS.filter((one) => one !== 'mount'))
    await t.test(kind, async (each) => {
      const second = bundle(each)
      without(second, kind)
      second.config.linux.namespaces.push({ type: kind, path: `/proc/${pid}/ns/${FILES[kind]}` })
      const inside = await second.lines(PRINT)
      for (const other of KINDS.filter((one) => one !== 'time' || kind === 'time'))
        assert.equal(inside.includes(of(pid, other)), other === kind, other)
    })
})

test('a mount namespace is joined by path', { skip: skip || wherryOnly('runc mounts there what it has mounted') }, async (t) => {
  const first = bundle(t, ({ mounts }) => mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'of-the-first' }))
  const { pid } = await first.up()
  const second = bundle(t, (config) => {
    config.mounts = []
    config.root.path = '/' // as it is there
  })
  without(second, 'mount')
  second.config.linux.namespaces.push({ type: 'mount', path: `/proc/${pid}/ns/mnt` })
  const { pid: joined } = await second.up()
  assert.equal(of(joined, 'mount'), of(pid, 'mount'))
  assert.match(readFileSync(`/proc/${joined}/mountinfo`, 'utf8'), / of-the-first /)
})

test('a container joins all namespaces of another', { skip }, async (t) => {
  const first = bundle(t, ({ linux }) => linux.namespaces.push({ type: 'time' }))
  first.config.hostname = 'first'
  const { pid } = await first.up()
  const second = bundle(t)
  second.config.linux.namespaces = [
    { type: 'mount' },
    ...KINDS.filter((kind) => kind !== 'mount').map((kind) => ({ type: kind, path: `/proc/${pid}/ns/${FILES[kind]}` })),
  ]
  assert.deepEqual(await second.lines('hostname; [ $$ = 1 ] || echo "not the first process"; grep -ac sleep /proc/1/cmdline'), [
    'first',
    'not the first process',
    '1',
  ])
})

test('the init of a new pid namespace is its first process and sees no other', { skip }, async (t) => {
  assert.deepEqual(await bundle(t).lines('echo $$; set -- /proc/[1-9]*; echo $*'), ['1', '/proc/1'])
})

test("in the host's pid namespace the process sees the host's", { skip }, async (t) => {
  const box = bundle(t)
  without(box, 'pid')
  const [own, comm] = await box.lines(`echo $$; cat /proc/${process.pid}/comm`)
  assert.notEqual(own, '1')
  assert.equal(comm, readFileSync('/proc/self/comm', 'utf8').trim())
})

test('the loopback of a new network namespace is up and alone', { skip }, async (t) => {
  const box = bundle(t)
  assert.deepEqual(
    await box.lines('ls /proc/sys/net/ipv4/conf; ip -o addr show dev lo | grep -c "inet 127.0.0.1/8"; ip link show dev lo | grep -c ,UP'),
    ['all', 'default', 'lo', '1', '1'],
  )
})

test('a hostname is set in a uts namespace that is joined', { skip }, async (t) => {
  const first = bundle(t)
  const { pid } = await first.up()
  const second = bundle(t, (config) => {
    config.hostname = 'renamed'
  })
  without(second, 'uts')
  second.config.linux.namespaces.push({ type: 'uts', path: `/proc/${pid}/ns/uts` })
  assert.equal(await second.probe('hostname'), 'renamed')
  assert.equal(await first.inside('hostname'), 'renamed')
})

test('exec enters all namespaces of the container', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => linux.namespaces.push({ type: 'time' }))
  const { pid } = await box.up()
  const inside = (await box.inside(PRINT)).split('\n')
  assert.deepEqual(inside.sort(), [...KINDS.map((kind) => of(pid, kind)), readlinkSync('/proc/self/ns/user')].sort())
})

test('sockets of a network namespace are its own', { skip }, async (t) => {
  const [first, second] = [bundle(t), bundle(t)]
  await first.up('exec nc -l -p 7777 -s 127.0.0.1')
  // the namespace is another: nobody listens there
  const result = await second.run(shell('nc -w 2 127.0.0.1 7777 < /dev/null'))
  assert.notEqual(result.status, 0)
  assert.match(result.stderr, /Connection refused/)
})
