/** Containers on overlays of layers: what is seen, what is written where, and what is left. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { explain } from '../../runtime/container/explain.ts'
import { start } from '../../runtime/container/start.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import { inUserNamespace } from '../support/config.ts'
import { Layered } from '../support/layered.ts'
import { mountTable, processesOf } from '../support/leftovers.ts'
import { parseMountinfo } from '../support/private-mounts.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

test('layers are merged, and what is written is in the upper folder', { skip }, async (t) => {
  const box = new Layered(t, 'cat /etc/who /etc/low; rm /etc/low; echo new > /root/new; stat -c %a / /tmp')
  box.layer({ 'etc/who': 'second\n', 'etc/low': 'low\n' })
  chmodSync(box.layer({ 'etc/who': 'third\n' }), 0o751)
  assert.equal(await box.run(), 'third\nlow\n751\n1777')
  assert.equal(readFileSync(`${box.upper}/root/new`, 'utf8'), 'new\n')
  assert.ok(lstatSync(`${box.upper}/etc/low`).isCharacterDevice())
  assert.ok(existsSync(`${box.lowers[1]}/etc/low`))
})

test('what was written is there again', { skip }, async (t) => {
  const box = new Layered(t, 'echo x >> /root/count; wc -l < /root/count')
  assert.equal(await box.run(), '1')
  assert.equal(await box.run(), '1\n2') // the spool has both
})

test('120 layers, the highest wins', { skip }, async (t) => {
  const box = new Layered(t, 'cat /who; ls /each | wc -l')
  for (let index = 1; index < 120; index += 1) box.layer({ who: `${index}\n`, [`each/${index}`]: '' })
  assert.equal(await box.run(), '119\n119')
})

/** Of a process or descriptor that is gone by now, or a kernel thread: nothing. */
const unless = <T>(look: () => T): T | undefined => {
  try {
    return look()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Processes that have a descriptor, the root or the working directory on the device. */
const holders = (device: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const fds = unless(() => readdirSync(`/proc/${pid}/fd`).map((fd) => `fd/${fd}`)) ?? []
      return ['root', 'cwd', ...fds].some((name) => unless(() => statSync(`/proc/${pid}/${name}`).dev) === device)
    })
    .map(Number)

test("the host's mount table does not change while it is made, runs and is deleted", { skip }, async (t) => {
  const box = new Layered(t, 'exec sleep 100000')
  box.layer()
  const before = mountTable()
  const { record, keeper } = await box.create()
  assert.deepEqual(mountTable(), before)
  await start(box.engine, box.id)
  assert.deepEqual(mountTable(), before)
  const inside = parseMountinfo(readFileSync(`/proc/${record.init!.pid}/mountinfo`, 'utf8'))
  assert.equal(inside.get('/')?.type, 'overlay')
  assert.deepEqual([...inside.keys()].sort(), ['/', '/dev', '/dev/pts', '/proc'])
  assert.ok(!inside.get('/')!.superOptions.join().includes(box.folder), 'no path of the host is told')
  const device = statSync(`/proc/${record.init!.pid}/root/`).dev
  assert.deepEqual(holders(device), [record.init!.pid], 'nobody but the container keeps it')
  await deleteContainer(box.engine, box.id, { force: true })
  await keeper.ended()
  keeper.acknowledge()
  assert.deepEqual(mountTable(), before)
})

test('a descriptor of the caller’s', { skip }, async (t) => {
  const box = new Layered(t, 'cat /who; echo changed > /who')
  box.layer({ who: 'given\n' })
  const fd = await openRootfs(box.description, { folder: box.folder })
  try {
    assert.equal(await box.run(fd), 'given')
    assert.equal(readFileSync(`/proc/self/fd/${fd}/who`, 'utf8'), 'changed\n')
  } finally {
    closeSync(fd)
  }
})

test('in a user namespace: layers and the upper folder have the ids that are seen inside', { skip }, async (t) => {
  const box = new Layered(
    t,
    'stat -c "%u %g" / /bin/busybox /who; touch /mine; chown 7:8 /who; su=$(stat -c %a /set); echo $su; mkdir /tmp/made && rmdir /mnt && mknod /tmp/fifo p && ls -ld /mnt',
    (config) => {
      inUserNamespace(config, 200_000)
    },
  )
  box.layer({ who: '', set: '' })
  chmodSync(`${box.lowers[1]}/set`, 0o4755)
  const text = await box.run().catch((error: Error) => error.message)
  assert.match(text, /^0 0\n0 0\n0 0\n4755\n.*\/mnt/)
  const ids = ['', 'mine', 'who'].map((name) => lstatSync(`${box.upper}/${name}`)).map(({ uid, gid }) => `${uid}:${gid}`)
  assert.deepEqual(ids, ['0:0', '0:0', '7:8'])
  assert.ok(lstatSync(`${box.upper}/mnt`).isCharacterDevice())
})

test('without an upper folder nothing can be written: one layer, and several', { skip }, async (t) => {
  for (const count of [1, 3]) {
    const box = new Layered(t, 'touch /new 2>&1 || :; touch /tmp/new && echo elsewhere', ({ mounts, root }) => {
      mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' })
      root.readonly = true
    })
    while (box.lowers.length < count) box.layer()
    assert.equal(await box.run({ lowers: box.lowers }), 'touch: /new: Read-only file system\nelsewhere', `${count} layers`)
  }
})

test('a read-only root with an upper folder has mount points made in it', { skip }, async (t) => {
  const box = new Layered(t, 'touch /new 2>&1 || :; grep -c " /none/there " /proc/self/mountinfo', ({ mounts, root }) => {
    mounts.push({ destination: '/none/there', type: 'tmpfs', source: 'tmpfs' })
    root.readonly = true
  })
  assert.equal(await box.run(), 'touch: /new: Read-only file system\n1')
  assert.deepEqual(readdirSync(`${box.upper}/none`), ['there'])
})

test('what must be known of the image is read from the layers: links, mount points, users, copies', { skip }, async (t) => {
  const script = 'echo $HOME; ls /var/run /copied; stat -c %a /copied'
  const box = new Layered(t, script, ({ mounts, process }) => {
    process.env = ['PATH=/bin']
    mounts.push({ destination: '/var/run/below', type: 'tmpfs', source: 'tmpfs' })
    mounts.push({ destination: '/copied', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] })
  })
  const layer = box.layer({ 'etc/passwd': 'root:x:0:0::/of/the/layer:/bin/sh\n', 'copied/one': '', 'copied/two': '' })
  mkdirSync(`${layer}/var`)
  symlinkSync('/run', `${layer}/var/run`)
  chmodSync(`${layer}/copied`, 0o750)
  assert.equal(await box.run(), '/of/the/layer\n/copied:\none\ntwo\n\n/var/run:\nbelow\n750')
})

test('hooks find the root filesystem where root.path names it', { skip }, async (t) => {
  const box = new Layered(t, 'cat /from-hook', (config, { folder }) => {
    const inside = `cat ${folder}/rootfs/who > ${folder}/seen; echo from createRuntime > ${folder}/rootfs/from-hook`
    const enter = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -m -- sh -c '${inside}'`
    const hook = (script: string) => [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/usr/bin:/bin'] }]
    config.hooks = { createRuntime: hook(enter), createContainer: hook(`pwd -P > ${folder}/cwd; ls who > ${folder}/here`) }
  })
  box.layer({ who: 'the image\n' })
  assert.equal(await box.run(), 'from createRuntime')
  assert.equal(readFileSync(`${box.folder}/seen`, 'utf8'), 'the image\n')
  assert.equal(readFileSync(`${box.folder}/cwd`, 'utf8'), `${box.box.rootfs}\n`)
  assert.equal(readFileSync(`${box.folder}/here`, 'utf8'), 'who\n')
  assert.deepEqual(readdirSync(box.box.rootfs), [])
})

for (const [propagation, fields] of [
  ['rprivate', ''],
  ['rslave', ''],
  ['rshared', 'shared'],
  ['runbindable', 'unbindable'],
] as const)
  test(`rootfsPropagation ${propagation}`, { skip }, async (t) => {
    const box = new Layered(t, 'cat /proc/self/mountinfo', ({ linux }) => {
      linux.rootfsPropagation = propagation
    })
    const root = parseMountinfo(await box.run()).get('/')!
    assert.equal(root.propagation.join(' ').replace(/:\d+$/, ''), fields)
  })

test('a layer that is missing is named, and nothing is left', { skip }, async (t) => {
  const box = new Layered(t, 'true')
  box.layer()
  rmdirSync(box.layer())
  const before = mountTable()
  await assert.rejects(box.create(), {
    kind: 'not-found',
    message: `layer 3 of 3 is missing: ${box.lowers[2]} (check the store, or pull the image again)`,
  })
  assert.ok(!existsSync(box.upper) && !existsSync(box.work))
  assert.deepEqual(mountTable(), before)
  box.box.assertNothingLeft()
})

test('it needs a mount namespace of its own', { skip }, async (t) => {
  const box = new Layered(t, 'true', ({ linux }) => {
    linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'mount')
  })
  await assert.rejects(box.create(), /linux\.namespaces: must have a new mount namespace/)
  box.box.assertNothingLeft()
})

test('explain shows it and makes nothing', { skip }, async (t) => {
  const box = new Layered(t, 'true')
  box.box.write()
  const { text } = await explain(box.engine, {
    id: box.id,
    bundle: box.folder,
    rootfs: box.description,
    noPivot: false,
    noNewKeyring: false,
    preserveFds: 0,
  })
  assert.match(text, /move_mount\(root, "", AT_FDCWD, "\.", MOVE_MOUNT_F_EMPTY_PATH\)/)
  assert.ok(!existsSync(box.upper))
})

test('volatile: after the container was killed its upper folder can be used again, in the same boot', { skip }, async (t) => {
  const box = new Layered(t, 'cat /kept 2> /dev/null; echo kept > /kept; [ -e /again ] || exec sleep 100000')
  const description = { ...box.description, volatile: true }
  const kept = await box.create(description)
  await start(box.engine, box.id)
  while (!existsSync(`${box.upper}/kept`)) await setTimeout(5)
  process.kill(kept.record.init!.pid, 'SIGKILL')
  await kept.keeper.ended()
  kept.keeper.acknowledge()
  await deleteContainer(box.engine, box.id, { force: false })
  writeFileSync(`${box.upper}/again`, '')
  assert.equal(await box.run(description), 'kept')
  writeFileSync(`${box.work}/boot`, 'another boot\n')
  await assert.rejects(box.create(description), {
    kind: 'failed-precondition',
    message: new RegExp(`^upper folder ${box.upper} was used without syncing \\(volatile\\) before this machine's last start`),
  })
  await assert.rejects(box.create(), { kind: 'failed-precondition' })
  assert.equal(readFileSync(`${box.upper}/kept`, 'utf8'), 'kept\n')
})

test('killed while overlays are made: no mount, no process is left', { skip }, async (t) => {
  const box = new Layered(t, 'true')
  for (let index = 0; index < 40; index += 1) box.layer()
  const program = `
    import { openRootfs } from ${JSON.stringify(import.meta.resolve('../../runtime/rootfs/open.ts'))}
    import { closeSync } from 'node:fs'
    for (let n = 0; ; n += 1) {
      const fd = await openRootfs(${JSON.stringify(box.description)}, { folder: ${JSON.stringify(box.folder)}, way: n % 2 === 0 ? 'program' : undefined })
      closeSync(fd)
      if (n === 3) console.log('begun')
    }`
  const before = mountTable()
  for (let round = 0; round < 8; round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, WHERRY_TEST: box.id },
    })
    await once(child.stdout, 'data')
    await setTimeout(Math.random() * 15)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const end = Date.now() + 5000
  const running = () =>
    spawnSync('ps', ['-eo', 'comm='])
      .stdout.toString()
      .split('\n')
      .filter((name) => name === 'wherry:rootfs')
  while (running().length > 0 && Date.now() < end) await setTimeout(20)
  assert.deepEqual(running(), [])
  assert.deepEqual(processesOf(box.id), [])
  assert.deepEqual(mountTable(), before)
})
