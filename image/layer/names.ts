/** Names of entries, made clean; what could lead out of the layer is refused, not mended. */
import { shown } from './bytes.ts'
import { type LayerLimits, limitExceeded } from './limits.ts'
import { malformed } from './tar/malformed.ts'

/** Bytes of one name: NAME_MAX of linux/limits.h. */
const NAME_MAX = 255

/** Leading slashes, `.` and empty parts go, as everywhere; `..` is refused, though some tools mend it. The root is ''. */
export const cleanPath = (name: string, limits: LayerLimits, what = 'entry'): string => {
  if (name.length > limits.pathBytes) throw limitExceeded(limits, 'pathBytes', shown(name))
  const start = name.charCodeAt(0) === 0x2e && name.charCodeAt(1) === 0x2f ? 2 : 0
  const parts = name.slice(start).split('/')
  const kept: string[] = []
  for (const part of parts) {
    if (part === '' || part === '.') continue
    if (part === '..') throw malformed(`${what} ${shown(name)} has .. in its name, which is not taken`)
    // three bytes for a unit of UTF-16 at most
    if (part.length * 3 > NAME_MAX && Buffer.byteLength(part) > NAME_MAX)
      throw malformed(`${what} ${shown(name)}: a name in it is longer than ${NAME_MAX} bytes`)
    kept.push(part)
  }
  if (kept.length > limits.depth) throw limitExceeded(limits, 'depth', shown(name))
  const path = kept.join('/')
  if (path.length * 3 > limits.pathBytes && Buffer.byteLength(path) > limits.pathBytes)
    throw limitExceeded(limits, 'pathBytes', shown(name))
  if (path.includes('\0')) throw malformed(`${what} ${shown(name)} has a NUL in its name`)
  return path
}

/** '' for what is in the root. */
export const parentOf = (path: string): string => {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}

export const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)
