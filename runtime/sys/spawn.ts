/**
 * Starts an executable held in memory by libc's posix_spawn(3): the one way to a new process that is safe in a multithreaded
 * V8. Nothing of Node's is inherited: signal dispositions are reset, the mask is empty, descriptors are those named here and
 * what is not close-on-exec in this process (programs close those first).
 */
import { closeSync, constants, fchmodSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { ERRNO } from './abi/errno.ts'
import {
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
} from './abi/fcntl.ts'
import { SyscallError } from './error.ts'
import { type ForeignFunction, koffi, libc } from './koffi.ts'
import { cstring, syscall, trySyscall } from './syscall.ts'

const ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
/** POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK */
const SPAWN_FLAGS = 0x04 | 0x08
/** The group's number is the attribute's initial 0: the child's own. */
const POSIX_SPAWN_SETPGROUP = 0x02

type Name =
  | 'posix_spawn'
  | 'posix_spawn_file_actions_init'
  | 'posix_spawn_file_actions_adddup2'
  | 'posix_spawn_file_actions_destroy'
  | 'posix_spawnattr_init'
  | 'posix_spawnattr_setflags'
  | 'posix_spawnattr_setsigmask'
  | 'posix_spawnattr_setsigdefault'

/** Bytes that libc has the address of: as long as they are here they are not collected. */
const lent: Uint8Array[] = []

const functions = new Map<Name, ForeignFunction>()
/** Calls a function of libc that returns an errno. */
const foreign = (name: Name, args: readonly (number | bigint | Uint8Array)[], shown: readonly string[] = []): void => {
  let call = functions.get(name)
  if (call === undefined) {
    call = libc.func(
      name,
      'int',
      args.map((arg) => (typeof arg === 'number' ? 'int' : 'uintptr_t')),
    )
    functions.set(name, call)
  }
  lent.push(...args.filter((arg) => arg instanceof Uint8Array))
  const error = Number(call(...args.map((arg) => (arg instanceof Uint8Array ? koffi.address(arg) : arg))))
  lent.length = 0
  if (error !== 0) throw new SyscallError(name, error, { args: shown })
}

/** The NULL-terminated array of string pointers execve(2) takes; the strings are lent up to the next foreign call. */
const pointers = (values: readonly string[]): Uint8Array => {
  const strings = values.map(cstring)
  const array = Buffer.alloc((values.length + 1) * 8)
  for (const [index, bytes] of strings.entries()) array.writeBigUInt64LE(koffi.address(bytes), index * 8)
  lent.push(...strings)
  return array
}

const attributes = new Map<boolean, Uint8Array>()
const spawnAttributes = (group: boolean): Uint8Array => {
  const known = attributes.get(group)
  if (known !== undefined) return known
  const attr = Buffer.alloc(512) // posix_spawnattr_t: 336 bytes in glibc
  foreign('posix_spawnattr_init', [attr])
  foreign('posix_spawnattr_setsigmask', [attr, Buffer.alloc(128)])
  foreign('posix_spawnattr_setsigdefault', [attr, Buffer.alloc(128, 0xff)])
  foreign('posix_spawnattr_setflags', [attr, SPAWN_FLAGS | (group ? POSIX_SPAWN_SETPGROUP : 0)])
  attributes.set(group, attr)
  return attr
}

/**
 * A close-on-exec descriptor of a sealed memory file with these bytes. Where the kernel forbids executing memory files
 * (sysctl vm.memfd_noexec = 2), of an unlinked file in `folder`.
 */
export const executableFile = (bytes: Uint8Array, folder: string): number => {
  let fd = trySyscall('memfd_create', 'wherry', MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)
  if (fd === -ERRNO.EINVAL) fd = trySyscall('memfd_create', 'wherry', MFD_CLOEXEC | MFD_ALLOW_SEALING) // before Linux 6.3
  if (fd === -ERRNO.EACCES || fd === -ERRNO.EPERM || fd === -ERRNO.ENOSYS) return executableOnDisk(bytes, folder)
  if (fd < 0) throw new SyscallError('memfd_create', -fd)
  try {
    writeFileSync(fd, bytes)
    fchmodSync(fd, 0o555)
    syscall('fcntl', [fd, F_ADD_SEALS, ALL_SEALS])
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

const executableOnDisk = (bytes: Uint8Array, folder: string): number => {
  const path = `${folder}/.program-${process.pid}-${process.hrtime.bigint()}`
  const writer = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o500)
  try {
    writeFileSync(writer, bytes)
    return openSync(path, constants.O_RDONLY)
  } finally {
    closeSync(writer)
    unlinkSync(path)
  }
}

/** One descriptor of the child: `to` in the child is `from` here. */
export interface Placement {
  readonly from: number
  readonly to: number
}

export interface SpawnOptions {
  /** Default: empty. */
  readonly env?: readonly string[]
  /** The child has a process group of its own. */
  readonly group?: boolean
}

/**
 * Starts an executable, by its path or open at a descriptor, with only the given descriptors placed; returns its pid. The child is this
 * process's own and is to be waited for.
 */
export const posixSpawn = (
  executable: number | string,
  argv: readonly string[],
  placements: readonly Placement[],
  { env = [], group = false }: SpawnOptions = {},
): number => {
  const moved: number[] = []
  const targets = new Set(placements.map(({ to }) => to))
  if (targets.size < placements.length) throw new RangeError('two descriptors are to be placed under one number')
  const above = Math.max(2, ...targets) + 1
  /** A source that an earlier placement would overwrite is first moved out of the way. */
  const clear = (fd: number, own: number | undefined): number => {
    if (fd === own || !targets.has(fd)) return fd
    const high = syscall('fcntl', [fd, F_DUPFD_CLOEXEC, above])
    moved.push(high)
    return high
  }
  const actions = Buffer.alloc(128) // posix_spawn_file_actions_t: 80 bytes in glibc
  foreign('posix_spawn_file_actions_init', [actions])
  try {
    const program = typeof executable === 'string' ? executable : `/proc/self/fd/${clear(executable, undefined)}`
    for (const { from, to } of placements) foreign('posix_spawn_file_actions_adddup2', [actions, clear(from, to), to])
    const pid = Buffer.alloc(4)
    foreign(
      'posix_spawn',
      [pid, cstring(program), actions, spawnAttributes(group), pointers(argv), pointers(env)],
      [`program=${argv[0] ?? ''}`],
    )
    return pid.readInt32LE()
  } finally {
    foreign('posix_spawn_file_actions_destroy', [actions])
    for (const fd of moved) closeSync(fd)
  }
}
