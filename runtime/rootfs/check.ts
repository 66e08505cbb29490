/** What can be wrong with a description by itself, before anything is looked at. */
import { dirname, isAbsolute, resolve } from 'node:path'
import { InvalidField } from '../errors.ts'
import type { RootfsDescription } from './types.ts'

/** OVL_MAX_STACK of the kernel. */
export const MOST_LOWERS = 500

const checkPath = (path: string, field: string): void => {
  if (!isAbsolute(path)) throw new InvalidField(field, `must be an absolute path: ${JSON.stringify(path)}`)
  if (path.includes('\0')) throw new InvalidField(field, `has a NUL byte: ${JSON.stringify(path)}`)
}

type Check = (description: RootfsDescription) => void

const CHECKS: readonly Check[] = [
  ({ lowers }) => {
    if (lowers.length === 0) throw new InvalidField('rootfs.lowers', 'must have at least one layer')
  },
  ({ lowers }) => {
    if (lowers.length > MOST_LOWERS)
      throw new InvalidField(
        'rootfs.lowers',
        `${lowers.length} layers: overlay takes at most ${MOST_LOWERS}; make an image of fewer layers (squash it)`,
      )
  },
  ({ lowers }) => {
    for (const [index, path] of lowers.entries()) checkPath(path, `rootfs.lowers[${index}]`)
  },
  ({ lowers }) => {
    const seen = new Map<string, number>()
    for (const [index, path] of lowers.entries()) {
      const first = seen.get(resolve(path))
      if (first !== undefined) throw new InvalidField(`rootfs.lowers[${index}]`, `is the same folder as lowers[${first}]: ${path}`)
      seen.set(resolve(path), index)
    }
  },
  ({ upper, work }) => {
    if ((upper === undefined) !== (work === undefined))
      throw new InvalidField(upper === undefined ? 'rootfs.upper' : 'rootfs.work', 'upper and work go together: give both or neither')
    if (upper === undefined || work === undefined) return
    checkPath(upper, 'rootfs.upper')
    checkPath(work, 'rootfs.work')
    if (resolve(upper) === resolve(work) || dirname(resolve(upper)) !== dirname(resolve(work)))
      throw new InvalidField('rootfs.work', `must be a folder beside upper: ${work} is not beside ${upper}`)
  },
  ({ upper, volatile, size }) => {
    if (upper === undefined && volatile === true) throw new InvalidField('rootfs.volatile', 'needs an upper folder')
    if (upper === undefined && size !== undefined) throw new InvalidField('rootfs.size', 'needs an upper folder')
    if (size !== undefined && (!Number.isSafeInteger(size) || size < 1))
      throw new InvalidField('rootfs.size', `must be a number of bytes above 0: ${size}`)
  },
]

/** Its paths without a slash at the end, which would have a symbolic link followed. Throws InvalidField. */
export const checkedRootfs = (description: RootfsDescription): RootfsDescription => {
  for (const check of CHECKS) check(description)
  const { lowers, upper, work, ...others } = description
  return {
    ...others,
    lowers: lowers.map((path) => resolve(path)),
    ...(upper === undefined || work === undefined ? {} : { upper: resolve(upper), work: resolve(work) }),
  }
}
