/**
 * Cuts the power of a disk under a store that is worked on: `unshare --mount --propagation private node store-power.ts FOLDER CUTS`.
 *
 * Two ext4 images: the inner one, with the store, is a file on the outer one. fsfreeze(8) of the outer one stops all writes to the inner
 * one's file between two of them; what the file then has is what a disk had at a power cut (writes that the kernel had not given to the
 * disk yet are lost; writes that the disk itself would have lost or reordered are not simulated). A copy of it is mounted, which replays
 * the journal, and the store on it checked.
 *
 * WHERRY_NO_SYNC=1 is for the counter-test: a store that forgets fsync must be found out.
 *
 * Prints JSON: what was wrong at each cut.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { openStore } from '../../image/store/store.ts'

const [folder = '', cuts = '1'] = process.argv.slice(2)
const SUPPORT = import.meta.dirname
const MIB = 1 << 20

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: 'utf8' })

const makeDisk = (path: string, size: number): void => {
  writeFileSync(path, '')
  truncateSync(path, size)
  run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=1', path)
}

const mount = (image: string, point: string, ...options: readonly string[]): void => {
  mkdirSync(point, { recursive: true })
  run('mount', '-o', ['loop', ...options].join(','), image, point)
}

/** Names that are durable, as far as the worker has told. */
const acknowledged = new Map<string, string>()

const begin = (root: string): ChildProcess => {
  const child = spawn(process.execPath, ['--import', `${SUPPORT}/store-faults.ts`, `${SUPPORT}/store-child.ts`, 'work', root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface(child.stdout!).on('line', (line) => {
    const [sign, name = '', digest = ''] = line.split(' ')
    if (sign === '+') acknowledged.set(name, digest)
    else acknowledged.delete(name)
  })
  return child
}

/** What is wrong with the store on a copy of the disk. */
const examine = async (image: string, expected: ReadonlyMap<string, string>): Promise<string[]> => {
  const point = `${folder}/after`
  mount(image, point)
  try {
    const store = openStore(`${point}/store`)
    const { findings } = await store.check()
    const lost = [...expected].filter(([name, digest]) => store.images.find(name)?.descriptor.digest !== digest)
    await store.collect({ age: 0 })
    const later = await store.check()
    return [
      ...findings.map(({ problem }) => problem),
      ...lost.map(([name]) => `${name} is lost`),
      ...later.findings.map(({ problem }) => `after collecting: ${problem}`),
    ]
  } catch (error) {
    return [String(error)]
  } finally {
    run('umount', point)
  }
}

makeDisk(`${folder}/outer`, 160 * MIB)
mount(`${folder}/outer`, `${folder}/host`)
const inner = `${folder}/host/inner`
makeDisk(inner, 96 * MIB)
// commit=1: the kernel writes often by itself, so that what is written too early is seen
mount(inner, `${folder}/disk`, 'commit=1')
const results: { names: number; wrong: string[] }[] = []
const child = begin(`${folder}/disk/store`)
const ended = once(child, 'exit')
try {
  while (acknowledged.size === 0) {
    if (child.exitCode !== null) throw new Error('the worker has ended')
    await setTimeout(20)
  }
  for (let cut = 0; cut < Number(cuts); cut++) {
    await setTimeout(100 + Math.random() * 900)
    run('fsfreeze', '--freeze', `${folder}/host`)
    let expected: ReadonlyMap<string, string>
    try {
      // what was said before is read; what is said since was done before, as nothing becomes durable now
      await setTimeout(50)
      expected = new Map(acknowledged)
      copyFileSync(inner, `${folder}/copy`)
    } finally {
      run('fsfreeze', '--unfreeze', `${folder}/host`)
    }
    results.push({ names: expected.size, wrong: await examine(`${folder}/copy`, expected) })
  }
} finally {
  child.kill('SIGKILL')
  await ended
  run('umount', `${folder}/disk`)
  run('umount', `${folder}/host`)
}
process.stdout.write(JSON.stringify(results))
