/** User namespaces: mappings, joined by path, and what the container's root may not do to the host. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { type IdMapping, inUserNamespace, mapTo, NAMESPACES } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')
const HOST = 100_000

/** A bundle whose container's root is HOST. */
const mapped = (t: Parameters<typeof bundle>[0], change: Parameters<typeof bundle>[1] = () => {}): Bundle =>
  bundle(t, (config, made) => {
    inUserNamespace(config, HOST)
    made.own(HOST)
    change(config, made)
  })

const fold = (map: string): string => map.trim().replace(/ +/g, ' ')

test('the ids of the mappings are those inside', { skip }, async (t) => {
  const box = mapped(t, ({ linux }) => {
    linux.gidMappings = mapTo(200_000, 1000)
  })
  box.own(HOST, 200_000)
  const { pid } = await box.up()
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/user`), readlinkSync('/proc/self/ns/user'))
  const [uidMap, gidMap, setgroups, ids] = (
    await box.inside('cat /proc/self/uid_map; cat /proc/self/gid_map; cat /proc/self/setgroups; echo $(id -u):$(id -g)')
  ).split('\n')
  assert.deepEqual([fold(uidMap!), fold(gidMap!), setgroups, ids], [`0 ${HOST} 65536`, '0 200000 1000', 'allow', '0:0'])
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\t${HOST}\t${HOST}\t${HOST}\t${HOST}\nGid:\t200000\t`, 'm'))
})

test('several ranges are mapped, in any order', { skip }, async (t) => {
  const box = mapped(t)
  const ranges: IdMapping[] = [
    { containerID: 1000, hostID: 300_000, size: 10 },
    { containerID: 0, hostID: HOST, size: 5 },
    { containerID: 5, hostID: 400_000, size: 1 },
  ]
  box.config.linux.uidMappings = ranges
  box.config.linux.gidMappings = ranges
  assert.deepEqual((await box.lines('cat /proc/self/uid_map; touch /tmp/a; chown 1003:5 /tmp/a')).map(fold), [
    '1000 300000 10',
    `0 ${HOST} 5`,
    '5 400000 1',
  ])
  const { uid, gid } = statSync(box.in('/tmp/a'))
  assert.deepEqual([uid, gid], [300_003, 400_000])
})

test('340 lines are mapped', { skip }, async (t) => {
  const box = bundle(t)
  // low ids: all lines together must be shorter than a page
  const lines = Array.from({ length: 340 }, (_, index) => ({ containerID: index * 2, hostID: 1 + index * 3, size: 1 }))
  box.own(1)
  box.config.linux.namespaces.push({ type: 'user' })
  box.config.linux.uidMappings = lines
  box.config.linux.gidMappings = lines
  assert.deepEqual(await box.lines('wc -l < /proc/self/uid_map; touch /tmp/a; chown 678:678 /tmp/a'), ['340'])
  assert.equal(statSync(box.in('/tmp/a')).uid, 1 + 339 * 3)
})

test('files have mapped owners on both sides', { skip }, async (t) => {
  const box = mapped(t)
  mkdirSync(box.in('/mnt/deep/deeper'), { recursive: true })
  writeFileSync(box.in('/mnt/deep/deeper/file'), 'x')
  chownSync(box.in('/mnt/deep/deeper/file'), HOST + 7, HOST + 8)
  const unmapped = '65534:65534'
  assert.deepEqual(
    await box.lines(
      'stat -c %u:%g /mnt/deep/deeper/file /mnt/deep /bin/busybox; mkdir /tmp/new; touch /tmp/new/mine; chown 42:43 /tmp/new/mine',
    ),
    ['7:8', unmapped, unmapped],
  )
  const { uid, gid } = lstatSync(box.in('/tmp/new/mine'))
  assert.deepEqual([uid, gid], [HOST + 42, HOST + 43])
})

test("the container's root is nobody to files of the host", { skip }, async (t) => {
  const box = mapped(t, ({ mounts }, { folder }) => {
    mkdirSync(`${folder}/host`, { mode: 0o755 })
    writeFileSync(`${folder}/host/secret`, 'secret', { mode: 0o600 })
    writeFileSync(`${folder}/host/readable`, 'readable', { mode: 0o644 })
    mounts.push({ destination: '/mnt', source: `${folder}/host`, type: 'bind', options: ['rbind'] })
  })
  assert.equal(
    await box.probe(
      'exec 2>&1; cat /mnt/secret; cat /mnt/readable; echo; echo x >> /mnt/readable; chown 0 /mnt/readable; chmod 666 /mnt/secret; mknod /tmp/sda b 8 0; true',
    ),
    [
      "cat: can't open '/mnt/secret': Permission denied",
      'readable',
      "sh: can't create /mnt/readable: Permission denied",
      'chown: /mnt/readable: Operation not permitted',
      'chmod: /mnt/secret: Operation not permitted',
      'mknod: /tmp/sda: Operation not permitted',
    ].join('\n'),
  )
  assert.equal(readFileSync(`${box.folder}/host/readable`, 'utf8'), 'readable')
})

test('all capabilities are to be had in a user namespace, and none of them over the host', { skip }, async (t) => {
  const box = mapped(t, ({ process }) => {
    const all = ['CAP_SYS_ADMIN', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME', 'CAP_NET_ADMIN', 'CAP_DAC_OVERRIDE']
    process.capabilities = { bounding: all, effective: all, permitted: all }
  })
  const [effective, ...said] = await box.lines(
    'exec 2>&1; grep CapEff /proc/self/status; date -s 2000-01-01 > /dev/null; mount -t tmpfs inside /mnt && grep -c inside /proc/mounts; echo 1 > /proc/sys/vm/swappiness; true',
  )
  assert.equal(effective, 'CapEff:\t0000000003201002')
  assert.deepEqual(said, [
    "date: can't set date: Operation not permitted",
    '1',
    "sh: can't create /proc/sys/vm/swappiness: Permission denied",
  ])
})

test('the process runs as a mapped user with mapped groups', { skip }, async (t) => {
  const box = mapped(t, ({ process }) => {
    process.user = { uid: 1000, gid: 1001, additionalGids: [5, 6] }
  })
  const { pid } = await box.up()
  assert.equal(await box.inside('id -u; id -g; id -G'), '1000\n1001\n1001 5 6')
  assert.match(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
    new RegExp(`^Uid:\t${HOST + 1000}\t[^]*^Groups:\t${HOST + 5} ${HOST + 6} $`, 'm'),
  )
})

test('a user namespace is joined by path, with or without the others', { skip }, async (t) => {
  const first = mapped(t)
  const { pid } = await first.up()
  const second = bundle(t, ({ linux }, made) => {
    linux.namespaces.push({ type: 'user', path: `/proc/${pid}/ns/user` })
    made.own(HOST)
  })
  assert.deepEqual((await second.lines('readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map; touch /tmp/mine')).map(fold), [
    readlinkSync(`/proc/${pid}/ns/user`),
    '0',
    `0 ${HOST} 65536`,
  ])
  assert.equal(statSync(second.in('/tmp/mine')).uid, HOST)
  const third = bundle(t, ({ linux }, made) => {
    linux.namespaces = [
      { type: 'mount' },
      ...[...NAMESPACES.filter((kind) => kind !== 'mount'), 'user'].map((type) => ({
        type,
        path: `/proc/${pid}/ns/${type === 'network' ? 'net' : type}`,
      })),
    ]
    made.own(HOST)
  })
  const names = ['net', 'pid', 'user', 'uts', 'ipc', 'cgroup']
  assert.deepEqual(
    await third.lines(`for n in ${names.join(' ')}; do readlink /proc/self/ns/$n; done`),
    names.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
  )
})

test("sources and a root that the container's root cannot reach are mounted all the same", {
  skip: skip || wherryOnly('a closed bundle'),
}, async (t) => {
  const box = mapped(t, ({ mounts }, { folder }) => {
    mkdirSync(`${folder}/closed/open`, { recursive: true })
    writeFileSync(`${folder}/closed/open/file`, 'reached')
    chmodSync(`${folder}/closed`, 0o700)
    chmodSync(folder, 0o700)
    mounts.push({ destination: '/mnt', source: `${folder}/closed/open`, type: 'bind', options: ['bind'] })
  })
  assert.equal(await box.probe('cat /mnt/file'), 'reached')
})

test('all file systems of a container are mounted in a user namespace', { skip }, async (t) => {
  const box = mapped(t, ({ mounts }) =>
    mounts.push(
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=64k'] },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ),
  )
  const [types, devices, owner] = await box.lines(
    "echo $(awk '{ print $3 }' /proc/mounts | sort -u); stat -c '%F %t %T' /dev/null /dev/zero | xargs; stat -c %u /dev/shm /dev/pts/ptmx | xargs",
  )
  for (const type of ['devpts', 'mqueue', 'proc', 'sysfs', 'tmpfs']) assert.ok(types!.split(' ').includes(type), type)
  assert.ok(/\bcgroup2?\b/.test(types!), types)
  assert.equal(devices, 'character special file 1 3 character special file 1 5')
  assert.equal(owner, '0 0')
})
