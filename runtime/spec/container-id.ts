import { WherryError } from '../errors.ts'
import { show } from './field.ts'

/** An id names a directory: NAME_MAX. */
const MAX = 255
const ALLOWED = /^[A-Za-z0-9_+.-]+$/

/** The id, if it is one: letters, digits, `_`, `+`, `-` and `.` (runc's rule), not `.` or `..`. Throws WherryError `invalid-argument`. */
export const parseContainerId = (id: string): string => {
  if (id === '') throw new WherryError('invalid-argument', 'container id cannot be empty')
  if (id.length > MAX) throw new WherryError('invalid-argument', `container id must not be longer than ${MAX} characters, has ${id.length}`)
  if (id === '.' || id === '..' || !ALLOWED.test(id))
    throw new WherryError(
      'invalid-argument',
      `invalid container id format: ${show(id)} (letters, digits, _ + - . are allowed, but not . or .. alone)`,
    )
  return id
}
