/** kill: signals for a container's processes, whatever its state. */
import { closeSync } from 'node:fs'
import { openCgroup } from '../cgroups/cgroup.ts'
import { WherryError } from '../errors.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import { isAlive } from './process-id.ts'
import { specOf } from './spec.ts'
import { Store } from './store.ts'
import type { Engine, ProcessId } from './types.ts'

const SIGKILL = 9

/** Signals that very process; false where it has ended. */
export const signalProcess = (process: ProcessId, signal: number): boolean => {
  const pidfd = trySyscall('pidfd_open', process.pid, 0)
  if (pidfd === -ERRNO.ESRCH || pidfd === -ERRNO.EINVAL) return false
  if (pidfd < 0) throw new SyscallError('pidfd_open', -pidfd, { args: [`pid=${process.pid}`] })
  try {
    if (!isAlive(process)) return false
    const result = trySyscall('pidfd_send_signal', pidfd, signal, 0, 0)
    if (result === -ERRNO.ESRCH) return false
    if (result < 0) throw new SyscallError('pidfd_send_signal', -result, { args: [`pid=${process.pid}`, `sig=${signal}`] })
    return true
  } finally {
    closeSync(pidfd)
  }
}

export const kill = async (engine: Engine, id: string, signal: number, { all }: { all: boolean }): Promise<void> => {
  const store = new Store(engine.root)
  const record = store.read(id)
  const cgroup = await openCgroup(record.cgroup, engine.warn)
  if (all) {
    await (signal === SIGKILL ? cgroup.kill() : cgroup.signal(signal))
    return
  }
  const { init } = record
  // without a pid namespace of its own the others do not end with init
  const ownPids = (specOf(store, record).linux.namespaces ?? []).some(({ type, path }) => type === 'pid' && path === undefined)
  if (signal === SIGKILL && !ownPids && cgroup.processes().length > 0) return cgroup.kill()
  if (init === undefined || !signalProcess(init, signal)) throw new WherryError('failed-precondition', `container not running: ${id}`)
  if (signal === SIGKILL && cgroup.frozen) await cgroup.thaw()
}
