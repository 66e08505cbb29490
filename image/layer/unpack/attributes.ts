/** Owner, mode, extended attributes and time of what was made, in the order that the kernel lets them stand: chown(2), capabilities(7). */
import { readFileSync } from 'node:fs'
import { errnoName } from '../../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { shown } from '../bytes.ts'
import type { Entry } from '../entry.ts'
import * as calls from './calls.ts'
import type { Folder } from './folders.ts'

const EPERM = 1
const EINVAL = 22
const EOPNOTSUPP = 95

/** What the process gives to new things by itself; it does not change while a layer is unpacked. */
export interface Own {
  readonly uid: number
  readonly gid: number
  readonly umask: number
  /** Not the machine’s first user namespace: some things are refused even to root. */
  readonly confined: boolean
}

export const own = (): Own => {
  const umask = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return {
    uid: process.geteuid!(),
    gid: process.getegid!(),
    // process.umask() is not for worker threads; unknown is taken for “withholds everything”
    umask: umask === undefined ? 0o777 : Number.parseInt(umask, 8),
    confined: !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8')),
  }
}

/** `chown` fails thus if there is no such id in this user namespace. */
export const explainOwner = (error: unknown, { path, uid, gid }: Entry): unknown =>
  error instanceof SyscallError && error.errno === EINVAL && error.syscall.startsWith('fchown')
    ? new WherryError(
        'failed-precondition',
        `layer: ${shown(path)} belongs to ${uid}:${gid}, which this user namespace has no id for: give the user more of them in /etc/subuid and /etc/subgid`,
        { cause: error },
      )
    : error

/** Default ACLs apply to what is made in a folder, so they have to come when all is in it. */
export const DEFAULT_ACL = 'system.posix_acl_default'

/** `setXattr` is one of calls.ts, bound to the thing. */
export const applyXattrs = (entry: Entry, { confined }: Own, set: (name: string, value: Uint8Array) => number): void => {
  for (const [name, value] of entry.xattrs) {
    if (name === DEFAULT_ACL) continue
    applyXattr(entry.path, name, value, confined, set)
  }
}

export const applyXattr = (
  path: string,
  name: string,
  value: Uint8Array,
  confined: boolean,
  set: (name: string, value: Uint8Array) => number,
): void => {
  const result = set(name, value)
  if (result >= 0) return
  // a file system without this kind of attribute keeps the rest, as with the peers; so does a user namespace for those of the machine’s root
  if (result === -EOPNOTSUPP) return
  if (result === -EPERM && confined) return
  // user.* is for files and folders, and an image that has it elsewhere was made where that was not so
  if (result === -EPERM && name.startsWith('user.')) return
  throw new WherryError(
    'invalid-argument',
    `layer: ${shown(path)}: extended attribute ${shown(name)} of ${value.length} bytes is refused: ${errnoName(-result)}`,
  )
}

/** True unless a new thing in `folder` has this owner already. */
const differs = ({ uid, gid }: Entry, folder: Folder, process: Own): boolean =>
  uid !== process.uid || gid !== process.gid || folder.gid !== process.gid

/**
 * Of what is open, and was made in `folder` with `mode`; a mode of -1 is unknown. Capabilities come behind owner and content, which take
 * them away; the time is the caller’s to set, at last.
 */
export const applyOpen = (fd: number, entry: Entry, folder: Folder, process: Own, mode: number): void => {
  const chown = mode === -1 || differs(entry, folder, process)
  if (chown) calls.changeOwner(fd, entry.uid, entry.gid, entry.path)
  if (mode !== entry.mode || (chown && (entry.mode & 0o6000) !== 0)) calls.changeMode(fd, entry.mode, entry.path)
  if (entry.xattrs.size > 0) applyXattrs(entry, process, (name, value) => calls.setXattr(fd, name, value))
}

/** Of what cannot be opened; with its time. */
export const applyNamed = (folder: Folder, name: string, entry: Entry, process: Own): void => {
  if (differs(entry, folder, process)) calls.changeOwnerAt(folder.fd, name, entry.uid, entry.gid)
  if (entry.type !== 'symlink') calls.changeModeAt(folder.fd, name, entry.mode)
  if (entry.xattrs.size > 0) applyXattrs(entry, process, (xattr, value) => calls.setXattrAt(folder.fd, name, xattr, value))
  calls.changeTimesAt(folder.fd, name, entry.mtime)
}
