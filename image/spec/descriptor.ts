/** image-spec descriptor.md. */
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, digestOf } from '../digest.ts'
import {
  digest,
  integer,
  invalid,
  join,
  type JsonObject,
  line,
  list,
  map,
  noLookalikes,
  object,
  optional,
  type Parse,
  required,
  text,
  wrong,
} from './field.ts'
import type { Descriptor, Platform } from './types.ts'

/** RFC 6838, section 4.2, without parameters. */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const MOST_URLS = 16

export const mediaType: Parse<string> = (value, path) => {
  if (typeof value !== 'string' || !MEDIA_TYPE.test(value)) throw wrong(path, 'a media type (type/subtype)', value)
  return value
}

export const annotations: Parse<Readonly<Record<string, string>>> = map(text)

/** Members of `from` with the names of `Platform`; an image config has them too. */
export const platformOf = (from: JsonObject, path: string): Platform => ({
  os: required(from, path, 'os', line),
  architecture: required(from, path, 'architecture', line),
  ...optional(from, path, 'variant', line),
  ...optional(from, path, 'os.version', line),
  ...optional(from, path, 'os.features', list(line)),
})

const platform: Parse<Platform> = (value, path) => platformOf(object(value, path), path)

const base64: Parse<Uint8Array> = (value, path) => {
  if (typeof value !== 'string' || !BASE64.test(value)) throw wrong(path, 'base64', value)
  return new Uint8Array(Buffer.from(value, 'base64'))
}

const NAMES = ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'artifactType', 'platform']

/** Content embedded as `data` is verified: throws `data-loss` where it has not the digest. */
export const descriptor: Parse<Descriptor> = (value, path) => {
  const from = object(value, path)
  noLookalikes(from, path, NAMES)
  const read: Descriptor = {
    mediaType: required(from, path, 'mediaType', mediaType),
    digest: required(from, path, 'digest', digest),
    size: required(from, path, 'size', integer(0, Number.MAX_SAFE_INTEGER)),
    ...optional(from, path, 'urls', list(line, MOST_URLS)),
    ...optional(from, path, 'annotations', annotations),
    ...optional(from, path, 'data', base64),
    ...optional(from, path, 'artifactType', mediaType),
    ...optional(from, path, 'platform', platform),
  }
  if (read.data === undefined) return read
  if (read.data.length !== read.size) throw invalid(join(path, 'data'), `has ${read.data.length} bytes, size says ${read.size}`)
  const actual = digestOf(read.data, algorithmOf(read.digest))
  if (actual !== read.digest) throw new WherryError('data-loss', `${join(path, 'data')}: has digest ${actual} instead of ${read.digest}`)
  return read
}
