/** Bind mounts: what is bound, from where, and what is read-only. */
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

/** A folder of the host with a file in it, beside the root. */
const source = (box: Bundle, name = 'source'): string => {
  mkdirSync(`${box.folder}/${name}`)
  writeFileSync(`${box.folder}/${name}/file`, `of ${name}\n`)
  return `${box.folder}/${name}`
}

test('folders and files are bound, read-write or read-only', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mounts.push(
      { destination: '/mnt/rw', source: folder, options: ['bind'] },
      { destination: '/mnt/ro', source: folder, options: ['bind', 'ro'] },
      { destination: '/mnt/rbound', source: folder, type: 'bind', options: ['rbind', 'rw'] },
      { destination: '/mnt/file', source: `${folder}/file`, type: 'none', options: ['bind', 'ro'] },
    )
  })
  assert.deepEqual(
    await box.lines(
      'exec 2>&1; cat /mnt/*/file /mnt/file; touch /mnt/ro/new; echo x > /mnt/file; echo more >> /mnt/rw/file; touch /mnt/rbound/new',
    ),
    [
      ...Array.from({ length: 4 }, () => 'of source'),
      'touch: /mnt/ro/new: Read-only file system',
      "sh: can't create /mnt/file: Read-only file system",
    ],
  )
  assert.equal(readFileSync(`${box.folder}/source/file`, 'utf8'), 'of source\nmore\n')
})

test("relative sources are the bundle's, and links of the host are followed", { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    source(made, 'relative')
    symlinkSync('relative', `${made.folder}/link`)
    mounts.push(
      { destination: '/mnt/a', source: 'relative', options: ['bind'] },
      { destination: '/mnt/b', source: './relative/../link', options: ['bind'] },
      { destination: '/mnt/c', source: '.', options: ['bind'] },
    )
  })
  assert.deepEqual(await box.lines('cat /mnt/a/file /mnt/b/file; ls -d /mnt/c/config.json'), [
    'of relative',
    'of relative',
    '/mnt/c/config.json',
  ])
})

/** A folder of the host with a mount in it. */
const NESTED =
  'mkdir -p "$BUNDLE/tree/sub"; mount -t tmpfs below "$BUNDLE/tree/sub"; touch "$BUNDLE/tree/sub/deep"; rt run --bundle "$BUNDLE" "$ID"'

test('bind shows a folder without the mounts in it, rbind with them; ro is of the top alone', { skip }, async (t) => {
  const box = bundle(t, ({ mounts, process }, { folder }) => {
    mounts.push(
      { destination: '/mnt/bind', source: `${folder}/tree`, options: ['bind'] },
      { destination: '/mnt/rbind', source: `${folder}/tree`, options: ['rbind'] },
      { destination: '/mnt/ro', source: `${folder}/tree`, options: ['rbind', 'ro'] },
      { destination: '/mnt/rro', source: `${folder}/tree`, options: ['rbind', 'rro'] },
    )
    process.args = [
      'sh',
      '-c',
      'exec 2>&1; cd /mnt; ls -d */sub/deep; for i in ro rro; do touch $i/new; touch $i/sub/new && echo written in $i/sub; done; true',
    ]
  })
  assert.deepEqual((await inPrivateMounts(box, NESTED)).split('\n'), [
    'rbind/sub/deep',
    'ro/sub/deep',
    'rro/sub/deep',
    'touch: ro/new: Read-only file system',
    'written in ro/sub',
    'touch: rro/new: Read-only file system',
    'touch: rro/sub/new: Read-only file system',
  ])
})

test('a source within the root is bound as earlier mounts have left it', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mkdirSync(made.in('/covered'))
    writeFileSync(made.in('/covered/file'), 'of the image\n')
    mounts.push(
      { destination: '/before', source: made.in('/covered'), options: ['bind'] },
      { destination: '/covered', source: folder, options: ['bind'] },
      { destination: '/after', source: made.in('/covered'), options: ['bind'] },
      { destination: '/one', source: made.in('/covered/file'), options: ['bind'] },
    )
  })
  assert.deepEqual(await box.lines('cat /before/file /covered/file /after/file /one'), [
    'of the image',
    'of source',
    'of source',
    'of source',
  ])
})

test('devices, sockets and hard links are bound as what they are', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    linkSync(`${folder}/file`, `${folder}/hard`)
    mounts.push(
      { destination: '/mnt/zero', source: '/dev/zero', options: ['bind'] },
      { destination: '/mnt/hard', source: `${folder}/hard`, options: ['bind', 'ro'] },
    )
  })
  assert.deepEqual(await box.lines("stat -c '%F %h' /mnt/zero /mnt/hard; head -c 4 /mnt/zero | xxd -p"), [
    'character special file 1',
    'regular file 2',
    '00000000',
  ])
})

test('/dev of the host is bound as it is: nothing is made in it', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, { folder }) => {
    mkdirSync(`${folder}/dev`)
    mounts.splice(1, 2, { destination: '/dev', source: `${folder}/dev`, options: ['rbind'] })
  })
  assert.equal(await box.probe('echo [$(ls /dev)]'), '[]')
})

test('a bind mount is remounted by a later entry', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mounts.push(
      { destination: '/mnt', source: folder, options: ['bind'] },
      { destination: '/mnt', source: folder, options: ['bind', 'remount', 'ro', 'nosuid'] },
    )
  })
  const [error, options] = await box.lines('exec 2>&1; touch /mnt/new; grep " /mnt " /proc/self/mountinfo | cut -d" " -f6')
  assert.equal(error, 'touch: /mnt/new: Read-only file system')
  assert.match(options!, /^ro,nosuid/)
})
