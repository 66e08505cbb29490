/** The program of a container: the stage, then init up to the execve of its process. */
import { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { MOUNT_ATTR_RDONLY, MS_REMOUNT } from '../sys/abi/mount.ts'
import { CLONE_NEWCGROUP, CLONE_NEWNET } from '../sys/abi/sched.ts'
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../sys/abi/socket.ts'
import { IFF_UP, SIOCSIFFLAGS } from '../sys/abi/ioctl.ts'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH, O_WRONLY } from '../sys/abi/fcntl.ts'
import { KEYCTL_JOIN_SESSION_KEYRING } from '../sys/abi/keyctl.ts'
import { PERSONALITIES } from '../sys/abi/personality.ts'
import { PR_SET_NAME } from '../sys/abi/prctl.ts'
import { emitChdir, emitCloseOnExec, emitExecve, emitLookup } from './command.ts'
import { emitConsoleNode, emitControllingTerminal, emitTerminal } from './console.ts'
import { devIsBound, emitDevices, emitDeviceSources, emitNullStdio } from './devices.ts'
import { newFileSystem } from './file-system.ts'
import { emitHolder } from './holder.ts'
import { emitHooks } from './hooks.ts'
import { emitLabels, emitRlimits, emitScheduling, emitSeccomp, emitUser } from './identity.ts'
import { emitListener } from './listener.ts'
import { emitMounts } from './mounts.ts'
import { emitMaskedPaths, emitReadonlyPaths } from './paths.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { makeInRoot, relative } from './resolve.ts'
import { emitReaper } from './reaper.ts'
import { emitPivot, emitReadonlyRoot, emitRoot, emitRootPropagation } from './root.ts'
import { emitSource, entersUserNamespace, isBind, parsedMounts } from './sources.ts'
import { setAttributes } from './set-attributes.ts'
import { emitBecomeRoot, emitJoinCgroup, emitStage, emitTasks } from './stage.ts'
import { emitStartWait, WAITING } from './start.ts'
import { ask, askText, SAYS, type Text } from './sync.ts'

/** A procfs of the container's pid namespace that is mounted nowhere: what is written through it cannot be led astray. */
const ownProc = ({ p, plan }: Emit<ContainerPlan>): Cell | undefined => {
  const needed = Object.keys(plan.spec.linux.sysctl ?? {}).length > 0 || plan.apparmor !== undefined || plan.selinux !== undefined
  if (!needed) return undefined
  p.during = 'procfs of our own'
  if (plan.privileged || (plan.spec.mounts ?? []).some(({ type }) => type === 'proc'))
    return newFileSystem(p, { source: 'proc', type: 'proc', flags: 0, data: '' })
  return p.call('openat', [AT_FDCWD, '/proc', O_PATH | O_DIRECTORY[p.arch] | O_CLOEXEC, 0])
}

const emitSysctl = ({ p, plan }: Emit<ContainerPlan>, proc: Cell | undefined): void => {
  for (const [name, value] of Object.entries(plan.spec.linux.sysctl ?? {})) {
    p.during = `linux.sysctl ${name}`
    const fd = p.call('openat', [proc!, `sys/${name}`, O_WRONLY | O_CLOEXEC, 0])
    p.call('write', [fd, value, Buffer.byteLength(value)])
    p.call('close', [fd])
  }
}

const emitNames = ({ p, plan }: Emit<ContainerPlan>): void => {
  const { hostname, domainname } = plan.spec
  p.during = undefined
  if (hostname !== undefined) p.call('sethostname', [hostname, Buffer.byteLength(hostname)])
  if (domainname !== undefined) p.call('setdomainname', [domainname, Buffer.byteLength(domainname)])
}

/** netdevice(7): the loopback of a new network namespace is down. */
const emitLoopback = ({ p, plan }: Emit<ContainerPlan>): void => {
  if ((plan.fresh & CLONE_NEWNET) === 0) return
  p.during = 'loopback'
  const socket = p.call('socket', [AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0])
  p.call('ioctl', [socket, SIOCSIFFLAGS, p.words([BigInt('0x6f6c'), 0, IFF_UP, 0, 0])]) // struct ifreq: "lo"
  p.call('close', [socket])
}

/** Nothing is made in the root of a holder, which is nobody's. */
const hasOwnDev = (plan: ContainerPlan, mounts: ReturnType<typeof parsedMounts>): boolean => !plan.holder && !devIsBound(mounts)

/** All of the file system, up to the pivot. Returns the root, the slave of the terminal, and whether /dev is the container's own. */
const emitFiles = (
  emit: Emit<ContainerPlan>,
  sources: readonly (Operand | undefined)[],
  devices: readonly (Cell | undefined)[],
): { root: Operand; slave: Cell | undefined; readonly: readonly Cell[]; ownDev: boolean } => {
  const { p, plan } = emit
  const mounts = parsedMounts(plan)
  const root = emitRoot(emit)
  const readonly = emitMounts(emit, root, mounts, sources)
  const ownDev = hasOwnDev(plan, mounts)
  if (ownDev) emitDevices(emit, root, mounts, devices)
  p.during = 'process.cwd'
  if (relative(plan.process.cwd) !== '.') makeInRoot(p, root, plan.process.cwd, 'directory', { name: 'cwd' })
  const slave = plan.console === undefined ? undefined : emitTerminal(emit, root)
  if (slave !== undefined && ownDev) emitConsoleNode(emit, root, slave)
  return { root, slave, readonly, ownDev }
}

const emitInit = (emit: Emit<ContainerPlan>, prepared: Prepared): void => {
  const { p, plan } = emit
  const { spec } = plan
  p.during = 'init'
  p.call('prctl', [PR_SET_NAME, 'wherry:init', 0, 0, 0])
  if (plan.attach) ask(emit, SAYS.attach)
  emitTasks(emit, plan.tasks)
  p.during = 'init'
  if (plan.rootMapped && entersUserNamespace(plan)) emitBecomeRoot(emit)
  if ((plan.fresh & CLONE_NEWCGROUP) !== 0) p.call('unshare', [CLONE_NEWCGROUP])
  emitJoinCgroup(emit, plan.joins)
  p.call('setsid', [])
  if (plan.newKeyring)
    p.call('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, `_ses.${plan.id}`, 0, 0, 0], { tolerate: ['ENOSYS', 'EPERM', 'EACCES'] })
  p.call('umask', [0])
  emitLoopback(emit)
  const { root, slave, readonly, ownDev } = emitFiles(emit, prepared.sources, prepared.devices)
  const proc = ownProc(emit)
  p.during = 'hooks'
  if (plan.runtimeHooks) ask(emit, SAYS.hooks)
  if (spec.hooks?.createContainer !== undefined) {
    p.call('fchdir', [root])
    emitHooks(emit, 'createContainer', spec.hooks.createContainer, askText(emit, SAYS.creating))
  }
  emitPivot(emit, root)
  emitNames(emit)
  emitSysctl(emit, proc)
  emitReadonlyPaths(emit, root)
  emitMaskedPaths(emit, root)
  for (const mount of readonly) setAttributes(p, mount, { set: MOUNT_ATTR_RDONLY })
  emitReadonlyRoot(emit, root)
  emitRootPropagation(emit, root)
  if (ownDev) emitNullStdio(emit, root)
  if (plan.holder) emitHolder(emit)
  else emitProcess(emit, slave, proc)
}

/** From the finished root to execve. */
const emitProcess = (emit: Emit<ContainerPlan>, slave: Cell | undefined, proc: Cell | undefined): void => {
  const { p, plan } = emit
  const { spec } = plan
  p.during = 'standard streams'
  for (const stream of plan.ownedStdio) p.call('fchown', [stream, plan.process.user.uid, -1], { tolerate: ['EPERM', 'EINVAL', 'EROFS'] })
  if (slave !== undefined) emitControllingTerminal(emit, slave)
  emitLabels(emit, proc)
  emitScheduling(emit)
  const chdir = emitChdir(emit)
  emitRlimits(emit)
  emitUser(emit)
  chdir.again()
  const executable = emitLookup(emit)
  p.during = undefined
  if (spec.linux.personality !== undefined) p.call('personality', [PERSONALITIES[spec.linux.personality.domain]])
  p.call('umask', [plan.process.user.umask ?? 0o022])
  const startHooks = spec.hooks?.startContainer
  const state = startHooks === undefined ? undefined : askText(emit, SAYS.startState)
  const listener: Text | undefined = plan.seccomp?.listener === undefined ? undefined : askText(emit, SAYS.listener)
  p.during = WAITING
  ask(emit, SAYS.created)
  emitCloseOnExec(emit, WAITING)
  emitStartWait(emit)
  if (state !== undefined && startHooks !== undefined)
    emitHooks(
      emit,
      'startContainer',
      startHooks.map((hook) => ({ ...hook, env: hook.env ?? plan.env })),
      state,
      () => emitSeccomp(emit, { listen: false }),
    )
  if (plan.reaper) emitReaper(emit)
  const handOver = listener === undefined ? () => {} : emitListener(emit, listener.text, listener.length)
  emitSeccomp(emit, { listen: true })
  handOver()
  emitExecve(emit, executable)
}

interface Prepared {
  sources: readonly (Operand | undefined)[]
  devices: readonly (Cell | undefined)[]
}

export const compileContainer = (plan: ContainerPlan): Program => {
  const p = new Program(plan.arch)
  const emit = { p, plan }
  const prepared: Prepared = { sources: [], devices: [] }
  emitStage(emit, {
    prepare: () => {
      // in its own mount namespace init sees the same paths, and what is opened at its turn comes in the order of the config;
      // but there it has no power over other user namespaces, and nothing is shared with the host any more
      const shared = plan.spec.linux.rootfsPropagation?.endsWith('shared') ?? false
      const early = shared || entersUserNamespace(plan) || plan.joins.some(({ type }) => type === 'mount')
      const mounts = parsedMounts(plan)
      prepared.sources = mounts.map((parsed) =>
        early && isBind(parsed) && parsed.plan.inside === undefined && (parsed.options.flags & MS_REMOUNT) === 0
          ? emitSource(emit, parsed)
          : undefined,
      )
      prepared.devices = hasOwnDev(plan, mounts) ? emitDeviceSources(emit) : []
    },
    init: () => emitInit(emit, prepared),
  })
  return p
}
