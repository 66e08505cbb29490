/**
 * The entrance for users without privileges: this process becomes another one of the same program, root of a user namespace and
 * with a mount namespace of its own. It is the same process (execve), so streams, terminal, signals and exit status need no help,
 * and no first Node waits beside a second one.
 *
 * No process keeps the namespaces (podman's pause process): every invocation makes its own, with the same mappings. Files have
 * the same owners in all of them. What is mounted in one is seen in that one alone, so nothing may be mounted for a later
 * invocation to find: root filesystems are detached mounts, which containers hold themselves. Over a process of another
 * invocation the root of a new namespace has no power (kill, setns): who wants that joins its namespace, by `join`.
 */
import { inInitialUserNamespace } from '../container/idmap.ts'
import { WherryError } from '../errors.ts'
import { Program } from '../program/assembler.ts'
import { link } from '../program/link.ts'
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../sys/abi/mman.ts'
import { PAGE_SIZE } from '../program/layout.ts'
import { CLONE_NEWUSER } from '../sys/abi/sched.ts'
import { SIGNALS, SIGSET_SIZE } from '../sys/abi/signal.ts'
import { becomeExecutable } from '../sys/exec.ts'
import { executableFile } from '../sys/spawn.ts'
import { ARCH } from '../sys/syscall.ts'
import { rootlessMappings } from './mappings.ts'
import { emitEntered, makeUserNamespace, userNamespaceOf } from './namespace.ts'

/** Says, in the environment, that this process has come through here, and whose it is: `UID:GID`. */
export const MARK = 'WHERRY_ROOTLESS'

/** Who started it, by the host's ids. */
export interface RootlessUser {
  readonly uid: number
  readonly gid: number
}

/** Undefined for a process that has not come through the entrance. */
export const enteredAs = (env: NodeJS.ProcessEnv = process.env): RootlessUser | undefined => {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(env[MARK] ?? '') ?? []
  if (uid === undefined || process.geteuid!() !== 0 || inInitialUserNamespace()) return undefined
  return { uid: Number(uid), gid: Number(gid) }
}

export interface EnterOptions {
  /** Its first is the absolute path of the executable: process.execPath. */
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** The user namespace of this process, in the place of a new one. */
  readonly join?: number
  readonly warn: (message: string) => void
  /** Where an executable can be kept for a moment if memory cannot be executed: a folder of the user's own. */
  readonly folder: string
}

/** What a process without a parent of ours can say about itself. */
const tellFailure = (p: Program, what: string): (() => void) => {
  const text = `wherry: cannot enter the user namespace: ${what}\n`
  return () => p.call('write', [2, text, Buffer.byteLength(text)], { negative: 'next' })
}

const compile = (namespace: number, { argv, env }: EnterOptions): Program => {
  const p = new Program(ARCH)
  p.call('mmap', [p.page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0])
  p.call('rt_sigaction', [SIGNALS.SIGPIPE, p.buffer(32), 0, SIGSET_SIZE]) // which Node ignores, for itself
  p.callOr(tellFailure(p, 'setns(2) is refused'), 'setns', [namespace, CLONE_NEWUSER])
  p.call('close', [namespace])
  emitEntered(p, (what) => tellFailure(p, `${what} is refused`))
  const variables = Object.entries({ ...env, [MARK]: `${process.geteuid!()}:${process.getegid!()}` })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
  p.callOr(tellFailure(p, `${argv[0]} cannot be executed there`), 'execve', [argv[0], p.strings(argv), p.strings(variables)])
  p.exit(0)
  return p
}

/**
 * Does not come back: the process goes on as `argv`, as root of a user namespace. Call it before anything is written or
 * read. Throws WherryError with the command that mends it; `warn` is told if the own id alone could be mapped.
 */
export const enterUserNamespace = async (options: EnterOptions): Promise<never> => {
  const { join, warn, folder } = options
  if (enteredAs(options.env) !== undefined)
    throw new WherryError('internal', `this process is in a user namespace already and yet has no rights there: unset ${MARK}`)
  const found = join === undefined ? rootlessMappings() : undefined
  if (found?.warning !== undefined) warn(found.warning)
  const namespace = found === undefined ? userNamespaceOf(join!) : await makeUserNamespace(found, folder)
  if (namespace === undefined) throw new WherryError('invalid-argument', `process ${join} is in no user namespace of its own`)
  const executable = executableFile(link(compile(namespace, options)).elf, folder)
  return becomeExecutable(executable, ['wherry:enter'], [namespace])
}
