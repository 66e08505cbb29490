/** runtime-spec, config.md "Specification version". */
import { type Parse, wrong } from './field.ts'

/** The version of the spec that this engine implements. */
export const OCI_VERSION = '1.2.1'
export const OCI_VERSION_MIN = '1.0.0'

const VERSION_1 = /^1\.\d{1,9}(\.\d{1,9})?(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$/

/** Any 1.x, whatever its suffix: the spec keeps what it has within a major version. */
export const ociVersion: Parse<string> = (value, path) => {
  if (typeof value !== 'string' || !VERSION_1.test(value))
    throw wrong(path, `a version 1.x.y of the runtime-spec (such as ${OCI_VERSION})`, value)
  return value
}
