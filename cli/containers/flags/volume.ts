/** -v: `[SOURCE:]TARGET[:OPTION,…]`. */
import type { MountRequest } from '../request.ts'
import { bad } from './bad.ts'
import { applyOption, fieldsOf, newDraft } from './mount-options.ts'
import { hostPath, isHostPath, target, volumeName } from './paths.ts'

const FLAG = 'volume'
const KNOWN =
  'ro, rw, z, Z, nocopy, idmap[=…], rbind, bind, private, rprivate, shared, rshared, slave, rslave, and those of mount(8): nosuid, nodev, noexec, noatime …'

/** Of what has two parts the second is a target where it is a path: `/a:/b`, but `/b:ro`. */
const parts = (text: string): { source?: string; target: string; options: string } => {
  const split = text.split(':')
  if (split.length > 3)
    throw bad(FLAG, text, 'has too many colons: [SOURCE:]TARGET[:OPTIONS] is wanted (use --mount for paths that have colons)')
  const [first = '', second, options = ''] = split
  if (second === undefined) return { target: first, options: '' }
  if (split.length === 2 && !second.startsWith('/') && first.startsWith('/')) {
    if (second === '' || /^[.~]|\//.test(second))
      throw bad(FLAG, text, `has a target that is not absolute: ${second === '' ? 'it is empty' : second}`)
    return { target: first, options: second }
  }
  if (first === '') throw bad(FLAG, text, 'has no source before the colon: leave the colon away for a volume without a name')
  return { source: first, target: second, options }
}

/** Throws UsageError. @param cwd where relative sources begin */
export const readVolume = (text: string, cwd: string): MountRequest => {
  const { source, target: to, options } = parts(text)
  const draft = newDraft()
  for (const option of options === '' ? [] : options.split(','))
    if (!applyOption(FLAG, text, draft, option))
      throw bad(FLAG, text, `has the unknown option ${JSON.stringify(option)}; there are ${KNOWN}`)
  const fields = fieldsOf(draft)
  const at = target(FLAG, to)
  const bind = source !== undefined && isHostPath(source)
  if (bind) {
    if (draft.noCopy !== undefined)
      throw bad(FLAG, text, 'has nocopy or copy, which are for volumes: nothing is ever copied into a path of the machine')
    return { type: 'bind', source: hostPath(FLAG, source, cwd), target: at, ...fields, createSource: true }
  }
  if (draft.propagation !== undefined || draft.nonRecursive !== undefined)
    throw bad(FLAG, text, 'has an option of bind mounts, which a volume is not')
  return { type: 'volume', ...(source === undefined ? {} : { source: volumeName(FLAG, source) }), target: at, ...fields }
}
