/**
 * Starts an executable held in memory by libc's posix_spawn(3): the one way to a new process that is safe in a multithreaded
 * V8. Nothing of Node's is inherited: signal dispositions are reset, the mask is empty, descriptors are those named here and
 * what is not close-on-exec in this process (programs close those first).
 */
import { closeSync, constants, fchmodSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { ERRNO } from './abi/errno.ts'
import { SyscallError } from './error.ts'
import { type ForeignFunction, koffi, libc } from './koffi.ts'
import { syscall, trySyscall } from './syscall.ts'

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
const F_DUPFD_CLOEXEC = 1030
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const ALL_SEALS = 0xf
/** POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK */
const SPAWN_FLAGS = 0x04 | 0x08
/** Above every descriptor that a program is given. */
const HIGH = 512

type Name =
  | 'posix_spawn'
  | 'posix_spawn_file_actions_init'
  | 'posix_spawn_file_actions_adddup2'
  | 'posix_spawn_file_actions_destroy'
  | 'posix_spawnattr_init'
  | 'posix_spawnattr_setflags'
  | 'posix_spawnattr_setsigmask'
  | 'posix_spawnattr_setsigdefault'

const functions = new Map<Name, ForeignFunction>()
const foreign = (name: Name, ...args: readonly (number | bigint | Uint8Array)[]): void => {
  let call = functions.get(name)
  if (call === undefined) {
    call = libc.func(
      name,
      'int',
      args.map((arg) => (typeof arg === 'number' ? 'int' : 'uintptr_t')),
    )
    functions.set(name, call)
  }
  const error = Number(call(...args.map((arg) => (arg instanceof Uint8Array ? koffi.address(arg) : arg))))
  if (error !== 0) throw new SyscallError(name, error)
}

/** The NULL-terminated array of string pointers execve(2) takes, with the bytes it points to. */
const pointers = (values: readonly string[]): { array: Uint8Array; kept: Uint8Array[] } => {
  const kept = values.map((value) => Buffer.from(`${value}\0`))
  const array = Buffer.alloc((values.length + 1) * 8)
  for (const [index, bytes] of kept.entries()) array.writeBigUInt64LE(koffi.address(bytes), index * 8)
  return { array, kept }
}

let attributes: Uint8Array | undefined
const spawnAttributes = (): Uint8Array => {
  if (attributes !== undefined) return attributes
  const attr = Buffer.alloc(512) // posix_spawnattr_t: 336 bytes in glibc
  foreign('posix_spawnattr_init', attr)
  foreign('posix_spawnattr_setsigmask', attr, Buffer.alloc(128))
  foreign('posix_spawnattr_setsigdefault', attr, Buffer.alloc(128, 0xff))
  foreign('posix_spawnattr_setflags', attr, SPAWN_FLAGS)
  attributes = attr
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
  writeSync(fd, bytes)
  fchmodSync(fd, 0o555)
  syscall('fcntl', [fd, F_ADD_SEALS, ALL_SEALS])
  return fd
}

const executableOnDisk = (bytes: Uint8Array, folder: string): number => {
  const path = `${folder}/.program-${process.pid}-${process.hrtime.bigint()}`
  const writer = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o500)
  try {
    writeSync(writer, bytes)
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

/**
 * Starts the executable open at `executable` with only the given descriptors placed; returns its pid. The child is this
 * process's own and is to be waited for.
 */
export const posixSpawn = (executable: number, argv: readonly string[], placements: readonly Placement[]): number => {
  const moved: number[] = []
  const targets = new Set(placements.map(({ to }) => to))
  /** A source that an earlier placement would overwrite is first moved out of the way. */
  const clear = (fd: number, own: number | undefined): number => {
    if (fd === own || !targets.has(fd)) return fd
    const high = syscall('fcntl', [fd, F_DUPFD_CLOEXEC, HIGH])
    moved.push(high)
    return high
  }
  const actions = Buffer.alloc(128) // posix_spawn_file_actions_t: 80 bytes in glibc
  foreign('posix_spawn_file_actions_init', actions)
  try {
    const program = clear(executable, undefined)
    for (const { from, to } of placements) foreign('posix_spawn_file_actions_adddup2', actions, clear(from, to), to)
    const pid = Buffer.alloc(4)
    const path = Buffer.from(`/proc/self/fd/${program}\0`)
    const args = pointers(argv)
    const env = pointers([])
    foreign('posix_spawn', pid, path, actions, spawnAttributes(), args.array, env.array)
    return pid.readInt32LE()
  } finally {
    foreign('posix_spawn_file_actions_destroy', actions)
    for (const fd of moved) closeSync(fd)
  }
}
