/** --rootless: whether a container may go without a cgroup that it is not allowed to have. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hierarchies } from '../../support/leftovers.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

/** What `run` prints and its status, where no cgroup can be made. */
const runWithoutCgroups = (box: Bundle, ...flags: string[]): Promise<string> =>
  inPrivateMounts(
    box,
    `for folder in ${hierarchies().join(' ')}; do mount -o remount,bind,ro $folder; done
    rt ${flags.join(' ')} run --bundle $BUNDLE $ID 2>&1 || echo status $?`,
  )

/** No cgroupsPath: who asks for one is to get it. */
const plain = (t: Parameters<typeof bundle>[0]): Bundle =>
  bundle(t, ({ process, linux }) => {
    process.args = shell('echo runs')
    delete linux.cgroupsPath
  })

test('root must get its cgroup', { skip }, async (t) => {
  for (const flags of [[], ['--rootless=auto'], ['--rootless', 'false']])
    assert.match(await runWithoutCgroups(plain(t), ...flags), /read-only file system[\s\S]*status 1$/)
})

test('--rootless true lets it go without', { skip }, async (t) => {
  assert.equal(await runWithoutCgroups(plain(t), '--rootless', 'true'), 'runs')
})

test('but not without one that the config names', { skip }, async (t) => {
  const box = bundle(t)
  assert.match(await runWithoutCgroups(box, '--rootless', 'true'), /read-only file system[\s\S]*status 1$/)
})
