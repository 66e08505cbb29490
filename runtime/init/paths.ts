/** Masked and read-only paths: below the container's own mounts, after the root is in place. */
import type { Program } from '../program/assembler.ts'
import type { Cell, Operand } from '../program/operand.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import {
  AT_RECURSIVE,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/abi/mount.ts'
import { S_IFDIR } from '../sys/abi/stat.ts'
import { openNull } from './devices.ts'
import { newFileSystem } from './file-system.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { branchOnType, openInRoot, relative } from './resolve.ts'
import { PAGE_WORDS } from './sync.ts'
import { attach } from './sources.ts'
import { setAttributes } from './set-attributes.ts'

/** A detached copy of the mount whose root (or a file in which) is `fd`. */
const cloneOf = (p: Program, fd: Operand, recursive: boolean) =>
  p.call('open_tree', [fd, '', AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)])

/** What is missing stays missing: a path may be of another kernel (runtime-spec 1.2, "Masked Paths"). */
const eachPresent = (p: Program, root: Operand, paths: readonly string[], field: string, body: (target: Cell) => void): void => {
  p.during = field
  const item = p.shared(PAGE_WORDS.item, 'path')
  p.each(
    paths.map((path) => `/${relative(path)}`),
    item,
    (next) => {
      const target = openInRoot(p, root, item, { tolerate: { ENOENT: next, ENOTDIR: next }, name: 'target' })
      body(target)
      p.call('close', [target])
    },
  )
}

export const emitReadonlyPaths = ({ p, plan }: Emit<ContainerPlan>, root: Operand): void =>
  eachPresent(p, root, plan.spec.linux.readonlyPaths ?? [], 'linux.readonlyPaths', (target) => {
    const fd = cloneOf(p, target, true)
    setAttributes(p, fd, { set: MOUNT_ATTR_RDONLY })
    attach(p, fd, target)
    p.call('close', [fd])
  })

/** Files are covered by the container's /dev/null, folders by an empty read-only tmpfs. */
export const emitMaskedPaths = (emit: Emit<ContainerPlan>, root: Operand): void => {
  const { p, plan } = emit
  const paths = plan.spec.linux.maskedPaths ?? []
  if (paths.length === 0) return
  p.during = 'linux.maskedPaths'
  const nothing = openNull(emit, root)
  // the first folder's tmpfs is attached there and copied for the others
  const empty = newFileSystem(p, { source: 'tmpfs', type: 'tmpfs', flags: 0, data: 'nr_blocks=1,nr_inodes=1' })
  setAttributes(p, empty, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC })
  const used = p.cell('used')
  const cover = p.cell('cover')
  eachPresent(p, root, paths, 'linux.maskedPaths', (target) => {
    const folder = p.label()
    const first = p.label()
    const done = p.label()
    p.copy(nothing, cover)
    branchOnType(p, target, S_IFDIR, { equal: folder })
    const copy = p.label()
    p.place(copy)
    const fd = p.call('open_tree', [cover, '', AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC])
    attach(p, fd, target)
    p.call('close', [fd])
    p.jump(done)
    p.place(folder)
    p.copy(empty, cover)
    p.compare(used, 0, { equal: first, otherwise: copy })
    p.place(first)
    attach(p, empty, target)
    p.set(used, 1)
    p.place(done)
  })
}
