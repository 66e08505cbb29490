/** Id-mapped mounts: idmap and ridmap, with mappings of their own and with those of the container's user namespace. */
import assert from 'node:assert/strict'
import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { inUserNamespace, type MountConfig, mapTo } from '../../support/config.ts'
import { requiresKernel } from '../../support/machine.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

/** A folder with files of users 0, 1000 and 2001. */
const source = (box: Bundle): string => {
  const folder = `${box.folder}/source`
  mkdirSync(folder)
  for (const id of [0, 1000, 2001]) {
    writeFileSync(`${folder}/${id}`, '')
    chownSync(`${folder}/${id}`, id, id)
  }
  return folder
}

const OWNERS = 'stat -c %u:%g /mnt/0 /mnt/1000 /mnt/2001'
const NOBODY = '65534:65534'

const idMapped = (box: Bundle, given: Partial<MountConfig>): MountConfig => ({
  destination: '/mnt',
  source: source(box),
  options: ['bind'],
  ...given,
})

test('mappings of the mount change the owners that are seen, and those that are written', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) =>
    mounts.push(
      idMapped(made, { uidMappings: mapTo(0, 10_000).map((one) => ({ ...one, hostID: 50_000 })), gidMappings: mapTo(60_000, 10_000) }),
    ),
  )
  assert.deepEqual(await box.lines(`${OWNERS}; touch /mnt/refused 2>&1; mkdir /tmp/x`), [
    '50000:60000',
    '51000:61000',
    '52001:62001',
    'touch: /mnt/refused: Value too large for defined data type',
  ])
})

test('several mappings, of users and groups apart', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) =>
    mounts.push(
      idMapped(made, {
        options: ['bind', 'idmap'],
        uidMappings: [
          { containerID: 0, hostID: 10, size: 1 },
          { containerID: 2000, hostID: 300, size: 100 },
        ],
        gidMappings: [{ containerID: 1000, hostID: 7, size: 1 }],
      }),
    ),
  )
  assert.deepEqual(await box.lines(OWNERS), ['10:65534', '65534:7', '301:65534'])
})

test("idmap without mappings takes those of the container's user namespace", { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
    config.mounts.push(idMapped(made, { options: ['bind', 'idmap'] }), {
      destination: '/plain',
      source: `${made.folder}/source`,
      options: ['bind'],
    })
  })
  assert.deepEqual(await box.lines(`${OWNERS}; stat -c %u:%g /plain/0; touch /mnt/new; chown 5:6 /mnt/new`), [
    '0:0',
    '1000:1000',
    '2001:2001',
    NOBODY,
  ])
  const { uid, gid } = statSync(`${box.folder}/source/new`)
  assert.deepEqual([uid, gid], [5, 6])
})

test('idmap takes the mappings of a user namespace that is joined', { skip }, async (t) => {
  const first = bundle(t, (config, made) => {
    inUserNamespace(config, 300_000)
    made.own(300_000)
  })
  const { pid } = await first.up()
  const box = bundle(t, ({ linux, mounts }, made) => {
    linux.namespaces.push({ type: 'user', path: `/proc/${pid}/ns/user` })
    made.own(300_000)
    mounts.push(idMapped(made, { options: ['bind', 'idmap'] }))
  })
  assert.deepEqual(await box.lines(OWNERS), ['0:0', '1000:1000', '2001:2001'])
})

test('mappings of its own hold in a user namespace too', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
    config.mounts.push(idMapped(made, { uidMappings: mapTo(100_500, 5000), gidMappings: mapTo(100_600, 5000) }))
  })
  assert.deepEqual(await box.lines(OWNERS), ['500:600', '1500:1600', '2501:2601'])
})

test('ridmap maps the mounts below too, idmap does not', { skip: skip || requiresKernel(6, 3, 'idmapped tmpfs') }, async (t) => {
  const box = bundle(t, ({ mounts, process }, { folder }) => {
    for (const option of ['idmap', 'ridmap'])
      mounts.push({
        destination: `/mnt/${option}`,
        source: `${folder}/tree`,
        options: ['rbind', option],
        uidMappings: mapTo(50_000),
        gidMappings: mapTo(50_000),
      })
    process.args = ['stat', '-c', '%u:%g', '/mnt/idmap/top', '/mnt/idmap/sub/deep', '/mnt/ridmap/top', '/mnt/ridmap/sub/deep']
  })
  assert.deepEqual(
    (
      await inPrivateMounts(
        box,
        'mkdir "$BUNDLE/tree"; mount -t tmpfs tree "$BUNDLE/tree"; mkdir "$BUNDLE/tree/sub"; mount -t tmpfs sub "$BUNDLE/tree/sub"; touch "$BUNDLE/tree/top" "$BUNDLE/tree/sub/deep"; rt run --bundle "$BUNDLE" "$ID"',
      )
    ).split('\n'),
    ['50000:50000', '0:0', '50000:50000', '50000:50000'],
  )
})

test('a file is mapped, and attributes go with it', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mounts.push({
      destination: '/file',
      source: `${folder}/1000`,
      options: ['bind', 'ro'],
      uidMappings: mapTo(9000, 2000),
      gidMappings: mapTo(9000, 2000),
    })
  })
  assert.deepEqual(await box.lines('exec 2>&1; stat -c %u:%g /file; echo x > /file; true'), [
    '10000:10000',
    "sh: can't create /file: Read-only file system",
  ])
})

test('an idmap without anything to take mappings from is refused', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => mounts.push(idMapped(made, { options: ['bind', 'idmap'] })))
  await box.refused(/mounts\[3\]\.uidMappings: must be there with gidMappings/)
})
