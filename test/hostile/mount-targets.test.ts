/**
 * CVE-2021-30465, CVE-2024-45310, CVE-2022-23648: a mount's target is a link, or becomes one while the container is made, and the
 * mount, or the folder made for it, lands on the host.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { type Canary, canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { shell } from '../support/config.ts'
import { mountTable } from '../support/leftovers.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

/** A volume with something to be found where it is mounted. */
const volume = (box: Bundle, name: string): string => {
  mkdirSync(`${box.folder}/${name}`)
  writeFileSync(`${box.folder}/${name}/mark`, name)
  return `${box.folder}/${name}`
}

/** Containers that are made while the attacker swaps; each meets other moments. */
const ROUNDS = 15

const mountsNow = (): string[] => mountTable().map((line) => line.split(' ').slice(3, 5).join(' '))

/** The canary's folder is only reached by a way out of the root. */
const outside = ({ folder }: Canary): string[] => [
  folder,
  `${folder}/new`,
  `/../../../../../..${folder}`,
  `/proc/1/root${folder}`,
  `/proc/self/root${folder}`,
]

for (const kind of ['folder', 'file', 'tmpfs'] as const)
  test(`a ${kind} is mounted at a link to a folder of the host`, { skip }, async (t) => {
    const secret = canary(t)
    for (const target of outside(secret)) {
      const box = bundle(t, ({ mounts }, made) => {
        const source = volume(made, 'volume')
        symlinkSync(target, made.in('/link'))
        if (kind === 'tmpfs') mounts.push({ destination: '/link/deep', type: 'tmpfs', source: 'tmpfs' })
        else mounts.push({ destination: '/link/deep', source: kind === 'file' ? `${source}/mark` : source, options: ['bind'] })
      })
      const before = mountsNow()
      const { status, stderr } = await box.run(['true']) // what is made is made in the root, or it is refused
      if (status !== 0) assert.match(stderr, /mounts\[3\]/)
      assert.deepEqual(mountsNow(), before)
      assert.deepEqual(readdirSync(secret.folder), ['canary'])
    }
  })

test('VOLUME with .. in it', { skip }, async (t) => {
  const secret = canary(t)
  const box = bundle(t, ({ mounts }, made) => {
    for (const up of ['/..', '/../../../../..', '/mnt/../../../../../..'])
      mounts.push({ destination: `${up}${secret.folder}/made`, source: volume(made, `volume${mounts.length}`), options: ['bind'] })
  })
  assert.equal(await box.probe(`cat ${secret.folder}/made/mark`), 'volume5')
  assert.deepEqual(readdirSync(secret.folder), ['canary'])
})

/**
 * The attacker shares a volume with the containers that are made, and swaps a folder in it for a link, over and over. Whatever the
 * moment: a mount lands in the container, or the container is refused.
 */
const race = async (t: TestContext, link: string, check: (victim: Bundle) => Promise<void>): Promise<void> => {
  const attacker = bundle(t, ({ mounts }, made) => {
    mounts.push({ destination: '/shared', source: volume(made, 'shared'), options: ['bind'] })
  })
  const shared = `${attacker.folder}/shared`
  mkdirSync(`${shared}/target`)
  symlinkSync(link, `${shared}/link`)
  const swap = 'mv target away; mv link target; mv target link; mv away target'
  await attacker.up(`cd /shared; while :; do ${swap}; done`)
  for (let round = 0; round < ROUNDS; round += 1) {
    const victim = bundle(t, ({ mounts }, made) => {
      mounts.push({ destination: '/shared', source: shared, options: ['bind'] })
      mounts.push({ destination: '/shared/target', source: volume(made, 'inner'), options: ['bind'] })
      mounts.push({ destination: '/shared/target/new', type: 'tmpfs', source: 'tmpfs' })
    })
    await check(victim)
    await victim.remove()
  }
}

const REASON =
  /mounts\[[345]\].*(no such file|not a directory|is a directory|invalid argument|symbolic link|file exists|cannot be mounted|is 0x9fa0|temporarily)/i

test('a volume with a folder that is swapped for a link to the root', { skip }, async (t) => {
  const secret = canary(t)
  const before = mountsNow()
  let mounted = 0
  await race(t, '/', async (victim) => {
    const { status, stdout, stderr } = await victim.run(shell(`ls -d ${secret.folder} /inner-canary 2>/dev/null; cat /proc/self/mountinfo`))
    if (status !== 0 && stdout === '') assert.match(stderr, REASON)
    else mounted += 1
    assert.ok(!stdout.startsWith(secret.folder), 'a folder of the host is in the container')
    assert.deepEqual(mountsNow(), before)
  })
  t.diagnostic(`${mounted} of ${ROUNDS} were made`)
})

test('a volume with a folder that is swapped for a link to a folder of the host', { skip }, async (t) => {
  const secret = canary(t)
  const before = mountsNow()
  await race(t, secret.folder, async (victim) => {
    const { status, stdout, stderr } = await victim.run(shell(`cat ${secret.file} 2>/dev/null; true`))
    if (status !== 0) assert.match(stderr, REASON)
    assert.equal(stdout, '')
    assert.deepEqual(mountsNow(), before)
    assert.deepEqual(readdirSync(secret.folder), ['canary'])
  })
})

test('a volume with a folder that is swapped for a link to /proc', { skip }, async (t) => {
  await race(t, '/proc', async (victim) => {
    const { status, stdout, stderr } = await victim.run(shell('stat -f -c %T /proc; cat /proc/mark 2>/dev/null; true'))
    if (status !== 0) assert.match(stderr, REASON)
    else assert.equal(stdout, 'proc\n')
  })
})

test('a source of the image that is a link to the host is not followed out', { skip }, async (t) => {
  const secret = canary(t)
  const box = bundle(t, ({ mounts }, made) => {
    symlinkSync(secret.folder, made.in('/out'))
    mounts.push({ destination: '/mnt', source: made.in('/out'), options: ['bind'] })
  })
  const { stdout } = await box.run(shell('cat /mnt/canary 2>/dev/null; true'))
  assert.equal(stdout, '')
  assert.ok(existsSync(secret.file))
})
