/** The root filesystem: attached in init's own mount namespace, and made its root. */
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { AT_FDCWD } from '../sys/abi/fcntl.ts'
import {
  AT_RECURSIVE,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_MOVE,
  MS_PRIVATE,
  MS_REC,
  MS_SLAVE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/abi/mount.ts'
import { CLONE_NEWNS } from '../sys/abi/sched.ts'
import { emitOverlay } from '../rootfs/emit.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { PROPAGATION } from './sources.ts'
import { setAttributes } from './set-attributes.ts'

/** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE. */
const propagation = ({ spec }: ContainerPlan): number => PROPAGATION[spec.linux.rootfsPropagation ?? 'rslave'] & ~MS_REC

const ownMountNamespace = (plan: ContainerPlan): boolean => (plan.fresh & CLONE_NEWNS) !== 0

/** The mount that becomes the root; its propagation is its own. */
const emitMount = ({ p, plan: { rootfs } }: Emit<ContainerPlan>): Cell => {
  if (rootfs === undefined)
    return p.call('open_tree', [AT_FDCWD, '.', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE], { name: 'root' })
  return typeof rootfs === 'number' ? p.cell('root', rootfs) : emitOverlay(p, rootfs)
}

/**
 * A copy of the mount tree at the working directory (root.path), attached over it; or the mount that there is for it, attached there.
 * Without a mount namespace of its own the container gets the folder as it is.
 */
export const emitRoot = ({ p, plan }: Emit<ContainerPlan>): Cell => {
  p.during = 'root'
  if (!ownMountNamespace(plan)) return p.call('open_tree', [AT_FDCWD, '.', OPEN_TREE_CLOEXEC], { name: 'root' })
  // nothing may stay shared with the host: pivot_root(2) refuses that, and what happens here would happen there
  p.call('mount', ['', '/', '', MS_REC | (propagation(plan) === MS_SLAVE ? MS_SLAVE : MS_PRIVATE), 0])
  const root = emitMount({ p, plan })
  p.during = 'root'
  p.call('move_mount', [root, '', AT_FDCWD, '.', MOVE_MOUNT_F_EMPTY_PATH])
  return root
}

/** A procfs without masked paths in the mount namespace would let a nested user namespace mount another one. Where it is locked it is covered. */
const hideProc = (p: Program, point: string): void => {
  const locked = p.label()
  const done = p.label()
  p.call('mount', ['', point, '', MS_PRIVATE, 0], { tolerate: { EINVAL: done, ENOENT: done } })
  p.call('umount2', [point, MNT_DETACH], { zero: done, tolerate: { EINVAL: locked, EPERM: locked } })
  p.place(locked)
  p.call('mount', ['tmpfs', point, 'tmpfs', 0, 0])
  p.place(done)
}

/** Makes it the root of the mount namespace and leaves nothing of the host's mounts reachable; pivot_root(2), "pivot_root(".", ".")". */
export const emitPivot = ({ p, plan }: Emit<ContainerPlan>, root: Operand): void => {
  p.during = 'root'
  p.call('fchdir', [root])
  if (!ownMountNamespace(plan)) p.call('chroot', ['.'])
  else if (plan.noPivot) {
    for (const point of plan.hostProc) hideProc(p, point)
    p.call('fchdir', [root])
    p.call('mount', ['.', '/', '', MS_MOVE, 0])
    p.call('chroot', ['.'])
  } else {
    p.call('pivot_root', ['.', '.'])
    p.call('umount2', ['.', MNT_DETACH])
  }
  p.call('chdir', ['/'])
}

export const emitReadonlyRoot = ({ p, plan }: Emit<ContainerPlan>, root: Operand): void => {
  p.during = 'root.readonly'
  if (plan.spec.root.readonly === true && ownMountNamespace(plan)) setAttributes(p, root, { set: MOUNT_ATTR_RDONLY })
}

/** `shared`: a new peer group, not the host's; `unbindable`: once everything is bound that is to be. runtime-spec 1.2, config-linux.md "Rootfs Mount Propagation". */
export const emitRootPropagation = ({ p, plan }: Emit<ContainerPlan>, root: Operand): void => {
  const type = propagation(plan)
  if (!ownMountNamespace(plan) || type === MS_SLAVE || type === MS_PRIVATE) return
  p.during = 'linux.rootfsPropagation'
  setAttributes(p, root, { propagation: type, recursive: plan.spec.linux.rootfsPropagation!.startsWith('r') })
}
