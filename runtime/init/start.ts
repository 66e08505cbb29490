/** The wait of a created container: a connection to its socket that sends one byte starts it. */
import { SOCK_CLOEXEC } from '../sys/abi/socket.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { PAGE_WORDS } from './sync.ts'

/** What the ops from here on are for. */
export const WAITING = 'waiting for start'

/**
 * The connection closes when the process is executed (or init has ended): its end of file tells `start` that all is done. A
 * caller that goes away without having sent its byte has asked for nothing. Without a socket the container starts at once, and
 * the channel stands for the connection.
 */
export const emitStartWait = ({ p, plan }: Emit<ContainerPlan>): void => {
  p.during = WAITING
  if (plan.listen !== undefined) {
    const wait = p.label()
    const dropped = p.label()
    const asked = p.label()
    p.place(wait)
    const connection = p.call('accept4', [plan.listen, 0, 0, SOCK_CLOEXEC], { tolerate: { EINTR: wait, ECONNABORTED: wait } })
    p.call('read', [connection, p.buffer(8), 1], { positive: asked, zero: dropped, tolerate: { ECONNRESET: dropped, EINTR: dropped } })
    p.place(dropped)
    p.call('close', [connection])
    p.jump(wait)
    p.place(asked)
    p.call('close', [plan.listen])
  }
  p.set(p.shared(PAGE_WORDS.started, 'started'), 1)
}
