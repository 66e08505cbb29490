/** A copy of a mount that a running container has, which no table of mounts of the host shows: /dev/shm of another container. */
import { closeSync, constants, openSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { sendDescriptor } from '../init/console.ts'
import { emitPreamble } from '../init/stage.ts'
import { tell } from '../init/sync.ts'
import { Program } from '../program/assembler.ts'
import { link } from '../program/link.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_HOW,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../sys/abi/fcntl.ts'
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../sys/abi/mount.ts'
import { CLONE_NEWNS } from '../sys/abi/sched.ts'
import { receiveFds } from '../sys/scm.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH } from '../sys/syscall.ts'
import { socketpair } from '../sys/unix.ts'
import { Channel } from './channel.ts'
import { failureIn, reap } from './launch.ts'
import { makePage } from './page-file.ts'

const NAME = 'wherry:mount'
/** What it says when the descriptor is on its way. */
const MADE = 'M'
/** Its descriptors: the channel, the page, the socket for the mount, the mount namespace. */
const [CHANNEL, PAGE, SOCKET, NAMESPACE, END] = [0, 1, 2, 3, 4] as const

/** In the other's mount namespace, whose root it gets: a link there leads nowhere else, but is not followed at all. */
const compile = (path: string): Program => {
  const p = new Program(ARCH)
  const emit = { p, plan: { page: PAGE, channel: CHANNEL, end: END } }
  emitPreamble(emit, NAME)
  p.during = path
  p.call('setns', [NAMESPACE, CLONE_NEWNS])
  const how = Buffer.alloc(OPEN_HOW.size)
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC | O_DIRECTORY[ARCH]), OPEN_HOW.flags)
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS), OPEN_HOW.resolve)
  const folder = p.call('openat2', [AT_FDCWD, path, p.bytes(how, 8), OPEN_HOW.size], { name: 'folder' })
  const copy = p.call('open_tree', [folder, '', AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC], { name: 'copy' })
  sendDescriptor(p, SOCKET, copy, MADE, 1)
  tell(emit, MADE)
  p.exit(0)
  return p
}

/**
 * A close-on-exec descriptor of a detached copy of the mount at `path`, a folder, in the mount namespace of process `pid`. What is mounted below it does
 * not come along. Throws SyscallError, or not-found where the process is gone.
 * @param folder where an executable can be kept for a moment if memory cannot be executed
 */
export const mountOf = async (pid: number, path: string, folder: string): Promise<number> => {
  const image = link(compile(path))
  const fds: number[] = []
  const keep = (fd: number): number => {
    fds.push(fd)
    return fd
  }
  const channel = new Channel()
  try {
    const page = keep(makePage())
    const namespace = keep(openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY))
    const [ours, theirs] = socketpair()
    keep(ours)
    keep(theirs)
    const helper = posixSpawn(
      keep(executableFile(image.elf, folder)),
      [NAME],
      [
        { from: channel.theirs, to: CHANNEL },
        { from: page, to: PAGE },
        { from: theirs, to: SOCKET },
        { from: namespace, to: NAMESPACE },
      ],
    )
    channel.handOver()
    try {
      if ((await channel.receive()) !== MADE)
        throw (await failureIn({ image, page })) ?? new WherryError('internal', `the program that copies the mount ${path} was killed`)
      return receiveFds(ours, { maxFds: 1, timeout: 1000 }).fds[0]!
    } finally {
      reap(helper)
    }
  } finally {
    channel.close()
    for (const fd of fds) closeSync(fd)
  }
}
