/** Options that are attributes of a mount: each alone, taken away again, and recursive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { inPrivateMounts, parseMountinfo } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

/** Option lists of mounts, and how the kernel shows them: `rw,relatime` is what a mount without any has. */
const ALONE: readonly (readonly [options: string[], shown: string])[] = [
  [[], 'rw,relatime'],
  [['ro'], 'ro,relatime'],
  [['nosuid'], 'rw,nosuid,relatime'],
  [['nodev'], 'rw,nodev,relatime'],
  [['noexec'], 'rw,noexec,relatime'],
  [['nosymfollow'], 'rw,relatime,nosymfollow'],
  [['noatime'], 'rw,noatime'],
  [['nodiratime'], 'rw,nodiratime,relatime'],
  [['strictatime'], 'rw'],
  [['relatime'], 'rw,relatime'],
  [['noatime', 'relatime'], OURS ? 'rw,relatime' : 'rw,noatime'],
  [['relatime', 'strictatime'], 'rw'],
  [['ro', 'rw', 'nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec', 'nosymfollow', 'symfollow'], 'rw,relatime'],
  [['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'nosymfollow'], 'ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow'],
  [[...(OURS ? ['defaults'] : []), 'loud', 'silent'], 'rw,relatime'],
]

const show = async (box: Bundle, count: number): Promise<string[]> => {
  const table = parseMountinfo(await box.probe('cat /proc/self/mountinfo'))
  return Array.from({ length: count }, (_, index) => table.get(`/mnt/${index}`)!.options.join())
}

const shown = ALONE.map(([, options]) => options)

test('attributes of bind mounts', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    for (const [index, [options]] of ALONE.entries())
      mounts.push({ destination: `/mnt/${index}`, source: made.in('/etc'), options: ['bind', ...options] })
  })
  assert.deepEqual(await show(box, ALONE.length), shown)
})

test('attributes of new file systems', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => {
    for (const [index, [options]] of ALONE.entries()) mounts.push({ destination: `/mnt/${index}`, type: 'tmpfs', source: 'tmpfs', options })
  })
  assert.deepEqual(await show(box, ALONE.length), shown)
})

test('a bind mount has the attributes of its source, or those of its options', { skip }, async (t) => {
  const box = bundle(t, ({ mounts, process }, { folder }) => {
    mounts.push(
      { destination: '/mnt/kept', source: `${folder}/strict`, options: ['bind'] },
      { destination: '/mnt/named', source: `${folder}/strict`, options: ['bind', 'nodev'] },
      { destination: '/mnt/cleared', source: `${folder}/strict`, options: ['bind', 'suid', 'exec', 'rw', 'relatime'] },
    )
    process.args = ['cat', '/proc/self/mountinfo']
  })
  const table = parseMountinfo(
    await inPrivateMounts(
      box,
      'mkdir "$BUNDLE/strict"; mount -t tmpfs -o nosuid,noexec,noatime strict "$BUNDLE/strict"; mount -o remount,bind,ro "$BUNDLE/strict"; rt run --bundle "$BUNDLE" "$ID"',
    ),
  )
  assert.equal(table.get('/mnt/kept')?.options.join(), 'ro,nosuid,noexec,noatime')
  assert.equal(table.get('/mnt/named')?.options.join(), 'rw,nodev,noatime')
  assert.equal(table.get('/mnt/cleared')?.options.join(), 'rw,relatime')
})

/** Of the top and of a mount below it, whose options in the source are ro,nosuid,nodev,noexec,noatime,nodiratime. */
const RECURSIVE: readonly (readonly [options: string[], top: string, below: string])[] = [
  [['rro'], 'ro,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rrw'], 'rw,relatime', 'rw,nosuid,nodev,noexec,noatime,nodiratime'],
  [['ro', 'rrw'], 'rw,relatime', 'rw,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rnosuid'], 'rw,nosuid,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rsuid'], 'rw,relatime', 'ro,nodev,noexec,noatime,nodiratime'],
  [['rnodev'], 'rw,nodev,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rdev'], 'rw,relatime', 'ro,nosuid,noexec,noatime,nodiratime'],
  [['rnoexec'], 'rw,noexec,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rexec'], 'rw,relatime', 'ro,nosuid,nodev,noatime,nodiratime'],
  [['rnodiratime'], 'rw,nodiratime,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rdiratime'], 'rw,relatime', 'ro,nosuid,nodev,noexec,noatime'],
  [['rnoatime'], 'rw,noatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rrelatime'], 'rw,relatime', 'ro,nosuid,nodev,noexec,nodiratime,relatime'],
  [['rstrictatime'], 'rw', 'ro,nosuid,nodev,noexec,nodiratime'],
  [['ratime'], 'rw,relatime', 'ro,nosuid,nodev,noexec,nodiratime,relatime'],
  [['rnosymfollow'], 'rw,relatime,nosymfollow', 'ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow'],
  [['rnosymfollow', 'rsymfollow'], 'rw,relatime', 'ro,nosuid,nodev,noexec,noatime,nodiratime'],
  [['rnosuid', 'rnodev', 'rexec', 'rrw'], 'rw,nosuid,nodev,relatime', 'rw,nosuid,nodev,noatime,nodiratime'],
]

test('recursive attributes', { skip }, async (t) => {
  const box = bundle(t, ({ mounts, process }, { folder }) => {
    for (const [index, [options]] of RECURSIVE.entries())
      mounts.push({ destination: `/mnt/${index}`, source: `${folder}/tree`, options: ['rbind', ...options] })
    process.args = ['cat', '/proc/self/mountinfo']
  })
  const table = parseMountinfo(
    await inPrivateMounts(
      box,
      'mkdir "$BUNDLE/tree"; mount -t tmpfs tree "$BUNDLE/tree"; mkdir "$BUNDLE/tree/sub"; mount -t tmpfs -o nosuid,nodev,noexec,noatime,nodiratime sub "$BUNDLE/tree/sub"; mount -o remount,bind,ro,nosuid,nodev,noexec,noatime,nodiratime "$BUNDLE/tree/sub"; rt run --bundle "$BUNDLE" "$ID"',
    ),
  )
  for (const [index, [options, top, below]] of RECURSIVE.entries()) {
    assert.equal(table.get(`/mnt/${index}`)!.options.join(), top, options.join())
    assert.equal(table.get(`/mnt/${index}/sub`)!.options.join(), below, `${options.join()} below`)
  }
})
