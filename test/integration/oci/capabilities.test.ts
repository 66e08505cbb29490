/** process.capabilities: the five sets, capabilities(7). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilityMask, lastCapability } from '../../../runtime/capabilities.ts'
import { CAPABILITIES } from '../../../runtime/sys/abi/capability.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { mayUse } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

const SETS = { inheritable: 'CapInh', permitted: 'CapPrm', effective: 'CapEff', bounding: 'CapBnd', ambient: 'CapAmb' } as const
type Sets = Readonly<Record<keyof typeof SETS, readonly string[]>>

const PRINT = 'grep ^Cap /proc/self/status'

const shown = (sets: Sets): string =>
  Object.entries(SETS)
    .map(
      ([set, name]) =>
        `${name}:\t${capabilityMask(sets[set as keyof Sets])
          .toString(16)
          .padStart(16, '0')}`,
    )
    .join('\n')

const NONE: Sets = { inheritable: [], permitted: [], effective: [], bounding: [], ambient: [] }

const withSets = (t: Parameters<typeof bundle>[0], sets: Partial<Sets>, uid = 0): Bundle =>
  bundle(t, ({ process }) => {
    process.user.uid = uid
    process.capabilities = Object.fromEntries(Object.entries(sets).map(([set, names]) => [set, [...names]]))
  })

const A = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_PTRACE']

test('root has what is bounding, permitted and effective', { skip }, async (t) => {
  const box = withSets(t, { bounding: A, permitted: A, effective: A })
  assert.equal(await box.probe(PRINT), shown({ ...NONE, bounding: A, permitted: A, effective: A }))
})

test('root gains at execve what is bounding, even if nothing is permitted', { skip }, async (t) => {
  assert.equal(await withSets(t, { bounding: A }).probe(PRINT), shown({ ...NONE, bounding: A, permitted: A, effective: A }))
})

test('a user has nothing after execve but what is ambient', { skip }, async (t) => {
  assert.equal(await withSets(t, { bounding: A, permitted: A, effective: A }, 1000).probe(PRINT), shown({ ...NONE, bounding: A }))
  const ambient = withSets(t, { bounding: A, permitted: A, effective: A, inheritable: A, ambient: ['CAP_CHOWN', 'CAP_KILL'] }, 1000)
  assert.equal(
    await ambient.probe(PRINT),
    shown({
      bounding: A,
      inheritable: A,
      permitted: ['CAP_CHOWN', 'CAP_KILL'],
      effective: ['CAP_CHOWN', 'CAP_KILL'],
      ambient: ['CAP_CHOWN', 'CAP_KILL'],
    }),
  )
})

test('no capabilities at all', { skip }, async (t) => {
  assert.equal(await withSets(t, {}).probe(PRINT), shown(NONE))
})

test('a config without capabilities gives none', { skip: skip || wherryOnly('runc leaves all that it has') }, async (t) => {
  const absent = bundle(t, ({ process }) => {
    delete process.capabilities
  })
  assert.equal(await absent.probe(PRINT), shown(NONE))
})

test('what they are for works, and does not without them', { skip }, async (t) => {
  const script = 'exec 2>&1; touch /tmp/file; chown 1000 /tmp/file && stat -c %u /tmp/file; true'
  assert.equal(await withSets(t, { bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] }).probe(script), '1000')
  assert.equal(await withSets(t, {}).probe(script), 'chown: /tmp/file: Operation not permitted')
})

test('all that the kernel and the caller have can be given', { skip }, async (t) => {
  const all = Object.entries(CAPABILITIES)
    .filter(([name, number]) => number <= lastCapability() && mayUse(name))
    .map(([name]) => name)
  assert.ok(all.length > 30, "of a machine's root")
  assert.equal(
    await withSets(t, { bounding: all, permitted: all, effective: all }).probe(PRINT),
    shown({ ...NONE, bounding: all, permitted: all, effective: all }),
  )
})

test('unknown and unavailable names are warned about', { skip }, async (t) => {
  const names = [...A, 'CAP_UNKNOWN', 'CHOWN']
  const box = withSets(t, { bounding: names, permitted: A, effective: A })
  const result = await box.run(['sh', '-c', PRINT])
  assert.equal(result.status, 0)
  assert.equal(result.stdout.trim(), shown({ ...NONE, bounding: A, permitted: A, effective: A }))
  assert.match(result.stderr, /level=warning.*CAP_UNKNOWN/)
})

test('an ambient capability that is not inheritable is warned about', { skip }, async (t) => {
  const box = withSets(t, { bounding: A, permitted: A, effective: A, inheritable: ['CAP_KILL'], ambient: ['CAP_KILL', 'CAP_CHOWN'] })
  const result = await box.run(['sh', '-c', PRINT])
  assert.equal(result.stdout.trim(), shown({ bounding: A, permitted: A, effective: A, inheritable: ['CAP_KILL'], ambient: ['CAP_KILL'] }))
  assert.match(result.stderr, /level=warning.*can't raise ambient capability CAP_CHOWN/)
})

test('permitted is within bounding, effective within permitted', { skip: skip || wherryOnly('sets that are cut down') }, async (t) => {
  const box = withSets(t, { bounding: ['CAP_CHOWN'], permitted: A, effective: [...A, 'CAP_SYS_ADMIN'] }, 0)
  assert.equal(await box.probe(PRINT), shown({ ...NONE, bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] }))
})

test('exec has the sets of the container, and those that are added', { skip }, async (t) => {
  const box = withSets(t, { bounding: A, permitted: A, effective: A })
  await box.up()
  assert.equal(await box.inside(PRINT), shown({ ...NONE, bounding: A, permitted: A, effective: A }))
  const more = [...A, 'CAP_SYS_CHROOT']
  assert.equal(await box.inside(PRINT, ['--cap', 'CAP_SYS_CHROOT']), shown({ ...NONE, bounding: more, permitted: more, effective: more }))
  assert.equal(await box.inside(PRINT, ['--user', '1000']), shown({ ...NONE, bounding: A }))
})
