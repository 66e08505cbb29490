/** The runtime under test: ours, or the one that WHERRY_TEST_RUNTIME names, so that the suite itself can be checked. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { basename, resolve } from 'node:path'

const OWN = resolve(import.meta.dirname, '../../bin/wherry-oci')

/** Absolute path of the runtime. */
export const RUNTIME = process.env['WHERRY_TEST_RUNTIME'] ? resolve(process.env['WHERRY_TEST_RUNTIME']) : OWN

/** Whether it is ours, wherever installed; what only we have is skipped elsewhere. */
export const OURS = basename(RUNTIME) === basename(OWN)

/** `skip` for a test of what the runtime-spec does not ask of every runtime; false where we are the runtime. */
export const wherryOnly = (feature: string): false | string => (OURS ? false : `${feature}: not expected of ${basename(RUNTIME)}`)

/** Milliseconds after which a command is taken for hanging; an emulated machine is slow. */
export const PATIENCE = Number(process.env['WHERRY_TEST_PATIENCE'] ?? 300_000)

/** Marks every process of this run in its environment: the test runner is the parent of all test files. */
export const MARK = `wherry-test-${process.ppid}`

export interface Result {
  /** Exit status; null where a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A file or a descriptor for stdin; nothing else: /dev/null. */
  readonly stdin?: string | number
  /** Descriptors of this process that it gets as 3, 4, …; null leaves a gap. */
  readonly fds?: readonly (number | null)[]
  /** Called once it runs. */
  readonly started?: (pid: number) => void
}

/** What commands inherit: nothing that would tell Node or a runtime something. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', HOME: '/root', TMPDIR: process.env['TMPDIR'] ?? '/tmp', WHERRY_TEST: MARK }

let count = 0

/**
 * Runs a command to its end. Its output goes to files below `folder`: processes that it leaves running may keep them open, which
 * a pipe would not tell from output that is yet to come.
 */
export const command = (argv: readonly string[], folder: string, options: CommandOptions = {}): Promise<Result> => {
  count += 1
  const [out, err] = [`${folder}/out.${count}`, `${folder}/err.${count}`]
  const stdin = typeof options.stdin === 'number' ? options.stdin : openSync(options.stdin ?? '/dev/null', 'r')
  const stdio = [stdin, openSync(out, 'a'), openSync(err, 'a')]
  return new Promise((done, fail) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: options.cwd ?? folder,
      env: { ...ENVIRONMENT, ...options.env },
      stdio: [...stdio, ...(options.fds ?? []).map((fd) => fd ?? ('ignore' as const))],
    })
    for (const fd of stdio) if (fd !== options.stdin) closeSync(fd)
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    child.once('error', (error) => {
      clearTimeout(timer)
      fail(error)
    })
    if (child.pid !== undefined) options.started?.(child.pid)
    child.once('exit', (status, signal) => {
      clearTimeout(timer)
      const result = { status, signal, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8') }
      for (const file of [out, err]) rmSync(file)
      done(result)
    })
  })
}
