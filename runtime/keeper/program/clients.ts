/** The socket: one byte asks, a message answers, a descriptor may come with it. Any number of clients, and nothing kept per client. */
import type { Label } from '../../program/op.ts'
import type { Cell, Operand, Ref } from '../../program/operand.ts'
import { ERRNO } from '../../sys/abi/errno.ts'
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } from '../../sys/abi/fcntl.ts'
import { EPOLL_CTL_ADD, EPOLL_EVENT, EPOLLIN } from '../../sys/abi/poll.ts'
import {
  CMSGHDR,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSGHDR,
  SCM_RIGHTS,
  SO_PEERCRED,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  UCRED,
} from '../../sys/abi/socket.ts'
import { EVENTS, MESSAGE, PHASES, REQUESTS, RUN } from '../layout.ts'
import { OWN, parameter } from '../parameters.ts'
import { CLIENT, LOW32, type State } from './state.ts'

const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL
const byte = (letter: string): number => letter.charCodeAt(0)

/** Sends a message without a descriptor. A client that does not read what it asked for loses it. */
export const emitTell = (state: State, client: Operand, event: string, value: Cell, negative: Label): void => {
  const { p } = state
  const message = p.words([byte(event), 0])
  p.copy(value, message.plus(MESSAGE.value))
  p.call('sendto', [client, message, MESSAGE.size, FLAGS, 0, 0], { negative })
}

/** Only root and the keeper's own user may ask. */
const emitAccept = (state: State): void => {
  const { p, client, scratch } = state
  const pause = p.label()
  const drop = p.label()
  const admit = p.label()
  const { data, events } = EPOLL_EVENT[p.arch]
  const event = p.buffer(16)
  p.place(state.onListener)
  p.call('accept4', [OWN.listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK], { into: client, negative: pause })
  p.call('getsockopt', [client, SOL_SOCKET, SO_PEERCRED, scratch, p.words([UCRED.size])], { negative: drop })
  p.compare(scratch.plus(UCRED.uid), 0, { mask: LOW32, equal: admit })
  p.compute(scratch.plus(UCRED.uid), { mask: LOW32, factor: -1, addend: parameter('uid') }, { positive: drop, negative: drop })
  p.place(admit)
  p.set(event.plus(events), EPOLLIN, 4)
  p.compute(client, { constant: CLIENT }, { into: event.plus(data) })
  p.call('epoll_ctl', [state.control, EPOLL_CTL_ADD, client, event], { negative: drop, positive: state.loop, zero: state.loop })
  p.place(drop)
  state.tolerant('close', [client])
  p.jump(state.loop)

  // no descriptor or no memory for another client: those that wait are asked in later
  p.place(pause)
  state.unwatch(state.control, OWN.listener)
  p.set(state.listening, 0)
  p.jump(state.later)
}

/** What is attached to stdin from now on is all that keeps it from ending. */
const emitCloseStdin = (state: State): void => {
  state.tolerant('close', [parameter('stdinWriter')])
  state.p.set(parameter('stdinWriter'), -1)
  state.tolerant('unlinkat', [OWN.run, RUN.stdin, 0])
}

/** The first to attach to stdin is gone: with stdin-once that ends it. */
const emitLeave = (state: State, leave: Label): void => {
  const { p, client } = state
  const others = p.label()
  const close = p.label()
  p.place(leave)
  p.compute(client, { factor: -1, addend: state.stdinClient }, { positive: others, negative: others })
  p.set(state.stdinClient, -1)
  p.compute(parameter('stdinOnce'), {}, { zero: others })
  emitCloseStdin(state)
  p.place(others)
  p.compute(client, { factor: -1, addend: state.subscriber }, { positive: close, negative: close })
  p.set(state.subscriber, -1)
  p.place(close)
  state.tolerant('close', [client])
  p.compare(state.page('phase'), PHASES.ended, { otherwise: state.loop })
  p.compute(state.subscriber, {}, { negative: state.cleanup })
  p.jump(state.loop)
}

interface Answer {
  readonly result: Cell
  /** struct cmsghdr and the descriptor that goes along. */
  readonly rights: Ref
  /** A descriptor that is closed once it is sent. */
  readonly temporary: Cell
  readonly plain: Label
  readonly withDescriptor: Label
}

const emitAnswer = (state: State, { result, rights, temporary, plain, withDescriptor }: Answer, leave: Label): void => {
  const { p, client } = state
  const send = p.label()
  const message = p.words([byte(EVENTS.reply), 0])
  const header = p.words([0, 0, p.words([message, MESSAGE.size]), 1, rights, 0, 0])
  p.place(withDescriptor)
  p.set(result, 0)
  p.set(header.plus(MSGHDR.msg_controllen), CMSGHDR.size + 8)
  p.jump(send)
  p.place(plain)
  p.set(header.plus(MSGHDR.msg_controllen), 0)
  p.place(send)
  p.copy(result, message.plus(MESSAGE.value))
  const sent = p.call('sendmsg', [client, header, FLAGS], { negative: 'next' })
  state.tolerant('close', [temporary])
  p.set(temporary, -1)
  p.compute(sent, {}, { negative: leave, positive: state.loop, zero: state.loop })
}

type Requests = Readonly<Record<keyof typeof REQUESTS, Label>>

const emitRequests = (state: State, requests: Requests, answer: Answer, leave: Label): void => {
  const { p, client, initFd } = state
  const stdinWriter = parameter('stdinWriter')
  const refuse = (errno: number) => {
    p.set(answer.result, -errno)
    p.jump(answer.plain)
  }
  /** Passes the descriptor, if there is one; goes on behind if not. */
  const pass = (fd: Cell) => {
    const absent = p.label()
    p.compute(fd, {}, { into: answer.rights.plus(CMSGHDR.size), width: 4, negative: absent })
    p.jump(answer.withDescriptor)
    p.place(absent)
  }
  refuse(ERRNO.EINVAL)

  p.place(requests.master)
  if (state.terminal) {
    pass(state.master)
    refuse(ERRNO.EAGAIN)
  } else refuse(ERRNO.ENOTTY)

  p.place(requests.pidfd)
  pass(initFd)
  refuse(ERRNO.EAGAIN)

  // a description of its own, so that clients share neither flags nor fate
  p.place(requests.stdin)
  const closed = p.label()
  const shared = p.label()
  const attached = p.label()
  p.compute(stdinWriter, {}, { negative: closed })
  const flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW[p.arch]
  p.call('openat', [OWN.run, RUN.stdin, flags, 0], { into: answer.temporary, negative: closed, tolerate: { EACCES: shared } })
  p.compute(state.stdinClient, {}, { positive: attached })
  p.copy(client, state.stdinClient)
  p.place(attached)
  pass(answer.temporary)
  // the container's user owns it now and is a stranger to a keeper that is not root: then they share the keeper's own
  p.place(shared)
  p.copy(stdinWriter, answer.rights.plus(CMSGHDR.size), 4)
  p.set(answer.temporary, -1)
  p.compute(state.stdinClient, {}, { positive: answer.withDescriptor })
  p.copy(client, state.stdinClient)
  p.jump(answer.withDescriptor)
  p.place(closed)
  refuse(ERRNO.EPIPE)

  p.place(requests.closeStdin)
  emitCloseStdin(state)
  refuse(0)

  p.place(requests.subscribe)
  const free = p.label()
  p.compute(state.subscriber, {}, { negative: free })
  p.compute(state.subscriber, { factor: -1, addend: client }, { zero: free })
  refuse(ERRNO.EBUSY)
  p.place(free)
  p.copy(client, state.subscriber)
  emitTell(state, client, EVENTS.reply, p.cell('granted'), leave)
  p.compute(state.page('phase'), {}, { zero: state.loop })
  emitTell(state, client, EVENTS.begun, state.pid, leave)
  p.jump(state.loop)

  p.place(requests.acknowledge)
  p.compare(state.page('phase'), PHASES.ended, { otherwise: state.loop })
  p.compute(state.subscriber, { factor: -1, addend: client }, { positive: state.loop, negative: state.loop })
  p.exit(0)
}

export const emitClients = (state: State): void => {
  const { p, client, scratch } = state
  p.during = 'client'
  const answer: Answer = {
    result: p.cell('result'),
    rights: p.words([CMSGHDR.size + 4, (BigInt(SCM_RIGHTS) << 32n) | BigInt(SOL_SOCKET), 0]),
    temporary: p.cell('temporary', -1),
    plain: p.label(),
    withDescriptor: p.label(),
  }
  const leave = p.label()
  const names = Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]
  const requests = Object.fromEntries(names.map((name) => [name, p.label()])) as unknown as Requests
  emitAccept(state)
  p.place(state.onClient)
  p.call('recvfrom', [client, scratch, 1, MSG_DONTWAIT, 0, 0], { zero: leave, negative: leave, tolerate: { EAGAIN: state.loop } })
  for (const name of names) p.compare(scratch, byte(REQUESTS[name]), { mask: 0xff, equal: requests[name] })
  emitRequests(state, requests, answer, leave)
  emitAnswer(state, answer, leave)
  emitLeave(state, leave)
}
