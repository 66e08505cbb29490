/** Options of the driver `local`, as docker’s: `type`, `device` and `o` of mount(8). */
import { WherryError } from '../../../runtime/errors.ts'
import { parseMountOptions } from '../../../runtime/spec/mount-options.ts'
import { MS_BIND, MS_REC } from '../../../runtime/sys/abi/mount.ts'

export type Backing =
  | { readonly kind: 'folder' }
  /** A folder of the machine in the place of one of ours. */
  | { readonly kind: 'bind'; readonly path: string }
  | { readonly kind: 'mount'; readonly type: string; readonly device: string; readonly flags: number; readonly data: string }

const bad = (problem: string): WherryError => new WherryError('invalid-argument', `volume options: ${problem}`)

const KNOWN = ['type', 'device', 'o']

/** Throws `invalid-argument`. */
export const backingOf = (options: Readonly<Record<string, string>>): Backing => {
  for (const [key, value] of Object.entries(options)) {
    if (!KNOWN.includes(key)) throw bad(`${JSON.stringify(key)} is none of ${KNOWN.join(', ')}`)
    if (/[\0-\x1f\x7f]/.test(value)) throw bad(`${key} has control characters`)
  }
  const { type = '', device = '', o = '' } = options
  if (type === '' && device === '' && o === '') return { kind: 'folder' }
  const { flags, data } = parseMountOptions(o.split(',').filter((option) => option !== ''))
  if ((flags & MS_BIND) !== 0 || type === 'bind') {
    if (!device.startsWith('/')) throw bad(`device ${JSON.stringify(device)} is no absolute path, and o=bind needs one`)
    const others = flags & ~(MS_BIND | MS_REC)
    if (others !== 0 || data.length > 0)
      throw bad(`o=${o}: of a bind mount only bind and rbind can be said here; say ro and others where the volume is mounted`)
    return { kind: 'bind', path: device }
  }
  if (type === '' || type === 'none')
    throw bad('type is missing: one of a file system (tmpfs, nfs …), or o=bind with a folder as the device')
  if (device === '') throw bad('device is missing: for type=tmpfs it is tmpfs, else what is to be mounted')
  return { kind: 'mount', type, device, flags, data: data.join(',') }
}
