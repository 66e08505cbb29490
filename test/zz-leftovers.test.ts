/** Runs last: whatever the tests made is gone from the machine. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { cgroupsOf, mountsOf } from './support/leftovers.ts'

const MARK = 'wherry'

const named = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(MARK)) : [])

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '' // it ended in between
  }
}

test('no process of ours is left', () => {
  const left = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => `${pid} ${commandOf(pid)}`)
    .filter((line) => line.includes(` ${MARK}`))
  assert.deepEqual(left, [])
})

test('no mount of ours is left', () => {
  assert.deepEqual(mountsOf(MARK), [])
})

test('no cgroup of ours is left', () => {
  assert.deepEqual(cgroupsOf(MARK), [])
})

test('no network namespace or interface of ours is left', () => {
  assert.deepEqual(named('/run/netns'), [])
  assert.deepEqual(named('/sys/class/net'), [])
})

test('no file of ours is left where tests and the runtime put them', () => {
  for (const folder of [tmpdir(), '/run', '/dev/shm']) assert.deepEqual(named(folder), [], folder)
})
