/**
 * CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881: what the runtime writes to /proc goes to files that the image or a
 * volume put there, or masks do not cover the real ones.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { type Config, shell } from '../support/config.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

const FORWARD = 'net/ipv4/ip_forward'
const MASKED = '/proc/timer_list'

/** A tree that looks like procfs to who writes to it. */
const fakeProc = (folder: string): void => {
  for (const file of [
    `sys/${FORWARD}`,
    'self/attr/exec',
    'self/attr/apparmor/exec',
    'thread-self/attr/exec',
    'timer_list',
    'sysrq-trigger',
  ]) {
    mkdirSync(dirname(`${folder}/${file}`), { recursive: true })
    writeFileSync(`${folder}/${file}`, 'fake')
  }
}

const assertUntouched = (folder: string): void => {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (statSync(`${folder}/${file}`).isFile()) assert.equal(readFileSync(`${folder}/${file}`, 'utf8'), 'fake', file)
}

const confined = ({ linux }: Config): void => {
  linux.sysctl = { 'net.ipv4.ip_forward': '1' }
  linux.maskedPaths = [MASKED]
  linux.readonlyPaths = ['/proc/sys']
}

/** Says what /proc is, and what was written there. */
const LOOK = `stat -f -c %T /proc; cat /proc/sys/${FORWARD}; wc -c <${MASKED}; echo 0 >/proc/sys/${FORWARD}`

test('files of the image where procfs is to be', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    fakeProc(made.in('/proc'))
    confined(config)
  })
  const { stdout, stderr } = await box.run(shell(LOOK))
  assert.equal(stdout, 'proc\n1\n0\n', stderr)
  assert.match(stderr, /Read-only file system/)
  assertUntouched(box.in('/proc'))
})

for (const [name, target] of [
  ['to a folder of the image', '/fake'],
  ['to the root', '/'],
  ['out of the image', '/../../../../tmp'],
] as const)
  test(`/proc is a link ${name}`, { skip }, async (t) => {
    const box = bundle(t, (config, made) => {
      rmSync(made.in('/proc'), { recursive: true })
      fakeProc(made.in('/fake'))
      symlinkSync(target, made.in('/proc'))
      confined(config)
    })
    await box.refused(/mounts\[0\] \/proc.*symbolic link/, shell(LOOK))
    assertUntouched(box.in('/fake'))
  })

test('/sys is a link', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    rmSync(made.in('/sys'), { recursive: true })
    symlinkSync('/etc', made.in('/sys'))
    mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs' })
  })
  await box.refused(/mounts\[3\] \/sys.*symbolic link/)
})

/** A volume at a place of procfs: refused, or the writes go to the real one all the same. */
const overProc = (box: Bundle, destination: string, source: string): void => {
  box.config.mounts.push({ destination, type: 'bind', source, options: ['rbind', 'rw'] })
  confined(box.config)
}

for (const destination of ['/proc', '/proc/self', '/proc/sys', '/proc/self/attr', '/proc/thread-self/attr', '/proc/sys/net'])
  test(`a volume at ${destination} (VOLUME of an image)`, { skip }, async (t) => {
    const box = bundle(t, (_, made) => {
      fakeProc(`${made.folder}/volume`)
      overProc(made, destination, `${made.folder}/volume`)
    })
    await box.refused(/mounts\[3\]\.destination: \/proc\S* cannot be mounted because it is (inside|not of type proc)/, shell(LOOK))
    assertUntouched(`${box.folder}/volume`)
  })

for (const link of ['/proc', '/proc/sys', '/proc/self/attr'])
  test(`a volume at a link of the image to ${link}`, { skip }, async (t) => {
    const box = bundle(t, (_, made) => {
      fakeProc(`${made.folder}/volume`)
      symlinkSync(link, made.in('/data'))
      overProc(made, '/data', `${made.folder}/volume`)
    })
    await box.refused(/mounts\[3\]\.destination: \/data cannot be mounted because it is (inside|not of type proc)/, shell(LOOK))
    assertUntouched(`${box.folder}/volume`)
  })

test('a volume at a link that leads to /proc only once it is mounted', { skip }, async (t) => {
  const box = bundle(t, (_, made) => {
    fakeProc(`${made.folder}/volume`)
    symlinkSync('/proc/self', made.in('/data')) // followed on the host there is no such place
    overProc(made, '/data/attr', `${made.folder}/volume`)
  })
  await box.refused(/mounts\[3\]/, shell(LOOK))
  assertUntouched(`${box.folder}/volume`)
})

test('a volume before procfs, with a link to a file of the host', { skip }, async (t) => {
  const secret = canary(t)
  const box = bundle(t, (config, made) => {
    confined(config)
    mkdirSync(`${made.folder}/volume/sys/net/ipv4`, { recursive: true })
    symlinkSync(secret.file, `${made.folder}/volume/sys/${FORWARD}`)
    config.mounts.unshift({ destination: '/proc', type: 'bind', source: `${made.folder}/volume`, options: ['bind'] })
  })
  await box.refused(/mounts\[0\]\.destination/, shell(LOOK))
})

test('a procfs of the host may stand in for /proc, and nothing of it can be written to', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    config.mounts[0] = { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'ro'] }
    config.linux.maskedPaths = [MASKED]
  })
  const { stdout, stderr } = await box.run(shell(`wc -c <${MASKED}; echo x >/proc/self/comm`))
  assert.equal(stdout, '0\n', stderr)
  assert.match(stderr, /Read-only file system/)
})
