import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { InvalidField } from '../../runtime/errors.ts'
import { cachedSeccomp } from '../../runtime/seccomp/cache.ts'
import { compileSeccomp } from '../../runtime/seccomp/compile.ts'
import { entryBytes, readEntry } from '../../runtime/seccomp/entry.ts'
import type { LinuxSeccomp } from '../../runtime/spec/types.ts'

const PROFILE: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  syscalls: [
    { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
    { names: ['no_such_call'], action: 'SCMP_ACT_ALLOW' },
    { names: ['dup3'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1n }] },
  ],
}

const inFolder = (use: (cache: string, entries: () => string[]) => void): void => {
  const cache = mkdtempSync(join(tmpdir(), 'wherry-seccomp-'))
  try {
    use(cache, () => readdirSync(join(cache, 'seccomp')).map((name) => join(cache, 'seccomp', name)))
  } finally {
    rmSync(cache, { recursive: true })
  }
}

/** True where the filter came from the cache: a compilation notes the unknown name. */
const isHit = (seccomp: LinuxSeccomp, cache: string): boolean => {
  const notes: string[] = []
  const result = cachedSeccomp(seccomp, cache, (note) => notes.push(note))
  assert.deepEqual(Buffer.from(result.filter), Buffer.from(compileSeccomp(seccomp).filter))
  return !notes.some((note) => note.includes('no_such_call'))
}

test('the second time a filter comes from the cache', () =>
  inFolder((cache, entries) => {
    assert.equal(isHit(PROFILE, cache), false)
    assert.equal(isHit(PROFILE, cache), true)
    assert.equal(entries().length, 1)
    assert.equal(statSync(entries()[0]!).mode & 0o7777, 0o600)
    assert.equal(statSync(join(cache, 'seccomp')).mode & 0o7777, 0o700)
  }))

test('all that changes a filter is part of the key', () =>
  inFolder((cache) => {
    isHit(PROFILE, cache)
    const [first, second, third] = PROFILE.syscalls!
    const argument = third!.args![0]!
    const others: LinuxSeccomp[] = [
      { ...PROFILE, defaultAction: 'SCMP_ACT_KILL' },
      { ...PROFILE, defaultErrnoRet: 2 },
      { ...PROFILE, architectures: ['SCMP_ARCH_X86_64'] },
      { ...PROFILE, syscalls: [{ ...first!, names: ['read', 'writev'] }, second!, third!] },
      { ...PROFILE, syscalls: [{ ...first!, action: 'SCMP_ACT_LOG' }, second!, third!] },
      { ...PROFILE, syscalls: [{ ...first!, action: 'SCMP_ACT_TRACE', errnoRet: 3 }, second!, third!] },
      { ...PROFILE, syscalls: [first!, second!, { ...third!, args: [{ ...argument, value: 2n }] }] },
      { ...PROFILE, syscalls: [first!, second!, { ...third!, args: [{ ...argument, index: 1 }] }] },
      { ...PROFILE, syscalls: [first!, second!, { ...third!, args: [{ ...argument, op: 'SCMP_CMP_MASKED_EQ', valueTwo: 1n }] }] },
    ]
    for (const other of others) {
      assert.equal(isHit(other, cache), false)
      assert.equal(isHit(other, cache), true)
    }
    assert.equal(isHit(PROFILE, cache), true)
  }))

test('flags and listener are not cached, and checked on a hit too', () =>
  inFolder((cache) => {
    const notify: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'no_such_call'], action: 'SCMP_ACT_NOTIFY' }],
    }
    const one = cachedSeccomp({ ...notify, listenerPath: '/one', flags: [] }, cache)
    const two = cachedSeccomp(
      { ...notify, listenerPath: '/two', listenerMetadata: 'm', flags: ['SECCOMP_FILTER_FLAG_LOG'] },
      cache,
      (note) => assert.fail(note),
    )
    assert.deepEqual([one.flags, one.listener], [8, { path: '/one' }])
    assert.deepEqual([two.flags, two.listener], [10, { path: '/two', metadata: 'm' }])
    assert.throws(
      () => cachedSeccomp(notify, cache),
      (error) => error instanceof InvalidField && error.path === 'linux.seccomp.listenerPath',
    )
  }))

test('a damaged entry is compiled again and replaced', () =>
  inFolder((cache, entries) => {
    isHit(PROFILE, cache)
    const [path] = entries()
    const good = readFileSync(path!)
    const keyLength = good.readUInt32LE(0)
    const filterLength = good.readUInt32LE(4)
    const flip = (at: number): Buffer => {
      const bad = Buffer.from(good)
      bad[at]! ^= 0x10
      return bad
    }
    const half = keyLength + filterLength
    const zeroed = Buffer.concat([
      good.subarray(0, 8),
      ...new Array<Buffer[]>(2).fill([good.subarray(8, 8 + keyLength), Buffer.alloc(filterLength)]).flat(),
    ])
    const places = [0, 3, 4, 7, 8, 8 + keyLength - 1, 8 + keyLength, 8 + keyLength + 4, 8 + half, good.length - 1]
    const damaged = [
      Buffer.alloc(0),
      Buffer.alloc(5),
      Buffer.alloc(good.length),
      zeroed,
      good.subarray(0, -8),
      Buffer.concat([good, Buffer.alloc(8)]),
    ]
    for (const bad of [...places.map(flip), ...damaged]) {
      writeFileSync(path!, bad)
      assert.equal(isHit(PROFILE, cache), false)
      assert.equal(isHit(PROFILE, cache), true)
      assert.deepEqual(readFileSync(path!), good)
    }
  }))

test('an entry that others can write, or that is a link, is not believed', () =>
  inFolder((cache, entries) => {
    isHit(PROFILE, cache)
    const path = entries()[0]!
    chmodSync(path, 0o622)
    assert.equal(isHit(PROFILE, cache), false)
    assert.equal(isHit(PROFILE, cache), true)
    const copy = join(cache, 'copy')
    writeFileSync(copy, readFileSync(path), { mode: 0o600 })
    rmSync(path)
    symlinkSync(copy, path)
    assert.equal(isHit(PROFILE, cache), false)
    assert.equal(isHit(PROFILE, cache), true)
    assert.ok(statSync(copy).isFile())
  }))

test('beyond 64 entries the oldest go, and so does what killed writers left', () =>
  inFolder((cache, entries) => {
    const folder = join(cache, 'seccomp')
    mkdirSync(folder, { mode: 0o700 })
    for (let index = 0; index < 70; index++) {
      const path = join(folder, `old-${String(index).padStart(2, '0')}`)
      writeFileSync(path, '')
      utimesSync(path, 1_000_000 + index, 1_000_000 + index)
    }
    for (const [name, time] of [
      ['.tmp-1-stale', 1_000_000],
      ['.tmp-2-fresh', Date.now() / 1000],
    ] as const) {
      writeFileSync(join(folder, name), '')
      utimesSync(join(folder, name), time, time)
    }
    isHit(PROFILE, cache)
    const names = entries().map((path) => path.slice(folder.length + 1))
    assert.equal(names.filter((name) => !name.startsWith('.tmp-')).length, 64)
    assert.ok(names.includes('old-69') && names.includes('old-07') && !names.includes('old-06'))
    assert.ok(names.includes('.tmp-2-fresh') && !names.includes('.tmp-1-stale'))
    assert.equal(isHit(PROFILE, cache), true)
  }))

test('a cache that cannot be written is noted and no failure', () =>
  inFolder((cache) => {
    const file = join(cache, 'file')
    writeFileSync(file, '')
    const notes: string[] = []
    assert.ok(cachedSeccomp(PROFILE, file, (note) => notes.push(note)).filter.length > 0)
    assert.match(notes.at(-1)!, /^the seccomp filter is not kept in .*ENOTDIR/)
  }))

test('as many as four profiles of one length are kept beside each other', () =>
  inFolder((cache, entries) => {
    const profiles = ['1', '2', '3', '4', '5'].map((errno): LinuxSeccomp => ({ ...PROFILE, defaultErrnoRet: Number(errno) }))
    for (const profile of profiles.slice(0, 4)) assert.equal(isHit(profile, cache), false)
    for (const profile of profiles.slice(0, 4)) assert.equal(isHit(profile, cache), true)
    assert.equal(isHit(profiles[4]!, cache), false)
    assert.equal(isHit(profiles[4]!, cache), true)
    assert.deepEqual(
      profiles.slice(1, 4).map((profile) => isHit(profile, cache)),
      [true, true, true],
    )
    assert.equal(entries().length, 4)
  }))

test('an entry gives back key and filter, a damaged one nothing', () => {
  const load = Buffer.from([0x20, 0, 0, 0, 4, 0, 0, 0])
  const ret = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f])
  const key = Buffer.from('key')
  const filter = Buffer.concat([load, ret])
  assert.deepEqual(readEntry(entryBytes(key, filter)), { key, filter })
  const bad: [string, Uint8Array][] = [
    ['no instruction', Buffer.alloc(0)],
    ['half an instruction', Buffer.concat([load, ret, load.subarray(4)])],
    ['no return at the end', Buffer.concat([load, ret, load])],
    ['no look at the architecture', Buffer.concat([ret, ret])],
    ['zeroes', Buffer.alloc(16)],
  ]
  for (const [what, bytes] of bad) assert.equal(readEntry(entryBytes(key, bytes)), undefined, what)
})
