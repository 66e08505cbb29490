/** The program of a process that joins a running container. */
import { Program } from '../program/assembler.ts'
import type { LinuxPersonality } from '../spec/types.ts'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from '../sys/abi/fcntl.ts'
import { KEYCTL_JOIN_SESSION_KEYRING } from '../sys/abi/keyctl.ts'
import { PERSONALITIES } from '../sys/abi/personality.ts'
import { PR_SET_DUMPABLE, PR_SET_NAME } from '../sys/abi/prctl.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { emitChdir, emitCloseOnExec, emitExecve, emitLookup } from './command.ts'
import { emitControllingTerminal, emitTerminal } from './console.ts'
import { emitNullStdio } from './devices.ts'
import { newFileSystem } from './file-system.ts'
import { emitLabels, emitRlimits, emitScheduling, emitSeccomp, emitUser } from './identity.ts'
import { emitListener } from './listener.ts'
import type { Emit, Join, ProcessPlan } from './plan.ts'
import { emitAffinity, emitBecomeRoot, emitJoinCgroup, emitClone, emitJoins, emitPreamble, emitTasks, writeProcSelf } from './stage.ts'
import { ask, askText, SAYS } from './sync.ts'

export interface ExecPlan extends ProcessPlan {
  readonly arch: Arch
  readonly id: string
  readonly page: number
  readonly channel: number
  readonly end: number
  readonly cgroup: number | undefined
  readonly tasks: readonly number[]
  readonly attach: boolean
  readonly joins: readonly Join[]
  /** First of the descriptors that are needed only to get into the container. */
  readonly entering: number
  readonly personality: LinuxPersonality | undefined
  /** Bits of the CPUs it runs on before and after it has entered the cgroup, sched_setaffinity(2). */
  readonly affinity: { readonly initial: Uint8Array | undefined; readonly final: Uint8Array | undefined }
}

const emitChild = (emit: Emit<ExecPlan>): void => {
  const { p, plan } = emit
  p.during = 'exec'
  p.call('prctl', [PR_SET_NAME, 'wherry:exec', 0, 0, 0])
  if (plan.attach) ask(emit, SAYS.attach)
  emitTasks(emit, plan.tasks)
  emitJoinCgroup(emit, plan.joins)
  p.during = 'exec'
  // the socket for the terminal's master may come behind those that are done with
  const console = plan.console ?? -1
  if (console > plan.entering) p.call('close_range', [plan.entering, console - 1, 0])
  p.call('close_range', [Math.max(plan.entering, console + 1), 0xffffffff, 0])
  if (plan.joins.some(({ type }) => type === 'user')) emitBecomeRoot(emit)
  emitAffinity(emit, plan.affinity.final)
  p.during = 'exec'
  p.call('setsid', [])
  p.call('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, `_ses.${plan.id}`, 0, 0, 0], { tolerate: ['ENOSYS', 'EPERM', 'EACCES'] })
  p.call('umask', [0])
  const root = p.call('openat', [AT_FDCWD, '/', O_PATH | O_DIRECTORY[p.arch] | O_CLOEXEC, 0], { name: 'root' })
  emitNullStdio(emit, root)
  p.during = 'standard streams'
  for (const stream of plan.ownedStdio) p.call('fchown', [stream, plan.process.user.uid, -1], { tolerate: ['EPERM', 'EINVAL', 'EROFS'] })
  if (plan.console !== undefined) emitControllingTerminal(emit, emitTerminal(emit, root))
  if (plan.apparmor !== undefined || plan.selinux !== undefined)
    emitLabels(emit, newFileSystem(p, { source: 'proc', type: 'proc', flags: 0, data: '' }))
  emitScheduling(emit)
  const chdir = emitChdir(emit)
  emitRlimits(emit)
  emitUser(emit)
  chdir.again()
  const executable = emitLookup(emit)
  p.during = undefined
  if (plan.personality !== undefined) p.call('personality', [PERSONALITIES[plan.personality.domain]])
  p.call('umask', [plan.process.user.umask ?? 0o022])
  const listener = plan.seccomp?.listener === undefined ? undefined : askText(emit, SAYS.listener)
  ask(emit, SAYS.created)
  emitCloseOnExec(emit)
  const handOver = listener === undefined ? () => {} : emitListener(emit, listener.text, listener.length)
  emitSeccomp(emit, { listen: true })
  handOver()
  emitExecve(emit, executable)
}

export const compileExec = (plan: ExecPlan): Program => {
  const p = new Program(plan.arch)
  const emit = { p, plan }
  emitPreamble(emit, 'wherry:stage')
  emitAffinity(emit, plan.affinity.initial)
  if (plan.process.oomScoreAdj !== undefined) writeProcSelf(emit, 'oom_score_adj', String(plan.process.oomScoreAdj))
  p.during = 'exec'
  p.call('prctl', [PR_SET_DUMPABLE, 0, 0, 0, 0]) // processes of the container must not get at descriptors of the host (CVE-2016-9962)
  emitJoins(emit, plan.joins)
  emitClone(emit, 0, plan.cgroup, () => emitChild(emit))
  return p
}
