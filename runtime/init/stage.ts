/**
 * The stage: a transient process in the host's namespaces that opens what is of the host, joins and makes namespaces and
 * clones init as its parent's child (CLONE_PARENT). Joining a user namespace costs it its power over the host.
 */
import type { Cell } from '../program/operand.ts'
import { PAGE_SIZE } from '../program/layout.ts'
import {
  CLONE_INTO_CGROUP,
  CLONE_NEWNS,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  NAMESPACE_FLAGS,
  CLONE_NEWCGROUP,
} from '../sys/abi/sched.ts'
import { O_CLOEXEC, O_WRONLY, AT_FDCWD } from '../sys/abi/fcntl.ts'
import { PR_SET_DUMPABLE, PR_SET_NAME } from '../sys/abi/prctl.ts'
import type { ContainerPlan, Emit, Join } from './plan.ts'
import { ask, PAGE_WORDS, SAYS } from './sync.ts'

/** The first ops of any program: its page, its name, and nothing open that it was not given. */
export const emitPreamble = ({ p, plan }: Emit<{ page: number; end: number }>, name: string): void => {
  p.during = 'stage'
  p.call('mmap', [p.page, PAGE_SIZE, 3 /* PROT_READ | PROT_WRITE */, 0x11 /* MAP_SHARED | MAP_FIXED */, plan.page, 0])
  p.call('prctl', [PR_SET_NAME, name, 0, 0, 0])
  p.call('close', [plan.page])
  p.call('close_range', [plan.end, 0xffffffff, 0])
}

/** Writes `text` to a file of /proc/self of the host's procfs. */
export const writeProcSelf = ({ p }: Emit<unknown>, file: string, text: string): void => {
  const fd = p.call('openat', [AT_FDCWD, `/proc/self/${file}`, O_WRONLY | O_CLOEXEC, 0])
  p.call('write', [fd, text, Buffer.byteLength(text)], { during: `${p.during ?? ''} ${file}`.trim() })
  p.call('close', [fd])
}

/**
 * setns(2) to each. A namespace may belong to the user namespace that is joined too, or to the host's: what is refused
 * before joining the user namespace is tried again after it. The cgroup namespace is for the clone to join (emitJoinCgroup):
 * from within it CLONE_INTO_CGROUP cannot see where the stage is.
 */
export const emitJoins = ({ p }: Emit<unknown>, joins: readonly Join[]): void => {
  const user = joins.find((join) => join.type === 'user')
  const others = joins.filter(({ type }) => type !== 'user' && type !== 'cgroup')
  const join = ({ type, fd }: Join, refused?: readonly 'EPERM'[]): Cell =>
    p.call('setns', [fd, NAMESPACE_FLAGS[type]], {
      during: `joining the ${type} namespace`,
      ...(refused === undefined ? {} : { tolerate: refused }),
    })
  const first = others.map((other) => join(other, user === undefined ? undefined : ['EPERM']))
  if (user === undefined) return
  join(user)
  for (const [index, other] of others.entries()) {
    const joined = p.label()
    p.compare(first[index]!, 0, { equal: joined })
    join(other)
    p.place(joined)
  }
}

/** Once it is in its cgroup. */
export const emitJoinCgroup = ({ p }: Emit<unknown>, joins: readonly Join[]): void => {
  for (const { type, fd } of joins)
    if (type === 'cgroup') p.call('setns', [fd, CLONE_NEWCGROUP], { during: 'joining the cgroup namespace' })
}

/** Becomes root of the user namespace it is in. Not before the clone: it is as the host's user that init may enter its cgroup. */
export const emitBecomeRoot = ({ p, plan }: Emit<{ setgroupsDenied: boolean }>): void => {
  if (!plan.setgroupsDenied) p.call('setgroups', [0, 0])
  p.call('setresgid', [0, 0, 0])
  p.call('setresuid', [0, 0, 0])
}

/** clone3(2), or clone(2) where an outer seccomp filter denies the newer call. The child's code is `body`; it ends by itself. */
export const emitClone = ({ p }: Emit<unknown>, flags: number, cgroup: number | undefined, body: () => void): void => {
  const child = p.label()
  const parent = p.label()
  const legacy = p.label()
  const pid = p.page.plus(PAGE_WORDS.init)
  const all = BigInt(flags) | BigInt(CLONE_PARENT) | BigInt(CLONE_PARENT_SETTID)
  const args = [all | (cgroup === undefined ? 0n : BigInt(CLONE_INTO_CGROUP)), 0, 0, pid, 0, 0, 0, 0, 0, 0, cgroup ?? 0]
  p.call('clone3', [p.words(args), args.length * 8], {
    during: 'cloning init',
    zero: child,
    positive: parent,
    ...(cgroup === undefined ? { tolerate: { ENOSYS: legacy } } : {}),
  })
  p.place(legacy)
  p.call('clone', [all, 0, pid, 0, 0], { during: 'cloning init', zero: child, positive: parent })
  p.place(child)
  body()
  p.place(parent)
  p.exit(0)
}

/** CPUs are not inherited from the caller: all that the cgroup allows. */
export const emitAffinity = ({ p }: Emit<unknown>, cpus?: Uint8Array): void => {
  p.during = 'CPU affinity'
  if (cpus === undefined) p.call('sched_setaffinity', [0, ALL_CPUS.length, ALL_CPUS], { tolerate: ['EINVAL', 'EPERM'] })
  else p.call('sched_setaffinity', [0, cpus.length, cpus])
}

const ALL_CPUS = Buffer.alloc(1024, 0xff)

/** v1 hierarchies are entered by the process itself, which spares the kernel a lock over all processes. */
export const emitTasks = ({ p }: Emit<unknown>, tasks: readonly number[]): void => {
  p.during = 'entering the cgroup'
  for (const file of tasks) p.call('write', [file, '0', 1])
}

/** From the host's namespaces to init, whose code is `init`. `prepare` opens what is of the host, where there is the power to. */
export const emitStage = (emit: Emit<ContainerPlan>, { prepare, init }: { prepare: () => void; init: () => void }): void => {
  const { p, plan } = emit
  const { spec } = plan
  emitPreamble(emit, 'wherry:stage')
  if (spec.process.oomScoreAdj !== undefined) writeProcSelf(emit, 'oom_score_adj', String(spec.process.oomScoreAdj))
  emitAffinity(emit)
  if (plan.privileged) prepare()
  p.during = 'standard streams'
  if (plan.streamOwner !== undefined) for (const stream of plan.ownedStdio) p.call('fchown', [stream, plan.streamOwner, -1])
  p.during = 'stage'
  const joinsMount = plan.joins.some(({ type }) => type === 'mount')
  const enterRootfs = () => p.call('chdir', [spec.root.path], { during: 'root.path' })
  if (!joinsMount) enterRootfs() // init's copy of the mount tree starts here, and what is the root is attached here
  emitJoins(emit, plan.joins)
  if (joinsMount) enterRootfs() // setns(2) went to the root of that namespace
  if ((plan.fresh & CLONE_NEWUSER) !== 0) {
    p.call('getpid', [], { into: p.shared(PAGE_WORDS.stage, 'stage') })
    p.call('unshare', [CLONE_NEWUSER])
    ask(emit, SAYS.maps)
  }
  if ((plan.fresh & CLONE_NEWTIME) !== 0) {
    p.call('unshare', [CLONE_NEWTIME])
    const offsets = Object.entries(spec.linux.timeOffsets ?? {}).map(
      ([clock, { secs = 0, nanosecs = 0 } = {}]) => `${clock} ${secs} ${nanosecs}\n`,
    )
    if (offsets.length > 0) writeProcSelf(emit, 'timens_offsets', offsets.join(''))
  }
  p.call('prctl', [PR_SET_DUMPABLE, 0, 0, 0, 0]) // init may come to be among processes of another container
  const flags = plan.fresh & ~(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWCGROUP)
  emitClone(emit, flags, plan.cgroup, () => {
    if (!plan.privileged && (plan.fresh & CLONE_NEWNS) !== 0) prepare()
    init()
  })
}
