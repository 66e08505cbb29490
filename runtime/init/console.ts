/** The terminal of a container: a pair of the container's own devpts, whose master goes to the caller. */
import type { Cell, Operand, Ref } from '../program/operand.ts'
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOCTTY, O_RDWR } from '../sys/abi/fcntl.ts'
import { ONLCR, TCGETS, TCSETS, TERMIOS, TIOCGPTPEER, TIOCSCTTY, TIOCSPTLCK, TIOCSWINSZ } from '../sys/abi/ioctl.ts'
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../sys/abi/mount.ts'
import { SCM_RIGHTS, SOL_SOCKET } from '../sys/abi/socket.ts'
import type { Program } from '../program/assembler.ts'
import { attach } from './sources.ts'
import type { Emit, ProcessPlan } from './plan.ts'
import { makeInRoot, openInRoot } from './resolve.ts'

/** Sends one descriptor with a text over a connected unix socket, sendmsg(2). */
export const sendDescriptor = (p: Program, socket: Operand, fd: Cell, text: string | Ref, length: number | Cell): void => {
  const iov = p.words([text, typeof length === 'number' ? length : 0])
  if (typeof length !== 'number') p.copy(length, iov.plus(8))
  // struct cmsghdr: length 20, level and type in one word, then the descriptor (32 bits)
  const control = p.words([20, (BigInt(SCM_RIGHTS) << 32n) | BigInt(SOL_SOCKET), 0])
  p.copy(fd, control.plus(16), 4)
  p.call('sendmsg', [socket, p.words([0, 0, iov, 1, control, 24, 0]), 0])
}

/** Makes the pair and gives the master away. Returns the slave. @param root descriptor of the root. */
export const emitTerminal = ({ p, plan }: Emit<ProcessPlan>, root: Operand): Cell => {
  p.during = 'process.terminal'
  const { consoleSize, user } = plan.process
  const master = openInRoot(p, root, '/dev/pts/ptmx', { flags: O_RDWR | O_NOCTTY | O_CLOEXEC, name: 'master' })
  p.call('ioctl', [master, TIOCSPTLCK, p.words([0])])
  const slave = p.call('ioctl', [master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC], { name: 'slave' })
  if (!plan.mapNewlines) {
    const termios = p.buffer(64)
    p.call('ioctl', [master, TCGETS, termios])
    p.compute(termios, { mask: ~(BigInt(ONLCR) << BigInt(8 * TERMIOS.c_oflag)) }, { into: termios })
    p.call('ioctl', [master, TCSETS, termios])
  }
  if (consoleSize !== undefined) p.call('ioctl', [master, TIOCSWINSZ, p.words([consoleSize.height | (consoleSize.width << 16)])])
  p.call('fchown', [slave, user.uid, -1], { tolerate: ['EPERM', 'EINVAL'] })
  sendDescriptor(p, plan.console!, master, '/dev/pts/ptmx', 13)
  p.call('close', [master])
  return slave
}

/** Binds the slave onto /dev/console. */
export const emitConsoleNode = ({ p }: Emit<ProcessPlan>, root: Operand, slave: Cell): void => {
  p.during = '/dev/console'
  const target = makeInRoot(p, root, '/dev/console', 'file', { links: false }) // the image has no say in what becomes a terminal (CVE-2025-52565)
  attach(p, p.call('open_tree', [slave, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH]), target)
}

/** The slave becomes the standard streams and the controlling terminal of the session, which was made before. */
export const emitControllingTerminal = ({ p }: Emit<ProcessPlan>, slave: Cell): void => {
  p.during = 'process.terminal'
  for (const stream of [0, 1, 2]) p.call('dup3', [slave, stream, 0])
  p.call('ioctl', [0, TIOCSCTTY, 0])
}
