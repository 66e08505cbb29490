/** The mounts of the config, in their order, each onto a descriptor of its target beneath the root. */
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import { AT_RECURSIVE, MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../sys/abi/mount.ts'
import { emitCgroupMount } from './cgroup-mount.ts'
import { emitCopy } from './copy.ts'
import { fitsFsconfig, newFileSystem } from './file-system.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { makeInRoot, openInRoot, relative } from './resolve.ts'
import { attach, emitBindOptions, emitOptions, emitPropagation, emitSource, isBind, type ParsedMount } from './sources.ts'

const PROC_SUPER_MAGIC = 0x9fa0

/** No mount may land in a procfs by way of a link in the image: processes trust what they read there. */
const refuseProc = (p: Program, target: Operand): void => {
  const statfs = p.buffer(120)
  p.call('fstatfs', [target, statfs])
  p.compare(statfs, PROC_SUPER_MAGIC, { equal: 'fail' })
}

/** Where processes look for the truth: no link of the image may put it elsewhere. */
const ORDINARY = new Set(['proc', 'sysfs'])

const isInProc = (path: string): boolean => relative(path) === 'proc' || relative(path).startsWith('proc/')

/** Returns the mount if it is to become read-only in the end: what is mounted below it needs mount points. */
const emitMount = (emit: Emit<ContainerPlan>, root: Operand, parsed: ParsedMount, source: Operand | undefined): Cell | undefined => {
  const { p, plan } = emit
  const { mount, options } = parsed
  const { destination } = parsed.plan
  p.during = parsed.path
  const bind = isBind(parsed)
  const remount = (options.flags & MS_REMOUNT) !== 0
  const target = remount
    ? openInRoot(p, root, destination, { name: 'target' })
    : makeInRoot(p, root, destination, bind && !parsed.plan.directory ? 'file' : 'directory', {
        target: parsed.plan.target,
        expected: parsed.plan.expected,
        ...(ORDINARY.has(mount.type ?? '')
          ? { links: false, during: `${parsed.path}: ${mount.type} must be mounted on ordinary directory` }
          : {}),
      })
  if (!isInProc(destination)) refuseProc(p, target)
  if (remount) {
    p.call('fchdir', [target])
    p.call('mount', [
      mount.source ?? '',
      '.',
      mount.type ?? '',
      (options.flags & ~MS_REC) | (bind ? MS_BIND : 0),
      withLabel(plan, mount.type, options.data.join(',')),
    ])
    return undefined
  }
  if (bind) {
    const fd = source ?? (parsed.plan.inside === undefined ? emitSource(emit, parsed) : sourceInside(emit, root, parsed))
    attach(p, fd, target)
    emitPropagation(emit, fd, options) // entering another user namespace's mounts took it away
    return undefined
  }
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') {
    emitCgroupMount(emit, target, parsed)
    return undefined
  }
  const late = (options.flags & MS_RDONLY) !== 0 && (mount.type === 'tmpfs' || relative(destination) === 'dev')
  const now = late ? { ...parsed, options: { ...options, flags: options.flags & ~MS_RDONLY } } : parsed
  const request = {
    source: mount.source ?? mount.type!,
    type: mount.type!,
    flags: now.options.flags,
    data: withLabel(plan, mount.type, withMode(parsed)),
  }
  if (!fitsFsconfig(request.data)) {
    p.call('fchdir', [target])
    p.call('mount', [request.source, '.', request.type, request.flags, request.data])
    const there = openInRoot(p, root, destination)
    emitOptions(emit, there, now, false)
    return late ? there : undefined
  }
  const fd = newFileSystem(p, request)
  if (parsed.plan.copy !== undefined) emitCopy(emit, target, fd, parsed.plan.copy)
  emitOptions(emit, fd, now, true)
  attach(p, fd, target)
  return late ? fd : undefined
}

/** A tmpfs that says nothing of its mode takes that of the folder it covers. */
const withMode = ({ mount, options, plan }: ParsedMount): string =>
  [
    ...options.data,
    ...(mount.type === 'tmpfs' && plan.mode !== undefined && !options.data.some((option) => /(^|,)mode=/.test(option))
      ? [`mode=${plan.mode.toString(8)}`]
      : []),
  ].join(',')

/** A source that lies in the root, which earlier mounts may have changed. */
const sourceInside = (emit: Emit<ContainerPlan>, root: Operand, parsed: ParsedMount): Cell => {
  const { p } = emit
  const at = openInRoot(p, root, parsed.plan.inside!)
  const recursive = (parsed.options.flags & MS_REC) !== 0
  const fd = p.call('open_tree', [at, '', AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)], {
    name: 'source',
  })
  emitBindOptions(emit, fd, parsed)
  return fd
}

/** The SELinux context of the mounts, as mount(8) writes it. */
const withLabel = (plan: ContainerPlan, type: string | undefined, data: string): string => {
  if (plan.selinuxMountLabel === undefined || type === 'proc' || type === 'sysfs' || type === 'cgroup' || type === 'cgroup2') return data
  return [data, `context="${plan.selinuxMountLabel}"`].filter((part) => part !== '').join(',')
}

/** Everything in `mounts`; `sources` are those of the bind mounts, by index. Returns what is to become read-only in the end. */
export const emitMounts = (
  emit: Emit<ContainerPlan>,
  root: Operand,
  mounts: readonly ParsedMount[],
  sources: readonly (Operand | undefined)[],
): Cell[] => mounts.map((parsed, index) => emitMount(emit, root, parsed, sources[index])).filter((fd) => fd !== undefined)
