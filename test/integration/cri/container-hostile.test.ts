/** Images and configs that want out, or are odd: containers of strangers. */
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { putBusybox } from '../../support/cri/images.ts'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import type { TarEntry } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let server: TestServer
let pod: TestPod
let secret: string
before(async () => {
  if (skip) return
  server = await TestServer.open()
  pod = await TestPod.run(server)
  secret = `${server.folder}/secret`
  mkdirSync(secret)
  writeFileSync(`${secret}/file`, 'of the node')
})
after(() => endServer(server))

let count = 0
const image = async (config: Readonly<Record<string, unknown>>, entries: readonly TarEntry[] = []): Promise<{ image: string }> => {
  count += 1
  const name = `registry.test/odd-${count}:1`
  await putBusybox(server.store, name, { config, ...(entries.length === 0 ? {} : { layers: [entries] }) })
  return { image: name }
}

/** Nothing of what failed is left. */
const clean = (): void => {
  assert.deepEqual(readdirSync(`${server.config.root}/cri/containers`), [])
  assert.deepEqual(readdirSync(secret), ['file'])
  assert.equal(readFileSync(`${secret}/file`, 'utf8'), 'of the node')
}

test('users that are none', { skip }, async () => {
  for (const [User, expected] of [
    ['alice:bob:carol', /user "alice:bob:carol": has more than one colon/],
    ['4294967295', /uid 4294967295 is not from 0/],
    ['99999999999999999999', /is not from 0/],
    ['-1', /has no user of that name/],
    [':0', /the user before the colon is missing/],
    ['0x0', /has no user of that name/],
    ['alice:', /the group behind the colon is missing/],
  ] as const) {
    const { details } = await refused(pod.create('true', { image: await image({ User }) }))
    assert.match(details, expected, User)
    clean()
  }
})

test('databases that are none, or lead out', { skip }, async () => {
  const run = async (entries: readonly TarEntry[]) => refused(pod.create('true', { image: await image({ User: 'alice' }, entries) }))
  assert.match((await run([{ name: 'etc/passwd', type: 'fifo' }])).details, /\/etc\/passwd of the image: is no regular file/)
  assert.match((await run([{ name: 'etc/passwd', type: 'symlink', linkname: 'passwd' }])).details, /go in circles/)
  assert.match((await run([{ name: 'etc/passwd', type: 'symlink', linkname: '/proc/self/root/etc/passwd' }])).details, /passwd/)
  writeFileSync(`${secret}/passwd`, 'alice:x:0:0::/:/bin/sh\n')
  const led = await run([{ name: 'etc/passwd', type: 'symlink', linkname: `../../../../../../..${secret}/passwd` }])
  assert.match(led.details, /has no user of that name/)
  rmSync(`${secret}/passwd`)
  clean()
})

test('working directories that lead out, or are none', { skip }, async () => {
  const says = async (WorkingDir: string, entries: readonly TarEntry[] = []): Promise<string> =>
    pod.says('pwd', { image: await image({ WorkingDir }, entries) })
  assert.equal(await says('../../../../wherry-odd'), '/wherry-odd\n')
  assert.ok(!existsSync('/wherry-odd'))
  assert.equal(await says('/out/made', [{ name: 'out', type: 'symlink', linkname: secret }]), `${secret}/made\n`)
  assert.equal(
    await says('/dangling', [{ name: 'dangling', type: 'symlink', linkname: '../../../../nowhere/at/all' }]),
    '/nowhere/at/all\n',
  )
  const file = await refused(pod.create('true', { image: await image({ WorkingDir: '/bin/busybox/x' }) }))
  assert.match(file.details, /working directory "\/bin\/busybox\/x": \/bin\/busybox of the image is no folder/)
  clean()
})

test('volumes that lead out, or are none', { skip }, async () => {
  const readonly = { securityContext: { readonlyRootfs: true } }
  const create = async (volume: string, entries: readonly TarEntry[] = []) => ({
    image: await image({ Volumes: { [volume]: {} } }, entries),
    linux: readonly,
  })
  assert.match((await refused(pod.create('true', await create('/')))).details, /would be the root itself/)
  assert.match((await refused(pod.create('true', await create('relative')))).details, /the path is not absolute/)
  const led = await create('/v/x', [{ name: 'v', type: 'symlink', linkname: secret }])
  await pod.says('echo mine > /v/x/file', led)
  clean()
})

test('targets of mounts are links of the image', { skip }, async () => {
  const source = `${server.folder}/source`
  mkdirSync(source)
  writeFileSync(`${source}/inside`, 'mounted')
  const entries: TarEntry[] = [
    { name: 'to-secret', type: 'symlink', linkname: secret },
    { name: 'up', type: 'symlink', linkname: '../../../../../..' },
    { name: 'circle', type: 'symlink', linkname: 'circle' },
    { name: 'to-proc', type: 'symlink', linkname: 'proc' },
  ]
  const odd = await image({}, entries)
  const mounts = [
    { containerPath: '/to-secret', hostPath: source },
    { containerPath: '/up/there', hostPath: source },
  ]
  assert.equal(await pod.says(`cat ${secret}/inside /there/inside`, { image: odd, mounts }), 'mountedmounted')
  const circle = await refused(pod.create('true', { image: odd, mounts: [{ containerPath: '/circle/x', hostPath: source }] }))
  assert.match(circle.details, /too many symbolic links/)
  const proc = await refused(pod.create('true', { image: odd, mounts: [{ containerPath: '/to-proc/self', hostPath: source }] }))
  assert.match(proc.details, /proc/)
  assert.ok(!existsSync('/there'))
  clean()
})

test('files of the pod over links of the image', { skip }, async () => {
  const odd = await image({}, [
    { name: 'etc/hostname', type: 'symlink', linkname: `${secret}/file` },
    { name: 'etc/resolv.conf', type: 'symlink', linkname: '/run/resolv.conf' },
  ])
  assert.match(await pod.says('cat /etc/hostname', { image: odd }), /^\S+\n$/)
  clean()
})

test('logs stay in the folder of logs', { skip }, async () => {
  const { details } = await refused(pod.create('true', { logPath: '../../../escape.log' }))
  assert.match(details, /^config\.log_path: /)
  assert.equal(lstatSync(server.folder).isDirectory(), true)
  clean()
})

test('environment and arguments of any size and kind', { skip }, async () => {
  const huge = 'x'.repeat(128 * 1024 - 8)
  const { details } = await refused(pod.create('true', { envs: [{ key: 'NUL', value: Buffer.from('a\0b') }] }))
  assert.match(details, /^config\.envs\[0\]\.value: has a NUL byte/)
  assert.equal(
    await pod.says('printf %s "$HUGE" | wc -c', { envs: [{ key: 'HUGE', value: Buffer.from(huge.slice(0, 100_000)) }] }),
    '100000\n',
  )
  clean()
})
