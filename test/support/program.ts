/** Runs syscall programs, natively or under qemu-user: what they leave in their page, on their output and as a status. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from '../../runtime/program/assembler.ts'
import { PAGE_SIZE } from '../../runtime/program/layout.ts'
import { type Image, link } from '../../runtime/program/link.ts'
import { Page } from '../../runtime/program/page.ts'
import { MAP_FIXED, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../runtime/sys/abi/mman.ts'
import { signalName } from '../../runtime/sys/abi/signal.ts'
import type { Arch } from '../../runtime/sys/abi/syscalls.ts'
import { WNOHANG, wexitstatus, wifexited, wtermsig } from '../../runtime/sys/abi/wait.ts'
import { executableFile, type Placement, posixSpawn } from '../../runtime/sys/spawn.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { has, requires } from './requires.ts'

/** Number of the page's file in a program made by `paged`. */
export const PAGE_FD = 3
/** How long a program may take before it is taken for hanging. */
const LONGEST = 20_000

export interface Ended {
  /** Exit status; undefined where a signal ended it. */
  readonly status: number | undefined
  readonly signal: string | undefined
}

export interface Run extends Ended {
  readonly page: Page
  /** What it wrote to descriptor 1. */
  readonly output: string
}

/** False where programs for `arch` can be run here, else the reason to skip. */
export const canRun = (arch: Arch): false | string =>
  arch === process.arch ? false : arch === 'arm64' ? requires('qemu-aarch64') : requires('x64')

/** A program whose first op maps the page. */
export const paged = (arch: Arch): Program => {
  const program = new Program(arch)
  program.call('mmap', [program.page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, PAGE_FD, 0], { during: 'page' })
  return program
}

/** Waits for a child of this process. Kills it if it does not end. */
export const waitFor = (pid: number): Ended => {
  const word = Buffer.alloc(4)
  const end = Date.now() + LONGEST
  const pause = new Int32Array(new SharedArrayBuffer(4))
  while (syscall('wait4', [pid, word, WNOHANG, 0]) === 0) {
    if (Date.now() > end) trySyscall('kill', pid, 9)
    Atomics.wait(pause, 0, 0, 1)
  }
  const status = word.readInt32LE()
  return wifexited(status)
    ? { status: wexitstatus(status), signal: undefined }
    : { status: undefined, signal: signalName(wtermsig(status)) }
}

const runHere = (image: Image, placements: readonly Placement[], folder: string): Ended => {
  const executable = executableFile(image.elf, folder)
  try {
    return waitFor(posixSpawn(executable, ['program'], placements))
  } finally {
    closeSync(executable)
  }
}

const runUnderQemu = (image: Image, output: number, page: number, folder: string): Ended => {
  const path = join(folder, 'program')
  writeFileSync(path, image.elf, { mode: 0o755 })
  const qemu = has('qemu-aarch64') && spawnSync('qemu-aarch64-static', ['--version']).status === 0 ? 'qemu-aarch64-static' : 'qemu-aarch64'
  const { status, signal, error } = spawnSync(qemu, [path], { stdio: ['ignore', output, 'ignore', page], timeout: LONGEST })
  if (error !== undefined) throw error
  return { status: status ?? undefined, signal: signal ?? undefined }
}

/** Links and runs a program made by `paged`. */
export const run = (program: Program, image: Image = link(program)): Run => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-program-'))
  const page = openSync(join(folder, 'page'), 'w+')
  const output = openSync(join(folder, 'output'), 'w+')
  try {
    ftruncateSync(page, PAGE_SIZE)
    const ended =
      program.arch === process.arch
        ? runHere(
            image,
            [
              { from: output, to: 1 },
              { from: page, to: PAGE_FD },
            ],
            folder,
          )
        : runUnderQemu(image, output, page, folder)
    return { ...ended, page: new Page(readFileSync(join(folder, 'page'))), output: readFileSync(join(folder, 'output'), 'utf8') }
  } finally {
    closeSync(page)
    closeSync(output)
    rmSync(folder, { recursive: true })
  }
}
