import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceRules, deviceRules, exceptionText } from '../../../../runtime/cgroups/devices/rules.ts'
import { deviceTransition } from '../../../../runtime/cgroups/devices/v1.ts'

const rules = (...lines: readonly string[]): DeviceRules =>
  deviceRules(
    lines.map((line) => {
      const [, type, major, minor, access] = /^(.) (.+):(.+) (.+)$/.exec(line)!
      const number = (text: string) => (text === '*' ? -1 : Number(text))
      return { allow: true, type: type as 'b' | 'c', major: number(major!), minor: number(minor!), access: access! }
    }),
  )

const ALLOWED: DeviceRules = { allowByDefault: true, exceptions: [] }
const DENYING: DeviceRules = { ...rules('c 1:3 rw'), allowByDefault: true }

const steps = (from: DeviceRules, to: DeviceRules): readonly string[] =>
  deviceTransition(from, to).map(({ file, rules: lines }) => `${file.slice('devices.'.length)} ${lines.join(', ')}`)

test('a new cgroup is allowed everything: deny all, then allow', () => {
  assert.deepEqual(steps(ALLOWED, rules('c 1:3 rwm', 'c 1:5 r')), ['deny a', 'allow c 1:3 rwm, c 1:5 r'])
})

test('the same again is nothing', () => {
  assert.deepEqual(steps(rules('c 1:3 rwm'), rules('c 1:3 rwm')), [])
})

test('between allow-lists only what differs changes, what is new first', () => {
  assert.deepEqual(steps(rules('c 1:3 rwm', 'c 1:5 rwm'), rules('c 1:3 rw', 'c 1:5 rwm', 'c 1:7 r')), ['allow c 1:7 r', 'deny c 1:3 m'])
  assert.deepEqual(steps(rules('c 1:3 rwm'), rules('c 1:* rwm')), ['allow c 1:* rwm', 'deny c 1:3 rwm'])
})

test('what allows by default starts anew, since its exceptions cannot be read', () => {
  assert.deepEqual(steps(ALLOWED, DENYING), ['allow a', 'deny c 1:3 rw'])
  assert.deepEqual(steps(rules('c 1:3 r'), DENYING), ['allow a', 'deny c 1:3 rw'])
  assert.deepEqual(steps(rules('c 1:3 r'), ALLOWED), ['allow a'])
})

/** The kernel's own bookkeeping, security/device_cgroup.c. */
const simulate = (from: DeviceRules, to: DeviceRules): { readonly end: ReadonlySet<string>; readonly always: boolean } => {
  const state = new Map<string, string>(from.exceptions.map((one) => exceptionText(one).split(/ (?=[rwm]+$)/) as [string, string]))
  const kept = from.exceptions.map(exceptionText).filter((line) => to.exceptions.map(exceptionText).includes(line))
  let always = true
  for (const { file, rules: lines } of deviceTransition(from, to)) {
    for (const line of lines) {
      const [key, access] = line.split(/ (?=[rwm]+$)/) as [string, string]
      const now = new Set([...(state.get(key) ?? '')])
      for (const letter of access) file === 'devices.allow' ? now.add(letter) : now.delete(letter)
      const text = [...'rwm'].filter((letter) => now.has(letter)).join('')
      text === '' ? state.delete(key) : state.set(key, text)
      always &&= kept.every((one) => [...state].some(([key, access]) => `${key} ${access}` === one))
    }
  }
  return { end: new Set([...state].map(([key, access]) => `${key} ${access}`)), always }
}

test('every transition between allow-lists ends where it should, and what both have is never denied in between', () => {
  const all = ['c 1:3 rwm', 'c 1:3 r', 'c 1:* rw', 'b 8:0 m', 'c *:* m', 'b *:* m']
  const subsets = Array.from({ length: 1 << all.length }, (_, bits) => rules(...all.filter((_, i) => bits & (1 << i))))
  for (const from of subsets)
    for (const to of subsets) {
      const { end, always } = simulate(from, to)
      assert.deepEqual(end, new Set(to.exceptions.map(exceptionText)))
      assert.ok(always, `${from.exceptions.map(exceptionText)} → ${to.exceptions.map(exceptionText)}`)
    }
})
