/** The terminal: init sends its master, and nobody having it open is not its end. */
import { F_SETFL, O_NONBLOCK, O_RDWR } from '../../sys/abi/fcntl.ts'
import { CMSGHDR, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSGHDR, SCM_RIGHTS, SOL_SOCKET } from '../../sys/abi/socket.ts'
import { PHASES } from '../layout.ts'
import { OWN } from '../parameters.ts'
import { LOW32, RESUME, type State, TAGS } from './state.ts'

/** Most bytes of the message that brings the master: a name, as console sockets have it. */
const NAME = 256

const emitMaster = (state: State): void => {
  const { p, master } = state
  const gone = p.label()
  const rights = p.buffer(CMSGHDR.size + 8)
  const header = p.words([0, 0, p.words([p.buffer(NAME), NAME]), 1, rights, 0, 0])
  p.place(state.onConsole)
  p.set(rights, 0)
  p.set(header.plus(MSGHDR.msg_controllen), CMSGHDR.size + 8)
  p.call('recvmsg', [OWN.console, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC], {
    zero: gone,
    negative: gone,
    tolerate: { EAGAIN: state.loop },
  })
  p.compare(rights, CMSGHDR.size + 4, { otherwise: state.loop })
  p.compare(rights.plus(CMSGHDR.cmsg_level), (BigInt(SCM_RIGHTS) << 32n) | BigInt(SOL_SOCKET), { otherwise: state.loop })
  p.compute(rights.plus(CMSGHDR.size), { mask: LOW32 }, { into: master })
  state.unwatch(state.control, OWN.console)
  state.tolerant('close', [OWN.console])
  // whoever is given the master shares its description: it is non-blocking for all
  state.tolerant('fcntl', [master, F_SETFL, O_RDWR | O_NONBLOCK])
  p.copy(master, state.source)
  state.watch(state.all, master, TAGS.stdout, state.streamEnded)
  p.jump(state.loop)

  p.place(gone)
  state.unwatch(state.control, OWN.console)
  p.set(state.source, OWN.console)
  p.jump(state.streamEnded)
}

/**
 * EIO of a pty's master: nobody has the terminal open. That is the end once init has ended; before, somebody may open it
 * again, and the master is looked at from time to time.
 */
const emitPause = (state: State): void => {
  const { p } = state
  p.place(state.terminalAgain)
  p.compute(state.page('phase'), { constant: -PHASES.draining }, { positive: state.streamEnded, zero: state.streamEnded })
  p.set(state.resume, RESUME.terminal)
  p.jump(state.pause)
}

export const emitTerminal = (state: State): void => {
  state.p.during = 'terminal'
  emitMaster(state)
  emitPause(state)
}
