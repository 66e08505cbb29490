/** Root filesystems as detached mounts, by both ways they are made: layers appended to a context, and a program in a mount namespace of its own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { appendsLowers } from '../../runtime/rootfs/kernel.ts'
import { openRootfs, type OpenOptions } from '../../runtime/rootfs/open.ts'
import type { RootfsDescription } from '../../runtime/rootfs/types.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { mountTable } from '../support/leftovers.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root')

const WAYS = ['append', 'program'] as const
const skipWay = (way: OpenOptions['way']): false | string => skip || (way === 'append' && !appendsLowers() ? 'requires Linux 6.7' : false)

class Place {
  readonly folder: string

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'wherry-rootfs-'))
    const before = mountTable()
    t.after(() => {
      assert.deepEqual(mountTable(), before)
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** A layer with the files. */
  layer(name: string, files: Readonly<Record<string, string>> = {}): string {
    const path = `${this.folder}/${name}`
    mkdirSync(path, { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(`${path}/${file}`, text)
    return path
  }

  layers(count: number): string[] {
    return Array.from({ length: count }, (_, index) => this.layer(`l${index}`, { who: `${index}`, [`own${index}`]: '' }))
  }

  get changes(): { readonly upper: string; readonly work: string } {
    return { upper: `${this.folder}/upper`, work: `${this.folder}/work` }
  }

  async use<T>(description: RootfsDescription, way: OpenOptions['way'], look: (root: string) => T): Promise<T> {
    const fd = await openRootfs(description, { folder: this.folder, way })
    try {
      return look(`/proc/self/fd/${fd}`)
    } finally {
      closeSync(fd)
    }
  }
}

for (const way of WAYS) {
  for (const count of [2, 120, 500])
    test(`${count} layers, by ${way}: the highest is first`, { skip: skipWay(way) }, async (t) => {
      const place = new Place(t)
      const lowers = place.layers(count)
      await place.use({ lowers }, way, (root) => {
        assert.equal(readFileSync(`${root}/who`, 'utf8'), `${count - 1}`)
        assert.equal(readdirSync(root).length, count + 1)
        assert.throws(() => writeFileSync(`${root}/new`, ''), { code: 'EROFS' })
      })
      await place.use({ lowers, ...place.changes }, way, (root) => writeFileSync(`${root}/new`, 'x'))
      assert.deepEqual(readdirSync(place.changes.upper), ['new'])
    })

  test(`paths of any spelling and length, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    const deep = Array.from({ length: 12 }, (_, index) => String(index).repeat(200).slice(0, 200)).join('/')
    const names = ['colon:comma,back\\slash', 'space "quote\' é\n\t', '=lowerdir=/etc', deep, '%s#{}']
    const lowers = names.map((name, index) => place.layer(`odd:,\\/${name}`, { [`f${index}`]: '' }))
    mkdirSync(`${place.folder}/up:per,\\`)
    const changes = { upper: `${place.folder}/up:per,\\/u,:`, work: `${place.folder}/up:per,\\/w\\,` }
    await place.use({ lowers, ...changes }, way, (root) => {
      assert.deepEqual(readdirSync(root).sort(), ['f0', 'f1', 'f2', 'f3', 'f4'])
      writeFileSync(`${root}/new`, '')
    })
    assert.deepEqual(readdirSync(changes.upper), ['new'])
  })

  test(`a layer that is missing, a file, a link: each is named, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    const [low, middle, high] = place.layers(3) as [string, string, string]
    const lowers = [low, middle, high]
    renameSync(middle, `${middle}-away`)
    const refused = async (kind: string, message: RegExp) => {
      await assert.rejects(openRootfs({ lowers, ...place.changes }, { folder: place.folder, way }), { kind, message })
      assert.ok(!existsSync(place.changes.upper) && !existsSync(place.changes.work))
    }
    await refused('not-found', /^layer 2 of 3 is missing: .*\/l1 \(check the store, or pull the image again\)$/)
    writeFileSync(middle, '')
    await refused('failed-precondition', /^layer 2 of 3 must be a directory, not a symbolic link or a file: .*\/l1$/)
    rmSync(middle)
    symlinkSync(`${middle}-away`, middle)
    await refused('failed-precondition', /^layer 2 of 3 must be a directory, not a symbolic link or a file: .*\/l1$/)
    lowers[1] = `${middle}/`
    await refused('failed-precondition', /^layer 2 of 3 must be a directory/)
  })

  test(`an upper folder on an overlay, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    const lowers = place.layers(2)
    await place.use({ lowers, ...place.changes }, way, (root) => mkdirSync(`${root}/nested`))
    const outer = await openRootfs({ lowers, ...place.changes }, { folder: place.folder, way: 'program' })
    const inner = spawnSync(process.execPath, ['--input-type=module', '-e', NESTED], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', outer],
      env: { ...process.env, WAY: way, LOWERS: lowers.join(':'), OPEN: OPEN },
    })
    closeSync(outer)
    assert.match(
      inner.stdout,
      /^unsupported: the file system of upper folder \/mnt\/nested\/upper is overlay, which overlay cannot write to: .*\(put the store on ext4, xfs, btrfs or tmpfs\)$/m,
      inner.stderr,
    )
  })

  test(`marks in user attributes, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    const lowers = [place.layer('low'), place.layer('high')]
    for (const [lower, file] of [
      ['low', 'below'],
      ['high', 'own'],
    ] as const) {
      mkdirSync(`${place.folder}/${lower}/opaque`)
      writeFileSync(`${place.folder}/${lower}/opaque/${file}`, '')
    }
    syscall('lsetxattr', [`${lowers[1]}/opaque`, 'user.overlay.opaque', Buffer.from('y'), 1, 0])
    assert.deepEqual(await place.use({ lowers, style: 'user' }, way, (root) => readdirSync(`${root}/opaque`)), ['own'])
    assert.deepEqual((await place.use({ lowers }, way, (root) => readdirSync(`${root}/opaque`))).sort(), ['below', 'own'])
  })

  test(`a read-only mount of what can be written to, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    await place.use({ lowers: place.layers(1), ...place.changes, readonly: true }, way, (root) =>
      assert.throws(() => writeFileSync(`${root}/new`, ''), { code: 'EROFS' }),
    )
  })

  test(`volatile: nothing is synced, and the mark of it is taken away in the same boot, by ${way}`, { skip: skipWay(way) }, async (t) => {
    const place = new Place(t)
    const description = { lowers: place.layers(2), ...place.changes }
    const mark = `${place.changes.work}/work/incompat/volatile`
    for (const volatile of [true, true, false]) {
      await place.use({ ...description, volatile }, way, (root) => writeFileSync(`${root}/${volatile}`, ''))
      assert.equal(existsSync(mark), volatile)
    }
    assert.ok(!existsSync(`${place.changes.work}/boot`))
  })
}

const OPEN = import.meta.resolve('../../runtime/rootfs/open.ts')

/** In a mount namespace of its own: the overlay of descriptor 3 is attached to /mnt, where an upper folder is tried. */
const NESTED = `
  const { openRootfs } = await import(process.env.OPEN)
  const { syscall } = await import(process.env.OPEN.replace('rootfs/open.ts', 'sys/syscall.ts'))
  syscall('unshare', [0x20000])
  syscall('mount', ['', '/', '', 0x44000, 0])
  syscall('move_mount', [3, '', -100, '/mnt', 4])
  try {
    await openRootfs(
      { lowers: process.env.LOWERS.split(':'), upper: '/mnt/nested/upper', work: '/mnt/nested/work' },
      { folder: '/tmp', way: process.env.WAY },
    )
    console.log('was made')
  } catch (error) {
    console.log(error.kind + ': ' + error.message)
  }
`

test('one layer: a read-only copy that is nobody’s peer', { skip }, async (t) => {
  const place = new Place(t)
  const lower = place.layer('only', { file: 'x' })
  await place.use({ lowers: [lower] }, undefined, (root) => {
    assert.deepEqual(readdirSync(root), ['file'])
    assert.throws(() => writeFileSync(`${root}/file`, ''), { code: 'EROFS' })
  })
  writeFileSync(`${lower}/file`, 'y')
})

test('the upper folder has mode and owner of the highest layer', { skip }, async (t) => {
  const place = new Place(t)
  const lowers = place.layers(2)
  chmodSync(lowers[1]!, 0o1751)
  chownSync(lowers[1]!, 5, 6)
  await place.use({ lowers, ...place.changes }, undefined, (root) => {
    const { mode, uid, gid } = statSync(root)
    assert.deepEqual([mode & 0o7777, uid, gid], [0o1751, 5, 6])
  })
})

const MAPPINGS = [{ containerID: 0, hostID: 300_000, size: 1000 }]

test('idmapped: ids of the layers are shifted, and what is written is shifted back', { skip }, async (t) => {
  const place = new Place(t)
  const lowers = place.layers(120)
  chownSync(`${lowers[3]}/own3`, 7, 8)
  const idmap = { uid: MAPPINGS, gid: MAPPINGS }
  await place.use({ lowers, ...place.changes, idmap }, undefined, (root) => {
    assert.deepEqual([statSync(`${root}/own3`).uid, statSync(`${root}/own3`).gid], [300_007, 300_008])
    assert.equal(statSync(root).uid, 300_000)
    const script = 'cd /proc/self/fd/3; id -u; touch made; echo x >> own3; mkdir folder; rm own5; mv own6 moved; stat -c %u made'
    const made = spawnSync('setpriv', ['--reuid', '300000', '--regid', '300000', '--clear-groups', 'sh', '-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', Number(root.slice('/proc/self/fd/'.length))],
    })
    // as the root of that user namespace, without its capabilities: files of other owners are not its own to change
    assert.match(made.stderr, /own3: Permission denied/)
    assert.equal(made.stdout, '300000\n300000\n')
  })
  const found = ['made', 'folder', 'moved', 'own5'].map((name) => lstatSync(`${place.changes.upper}/${name}`))
  assert.deepEqual(
    found.map(({ uid }) => uid),
    [0, 0, 0, 0],
  )
  assert.ok(found[3]!.isCharacterDevice())
})

test('one layer, idmapped', { skip }, async (t) => {
  const place = new Place(t)
  const lower = place.layer('only', { file: 'x' })
  const idmap = { uid: MAPPINGS, gid: MAPPINGS }
  await place.use({ lowers: [lower], idmap }, undefined, (root) => {
    assert.equal(statSync(`${root}/file`).uid, 300_000)
    assert.throws(() => writeFileSync(`${root}/file`, ''), { code: 'EROFS' })
  })
})

test('files that cannot be opened for want of descriptors', { skip }, async (t) => {
  const place = new Place(t)
  const lowers = place.layers(120)
  const limit = Buffer.alloc(16)
  syscall('prlimit64', [0, 7, 0, limit])
  const low = Buffer.from(limit)
  low.writeBigUInt64LE(100n, 0)
  for (const way of WAYS) {
    if (skipWay(way) !== false) continue
    trySyscall('prlimit64', 0, 7, low, 0)
    try {
      await assert.rejects(openRootfs({ lowers }, { folder: place.folder, way }), /RLIMIT_NOFILE/, way)
    } finally {
      trySyscall('prlimit64', 0, 7, limit, 0)
    }
  }
})

test('a size where the file system has no project quotas is refused, naming it', { skip }, async (t) => {
  const place = new Place(t)
  const folder = '/dev/shm'
  const shm = mkdtempSync(join(folder, 'wherry-rootfs-'))
  t.after(() => rmSync(shm, { recursive: true, force: true }))
  await assert.rejects(openRootfs({ lowers: place.layers(2), upper: `${shm}/upper`, work: `${shm}/work`, size: 1e6 }, place), {
    kind: 'unsupported',
    message:
      /^the size of \/dev\/shm\/.*\/upper cannot be limited: its file system is tmpfs, which has no project quotas \(ext4, xfs and f2fs have\)$/,
  })
  assert.deepEqual(readdirSync(shm), [])
})
