/** A user namespace for a user without privileges, made once by a transient process, which tries there what will be done in it. */
import { closeSync, openSync, statSync } from 'node:fs'
import { Channel } from '../container/channel.ts'
import { writeMaps } from '../container/idmap.ts'
import { failureIn, reap } from '../container/launch.ts'
import { makePage } from '../container/page-file.ts'
import { WherryError } from '../errors.ts'
import { emitPreamble } from '../init/stage.ts'
import { ask, SAYS, tell } from '../init/sync.ts'
import { Program } from '../program/assembler.ts'
import { link } from '../program/link.ts'
import { NS_GET_OWNER_UID, NS_GET_PARENT } from '../sys/abi/ioctl.ts'
import { MS_REC, MS_SLAVE } from '../sys/abi/mount.ts'
import { CLONE_NEWNS, CLONE_NEWUSER } from '../sys/abi/sched.ts'
import { isErrno } from '../sys/error.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall, trySyscall } from '../sys/syscall.ts'
import { hindrance, refusal } from './hindrances.ts'
import type { RootlessMappings } from './mappings.ts'

const NAME = 'wherry:userns'
const MADE = 'M'
const [CHANNEL, PAGE, END] = [0, 1, 2] as const

/** As root of the user namespace it is in, in a mount namespace of its own, which mounts of the host still reach. */
export const emitEntered = (p: Program, failing: (what: string) => () => void = () => () => {}): void => {
  p.callOr(failing('setresgid(2)'), 'setresgid', [0, 0, 0])
  p.callOr(failing('setresuid(2)'), 'setresuid', [0, 0, 0])
  p.callOr(failing('unshare(2) of the mount namespace'), 'unshare', [CLONE_NEWNS])
  p.callOr(failing('mount(2)'), 'mount', ['', '/', '', MS_REC | MS_SLAVE, 0])
}

const compile = (): Program => {
  const p = new Program(ARCH)
  const emit = { p, plan: { page: PAGE, channel: CHANNEL, end: END } }
  emitPreamble(emit, NAME)
  p.during = 'user namespace'
  p.call('unshare', [CLONE_NEWUSER])
  ask(emit, SAYS.maps)
  emitEntered(p)
  tell(emit, MADE)
  p.exit(0)
  return p
}

/** A close-on-exec descriptor. Throws WherryError with what mends it. @param folder where an executable may lie for a moment */
export const makeUserNamespace = async ({ mappings }: RootlessMappings, folder: string): Promise<number> => {
  const hindered = hindrance()
  if (hindered !== undefined) throw hindered
  const image = link(compile())
  const channel = new Channel()
  const page = makePage()
  const executable = executableFile(image.elf, folder)
  let namespace: number | undefined
  try {
    const pid = posixSpawn(
      executable,
      [NAME],
      [
        { from: channel.theirs, to: CHANNEL },
        { from: page, to: PAGE },
      ],
    )
    channel.handOver()
    try {
      if ((await channel.receive()) === SAYS.maps) {
        await writeMaps(pid, mappings, false)
        namespace = openSync(`/proc/${pid}/ns/user`, 'r') // before it becomes root there, and nobody may look at it
        channel.go()
        if ((await channel.receive()) === MADE) return namespace
      }
      const failed =
        (await failureIn({ image, page })) ?? new WherryError('internal', 'the process that makes the user namespace was killed')
      throw refusal(failed)
    } finally {
      channel.close()
      reap(pid)
    }
  } catch (error) {
    if (namespace !== undefined) closeSync(namespace)
    throw error
  } finally {
    channel.close()
    closeSync(page)
    closeSync(executable)
  }
}

const isOurs = (fd: number, own: number): boolean => {
  const uid = Buffer.alloc(4)
  syscall('ioctl', [fd, NS_GET_OWNER_UID, uid])
  return uid.readUInt32LE() === own
}

/**
 * The user namespace that process `pid` has its rights from: the outermost one below this process's own. A close-on-exec
 * descriptor; undefined where it is in ours. Throws not-found, or permission-denied for another user's.
 */
export const userNamespaceOf = (pid: number): number | undefined => {
  const path = `/proc/${pid}/ns/user`
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) throw new WherryError('not-found', `process ${pid} is gone`, { cause: error })
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new WherryError('permission-denied', `the user namespace of process ${pid} is another user’s: ${path}`, { cause: error })
    throw error
  }
  const own = statSync('/proc/self/ns/user')
  const isOwn = (other: number): boolean => {
    const { ino, dev } = statSync(`/proc/self/fd/${other}`)
    return ino === own.ino && dev === own.dev
  }
  if (isOwn(fd)) {
    closeSync(fd)
    return undefined
  }
  for (;;) {
    const parent = trySyscall('ioctl', fd, NS_GET_PARENT, 0)
    const done = parent < 0 || isOwn(parent)
    if (done && parent >= 0) closeSync(parent)
    if (done) break
    closeSync(fd)
    fd = parent
  }
  if (isOurs(fd, process.geteuid!())) return fd
  closeSync(fd)
  throw new WherryError('permission-denied', `the user namespace of process ${pid} is another user’s: ${path}`)
}
