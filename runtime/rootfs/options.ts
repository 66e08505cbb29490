/**
 * The options of every overlay of ours, Documentation/filesystems/overlayfs.rst.
 *
 * - `index=off`, as containerd, docker and podman have it: an index ties an upper folder to its layers by file handles, for
 *   which all of them would have to be unchanged and on file systems that have handles; and it would make layers that several
 *   containers use at once an error. What is lost: hard links of a layer are broken when one of them is changed.
 * - `metacopy=off`: a file of a layer that says "my content is elsewhere" is not believed, and what is in an upper folder is
 *   whole, so that it can be read (a diff, an export) without an overlay.
 * - `redirect_dir=nofollow`: the same for folders: neither made nor followed, wherever an image has got the attribute from. A
 *   folder of a layer is then renamed by copying: rename(2) says EXDEV, which mv(1) and the like expect.
 * - xino, nfs_export, uuid are left to the kernel: layers lie on one file system, where inode numbers are right without xino.
 */
import type { OverlayStyle } from './types.ts'

/** Name and value; without a value a flag. */
export type OverlayOption = readonly [name: string, value?: string]

export const overlayOptions = (style: OverlayStyle, writable: boolean, volatile: boolean): readonly OverlayOption[] => [
  ['redirect_dir', 'nofollow'],
  ['metacopy', 'off'],
  // before Linux 6.7 an index option without an upper folder is worth a line in the kernel's log each time
  ...(writable ? ([['index', 'off']] as const) : []),
  ...(style === 'user' ? ([['userxattr']] as const) : []),
  ...(volatile ? ([['volatile']] as const) : []),
]
