/**
 * An overlay made by a program in a mount namespace of its own, by mount(2): what every supported kernel can, with layers that
 * are idmapped mounts too (before Linux 6.15 overlay takes only mounts that are attached in the mount namespace it is made in).
 *
 * mount(2) takes one page of options. So layers are opened first, and their descriptors are their names: with /proc/self/fd for
 * the working directory, 500 layers are `300:301:…`. No path is in the options, hence nothing to escape.
 */
import { basename, dirname } from 'node:path'
import { PAGE_WORDS } from '../init/sync.ts'
import { setAttributes } from '../init/set-attributes.ts'
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../sys/abi/fcntl.ts'
import {
  MNT_DETACH,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS_PRIVATE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/abi/mount.ts'
import { overlayOptions } from './options.ts'
import type { OverlayStyle, RootfsDescription } from './types.ts'

export interface OverlayPlan {
  readonly description: RootfsDescription
  readonly style: OverlayStyle
  /** Number, in the program, of a user namespace: what the layers and the upper folder are idmapped by. */
  readonly userns?: number | undefined
  /** Ids of the host that the upper folder's idmapped mount has: what overlay makes in it belongs to them. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** The first of as many numbers as there are folders, which no descriptor of the program has. */
  readonly from: number
}

/** Where the overlay is attached for a moment, in a mount namespace that nobody else sees: it is there wherever the names are. */
const POINT = '/proc'

const openFolder = (p: Program, folder: Operand, path: string | Cell, follow = false): Cell =>
  p.call('openat', [folder, path, O_PATH | O_CLOEXEC | O_DIRECTORY[p.arch] | (follow ? 0 : O_NOFOLLOW[p.arch]), 0])

/** A copy of the mount at `fd`, idmapped and attached over it. */
const idmapped = (p: Program, fd: Cell, userns: number): Cell => {
  const tree = p.call('open_tree', [fd, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH], { name: 'tree' })
  setAttributes(p, tree, { set: MOUNT_ATTR_IDMAP, userns })
  p.call('move_mount', [tree, '', fd, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH])
  p.call('close', [fd])
  return tree
}

/** Opens all folders, the highest layer first, under consecutive numbers. */
const emitLowers = (p: Program, { description: { lowers }, userns, from }: OverlayPlan): void => {
  const slot = p.cell('slot', from)
  p.during = 'layer'
  const item = p.shared(PAGE_WORDS.item, 'path')
  p.each(lowers.toReversed(), item, () => {
    const folder = openFolder(p, AT_FDCWD, item)
    const fd = userns === undefined ? folder : idmapped(p, folder, userns)
    p.call('dup3', [fd, slot, O_CLOEXEC])
    p.call('close', [fd])
    p.compute(slot, { constant: 1 }, { into: slot })
  })
}

/** Both through one mount, which overlay insists on. */
const emitUpper = (p: Program, { description: { upper, work, lowers }, userns, from }: OverlayPlan): void => {
  if (upper === undefined || work === undefined) return
  p.during = 'upper folder'
  const own = openFolder(p, AT_FDCWD, dirname(upper), true)
  const parent = userns === undefined ? own : idmapped(p, own, userns)
  for (const [index, path] of [upper, work].entries()) {
    const fd = openFolder(p, parent, basename(path))
    p.call('dup3', [fd, from + lowers.length + index, O_CLOEXEC])
    p.call('close', [fd])
  }
  p.call('close', [parent])
}

const mountData = ({ description: { lowers, upper, volatile }, style, from }: OverlayPlan): string =>
  [
    `lowerdir=${lowers.map((_, index) => from + index).join(':')}`,
    ...(upper === undefined ? [] : [`upperdir=${from + lowers.length}`, `workdir=${from + lowers.length + 1}`]),
    ...overlayOptions(style, upper !== undefined, volatile === true).map(([name, value]) =>
      value === undefined ? name : `${name}=${value}`,
    ),
  ].join(',')

/** One layer that nothing is written to: overlay would need two. */
const emitBind = (p: Program, { description: { lowers }, userns }: OverlayPlan): Cell => {
  p.during = `layer ${lowers[0]}`
  const fd = openFolder(p, AT_FDCWD, lowers[0]!)
  const tree = p.call('open_tree', [fd, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH], { name: 'root' })
  if (userns !== undefined) setAttributes(p, tree, { set: MOUNT_ATTR_IDMAP, userns })
  setAttributes(p, tree, { set: MOUNT_ATTR_RDONLY, propagation: MS_PRIVATE })
  p.call('close', [fd])
  return tree
}

/**
 * A detached mount. The program is in a mount namespace of its own, all of whose mounts are private, and may mount there; it keeps
 * its working directory. `become` emits what makes it the owner of what overlay will write, once all folders are open.
 */
export const emitOverlay = (p: Program, plan: OverlayPlan, become: () => void = () => {}): Cell => {
  const { description, from } = plan
  const { lowers, upper } = description
  if (lowers.length === 1 && upper === undefined) return emitBind(p, plan)
  emitLowers(p, plan)
  emitUpper(p, plan)
  p.during = 'overlay'
  const here = p.call('openat', [AT_FDCWD, '.', O_PATH | O_CLOEXEC, 0], { name: 'here' })
  p.call('chdir', ['/proc/self/fd'])
  become()
  p.call('mount', ['overlay', POINT, 'overlay', 0, mountData(plan)])
  const root = p.call('open_tree', [AT_FDCWD, POINT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC], { name: 'root' })
  p.call('umount2', [POINT, MNT_DETACH])
  p.call('fchdir', [here])
  p.call('close', [here])
  p.call('close_range', [from, from + lowers.length + 1, 0])
  if (description.readonly === true) setAttributes(p, root, { set: MOUNT_ATTR_RDONLY })
  return root
}
