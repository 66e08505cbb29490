/** Runs last: whatever the tests made is gone from the machine. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { cgroupsOf, mountsOf } from './support/leftovers.ts'

const MARK = 'wherry'

/** Where wherry-oci keeps its state if it is not told. */
const DEFAULT_ROOT = '/run/wherry-oci'

/** When the run began (test/run), in seconds since the epoch: what was there before is somebody else's. */
const BEGUN = Number(process.env['WHERRY_TEST_BEGUN'] ?? 0)

/** Interfaces that there were then: sysfs does not say since when they are. */
const LINKS = (process.env['WHERRY_TEST_LINKS'] ?? '').split(/\s+/)

/** Made since, as far as is known. */
const isOurs = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? 0) / 1000 >= BEGUN

const named = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(MARK) && isOurs(`${folder}/${name}`)) : []

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '' // it ended in between
  }
}

const processes = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => `${pid} ${commandOf(pid)}`)
    .filter((line) => line.includes(` ${MARK}`))

/** Milliseconds that the keeper of a container that has just ended has for its own end. */
const PATIENCE = 10_000

test('no process of ours is left', async () => {
  for (const deadline = performance.now() + PATIENCE; processes().length > 0 && performance.now() < deadline; ) await setTimeout(50)
  assert.deepEqual(processes(), [])
})

test('no mount of ours is left', () => {
  assert.deepEqual(mountsOf(MARK), [])
})

test('no cgroup of ours is left', () => {
  assert.deepEqual(
    cgroupsOf(MARK).filter((folder) => statSync(folder).ctimeMs / 1000 >= BEGUN),
    [],
  )
})

test('no network namespace or interface of ours is left', () => {
  assert.deepEqual(named('/run/netns'), [])
  assert.deepEqual(
    readdirSync('/sys/class/net').filter((name) => name.includes(MARK) && !LINKS.includes(name)),
    [],
  )
})

test('no file of ours is left where tests and the runtime put them', () => {
  for (const folder of [tmpdir(), '/run', '/dev/shm'])
    assert.deepEqual(
      named(folder).filter((name) => `${folder}/${name}` !== DEFAULT_ROOT),
      [],
      folder,
    )
  // the runtime's own folder stays, without a container and without a journal of one
  if (!existsSync(DEFAULT_ROOT)) return
  assert.deepEqual(
    readdirSync(DEFAULT_ROOT).filter((name) => !name.startsWith('@')),
    [],
  )
  assert.deepEqual(existsSync(`${DEFAULT_ROOT}/@journal`) ? readdirSync(`${DEFAULT_ROOT}/@journal`) : [], [])
})
