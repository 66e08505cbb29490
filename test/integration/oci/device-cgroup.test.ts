/** linux.resources.devices: which devices may be used, by eBPF on cgroup v2, by devices.allow and devices.deny on v1. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import type { Config } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

type Rule = { allow: boolean; type?: string; major?: number; minor?: number; access: string }

const NONE: Rule = { allow: false, access: 'rwm' }

/** A container with nodes of these devices, /dev/kmsg and /dev/fuse, neither of which is a default device. */
const withRules = (t: Parameters<typeof bundle>[0], devices: Rule[], change: (config: Config, made: Bundle) => void = () => {}): Bundle =>
  bundle(t, (config, made) => {
    config.linux.resources = { devices }
    config.linux.devices = [
      { type: 'c', path: '/dev/kmsg', major: 1, minor: 11, fileMode: 0o666, uid: 0, gid: 0 },
      { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    ]
    const capabilities = config.process.capabilities!
    for (const set of ['bounding', 'effective', 'permitted'] as const) capabilities[set]!.push('CAP_SYSLOG')
    change(config, made)
  })

/** What each device lets be done: r and w by opening, m by mknod. */
const TRY = `
  may() { echo "$1 $(true 2>/dev/null < $1 && echo r)$(true 2>/dev/null >> $1 && echo w)"; }
  may /dev/kmsg; may /dev/fuse; may /dev/zero
  mknod /tmp/zero c 1 5 2>/dev/null && echo mknod zero
  mknod /tmp/fuse c 10 229 2>/dev/null && echo mknod fuse
  mknod /tmp/loop b 7 0 2>/dev/null && echo mknod loop
  true`

test('what no rule allows is refused, the default devices are allowed', { skip }, async (t) => {
  // any device may be made, which is of no use without the right to open it
  assert.deepEqual(await withRules(t, [NONE]).lines(TRY), [
    '/dev/kmsg ',
    '/dev/fuse ',
    '/dev/zero rw',
    'mknod zero',
    'mknod fuse',
    'mknod loop',
  ])
})

test('without rules everything is refused but the default devices', { skip }, async (t) => {
  const lines = await withRules(t, []).lines(TRY)
  assert.deepEqual(lines.slice(0, 3), ['/dev/kmsg ', '/dev/fuse ', '/dev/zero rw'])
})

test('single devices are allowed to read or to write', { skip }, async (t) => {
  const rules = [
    NONE,
    { allow: true, type: 'c', major: 1, minor: 11, access: 'r' },
    { allow: true, type: 'c', major: 10, minor: 229, access: 'w' },
  ]
  const lines = await withRules(t, rules).lines(TRY)
  assert.deepEqual(lines.slice(0, 3), ['/dev/kmsg r', '/dev/fuse w', '/dev/zero rw'])
})

test('rules for all minors, all majors and all devices', { skip }, async (t) => {
  const minors = await withRules(t, [NONE, { allow: true, type: 'c', major: 10, access: 'rw' }]).lines(TRY)
  assert.deepEqual(minors.slice(0, 3), ['/dev/kmsg ', '/dev/fuse rw', '/dev/zero rw'])
  const majors = await withRules(t, [NONE, { allow: true, type: 'c', access: 'r' }]).lines(TRY)
  assert.deepEqual(majors.slice(0, 3), ['/dev/kmsg r', '/dev/fuse r', '/dev/zero rw'])
  const all = await withRules(t, [{ allow: true, access: 'rwm' }]).lines(TRY)
  assert.deepEqual(all.slice(0, 3), ['/dev/kmsg rw', '/dev/fuse rw', '/dev/zero rw'])
})

test('a later rule takes away what an earlier one allowed', { skip }, async (t) => {
  const rules: Rule[] = [
    NONE,
    { allow: true, type: 'c', major: 1, minor: 11, access: 'rw' },
    { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
    { allow: false, type: 'c', major: 1, minor: 11, access: 'w' },
  ]
  const lines = await withRules(t, rules).lines(TRY)
  assert.deepEqual(lines.slice(0, 3), ['/dev/kmsg r', '/dev/fuse rw', '/dev/zero rw'])
})

test('the rules hold for exec, and after an update', { skip }, async (t) => {
  const box = withRules(t, [NONE, { allow: true, type: 'c', major: 10, minor: 229, access: 'r' }])
  await box.up()
  const before = await box.inside(TRY)
  assert.match(before, /^\/dev\/kmsg \n\/dev\/fuse r\n\/dev\/zero rw$/m)
  await box.must('update', '--pids-limit', '100', box.id)
  assert.equal(await box.inside(TRY.replaceAll('/tmp/', '/run/')), before)
})

test('the refusal is EPERM, for root with all rights too', { skip }, async (t) => {
  const box = withRules(t, [NONE], ({ process }) => {
    const all = ['CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_MKNOD', 'CAP_SYSLOG', 'CAP_SYS_RAWIO']
    process.capabilities = { bounding: all, effective: all, permitted: all }
  })
  assert.match(await box.probe('exec 2>&1; cat /dev/kmsg; true'), /^cat: can't open '\/dev\/kmsg': Operation not permitted$/)
})
