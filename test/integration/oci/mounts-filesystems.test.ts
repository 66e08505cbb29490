/** Mounts of new file systems, by type. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { bundle } from '../../support/bundle.ts'
import { CGROUP, SYS } from '../../support/config.ts'
import { parseMountinfo } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'
import { OURS, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test("proc is of the container's pid namespace", { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => {
    mounts[0]!.options = ['nosuid', 'noexec', 'nodev']
  })
  assert.deepEqual(await box.lines('cat /proc/1/comm; readlink /proc/self | grep -c "^[0-9]*$"; grep " /proc proc " /proc/mounts'), [
    'sh',
    '1',
    'proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0',
  ])
})

test('proc takes its own options', { skip }, async (t) => {
  // runc itself reads what subset=pid hides
  const options = ['hidepid=invisible', ...(OURS ? ['subset=pid'] : [])]
  const box = bundle(t, ({ mounts }) => {
    mounts[0]!.options = ['ro', ...options]
  })
  const proc = parseMountinfo(await box.probe('cat /proc/self/mountinfo')).get('/proc')!
  assert.deepEqual([proc.options.join(), proc.superOptions.slice(1).join()], ['ro,relatime', options.join()])
})

test("sysfs shows the container's network namespace", { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push(structuredClone(SYS)))
  assert.deepEqual(await box.lines('ls /sys/class/net; touch /sys/new 2>/dev/null || grep " /sys " /proc/mounts'), [
    'lo',
    'sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0',
  ])
})

test('devpts is an instance of its own', { skip }, async (t) => {
  const box = bundle(t)
  assert.deepEqual(await box.lines("ls /dev/pts; stat -c '%a' /dev/pts/ptmx; readlink /dev/ptmx; grep ' /dev/pts ' /proc/mounts"), [
    'ptmx',
    '666',
    'pts/ptmx',
    'devpts /dev/pts devpts rw,nosuid,noexec,relatime,mode=620,ptmxmode=666 0 0',
  ])
})

test("mqueue is of the container's ipc namespace", { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) =>
    mounts.push({ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] }),
  )
  assert.deepEqual(
    await box.lines('ls -A /dev/mqueue; touch /dev/mqueue/queue; ls /dev/mqueue; cat /dev/mqueue/queue'),
    ['queue', 'QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     '].map((line) => line.trimEnd()),
  )
})

test('tmpfs takes size, mode, owner and numbers', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => {
    mounts.push(
      { destination: '/mnt/a', type: 'tmpfs', source: 'a', options: ['size=64k', 'mode=1750', 'uid=5', 'gid=6'] },
      { destination: '/mnt/b', type: 'tmpfs', source: 'b', options: ['nr_inodes=10'] },
      { destination: '/mnt/c', type: 'tmpfs', source: 'c', options: ['ro', 'mode=0444', 'nosuid'] },
    )
  })
  assert.deepEqual(
    await box.lines(
      "exec 2>&1; stat -c '%a %u %g' /mnt/a /mnt/c; head -c 70000 /dev/zero > /mnt/a/big; for i in 1 2 3 4 5 6 7 8 9 10; do echo > /mnt/b/$i; done; ls /mnt/b | wc -l; touch /mnt/c/new; true",
    ),
    [
      '1750 5 6',
      '444 0 0',
      'head: standard output: I/O error',
      "sh: can't create /mnt/b/10: No space left on device",
      '9',
      'touch: /mnt/c/new: Read-only file system',
    ],
  )
})

test('a tmpfs without a mode takes that of what it covers', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mkdirSync(made.in('/there'))
    mounts.push(
      { destination: '/there', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
      { destination: '/new', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/given', type: 'tmpfs', source: 'tmpfs', options: ['mode=1500'] },
    )
  })
  chmodSync(box.in('/there'), 0o710)
  assert.deepEqual(await box.lines('stat -c %a /there /tmp /new /given'), ['710', '1777', '1777', '1500'])
})

test('overlay joins layers', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, { folder }) => {
    for (const name of ['lower', 'lowest', 'upper', 'work']) mkdirSync(`${folder}/${name}`)
    writeFileSync(`${folder}/lower/a`, 'of lower\n')
    writeFileSync(`${folder}/lowest/a`, 'of lowest\n')
    writeFileSync(`${folder}/lowest/b`, 'of lowest\n')
    mounts.push({
      destination: '/mnt',
      type: 'overlay',
      source: 'overlay',
      options: [`lowerdir=${folder}/lower:${folder}/lowest`, `upperdir=${folder}/upper`, `workdir=${folder}/work`],
    })
  })
  assert.deepEqual(await box.lines('cat /mnt/a /mnt/b; echo new > /mnt/c; rm /mnt/a; ls /mnt'), ['of lower', 'of lowest', 'b', 'c'])
  assert.equal(readFileSync(`${box.folder}/upper/c`, 'utf8'), 'new\n')
})

test('data of more than 255 bytes, which fsconfig(2) does not take, is mounted', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, { folder }) => {
    const layers = Array.from({ length: 12 }, (_, index) => `${folder}/${'long-name-of-a-layer-'.repeat(4)}${index}`)
    for (const [index, layer] of layers.entries()) {
      mkdirSync(layer)
      writeFileSync(`${layer}/${index}`, '')
    }
    mkdirSync(`${folder}/upper`)
    mkdirSync(`${folder}/work`)
    mounts.push({
      destination: '/mnt',
      type: 'overlay',
      source: 'overlay',
      options: [`lowerdir=${layers.join(':')}`, `upperdir=${folder}/upper`, `workdir=${folder}/work`, 'nosuid', 'noexec'],
    })
  })
  const [files, line] = await box.lines('echo $(ls /mnt | sort -n); grep " /mnt " /proc/mounts')
  assert.equal(files, '0 1 2 3 4 5 6 7 8 9 10 11')
  assert.match(line!, /^overlay \/mnt overlay rw,nosuid,noexec,relatime,lowerdir=/)
})

test("the cgroup mount shows the container's cgroup as its root", { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push(structuredClone(SYS), structuredClone(CGROUP)))
  await box.up()
  const table = parseMountinfo(await box.inside('cat /proc/self/mountinfo'))
  const points = [...table.values()].filter(({ point }) => point.startsWith('/sys/fs/cgroup'))
  for (const { options, type } of points)
    for (const option of ['ro', 'nosuid', 'nodev', 'noexec']) assert.ok(options.includes(option) || type === 'tmpfs', option)
  if (layout().kind === 'v2') {
    assert.deepEqual(
      points.map(({ point, type, root }) => [point, type, root]),
      [['/sys/fs/cgroup', 'cgroup2', '/']],
    )
    assert.ok((await box.inside('cat /sys/fs/cgroup/cgroup.procs')).split('\n').includes('1'))
    return
  }
  // v1: a tmpfs with a mount of each hierarchy, under the name it has on the host
  for (const [key, { mountPoint }] of layout().hierarchies) {
    if (key === '') continue
    assert.equal(table.get(mountPoint)?.type, 'cgroup', mountPoint)
    assert.equal(table.get(mountPoint)?.root, '/', 'the root of the cgroup namespace')
    const inside = await box.inside(`cat ${mountPoint}/tasks`)
    assert.ok(inside.split('\n').includes('1'), `${mountPoint}: ${inside}`)
  }
})

test("without a cgroup namespace the cgroup mount shows the container's folder alone", {
  skip: skip || requires('cgroup_v1'),
}, async (t) => {
  const box = bundle(t, ({ mounts, linux }) => {
    mounts.push(structuredClone(SYS), structuredClone(CGROUP))
    linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'cgroup')
  })
  await box.up()
  const table = parseMountinfo(await box.inside('cat /proc/self/mountinfo'))
  assert.equal(table.get('/sys/fs/cgroup/memory')?.root, `/${box.id}`)
  assert.ok((await box.inside('cat /sys/fs/cgroup/memory/tasks')).split('\n').includes('1'))
})

test('a writable cgroup mount lets the container make cgroups', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push(structuredClone(SYS), { ...CGROUP, options: ['nosuid', 'rw'] }))
  const folder = layout().kind === 'v2' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids'
  await box.up()
  await box.inside(`mkdir ${folder}/sub && echo $$ > ${folder}/sub/cgroup.procs && mkdir ${folder}/empty`)
  assert.equal(readFileSync(`${box.cgroup('pids')}/sub/cgroup.procs`, 'utf8'), '')
  await box.must('delete', '--force', box.id) // with the cgroups below its own
  box.assertNothingLeft()
})

test('a file system of an unknown type is refused, and named', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' }))
  await box.refused(/mounts\[3\] \/mnt.*nosuchfs.*no such device/i)
})

test("options that a file system does not know are refused in the kernel's words", {
  skip: skip || wherryOnly('what the kernel says'),
}, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'x', options: ['nosuchoption=1'] }))
  await box.refused(/mounts\[3\] \/mnt.*nosuchoption/i)
})
