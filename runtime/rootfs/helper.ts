/** Has a program make the mount in a mount namespace of its own, and takes it from there (SCM_RIGHTS). That namespace goes with the program. */
import { closeSync } from 'node:fs'
import { capabilityHeader, readCapabilityData } from '../capabilities.ts'
import { Channel } from '../container/channel.ts'
import { failureIn, reap } from '../container/launch.ts'
import { makePage } from '../container/page-file.ts'
import { WherryError } from '../errors.ts'
import { sendDescriptor } from '../init/console.ts'
import { emitPreamble } from '../init/stage.ts'
import { tell } from '../init/sync.ts'
import { Program } from '../program/assembler.ts'
import { type Image, link } from '../program/link.ts'
import { _LINUX_CAPABILITY_VERSION_3 } from '../sys/abi/capability.ts'
import { MS_PRIVATE, MS_REC } from '../sys/abi/mount.ts'
import { CLONE_NEWNS } from '../sys/abi/sched.ts'
import { receiveFds } from '../sys/scm.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { socketpair } from '../sys/unix.ts'
import { emitOverlay, type OverlayPlan } from './emit.ts'

const NAME = 'wherry:rootfs'
/** What it says when the descriptor is on its way. */
const MADE = 'M'
/** Its descriptors: the channel, the page, the socket for the mount, the user namespace. */
const [CHANNEL, PAGE, SOCKET, USERNS, END] = [0, 1, 2, 3, 4] as const
/** Above those that are open for a moment. */
const FROM = 16

/** Files are made as `owner`, whom the idmapped mount knows, but with all that this process may do: setfsuid(2) takes some of it away. */
const emitBecome = (p: Program, owner: { readonly uid: number; readonly gid: number }): void => {
  const data = Buffer.alloc(24)
  syscall('capget', [capabilityHeader(), data])
  const { permitted } = readCapabilityData(data)
  const [low, high] = [permitted & 0xffffffffn, permitted >> 32n]
  p.call('setfsgid', [owner.gid])
  p.call('setfsuid', [owner.uid])
  p.call('capset', [p.words([_LINUX_CAPABILITY_VERSION_3]), p.words([low | (low << 32n), high << 32n, high])])
}

const compile = (plan: OverlayPlan): Program => {
  const p = new Program(ARCH)
  const emit = { p, plan: { page: PAGE, channel: CHANNEL, end: plan.userns === undefined ? USERNS : END } }
  emitPreamble(emit, NAME)
  p.call('unshare', [CLONE_NEWNS])
  p.call('mount', ['', '/', '', MS_REC | MS_PRIVATE, 0])
  const { owner } = plan
  const root = emitOverlay(p, plan, owner === undefined ? undefined : () => emitBecome(p, owner))
  p.during = 'rootfs'
  sendDescriptor(p, SOCKET, root, MADE, 1)
  tell(emit, MADE)
  p.exit(0)
  return p
}

/**
 * A descriptor of the detached mount. Needs CAP_SYS_ADMIN in the owner of this mount namespace. Throws SyscallError.
 * @param userns of this process: what the mounts are idmapped by
 * @param folder where an executable can be kept for a moment if memory cannot be executed
 */
export const overlayByHelper = async (
  plan: Omit<OverlayPlan, 'userns' | 'from'>,
  userns: number | undefined,
  folder: string,
): Promise<number> => {
  const image: Image = link(compile({ ...plan, from: FROM, userns: userns === undefined ? undefined : USERNS }))
  const fds: number[] = []
  const keep = (fd: number): number => {
    fds.push(fd)
    return fd
  }
  const channel = new Channel()
  try {
    const page = keep(makePage())
    const [ours, theirs] = socketpair()
    keep(ours)
    keep(theirs)
    const pid = posixSpawn(
      keep(executableFile(image.elf, folder)),
      [NAME],
      [
        { from: channel.theirs, to: CHANNEL },
        { from: page, to: PAGE },
        { from: theirs, to: SOCKET },
        ...(userns === undefined ? [] : [{ from: userns, to: USERNS }]),
      ],
    )
    channel.handOver()
    try {
      if ((await channel.receive()) !== MADE)
        throw (await failureIn({ image, page })) ?? new WherryError('internal', 'the program that makes the root filesystem was killed')
      return receiveFds(ours, { maxFds: 1, timeout: 1000 }).fds[0]!
    } finally {
      reap(pid)
    }
  } finally {
    channel.close()
    for (const fd of fds) closeSync(fd)
  }
}
