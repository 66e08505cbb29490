/**
 * Makes dist/: `npm run build`.
 *
 *   NAME.cjs           chooses what to load; the launcher bin/NAME runs it
 *   NAME/VERB.js       a verb with all that it needs, for the verbs that a container’s life consists of
 *   NAME/door.js       all verbs: for the others, and for help
 *   NAME/*.ARCH.cache  V8’s code cache of each, good for the packaged Node with the launcher’s flags
 *
 * CommonJS and not modules, whose loader costs as much as the rest of Node’s start; and a file per verb, because the more there
 * is in a file the longer V8 takes with its cache.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

/** By name of the launcher: folder of the sources, the verbs with files of their own, and the global flags that take a value. */
const DOORS = {
  'wherry-oci': {
    sources: 'cli/oci',
    verbs: ['create', 'delete', 'exec', 'kill', 'run', 'start', 'state'],
    valued: ['log', 'log-format', 'root', 'rootless', 'criu'],
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
  cachedData = readFileSync(file + '.' + process.arch + '.cache')
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

/** What a file of dist/ exports: `start`, the whole program, and `run`, the same without its end, to train the cache with. */
const entry = (verb) => {
  const verbs =
    verb === undefined
      ? "import { VERBS } from './verbs.ts'"
      : `import { command } from './${verb}.ts'\nconst VERBS = new Map([['${verb}', async () => ({ command })]])`
  return `import { program } from './program.ts'\nimport { runDoor } from './door.ts'\n${verbs}
export const start = () => program(VERBS)
export const run = (argv, launch) => runDoor(argv, launch, VERBS)`
}

const bundle = async (sources, verb) => {
  const { outputFiles } = await build({
    absWorkingDir: home,
    stdin: { contents: entry(verb), resolveDir: join(home, sources), loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    legalComments: 'none',
    minifySyntax: true,
    // what is imported on demand stays in the file and runs when it is asked for
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname', WHERRY_COMMIT: JSON.stringify(commit()) },
    external: ['@koromix/*'],
    banner: { js: '(function (require, module, __filename, __dirname) {' },
    footer: { js: '})' },
    logLevel: 'warning',
  })
  // ASCII, so that the loader can read it as latin1, which costs a third of utf8
  return outputFiles[0].text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The packaged Node with the flags of the launcher. */
const packagedNode = (name) => {
  const launcher = readFileSync(join(home, 'bin', name), 'utf8')
  const flags = /exec "\$node\/bin\/node" (.*) "\$home\/dist\//.exec(launcher)[1].split(/\s+/)
  return { node: require.resolve(`node-linux-${process.arch}/bin/node`), flags }
}

for (const [name, door] of Object.entries(DOORS)) {
  const { node, flags } = packagedNode(name)
  const folder = join(home, 'dist', `${name}.new`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = [...door.verbs, undefined].map((verb) => ({ verb, file: join(folder, `${verb ?? 'door'}.js`) }))
  for (const { verb, file } of files) writeFileSync(file, await bundle(door.sources, verb))
  for (const { file } of files) {
    const options = { stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 }
    execFileSync(node, [...flags, join(home, 'scripts', 'code-cache.cjs'), file], options)
    if (!existsSync(`${file.slice(0, -3)}.${process.arch}.cache`)) throw new Error(`${file} has got no code cache`)
  }
  // in one step: containers may be started meanwhile
  const final = join(home, 'dist', name)
  rmSync(final, { recursive: true, force: true })
  renameSync(folder, final)
  writeFileSync(join(home, 'dist', `.${name}.cjs`), loader(name, door))
  renameSync(join(home, 'dist', `.${name}.cjs`), join(home, 'dist', `${name}.cjs`))
}
