/**
 * Makes dist/: `npm run build`.
 *
 *   NAME.cjs           chooses what to load; the launcher bin/NAME runs it
 *   NAME/VERB.js       a verb with what a run that succeeds needs, for the verbs that a container’s life consists of
 *   NAME/VERB.later.js what such a verb imports on demand
 *   NAME/door.js       all verbs: for the others, and for help
 *   NAME/WORKER.js     what runs in a thread of its own
 *   NAME/keeper*.elf   programs of keepers, scripts/keepers.ts
 *   NAME/*.ARCH.cache  V8’s code cache of each, good for the packaged Node with the launcher’s flags; *.quick.ARCH.cache: with those for
 *                      verbs that are over soon
 *
 * CommonJS and not modules, whose loader costs as much as the rest of Node’s start; and a file per verb, because the more there
 * is in a file the longer V8 takes with its cache.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

/** By name of the launcher: folder of the sources, the verbs with files of their own, the global flags that take a value, and workers. */
const DOORS = {
  'wherry-oci': {
    sources: 'cli/oci',
    verbs: ['create', 'delete', 'exec', 'kill', 'run', 'start', 'state'],
    valued: ['log', 'log-format', 'root', 'rootless', 'criu'],
  },
  wherry: {
    sources: 'cli/wherry',
    keepers: true,
    verbs: ['cri', 'exec', 'images', 'ps', 'pull', 'run'],
    valued: ['root', 'run-root', 'log-level', 'log-format', 'config'],
    flags: { cri: 'server', images: 'usual', pull: 'usual' },
    workers: { 'layer-worker': 'image/layer/worker.ts' },
  },
}

const commit = () => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      cwd: home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown' // no git, or a package without its history
  }
}

/** Of the flags for verbs that are over soon: V8 has another cache with them. */
const QUICK = '--max-opt=0'

/** Finds the verb as the door would. A cache that V8 does not take, being of another version or of other flags, is passed over. */
const loader = (name, { verbs, valued }) => `'use strict'
const { readFileSync, writeSync } = require('node:fs')
const { Script } = require('node:vm')
let at = 2
while (process.argv[at]?.startsWith('-')) at += /^--?(${valued.join('|')})$/.test(process.argv[at]) ? 2 : 1
const verb = process.argv[at]
const file = __dirname + '/${name}/' + (/^(${verbs.join('|')})$/.test(verb) ? verb : 'door')
const filename = file + '.js'
let cachedData
try {
  cachedData = readFileSync(file + (process.execArgv.includes('${QUICK}') ? '.quick.' : '.') + process.arch + '.cache')
} catch (error) {
  if (error.code !== 'ENOENT') throw error
}
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData })
const fail = (error) => {
  writeSync(2, '${name}: ' + (error.stack ?? error) + '\\n')
  process.exit(1)
}
try {
  script.runInThisContext()(require, module, filename, __dirname)
  module.exports.start().catch(fail)
} catch (error) {
  fail(error)
}
`

/**
 * commander asks for child_process, to start programs for subcommands: half of what it costs, and used by nobody here. It gets what
 * loads it when it is called.
 */
const spared = {
  name: 'spared',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'child_process', namespace: 'spared' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'spared' }, ({ path }) => ({
      contents: `module.exports = { spawn: (...args) => require('node:${path}').spawn(...args) }`,
      resolveDir: home,
    }))
  },
}

/** What is never asked for: koffi's addon is opened by its path, and Node has the web's streams itself. */
const EXTERNAL = ['@koromix/*', 'web-streams-polyfill/*']

const OPTIONS = {
  absWorkingDir: home,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  legalComments: 'none',
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 160,
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname', WHERRY_COMMIT: JSON.stringify(commit()) },
  logLevel: 'warning',
  // the polyfill of the web's streams is for Nodes without them
  logOverride: { 'unsupported-require-call': 'silent' },
}

/** ASCII, so that the loader can read it as latin1, which costs a third of utf8. */
const textOf = ({ outputFiles }) =>
  outputFiles[0].text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const entry = (sources, contents) => ({
  bundle: true,
  external: EXTERNAL,
  stdin: { contents, resolveDir: join(home, sources), loader: 'ts' },
})

/** What a file exports: `start`, the whole program, and `run`, the same without its end, to train the cache with. */
const program = (verbs) => `import { program } from './program.ts'\nimport { runDoor } from './door.ts'\n${verbs}
export const start = () => program(VERBS)
export const run = (argv, launch) => runDoor(argv, launch, VERBS)`

/** The file with all verbs: what is imported on demand stays in it and runs when it is asked for. */
const bundleDoor = async (sources) => {
  const banner = { js: '(function (require, module, __filename, __dirname) {' }
  const contents = program("import { VERBS } from './verbs.ts'")
  return textOf(await build({ ...OPTIONS, ...entry(sources, contents), plugins: [spared], banner, footer: { js: '})' } }))
}

const LATER = 'later:'

/** Leaves to `require` what is imported on demand, under names like `later:runtime/program/failure.ts`; `found` gets the files. */
const later = (found) => ({
  name: 'later',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const file = relative(home, join(resolveDir, path))
      found.add(file)
      return { path: LATER + file, external: true }
    }),
})

/** Takes modules that are loaded already from those who loaded them: there is one of each class. */
const taken = (loaded, used) => ({
  name: 'taken',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = relative(home, join(resolveDir, path))
      if (!loaded.has(file)) return undefined
      used.add(file)
      return { path: file, namespace: 'taken' }
    })
    onLoad({ filter: /./, namespace: 'taken' }, async ({ path }) => ({
      contents: `export const { ${(await exportsOf(path)).join(', ')} } = loaded[${JSON.stringify(path)}]()`,
    }))
  },
})

const exportsOf = async (file) => {
  const { metafile } = await build({ ...OPTIONS, format: 'esm', entryPoints: [file] })
  return Object.values(metafile.outputs)[0].exports
}

/**
 * The head of a file. Two ways lead to a module that was left for later: it is among those that are loaded, or in the second file.
 * In a scope of its own, because esbuild does not know its names.
 */
const HEAD = `(function (require, module, __filename, __dirname) {
require = ((other) => {
  const found = new Map()
  const second = (modules) => {
    const { existsSync, readFileSync } = other('node:fs'), { Script } = other('node:vm')
    const base = __filename.slice(0, -3) + '.later', filename = base + '.js'
    const cache = base + (process.execArgv.includes('${QUICK}') ? '.quick.' : '.') + process.arch + '.cache'
    const cachedData = existsSync(cache) ? readFileSync(cache) : undefined
    const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData })
    const exported = { exports: {} }
    script.runInThisContext()(require, exported, filename, __dirname, modules)
    return exported.exports.modules
  }
  let rest
  const later = (file) => {
    const { loaded } = module.exports
    return (file in loaded ? loaded : (rest ??= second(loaded)))[file]()
  }
  const find = (name) => (name.startsWith('${LATER}') ? later(name.slice(${LATER.length})) : other(name))
  return (name) => found.get(name) ?? (found.set(name, find(name)), found.get(name))
})(require)`

/**
 * The files of one verb: what a start that succeeds may run, and beside it (VERB.later.js) what is imported on demand. What is in
 * one file only need not be wrapped for a later evaluation: then esbuild can put constants in the places where they are used.
 */
const bundleVerb = async (sources, verb) => {
  const verbs = program(`import { command } from './${verb}.ts'\nconst VERBS = new Map([['${verb}', async () => ({ command })]])`)
  const wanted = new Set()
  const { metafile } = await build({ ...OPTIONS, ...entry(sources, verbs), plugins: [spared, later(wanted)] })
  const loaded = new Set(Object.keys(metafile.inputs))
  const shared = new Set([...wanted].filter((file) => loaded.has(file)))
  const modules = [...wanted].filter((file) => !loaded.has(file)).map((file) => `${JSON.stringify(file)}: () => require('./${file}')`)
  const second = await build({
    ...OPTIONS,
    ...entry('.', `export const modules = { ${modules.join(', ')} }`),
    plugins: [spared, taken(loaded, shared)],
    banner: { js: '(function (require, module, __filename, __dirname, loaded) {' },
    footer: { js: '})' },
  })
  const cases = await Promise.all(
    [...shared].map(async (file, index) => {
      const names = await exportsOf(file)
      const list = names.map((name) => `${name} as ${name}_${index}`).join(', ')
      const object = names.map((name) => `${name}: ${name}_${index}`).join(', ')
      return [`import { ${list} } from '${join(home, file)}'`, `'${file}': () => ({ ${object} })`]
    }),
  )
  const exported = `${cases.map(([line]) => line).join('\n')}
export const loaded = {\n${cases.map(([, line]) => line).join(',\n')}\n}`
  const first = await build({
    ...OPTIONS,
    ...entry(sources, `${verbs}\n${exported}`),
    plugins: [spared, later(new Set())],
    banner: { js: HEAD },
    footer: { js: '})' },
  })
  return { first: textOf(first), second: textOf(second) }
}

/** Sets of flags in the launchers, by what is in them and in no other. */
const SETS = { quick: QUICK, server: '--max-semi-space-size=4' }

/** The packaged Node, and its flags by the set: for verbs that are over soon, for servers, and the usual ones. */
const packagedNode = (name) => {
  const launcher = readFileSync(join(home, 'bin', name), 'utf8')
  const sets = {}
  for (const [, text] of launcher.matchAll(/^ *flags='(.*)'$/gm)) {
    const flags = text.split(/\s+/)
    const [set] = Object.entries(SETS).find(([, mark]) => flags.includes(mark)) ?? ['usual']
    sets[set] = flags
  }
  return { node: require.resolve(`node-linux-${process.arch}/bin/node`), sets }
}

for (const [name, door] of Object.entries(DOORS)) {
  const { node, sets } = packagedNode(name)
  const folder = join(home, 'dist', `${name}.new`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'door.js'), await bundleDoor(door.sources))
  for (const verb of door.verbs) {
    const { first, second } = await bundleVerb(door.sources, verb)
    writeFileSync(join(folder, `${verb}.js`), first)
    writeFileSync(join(folder, `${verb}.later.js`), second)
  }
  for (const [worker, source] of Object.entries(door.workers ?? {}))
    writeFileSync(
      join(folder, `${worker}.js`),
      textOf(await build({ ...OPTIONS, bundle: true, external: EXTERNAL, entryPoints: [source] })),
    )
  if (door.keepers === true) execFileSync(node, [join(home, 'scripts/keepers.ts'), folder], { stdio: 'inherit' })
  // Node reads a worker's file itself, and would take it for an ES module as the package says
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  for (const verb of [...door.verbs, 'door'])
    for (const set of verb === 'door' ? ['quick', 'usual'] : [door.flags?.[verb] ?? 'quick']) {
      if (sets[set] === undefined) continue
      const file = join(folder, `${verb}.js`)
      const kind = set === 'quick' ? '.quick' : ''
      const options = { stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 }
      execFileSync(node, [...sets[set], join(home, 'scripts', 'code-cache.cjs'), file, kind], options)
      if (!existsSync(`${file.slice(0, -3)}${kind}.${process.arch}.cache`)) throw new Error(`${file} has got no code cache`)
    }
  // in one step: containers may be started meanwhile
  const final = join(home, 'dist', name)
  rmSync(final, { recursive: true, force: true })
  renameSync(folder, final)
  writeFileSync(join(home, 'dist', `.${name}.cjs`), loader(name, door))
  renameSync(join(home, 'dist', `.${name}.cjs`), join(home, 'dist', `${name}.cjs`))
}
