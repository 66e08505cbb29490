/** Hooks that run in the container's namespaces: createContainer before the root is pivoted, startContainer before the process is executed. */
import { MESSAGE_OFFSET, MESSAGE_SIZE } from '../program/page.ts'
import type { Hook, HookName } from '../spec/types.ts'
import { MFD_CLOEXEC, SEEK_SET } from '../sys/abi/fcntl.ts'
import { POLLIN } from '../sys/abi/poll.ts'
import type { Emit } from './plan.ts'
import type { Text } from './sync.ts'

const SIGKILL = 9

/** The hook gets `state` on stdin; its output is kept and reported if it fails. A hook that takes longer than its time-out is killed and has failed. */
const emitHook = ({ p }: Emit<unknown>, hook: Hook, state: Text, confine: () => void): void => {
  const during = p.during
  const input = p.call('memfd_create', ['state', MFD_CLOEXEC])
  p.call('write', [input, state.text, state.length])
  p.call('lseek', [input, 0, SEEK_SET])
  const output = p.call('memfd_create', ['output', MFD_CLOEXEC])
  const child = p.fork(() => {
    p.call('dup3', [input, 0, 0])
    p.call('dup3', [output, 1, 0])
    p.call('dup3', [output, 2, 0])
    p.call('close_range', [3, 0xffffffff, 0])
    confine()
    p.during = during
    p.call('execve', [hook.path, p.strings(hook.args ?? [hook.path]), p.strings(hook.env ?? [])])
  })
  const report = () => p.call('pread64', [output, p.page.plus(MESSAGE_OFFSET), MESSAGE_SIZE - 1, 0], { negative: 'next' })
  if (hook.timeout !== undefined) {
    const pidfd = p.call('pidfd_open', [child, 0])
    const poll = p.words([BigInt(POLLIN) << 32n])
    p.copy(pidfd, poll, 4)
    const inTime = p.label()
    const again = p.label()
    const time = p.words([hook.timeout, 0])
    p.place(again)
    const ready = p.call('ppoll', [poll, 1, time, 0, 8], { positive: inTime, tolerate: { EINTR: again } })
    p.call('pidfd_send_signal', [pidfd, SIGKILL, 0, 0])
    p.call('wait4', [child, 0, 0, 0])
    report()
    p.during = `${p.during}: it took longer than its time-out of ${hook.timeout} s`
    p.compare(ready, 1, { otherwise: 'fail' })
    p.place(inTime)
    p.call('close', [pidfd])
  }
  const status = p.words([0])
  p.call('wait4', [child, status, 0, 0])
  const succeeded = p.label()
  p.compare(status, 0, { equal: succeeded })
  report()
  p.compare(status, 0, { otherwise: 'fail', waitStatus: true })
  p.place(succeeded)
  p.call('close', [input])
  p.call('close', [output])
}

/** @param confine emits what a hook is subject to besides the namespaces: the filter of the process it is next to. */
export const emitHooks = (
  emit: Emit<unknown>,
  name: HookName,
  hooks: readonly Hook[] | undefined,
  state: Text,
  confine: () => void = () => {},
): void => {
  for (const [index, hook] of (hooks ?? []).entries()) {
    emit.p.during = `error running ${name} hook #${index}: ${hook.path}`
    emitHook(emit, hook, state, confine)
  }
}
