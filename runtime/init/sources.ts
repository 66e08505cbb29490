/**
 * The sources of bind mounts, and the root filesystem, as detached mounts (open_tree(2) with OPEN_TREE_CLONE): nothing of
 * them is ever in the host's mount table. Attributes and propagation are set before anybody can see the mount.
 */
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { mountAttributes } from '../spec/mount-attributes.ts'
import { type MountOptions, parseMountOptions } from '../spec/mount-options.ts'
import type { LinuxRootfsPropagation, Mount } from '../spec/types.ts'
import { AT_EMPTY_PATH, AT_FDCWD } from '../sys/abi/fcntl.ts'
import {
  AT_RECURSIVE,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_SIZE_VER0,
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
import type { ContainerPlan, Emit, MountPlan } from './plan.ts'

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

/** mount_setattr(2) on a mount given by descriptor. */
export const setAttributes = (
  p: Program,
  fd: Operand,
  {
    set = 0,
    clear = 0,
    propagation = 0,
    userns = 0,
    recursive = false,
  }: { set?: number; clear?: number; propagation?: number; userns?: number; recursive?: boolean },
): void => {
  if (set === 0 && clear === 0 && propagation === 0) return
  p.call('mount_setattr', [
    fd,
    '',
    AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
    p.words([set, clear, propagation, userns]),
    MOUNT_ATTR_SIZE_VER0,
  ])
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
  if (plan.idmap !== undefined) setAttributes(p, fd, { set: MOUNT_ATTR_IDMAP, userns: plan.idmap, recursive: options.idmap === 'ridmap' })
  if (attributes) setAttributes(p, fd, mountAttributes(options))
  if (options.recursive !== undefined) setAttributes(p, fd, { ...options.recursive, recursive: true })
  emitPropagation({ p }, fd, options)
}

export const emitPropagation = ({ p }: Pick<Emit<unknown>, 'p'>, fd: Operand, { propagation }: MountOptions): void => {
  for (const type of propagation) setAttributes(p, fd, { propagation: type & ~MS_REC, recursive: (type & MS_REC) !== 0 })
}

/** Opens the source of a bind mount, ready to be attached. */
export const emitSource = (emit: Emit<ContainerPlan>, parsed: ParsedMount): Cell => {
  const { p, plan } = emit
  p.during = parsed.path
  const fd = cloneTree(p, parsed.mount.source!, (parsed.options.flags & MS_REC) !== 0, 'source')
  setAttributes(p, fd, { propagation: inherited(plan.spec.linux.rootfsPropagation), recursive: true })
  emitOptions(emit, fd, parsed, true)
  return fd
}
