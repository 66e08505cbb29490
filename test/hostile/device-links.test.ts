/**
 * CVE-2025-31133, CVE-2025-52565: /dev/null, /dev/console or another file that the runtime mounts or covers things with is a link,
 * a file or another device of the image.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { type Config, DEVPTS, shell } from '../support/config.ts'
import { requires } from '../support/requires.ts'
import { command, RUNTIME } from '../support/runtime.ts'

const skip = requires('root', 'busybox')

/** A container whose /dev is what the image has there. */
const withOwnDev = (t: TestContext, change: (config: Config, made: Bundle) => void): Bundle =>
  bundle(t, (config, made) => {
    config.mounts.splice(1, 2)
    config.linux.maskedPaths = ['/proc/timer_list', '/etc/passwd']
    change(config, made)
  })

const CORE_PATTERN = '/proc/sys/kernel/core_pattern'

for (const [name, make] of [
  ['a link to core_pattern', (made: Bundle) => symlinkSync(CORE_PATTERN, made.in('/dev/null'))],
  ['a link to a file of the image', (made: Bundle) => symlinkSync('/etc/group', made.in('/dev/null'))],
  ['a link out of the image', (made: Bundle) => symlinkSync('/../../../../../../etc/group', made.in('/dev/null'))],
  ['a file', (made: Bundle) => writeFileSync(made.in('/dev/null'), 'chosen')],
  ['a folder', (made: Bundle) => execFileSync('mkdir', [made.in('/dev/null')])],
  ['another device', (made: Bundle) => execFileSync('mknod', [made.in('/dev/null'), 'c', '1', '5'])],
  ['a FIFO', (made: Bundle) => execFileSync('mkfifo', [made.in('/dev/null')])],
] as const)
  test(`/dev/null of the image is ${name}: nothing is masked with it`, { skip }, async (t) => {
    const box = withOwnDev(t, (_, made) => make(made))
    await box.refused(/\/dev\/null/, shell('cat /etc/passwd /proc/timer_list'))
  })

test('/dev/null is replaced by a link while the container is made', { skip }, async (t) => {
  for (let round = 0; round < 15; round += 1) {
    const box = withOwnDev(t, ({ process }) => {
      process.args = shell('head -c 20 /etc/passwd /proc/timer_list')
    })
    box.write()
    const null_ = box.in('/dev/null')
    const swap = `cd ${box.in('/dev')}; while :; do mknod null c 1 3; rm null; ln -s ${CORE_PATTERN} null; rm null; done`
    const attack = `sh -c '${swap}' 2>/dev/null & pid=$!; "$@" </dev/null; status=$?; kill $pid; wait $pid; exit $status`
    const { stdout } = await command(
      ['sh', '-c', attack, 'sh', RUNTIME, '--root', box.root, 'run', '--bundle', box.folder, box.id],
      box.folder,
    )
    assert.doesNotMatch(stdout, /root:|Timer List|core/, `round ${round}`)
    rmSync(null_, { force: true })
    await box.remove()
  }
})

test('devices that are to be made and are links already', { skip }, async (t) => {
  const secret = canary(t)
  for (const name of ['zero', 'full', 'random', 'urandom', 'tty']) {
    const box = withOwnDev(t, ({ linux }, made) => {
      linux.maskedPaths = []
      symlinkSync(secret.file, made.in(`/dev/${name}`))
    })
    await box.refused(new RegExp(`/dev/${name}`), shell(`echo overwritten >/dev/${name}`))
  }
})

/** `run` on a terminal. */
const onTerminal = async (box: Bundle, script: string): Promise<{ status: number | null; stdout: string }> => {
  box.config.process.terminal = true
  box.config.process.args = shell(script)
  box.write()
  const words = [RUNTIME, '--root', box.root, 'run', '--bundle', box.folder, box.id].join(' ')
  return command(['script', '--quiet', '--return', '--command', words, '/dev/null'], box.folder)
}

test('/dev/console of the image is a link: nothing is mounted where it leads', { skip }, async (t) => {
  const secret = canary(t)
  for (const target of [secret.file, CORE_PATTERN, '/etc/passwd', '/dev/null']) {
    const box = bundle(t, ({ mounts }, made) => {
      mounts.splice(1, 1) // no tmpfs at /dev
      symlinkSync(target, made.in('/dev/console'))
    })
    const { stdout } = await onTerminal(
      box,
      'stat -c %F /etc/passwd; test -c /dev/null && echo x >/dev/null; grep -c " /proc/" /proc/self/mountinfo',
    )
    assert.doesNotMatch(stdout, /character special|^[1-9]\d*$/m, `${target}: ${stdout}`)
  }
})

test('/dev/pts and /dev/ptmx of the image are links', { skip }, async (t) => {
  const secret = canary(t)
  const box = bundle(t, ({ mounts }, made) => {
    mounts.splice(1, 2, structuredClone(DEVPTS))
    symlinkSync(secret.folder, made.in('/dev/pts'))
    symlinkSync(secret.file, made.in('/dev/ptmx'))
  })
  await onTerminal(box, 'true')
  assert.deepEqual(readdirSync(secret.folder), ['canary'])
})
