/** Names of units and where their cgroups are: systemd.unit(5), systemd.slice(5). */
import { posix } from 'node:path'
import { InvalidField } from '../../errors.ts'

const FIELD = 'linux.cgroupsPath'

export interface UnitName {
  readonly slice: string
  readonly unit: string
}

/** Characters that systemd does not take in a name are written as systemd-escape(1) does: `\x2b`. */
const escapeName = (name: string): string =>
  name.replace(/[^A-Za-z0-9:_.@\\-]/g, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  )

/** The longest name of a unit. */
const LONGEST = 255

/**
 * The scope of a container: `slice:prefix:name` is `prefix-name.scope` in that slice. Without a path it is named after the
 * container, and where no slice is named it is in system.slice, of an unprivileged user in user.slice.
 */
export const unitName = (id: string, cgroupsPath: string | undefined, user: boolean): UnitName => {
  const parts = cgroupsPath === undefined || cgroupsPath === '' ? ['', 'wherry', id] : cgroupsPath.split(':')
  const [slice = '', prefix = '', name = ''] = parts
  if (parts.length !== 3 || name === '')
    throw new InvalidField(
      FIELD,
      `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${JSON.stringify(cgroupsPath)} instead`,
    )
  if (name.endsWith('.slice')) throw new InvalidField(FIELD, `${name} is a slice, which holds units and no processes: name a scope`)
  const unit = escapeName(`${prefix === '' ? '' : `${prefix}-`}${name}.scope`)
  if (unit.length > LONGEST)
    throw new InvalidField(FIELD, `the name of the unit has ${unit.length} characters, ${LONGEST} are allowed: ${unit}`)
  const parent = slice === '' ? `${user ? 'user' : 'system'}.slice` : slice
  slicePath(parent)
  return { slice: parent, unit }
}

/** The cgroup of a slice below its manager's: `a-b.slice` is `/a.slice/a-b.slice`, `-.slice` is `/`. */
export const slicePath = (slice: string): string => {
  const name = /^([A-Za-z0-9:_.@\\-]+)\.slice$/.exec(slice)?.[1]
  if (name === '-') return '/'
  const parts = name?.split('-')
  if (parts === undefined || parts.includes('')) throw new InvalidField(FIELD, `invalid slice name: ${JSON.stringify(slice)}`)
  return posix.join('/', ...parts.map((_, i) => `${parts.slice(0, i + 1).join('-')}.slice`))
}
