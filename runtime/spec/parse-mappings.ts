/** runtime-spec 1.2, config-linux.md "User namespace mappings"; the rules are those of user_namespaces(7) for uid_map. */
import { InvalidField } from '../errors.ts'
import { id, integer, list, object, type Parse, required } from './field.ts'
import type { LinuxIDMapping } from './types.ts'

/** UID_GID_MAP_MAX_EXTENTS. */
const MAX_LINES = 340
const END = 2 ** 32 - 1

const size = integer(1, END)

const mapping: Parse<LinuxIDMapping> = (value, path) => {
  const from = object(value, path)
  const parsed = {
    containerID: required(from, path, 'containerID', id),
    hostID: required(from, path, 'hostID', id),
    size: required(from, path, 'size', size),
  }
  for (const key of ['containerID', 'hostID'] as const)
    if (parsed[key] + parsed.size > END)
      throw new InvalidField(`${path}.size`, `must not reach beyond id ${END - 1}: ${key} ${parsed[key]} with size ${parsed.size}`)
  return parsed
}

const overlap = (a: LinuxIDMapping, b: LinuxIDMapping, key: 'containerID' | 'hostID'): boolean =>
  a[key] < b[key] + b.size && b[key] < a[key] + a.size

const lines = list(mapping)

export const idMappings: Parse<readonly LinuxIDMapping[]> = (value, path) => {
  const mappings = lines(value, path)
  if (mappings.length > MAX_LINES) throw new InvalidField(path, `must not have more than ${MAX_LINES} entries, has ${mappings.length}`)
  for (const [index, one] of mappings.entries())
    for (let before = 0; before < index; before++)
      for (const key of ['containerID', 'hostID'] as const) {
        const other = mappings[before]
        if (other !== undefined && overlap(one, other, key))
          throw new InvalidField(
            `${path}[${index}].${key}`,
            `must not overlap: ${one[key]} with size ${one.size} overlaps ${path}[${before}], ${other[key]} with size ${other.size}`,
          )
      }
  return mappings
}

/** Whether id `id` of the container stands for one of the host. */
export const isMapped = (id: number, mappings: readonly LinuxIDMapping[]): boolean =>
  mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size)
