/**
 * Writes V8’s code cache of a file of dist/: `code-cache.cjs FILE.js KIND`, run with the flags FILE.js is run with. KIND is for the name of the cache.
 *
 * A cache holds the functions that were compiled by the time it is made. Those that a start needs are found out by starting: for
 * wherry-oci a container, an empty one, with a program of a hundred bytes. Where that is not permitted, the cache holds what loading the
 * file compiles, and the rest is compiled when it is called.
 */
'use strict'
const { execFileSync } = require('node:child_process')
const { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { tmpdir } = require('node:os')
const { basename, dirname, join } = require('node:path')
const { Script } = require('node:vm')

const load = (filename) => {
  const script = new Script(readFileSync(filename, 'latin1'), { filename })
  const module = { exports: {} }
  script.runInThisContext()(createRequire(filename), module, filename, dirname(filename))
  return { script, program: module.exports }
}

const launch = { program: 'code-cache', openFiles: undefined, descriptors: undefined, moved: [] }

const { EXIT, PAUSE } = {
  x64: {
    EXIT: '31ff b83c000000 0f05', // xor edi, edi; mov eax, exit; syscall
    PAUSE: 'b822000000 0f05 ebf7', // mov eax, pause; syscall; jmp
  },
  arm64: {
    EXIT: '000080d2 a80b80d2 010000d4', // mov x0, 0; mov x8, exit; svc 0
    PAUSE: '000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17', // mov x0–x3, 0; mov x8, ppoll; svc 0; b
  },
}[process.arch]

const ADDRESS = 0x400000
const HEADERS = 64 + 56

/** A static executable: elf(5) with one segment. */
const elf = (code) => {
  const text = Buffer.from(code.replaceAll(' ', ''), 'hex')
  const header = Buffer.alloc(HEADERS)
  header.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  header.writeUInt16LE(2, 16) // e_type: ET_EXEC
  header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18) // e_machine
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(ADDRESS + HEADERS), 24) // e_entry
  header.writeBigUInt64LE(64n, 32) // e_phoff
  header.writeUInt16LE(64, 52)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(1, 56)
  header.writeUInt32LE(1, 64) // p_type: PT_LOAD
  header.writeUInt32LE(5, 68) // p_flags: read, execute
  header.writeBigUInt64LE(BigInt(ADDRESS), 80)
  header.writeBigUInt64LE(BigInt(ADDRESS), 88)
  header.writeBigUInt64LE(BigInt(HEADERS + text.length), 96)
  header.writeBigUInt64LE(BigInt(HEADERS + text.length), 104)
  header.writeBigUInt64LE(4096n, 112)
  return Buffer.concat([header, text])
}

/** A bundle as engines write them: the example of `spec`, and their usual extras. */
const makeBundle = (folder, args, command) => {
  const bundle = join(folder, args[0].slice(1))
  mkdirSync(join(bundle, 'rootfs'), { recursive: true })
  writeFileSync(join(bundle, 'rootfs', 'exit'), elf(EXIT), { mode: 0o755 })
  writeFileSync(join(bundle, 'rootfs', 'pause'), elf(PAUSE), { mode: 0o755 })
  command('spec', '--bundle', bundle)
  const file = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8'))
  Object.assign(config.process, { terminal: false, args })
  Object.assign(config.linux.resources, { memory: { limit: 1 << 28 }, pids: { limit: 100 }, cpu: { shares: 512 } })
  config.annotations = { 'wherry.test': 'training' }
  writeFileSync(file, JSON.stringify(config))
  return bundle
}

const ID = `wherry-code-cache-${process.pid}`

/** What has to be there before a verb, and the verb; \`command\` runs in a process of its own. */
const TRAINING = {
  create: { before: [], verb: ({ exit }) => ['create', '--bundle', exit, ID] },
  start: { before: [({ exit }) => ['create', '--bundle', exit, ID]], verb: () => ['start', ID] },
  run: { before: [], verb: ({ exit }) => ['run', '--bundle', exit, ID] },
  exec: { before: [({ pause }) => ['run', '--detach', '--bundle', pause, ID]], verb: () => ['exec', ID, '/exit'] },
  state: { before: [({ exit }) => ['create', '--bundle', exit, ID]], verb: () => ['state', ID] },
  kill: { before: [({ pause }) => ['run', '--detach', '--bundle', pause, ID]], verb: () => ['kill', ID, 'KILL'] },
  delete: { before: [({ exit }) => ['create', '--bundle', exit, ID]], verb: () => ['delete', '--force', ID] },
  door: { before: [], verb: () => ['list'] },
}

const train = async (program, verb, door) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-code-cache-'))
  const global = ['--root', join(folder, 'state'), '--log', join(folder, 'log')]
  const command = (...argv) =>
    execFileSync(process.execPath, [...process.execArgv, __filename, '--run', door, ...global, ...argv], { stdio: ['ignore', 'ignore', 'ignore'], timeout: 20_000 })
  try {
    const bundles = { exit: makeBundle(folder, ['/exit'], command), pause: makeBundle(folder, ['/pause'], command) }
    const { before, verb: argv } = TRAINING[verb]
    for (const step of before) command(...step(bundles))
    const status = await program.run([...global, ...argv(bundles)], launch)
    if (status !== 0) throw new Error(readFileSync(join(folder, 'log'), 'utf8').trim())
  } catch (error) {
    process.stderr.write(`${verb}: its code cache is not trained: ${error.message}\n`)
  } finally {
    const remove = () => command('delete', '--force', ID)
    try {
      remove()
    } catch {
      remove() // it took too long and was killed half-way: the next one completes it, as long as its state is there
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Output of the verb, which is the build’s otherwise, is dropped by who calls us. */
const WHERRY_TRAINING = {
  door: ['system', 'df'],
  images: ['images', '--filter', 'dangling=false'],
  ps: ['ps'],
  pull: ['pull', '--help'],
  cri: ['cri', '--help'],
  run: ['run', '--rm', '--network', 'none', 'training', '/exit'],
  exec: ['exec', 'training', '/exit'],
}

/** Verbs that need an image for that, and a container that runs. */
const NEED_IMAGE = new Set(['run', 'exec', 'ps'])
const RUNNING = new Set(['exec', 'ps'])

/** A file of a tar archive, tar(5). */
const tarEntry = (name, file) => {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000755\0' + '0000000\0'.repeat(2) + file.length.toString(8).padStart(11, '0') + '\0' + '00000000000\0', 100)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(sum.toString(8).padStart(6, '0') + '\0 ', 148)
  return Buffer.concat([header, file, Buffer.alloc(512 - (file.length % 512))])
}

/** An image with a program that ends at once and one that does not end. */
const makeArchive = (folder) => {
  const archive = join(folder, 'image.tar')
  writeFileSync(archive, Buffer.concat([tarEntry('exit', elf(EXIT)), tarEntry('pause', elf(PAUSE)), Buffer.alloc(1024)]))
  return archive
}

const trainWherry = async (program, verb) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-code-cache-'))
  const global = ['--root', join(folder, 'root'), '--run-root', join(folder, 'run'), '--config', '/dev/null']
  const sources = join(__dirname, '..', 'cli', 'wherry', 'main.ts')
  const command = (...argv) => execFileSync(process.execPath, [sources, ...global, ...argv], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  try {
    if (NEED_IMAGE.has(verb)) command('import', makeArchive(folder), 'training')
    if (RUNNING.has(verb)) command('run', '--detach', '--name', 'training', '--network', 'none', 'training', '/pause')
    const status = await program.run([...global, ...WHERRY_TRAINING[verb]], launch)
    if (status !== 0) process.stderr.write(`${verb}: its code cache is not trained\n`)
  } catch (error) {
    process.stderr.write(`${verb}: its code cache is not trained: ${error.message}\n`)
  } finally {
    if (RUNNING.has(verb)) command('rm', '--force', 'training')
    rmSync(folder, { recursive: true, force: true })
  }
}

const main = async () => {
  const [, , filename, ...rest] = process.argv
  const ending = `${rest[0]}.${process.arch}.cache`
  if (filename === '--run') {
    process.argv.splice(2, 2)
    return load(rest[0]).program.start()
  }
  const { script, program } = load(filename)
  const verb = basename(filename, '.js')
  if (basename(dirname(filename)).startsWith('wherry-oci')) await train(program, verb, join(dirname(filename), 'door.js'))
  else await trainWherry(program, verb)
  writeFileSync(filename.slice(0, -3) + ending, script.createCachedData())
  // what is loaded on demand is not run here: its cache spares V8 looking for the ends of its functions
  const later = `${filename.slice(0, -3)}.later`
  if (existsSync(`${later}.js`))
    writeFileSync(later + ending, new Script(readFileSync(`${later}.js`, 'latin1'), { filename: `${later}.js` }).createCachedData())
  process.exit(0)
}

void main()
