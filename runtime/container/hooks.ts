/** Hooks that run in the runtime's own namespaces: prestart, createRuntime, poststart, poststop. runtime-spec 1.2, config.md "POSIX-platform Hooks". */
import { WherryError } from '../errors.ts'
import type { Hook, HookName, State } from '../spec/types.ts'
import { CLOSE_RANGE_CLOEXEC } from '../sys/abi/fcntl.ts'
import { syscall } from '../sys/syscall.ts'
import type { ContainerRecord, Status } from './types.ts'

/** Bytes of a hook's output that a message quotes. */
const QUOTED = 1024
/** Milliseconds that the output of a hook which has failed may take to arrive. */
const LAST_WORDS = 200

/** What hooks get on stdin and `state` prints: runtime-spec 1.2, runtime.md "State". */
export const stateOf = (record: ContainerRecord, status: Status): State => ({
  ociVersion: record.ociVersion,
  id: record.id,
  status,
  ...(record.init === undefined || status === 'stopped' ? {} : { pid: record.init.pid }),
  bundle: record.bundle,
  annotations: record.annotations,
})

const runHook = async (hook: Hook, name: string, state: string): Promise<void> => {
  const { spawn } = await import('node:child_process') // most containers have no hooks, and it takes 2 ms to load
  syscall('close_range', [3, 0xffffffff, CLOSE_RANGE_CLOEXEC]) // descriptors of whoever started us are not for hooks
  return new Promise((resolve, reject) => {
    const fail = (problem: string) => reject(new WherryError('failed-precondition', `${name} ${hook.path}: ${problem}`))
    const [argv0, ...args] = hook.args ?? [hook.path]
    const child = spawn(hook.path, args, {
      ...(argv0 === undefined ? {} : { argv0 }),
      env: parseEnv(hook.env ?? []),
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = ''
    let late = false
    const timer =
      hook.timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true
            child.kill('SIGKILL')
          }, hook.timeout * 1000)
    const collect = (chunk: Buffer) => {
      if (output.length < QUOTED) output += chunk.toString('utf8')
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.stdin.on('error', () => {}) // a hook need not read its state
    child.on('error', (error) => {
      clearTimeout(timer)
      fail(error.message)
    })
    const ended = (code: number | null, signal: NodeJS.Signals | null) => {
      const said = output.trim() === '' ? '' : `: ${output.trim().slice(0, QUOTED)}`
      if (late) fail(`it took longer than its time-out of ${hook.timeout} s and was killed${said}`)
      else if (signal !== null) fail(`it was ended by ${signal}${said}`)
      else if (code !== 0) fail(`exit status ${code}${said}`)
      else resolve()
    }
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      if (code === 0 && !late) return resolve()
      // what it said may still be in the pipe; a daemon that it left behind may keep that open for ever
      const patience = setTimeout(ended, LAST_WORDS, code, signal)
      child.on('close', () => {
        clearTimeout(patience)
        ended(code, signal)
      })
    })
    child.stdin.end(state)
  })
}

const parseEnv = (env: readonly string[]): Record<string, string> =>
  Object.fromEntries(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]))

/** Runs them in their order; the first that fails ends it. */
export const runHooks = async (name: HookName, hooks: readonly Hook[] | undefined, state: State): Promise<void> => {
  const text = JSON.stringify(state)
  for (const [index, hook] of (hooks ?? []).entries()) await runHook(hook, `error running ${name} hook #${index}:`, text)
}

/** Runs them all; a failure is a warning (poststart and poststop in runtime-spec 1.2, runtime.md "Lifecycle"). Returns the first failure. */
export const runAllHooks = async (
  name: HookName,
  hooks: readonly Hook[] | undefined,
  state: State,
  warn: (message: string) => void,
): Promise<Error | undefined> => {
  const text = JSON.stringify(state)
  let first: Error | undefined
  for (const [index, hook] of (hooks ?? []).entries()) {
    try {
      await runHook(hook, `error running ${name} hook #${index}:`, text)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      warn(error.message)
      first ??= error
    }
  }
  return first
}
