/** Who the process is: limits, groups, ids, capabilities, labels, filter. The order is that of ARCHITECTURE.md, "The last steps before execve". */
import type { Cell } from '../program/operand.ts'
import { _LINUX_CAPABILITY_VERSION_3, CAPABILITIES } from '../sys/abi/capability.ts'
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from '../sys/abi/fcntl.ts'
import { IOPRIO_WHO_PROCESS, ioprioValue } from '../sys/abi/ioprio.ts'
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
} from '../sys/abi/prctl.ts'
import { RLIMITS } from '../sys/abi/resource.ts'
import { SCHED_ATTR_SIZE_VER0, SCHED_FLAGS, SCHED_POLICIES } from '../sys/abi/sched.ts'
import { SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_SET_MODE_FILTER } from '../sys/abi/seccomp.ts'
import type { Emit, ProcessPlan } from './plan.ts'
import { PAGE_WORDS } from './sync.ts'

export const emitRlimits = ({ p, plan }: Emit<ProcessPlan>): void => {
  for (const { type, soft, hard } of plan.process.rlimits ?? []) {
    p.during = `process.rlimits ${type} soft=${soft} hard=${hard}`
    p.call('prlimit64', [0, RLIMITS[type], p.words([soft, hard]), 0])
  }
}

export const emitScheduling = ({ p, plan }: Emit<ProcessPlan>): void => {
  const { scheduler, ioPriority } = plan.process
  if (scheduler !== undefined) {
    p.during = 'process.scheduler'
    const flags = (scheduler.flags ?? []).reduce((sum, flag) => sum | SCHED_FLAGS[flag], 0)
    const words = [
      BigInt(SCHED_ATTR_SIZE_VER0) | (BigInt(SCHED_POLICIES[scheduler.policy]) << 32n),
      flags,
      BigInt.asUintN(32, BigInt(scheduler.nice ?? 0)) | (BigInt(scheduler.priority ?? 0) << 32n),
      scheduler.runtime ?? 0,
      scheduler.deadline ?? 0,
      scheduler.period ?? 0,
    ]
    p.call('sched_setattr', [0, p.words(words), 0])
  }
  if (ioPriority === undefined) return
  p.during = 'process.ioPriority'
  p.call('ioprio_set', [IOPRIO_WHO_PROCESS, 0, ioprioValue(ioPriority.class, ioPriority.priority)])
}

/** AppArmor's and SELinux's labels take effect at execve: proc_pid_attr(5). */
export const emitLabels = ({ p, plan }: Emit<ProcessPlan>, proc: Cell | undefined): void => {
  const write = (file: string, text: string) => {
    p.during = `${file} ${text}`
    const fd = p.call(
      'openat',
      proc === undefined ? [AT_FDCWD, `/proc/self/${file}`, O_WRONLY | O_CLOEXEC, 0] : [proc, `self/${file}`, O_WRONLY | O_CLOEXEC, 0],
    )
    p.call('write', [fd, text, Buffer.byteLength(text)])
    p.call('close', [fd])
  }
  if (plan.apparmor !== undefined) write('attr/apparmor/exec', `exec ${plan.apparmor}`)
  if (plan.selinux !== undefined) {
    write('attr/exec', plan.selinux)
    write('attr/keycreate', plan.selinux)
  }
}

/** Bounding set, groups, ids and the other sets. What is kept beyond the config is CAP_SYS_ADMIN, for the filter; execve drops it. */
export const emitUser = ({ p, plan }: Emit<ProcessPlan>): void => {
  const { user, noNewPrivileges } = plan.process
  const { bounding, effective, permitted, inheritable, ambient, last } = plan.capabilities
  p.during = 'process.capabilities.bounding'
  for (let capability = 0; capability <= last; capability += 1)
    if (((bounding >> BigInt(capability)) & 1n) === 0n) p.call('prctl', [PR_CAPBSET_DROP, capability, 0, 0, 0])
  p.during = 'process.user'
  const groups = user.additionalGids ?? []
  if (!plan.setgroupsDenied || groups.length > 0) {
    const list = Buffer.alloc(groups.length * 4)
    for (const [index, gid] of groups.entries()) list.writeUInt32LE(gid, index * 4)
    p.call('setgroups', [groups.length, list])
  }
  p.call('setresgid', [user.gid, user.gid, user.gid])
  p.call('prctl', [PR_SET_KEEPCAPS, 1, 0, 0, 0])
  p.call('setresuid', [user.uid, user.uid, user.uid])
  p.during = 'process.capabilities'
  const forFilter = plan.seccomp !== undefined && noNewPrivileges !== true ? 1n << BigInt(CAPABILITIES.CAP_SYS_ADMIN) : 0n
  const [e, m, i] = [effective | forFilter, permitted | forFilter, inheritable]
  const low = (set: bigint) => set & 0xffffffffn
  const high = (set: bigint) => set >> 32n
  const data = p.words([low(e) | (low(m) << 32n), low(i) | (high(e) << 32n), high(m) | (high(i) << 32n)])
  p.call('capset', [p.words([_LINUX_CAPABILITY_VERSION_3]), data])
  p.call('prctl', [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0])
  for (let capability = 0; capability <= last; capability += 1)
    if (((ambient >> BigInt(capability)) & 1n) !== 0n) p.call('prctl', [PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0])
  if (noNewPrivileges === true) {
    p.during = 'process.noNewPrivileges'
    p.call('prctl', [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0])
  }
}

/** The very last before execve, which it must therefore allow. The descriptor of its listener is left in the failure page. */
export const emitSeccomp = ({ p, plan }: Emit<ProcessPlan>, { listen }: { listen: boolean }): void => {
  if (plan.seccomp === undefined) return
  p.during = 'linux.seccomp'
  const { filter, flags } = plan.seccomp
  const listener = listen ? plan.seccomp.listener : undefined
  const program = p.words([filter.length / 8, p.bytes(filter, 8)])
  // the filter is for this thread: not for the one that sends the listener
  const own = listener === undefined ? flags : (flags & ~SECCOMP_FILTER_FLAG_TSYNC) | SECCOMP_FILTER_FLAG_NEW_LISTENER
  p.call('seccomp', [SECCOMP_SET_MODE_FILTER, own, program], {
    ...(listener === undefined ? {} : { into: p.shared(PAGE_WORDS.listener, 'listener') }),
  })
}
