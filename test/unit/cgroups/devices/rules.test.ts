import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  accessText,
  DEFAULT_DEVICES,
  deviceRules,
  exceptionText,
  parseAccess,
  parseDevicesList,
  sameRules,
} from '../../../../runtime/cgroups/devices/rules.ts'
import type { LinuxDeviceCgroup } from '../../../../runtime/spec/types.ts'

const allow = (type: 'b' | 'c', major: number, minor: number, access: string): LinuxDeviceCgroup => ({
  allow: true,
  type,
  major,
  minor,
  access,
})
const deny = (type: 'b' | 'c', major: number, minor: number, access: string): LinuxDeviceCgroup => ({
  ...allow(type, major, minor, access),
  allow: false,
})
const ALL: LinuxDeviceCgroup = { allow: true, access: 'rwm' }
const NONE: LinuxDeviceCgroup = { allow: false, type: 'a', access: 'rwm' }

const texts = (devices: readonly LinuxDeviceCgroup[]): readonly string[] => deviceRules(devices).exceptions.map(exceptionText)

test('access letters in any order, each a bit', () => {
  for (const letters of ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm']) assert.equal(accessText(parseAccess(letters)!), letters)
  assert.equal(parseAccess('mr'), parseAccess('rm'))
  assert.equal(parseAccess(''), undefined)
  assert.equal(parseAccess('x'), undefined)
  assert.equal(parseAccess('toString'), undefined)
})

test('nothing said is deny all', () => {
  assert.deepEqual(deviceRules([]), { allowByDefault: false, exceptions: [] })
})

test('rules for one device add up, and take back', () => {
  assert.deepEqual(texts([allow('c', 1, 3, 'r'), allow('c', 1, 3, 'w')]), ['c 1:3 rw'])
  assert.deepEqual(texts([allow('c', 1, 3, 'rwm'), deny('c', 1, 3, 'w')]), ['c 1:3 rm'])
  assert.deepEqual(texts([allow('c', 1, 3, 'rw'), deny('c', 1, 3, 'rwm')]), [])
  assert.deepEqual(texts([deny('c', 1, 3, 'rwm')]), [], 'what is not allowed needs no denial')
})

test('a rule for all devices forgets those before it', () => {
  assert.deepEqual(deviceRules([allow('c', 1, 3, 'r'), ALL]), { allowByDefault: true, exceptions: [] })
  assert.deepEqual(deviceRules([ALL, deny('c', 1, 3, 'r'), NONE]), { allowByDefault: false, exceptions: [] })
  assert.deepEqual(texts([ALL, deny('c', 1, 3, 'r'), deny('b', 8, -1, 'w')]), ['c 1:3 r', 'b 8:* w'])
})

test('missing numbers are all numbers', () => {
  assert.deepEqual(texts([{ allow: true, type: 'c', access: 'm' }]), ['c *:* m'])
})

test('the order is that of the list, and does not matter', () => {
  const one = [allow('c', 5, 0, 'r'), allow('b', 1, 3, 'r'), allow('c', 1, 3, 'r'), allow('c', 1, -1, 'm')]
  assert.deepEqual(texts(one), ['c 5:0 r', 'b 1:3 r', 'c 1:3 r', 'c 1:* m'])
  assert.ok(sameRules(deviceRules(one), deviceRules(one.toReversed())))
  assert.ok(!sameRules(deviceRules(one), deviceRules(one.slice(1))))
  assert.ok(!sameRules(deviceRules([]), deviceRules([ALL])))
})

test('a part of a wider rule cannot be taken back', () => {
  assert.throws(() => deviceRules([allow('c', 10, -1, 'rw'), deny('c', 10, 200, 'w')]), {
    path: 'linux.resources.devices[1]',
    message: /cannot deny "c 10:200 w" again, a part of "c 10:\* rw"/,
  })
  assert.throws(() => deviceRules([allow('c', -1, -1, 'm'), deny('c', 10, -1, 'm')]), /a part of "c \*:\* m"/)
  assert.throws(() => deviceRules([ALL, deny('c', 10, -1, 'rw'), allow('c', 10, 200, 'w')]), /cannot allow "c 10:200 w" again/)
  assert.deepEqual(texts([allow('c', 10, -1, 'r'), deny('c', 10, 200, 'w')]), ['c 10:* r'], 'other letters are no part')
})

test('letters that are none are refused by name', () => {
  assert.throws(() => deviceRules([allow('c', 1, 1, 'rwx')]), { path: 'linux.resources.devices[0].access' })
})

test('what every container may use', () => {
  assert.deepEqual(texts(DEFAULT_DEVICES), [
    'c *:* m',
    'b *:* m',
    'c 1:3 rwm',
    'c 1:5 rwm',
    'c 1:7 rwm',
    'c 1:8 rwm',
    'c 1:9 rwm',
    'c 5:0 rwm',
    'c 5:2 rwm',
    'c 136:* rwm',
    'c 10:200 rwm',
  ])
})

test('devices.list is read back as the rules that made it', () => {
  const rules = deviceRules(DEFAULT_DEVICES)
  assert.ok(sameRules(parseDevicesList(`${rules.exceptions.map(exceptionText).toReversed().join('\n')}\n`), rules))
  assert.deepEqual(parseDevicesList('a *:* rwm\n'), { allowByDefault: true, exceptions: [] })
  assert.throws(() => parseDevicesList('x 1:1 r\n'), /a line of another kind: "x 1:1 r"/)
})
