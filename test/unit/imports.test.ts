/** The direction of imports (ARCHITECTURE.md, "Rooms"): doors depend on rooms, rooms not on doors, image and runtime not on each other. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const home = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** What each top-level folder may import of the others. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  image: ['runtime/sys', 'runtime/errors.ts'],
  // the verb that starts the other door
  cli: ['runtime', 'image', 'cri/serve.ts', 'cri/config.ts'],
  cri: ['runtime', 'image'],
}

/** Rooms that have not been begun have no folder. */
const sources = (folder: string): string[] =>
  existsSync(join(home, folder))
    ? readdirSync(join(home, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name))
    : []

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

interface Import {
  readonly file: string
  /** Relative to the repository, or the name of a package. */
  readonly target: string
  readonly typeOnly: boolean
}

const importsOf = (file: string): Import[] =>
  [...readFileSync(join(home, file), 'utf8').matchAll(IMPORT)].map((match) => {
    const target = (match[1] ?? match[2])!
    return {
      file,
      target: target.startsWith('.') ? normalize(join(dirname(file), target)) : target,
      typeOnly: /^\s*(?:import|export) type /.test(match[0].replace(/^\n/, '')),
    }
  })

const all = Object.keys(ALLOWED).flatMap(sources).flatMap(importsOf)

test('there is something to look at', () => {
  assert.ok(all.length > 300, `only ${all.length} imports found`)
})

test('rooms import in one direction', () => {
  const wrong = all.filter(({ file, target }) => {
    const room = file.split('/')[0]!
    const other = target.split('/')[0]!
    return other !== room && other in ALLOWED && !ALLOWED[room]!.some((allowed) => target === allowed || target.startsWith(`${allowed}/`))
  })
  assert.deepEqual(wrong, [])
})

test('only runtime/sys touches koffi', () => {
  const wrong = all.filter(
    ({ file, target }) => (target.startsWith('koffi') || target.endsWith('runtime/sys/koffi.ts')) && !file.startsWith('runtime/sys/'),
  )
  assert.deepEqual(wrong, [])
})

test('no import leads back to where it came from', () => {
  const graph = new Map<string, string[]>()
  for (const { file, target, typeOnly } of all)
    if (!typeOnly && target.endsWith('.ts')) graph.set(file, [...(graph.get(file) ?? []), target])
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'done') return
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].map((name) => relative('', name)).join(' → '))
      return
    }
    state.set(file, 'open')
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    state.set(file, 'done')
  }
  for (const file of graph.keys()) visit(file, [])
  assert.deepEqual(cycles, [])
})

test('no file is longer than can be read', () => {
  const long = Object.keys(ALLOWED)
    .flatMap(sources)
    .map((file) => ({ file, lines: readFileSync(join(home, file), 'utf8').split('\n').length }))
    .filter(({ file, lines }) => lines > 500 && !file.includes('/abi/') && !file.endsWith('_pb.d.ts'))
  assert.deepEqual(long, [])
})
