/**
 * The sources of bind mounts, and the root filesystem, as detached mounts (open_tree(2) with OPEN_TREE_CLONE): nothing of
 * them is ever in the host's mount table. Attributes and propagation are set before anybody can see the mount.
 */
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { mountAttributes } from '../spec/mount-attributes.ts'
import { type MountOptions, parseMountOptions } from '../spec/mount-options.ts'
import type { LinuxRootfsPropagation, Mount } from '../spec/types.ts'
import { AT_FDCWD } from '../sys/abi/fcntl.ts'
import {
  AT_RECURSIVE,
  MOUNT_ATTR_IDMAP,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS_BIND,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/abi/mount.ts'
import { CLONE_NEWUSER } from '../sys/abi/sched.ts'
import { emitBindAttributes } from './bind-attributes.ts'
import type { ContainerPlan, Emit, MountPlan } from './plan.ts'
import { setAttributes } from './set-attributes.ts'

/** A mount of the config with its options read. */
export interface ParsedMount {
  readonly mount: Mount
  readonly options: MountOptions
  readonly plan: MountPlan
  /** The JSON path. */
  readonly path: string
}

export const parsedMounts = (plan: ContainerPlan): readonly ParsedMount[] =>
  (plan.spec.mounts ?? []).map((mount, index) => ({
    mount,
    options: parseMountOptions(mount.options ?? []),
    plan: plan.mounts[index]!,
    path: `mounts[${index}] ${mount.destination}`,
  }))

export const isBind = ({ options, mount }: ParsedMount): boolean => (options.flags & MS_BIND) !== 0 || mount.type === 'bind'

export const PROPAGATION: Readonly<Record<LinuxRootfsPropagation, number>> = {
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
}

/** Attaches the detached mount `fd` onto `target`. */
export const attach = (p: Program, fd: Operand, target: Operand): void => {
  p.call('move_mount', [fd, '', target, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH])
}

/** A detached copy of the mount tree at `path`. */
export const cloneTree = (p: Program, path: string, recursive: boolean, name: string): Cell =>
  p.call('open_tree', [AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)], { name })

/** The propagation that a copy of a host's mount has in the container before its own options are applied: that of the root. */
const inherited = (propagation: LinuxRootfsPropagation | undefined): number => {
  const type = PROPAGATION[propagation ?? 'rslave'] & ~MS_REC
  return type === MS_SHARED ? 0 : type === MS_UNBINDABLE ? MS_PRIVATE : type
}

/** What a mount option says of attributes, propagation and id maps, on a mount given by descriptor. */
export const emitOptions = ({ p }: Emit<unknown>, fd: Operand, { options, plan }: ParsedMount, attributes: boolean): void => {
  if (attributes) setAttributes(p, fd, mountAttributes(options))
  emitCommonOptions({ p }, fd, { options, plan })
}

const emitCommonOptions = (
  { p }: Pick<Emit<unknown>, 'p'>,
  fd: Operand,
  { options, plan }: Pick<ParsedMount, 'options' | 'plan'>,
): void => {
  if (plan.idmap !== undefined) setAttributes(p, fd, { set: MOUNT_ATTR_IDMAP, userns: plan.idmap, recursive: options.idmap === 'ridmap' })
  if (options.recursive !== undefined) setAttributes(p, fd, { ...options.recursive, recursive: true })
  emitPropagation({ p }, fd, options)
}

export const emitPropagation = ({ p }: Pick<Emit<unknown>, 'p'>, fd: Operand, { propagation }: MountOptions): void => {
  for (const type of propagation) setAttributes(p, fd, { propagation: type & ~MS_REC, recursive: (type & MS_REC) !== 0 })
}

/** The same for a bind mount. */
export const emitBindOptions = (emit: Emit<ContainerPlan>, fd: Operand, parsed: ParsedMount): void => {
  emitBindAttributes(emit, fd, parsed.options, entersUserNamespace(emit.plan))
  emitCommonOptions(emit, fd, parsed)
}

export const entersUserNamespace = ({ fresh, joins }: ContainerPlan): boolean =>
  (fresh & CLONE_NEWUSER) !== 0 || joins.some(({ type }) => type === 'user')

/** Opens the source of a bind mount, ready to be attached. */
export const emitSource = (emit: Emit<ContainerPlan>, parsed: ParsedMount): Operand => {
  const { p, plan } = emit
  p.during = parsed.path
  const fd = parsed.plan.given ?? cloneTree(p, parsed.mount.source!, (parsed.options.flags & MS_REC) !== 0, 'source')
  setAttributes(p, fd, { propagation: inherited(plan.spec.linux.rootfsPropagation), recursive: true })
  emitBindOptions(emit, fd, parsed)
  return fd
}
