/** `WorkingDir` of an image’s config, made where it is missing, beneath the root and nowhere else. */
import { closeSync, fchmodSync, fstatSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH, syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { tryOpenInRoot } from './in-root.ts'
import { quoted } from '../spec/printable.ts'

const MODE = 0o755
/** path_resolution(7). */
const MOST_LINKS = 40
const PATH_MAX = 4096

/** Components of a path as the kernel goes through them; `..` is for it to resolve. */
const componentsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.')

const openFolder = (root: number, components: readonly string[]): number =>
  tryOpenInRoot(root, `/${components.join('/')}`, O_DIRECTORY[ARCH])

/** What the link `name` in `parent` says; undefined if it is no link. */
const readLink = (parent: number, name: string): string | undefined => {
  const buffer = Buffer.alloc(PATH_MAX)
  const length = trySyscall('readlinkat', parent, name, buffer, buffer.length)
  if (length === -ERRNO.EINVAL) return undefined
  if (length < 0) throw new SyscallError('readlinkat', -length, { args: [name] })
  return buffer.toString('utf8', 0, length)
}

const make = (parent: number, name: string, path: string): 'made' | 'there' => {
  const result = trySyscall('mkdirat', parent, name, MODE)
  if (result === -ERRNO.EEXIST) return 'there'
  if (result < 0)
    throw new SyscallError('mkdirat', -result, {
      args: [path],
      ...(result === -ERRNO.EROFS ? { hint: 'the working directory is missing in the image and the root filesystem is read-only' } : {}),
    })
  // the mode as it is to be, whatever our umask
  const fd = syscall('openat', [parent, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH]])
  try {
    if (fstatSync(fd).isDirectory()) fchmodSync(fd, MODE)
  } finally {
    closeSync(fd)
  }
  return 'made'
}

/**
 * Makes the folder `path` of the root filesystem whose folder `root` is a descriptor of, 0755 and of whoever we are; links, also dangling
 * ones, are followed as seen from the root. True if something was made. Throws `failed-precondition` where something else is in the way.
 */
export const makeWorkingFolder = (root: number, path: string): boolean => {
  let components = componentsOf(path)
  const blocked = (why: string): WherryError => new WherryError('failed-precondition', `working directory ${quoted(path, 200)}: ${why}`)
  let made = false
  let links = 0
  for (let done = 0; done < components.length; ) {
    const prefix = components.slice(0, done + 1)
    const fd = openFolder(root, prefix)
    if (fd >= 0) {
      closeSync(fd)
      done++
      continue
    }
    if (fd === -ERRNO.ENOTDIR) throw blocked(`/${prefix.join('/')} of the image is no folder`)
    if (fd === -ERRNO.ELOOP) throw blocked('its links go in circles, or through /proc')
    if (fd !== -ERRNO.ENOENT) throw new SyscallError('openat2', -fd, { args: [path] })
    const parent = openFolder(root, components.slice(0, done))
    if (parent < 0) throw blocked('it changed while it was being made')
    try {
      const name = components[done]!
      if (make(parent, name, path) === 'made') {
        made = true
        done++
        continue
      }
      const link = readLink(parent, name)
      if (++links > MOST_LINKS) throw blocked('has too many links')
      // somebody else made it just now
      if (link === undefined) continue
      const rest = components.slice(done + 1)
      components = link.startsWith('/') ? [...componentsOf(link), ...rest] : [...components.slice(0, done), ...componentsOf(link), ...rest]
      if (components.join('/').length > PATH_MAX) throw blocked('has links too long')
      done = 0
    } finally {
      closeSync(parent)
    }
  }
  return made
}
