import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountAttributes, superblockFlags } from '../../../runtime/spec/mount-attributes.ts'
import {
  isFilesystemOption,
  knownMountOptions,
  type MountOptions,
  mountFlagNames,
  parseMountOptions,
} from '../../../runtime/spec/mount-options.ts'
import * as abi from '../../../runtime/sys/abi/mount.ts'

const NONE: MountOptions = {
  flags: 0,
  cleared: 0,
  recursive: undefined,
  propagation: [],
  data: [],
  idmap: undefined,
  tmpcopyup: false,
}

const rows: readonly (readonly [options: string[], is: Partial<MountOptions>])[] = [
  [[], {}],
  [['defaults'], {}],
  [['ro', 'nosuid', 'nodev', 'noexec'], { flags: abi.MS_RDONLY | abi.MS_NOSUID | abi.MS_NODEV | abi.MS_NOEXEC }],
  [['ro', 'rw'], { cleared: abi.MS_RDONLY }],
  [['rw', 'ro'], { flags: abi.MS_RDONLY }],
  [['dev', 'exec', 'suid'], { cleared: abi.MS_NODEV | abi.MS_NOEXEC | abi.MS_NOSUID }],
  [['bind'], { flags: abi.MS_BIND }],
  [['rbind'], { flags: abi.MS_BIND | abi.MS_REC }],
  [['remount', 'silent', 'sync', 'dirsync'], { flags: abi.MS_REMOUNT | abi.MS_SILENT | abi.MS_SYNCHRONOUS | abi.MS_DIRSYNC }],
  [['mand', 'iversion', 'lazytime', 'nosymfollow'], { flags: abi.MS_MANDLOCK | abi.MS_I_VERSION | abi.MS_LAZYTIME | abi.MS_NOSYMFOLLOW }],
  [['noatime', 'strictatime'], { flags: abi.MS_STRICTATIME }],
  [['strictatime', 'noatime', 'nodiratime'], { flags: abi.MS_NOATIME | abi.MS_NODIRATIME }],
  [['noatime', 'relatime'], { flags: abi.MS_RELATIME }],
  [['noatime', 'atime'], { cleared: abi.MS_NOATIME }],
  [['rprivate', 'shared'], { propagation: [abi.MS_PRIVATE | abi.MS_REC, abi.MS_SHARED] }],
  [['slave', 'rslave', 'unbindable'], { propagation: [abi.MS_SLAVE, abi.MS_SLAVE | abi.MS_REC, abi.MS_UNBINDABLE] }],
  [['nosuid', 'mode=755', 'size=65536k'], { flags: abi.MS_NOSUID, data: ['mode=755', 'size=65536k'] }],
  [['loop', 'acl', 'RO'], { data: ['loop', 'acl', 'RO'] }],
  [['idmap'], { idmap: 'idmap' }],
  [['ridmap', 'tmpcopyup'], { idmap: 'ridmap', tmpcopyup: true }],
  [['rro', 'rnosuid'], { recursive: { set: abi.MOUNT_ATTR_RDONLY | abi.MOUNT_ATTR_NOSUID, clear: 0 } }],
  [['rro', 'rrw'], { recursive: { set: 0, clear: abi.MOUNT_ATTR_RDONLY } }],
  [['rrw', 'rro'], { recursive: { set: abi.MOUNT_ATTR_RDONLY, clear: 0 } }],
  [['rnosymfollow', 'rdev'], { recursive: { set: abi.MOUNT_ATTR_NOSYMFOLLOW, clear: abi.MOUNT_ATTR_NODEV } }],
  [['rnoatime'], { recursive: { set: abi.MOUNT_ATTR_NOATIME, clear: abi.MOUNT_ATTR__ATIME } }],
  [['rnoatime', 'rstrictatime'], { recursive: { set: abi.MOUNT_ATTR_STRICTATIME, clear: abi.MOUNT_ATTR__ATIME } }],
  [['rstrictatime', 'rrelatime'], { recursive: { set: 0, clear: abi.MOUNT_ATTR__ATIME } }],
  [['rnoatime', 'ratime'], { recursive: { set: 0, clear: abi.MOUNT_ATTR__ATIME } }],
  [['rnodiratime'], { recursive: { set: abi.MOUNT_ATTR_NODIRATIME, clear: 0 } }],
]

for (const [options, is] of rows)
  test(`reads ${options.join(',') || 'no options'}`, () => assert.deepEqual(parseMountOptions(options), { ...NONE, ...is }))

test('knows every option that the spec lists, each once', () => {
  assert.equal(new Set(knownMountOptions()).size, knownMountOptions().length)
  assert.equal(knownMountOptions().length, 62)
  for (const option of knownMountOptions()) {
    assert.equal(isFilesystemOption(option), false)
    assert.deepEqual(parseMountOptions([option]).data, [])
  }
  assert.equal(isFilesystemOption('size=1k'), true)
})

test('reads flags backwards for messages', () => {
  for (const [flags, names] of [
    [0, ''],
    [abi.MS_RDONLY | abi.MS_NOSUID, 'ro,nosuid'],
    [abi.MS_BIND, 'bind'],
    [abi.MS_BIND | abi.MS_REC | abi.MS_RDONLY, 'ro,rbind'],
    [abi.MS_PRIVATE | abi.MS_REC, 'rprivate'],
    [abi.MS_SHARED, 'shared'],
    [abi.MS_NOEXEC | abi.MS_MOVE, 'noexec,0x2000'],
    [1 << 31, '0x80000000'],
  ] as const)
    assert.equal(mountFlagNames(flags), names)
})

test('tells attributes of the mount from flags of the superblock', () => {
  const of = (...options: string[]) => mountAttributes(parseMountOptions(options))
  assert.deepEqual(of('ro', 'nosuid', 'nodev', 'noexec', 'nodiratime', 'nosymfollow', 'sync'), {
    set:
      abi.MOUNT_ATTR_RDONLY |
      abi.MOUNT_ATTR_NOSUID |
      abi.MOUNT_ATTR_NODEV |
      abi.MOUNT_ATTR_NOEXEC |
      abi.MOUNT_ATTR_NODIRATIME |
      abi.MOUNT_ATTR_NOSYMFOLLOW,
    clear: 0,
  })
  assert.deepEqual(of('rw', 'exec'), { set: 0, clear: abi.MOUNT_ATTR_RDONLY | abi.MOUNT_ATTR_NOEXEC })
  assert.deepEqual(of('strictatime'), { set: abi.MOUNT_ATTR_STRICTATIME, clear: abi.MOUNT_ATTR__ATIME })
  assert.deepEqual(of('noatime'), { set: abi.MOUNT_ATTR_NOATIME, clear: abi.MOUNT_ATTR__ATIME })
  assert.deepEqual(of('relatime'), { set: 0, clear: abi.MOUNT_ATTR__ATIME })
  assert.deepEqual(of('atime'), { set: 0, clear: abi.MOUNT_ATTR__ATIME })
  assert.deepEqual(superblockFlags(parseMountOptions(['ro', 'nosuid', 'sync', 'dirsync', 'mand', 'lazytime']).flags), [
    'ro',
    'sync',
    'dirsync',
    'mand',
    'lazytime',
  ])
})
