/** Detached mounts made by this process: fsopen(2), fsconfig(2), fsmount(2), open_tree(2). The mount table is not touched. */
import { closeSync } from 'node:fs'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_SIZE_VER0,
  MS_PRIVATE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/abi/mount.ts'
import { SyscallError } from '../sys/error.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { lowerName, withFolders } from './folders.ts'
import { openContext } from './kernel.ts'
import { overlayOptions } from './options.ts'
import type { OverlayStyle, RootfsDescription } from './types.ts'

/** struct mount_attr. */
export const mountAttr = (set: number, propagation = 0, userns = 0): Uint8Array => {
  const attr = Buffer.alloc(MOUNT_ATTR_SIZE_VER0)
  for (const [index, word] of [set, 0, propagation, userns].entries()) attr.writeBigUInt64LE(BigInt(word), index * 8)
  return attr
}

/** What the kernel says about a failure: `e overlay: …` one line each, fsopen(2). */
const messagesOf = (context: number): string | undefined => {
  const lines: string[] = []
  const bytes = Buffer.alloc(1024)
  for (;;) {
    const length = trySyscall('read', context, bytes, bytes.length)
    if (length <= 0) break
    lines.push(
      bytes
        .toString('utf8', 0, length)
        .replace(/^[ewi] /, '')
        .trim(),
    )
  }
  return lines.length === 0 ? undefined : lines.join(', ')
}

/** Sets an option; a failure is told with the kernel's words. `shown` stands for the value, which may be but a number of ours. */
const configure = (context: number, command: number, key: string, value: string | number, shown = String(value)): void => {
  const result = trySyscall('fsconfig', context, command, key, value, 0)
  if (result >= 0) return
  const said = messagesOf(context)
  throw new SyscallError('fsconfig', -result, {
    args: [command === FSCONFIG_SET_FLAG ? key : `${key}=${shown}`],
    ...(said === undefined ? {} : { hint: said }),
  })
}

/**
 * By a kernel that appends layers. Folders are named by descriptors: neither the length of a path nor its colons, commas or
 * backslashes matter, and no link can be put in its place.
 */
export const overlayHere = (description: RootfsDescription, style: OverlayStyle): number =>
  withFolders((open) => {
    const { lowers, upper, work, volatile } = description
    const folders = lowers.map((path, index) => ({ key: 'lowerdir+', path, fd: open(path, lowerName(index, lowers.length)) })).reverse()
    if (upper !== undefined && work !== undefined)
      folders.push(
        { key: 'upperdir', path: upper, fd: open(upper, 'upper folder') },
        { key: 'workdir', path: work, fd: open(work, 'work folder') },
      )
    const context = openContext()
    try {
      for (const { key, path, fd } of folders) configure(context, FSCONFIG_SET_STRING, key, `/proc/self/fd/${fd}`, path)
      for (const [name, value] of overlayOptions(style, upper !== undefined, volatile === true))
        configure(context, value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, name, value ?? 0)
      const result = trySyscall('fsconfig', context, FSCONFIG_CMD_CREATE, 0, 0, 0)
      if (result < 0) {
        const said = messagesOf(context)
        throw new SyscallError('fsconfig', -result, {
          args: ['FSCONFIG_CMD_CREATE', 'overlay'],
          ...(said === undefined ? {} : { hint: said }),
        })
      }
      return syscall('fsmount', [context, FSMOUNT_CLOEXEC, 0])
    } finally {
      closeSync(context)
    }
  })

/** A read-only copy of the one layer there is: overlay without an upper folder needs two. */
export const bindHere = ({ lowers: [lower] }: RootfsDescription): number =>
  withFolders((open) => {
    const fd = open(lower!, lowerName(0, 1))
    const tree = syscall('open_tree', [fd, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH])
    try {
      syscall('mount_setattr', [tree, '', AT_EMPTY_PATH, mountAttr(MOUNT_ATTR_RDONLY, MS_PRIVATE), MOUNT_ATTR_SIZE_VER0])
      return tree
    } catch (error) {
      closeSync(tree)
      throw error
    }
  })
