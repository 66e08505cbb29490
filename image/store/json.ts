/** Looking into JSON whose shape nobody has promised: documents of hostile images, files that were edited by hand. */
import { type Digest, parseDigest } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined for what is no JSON object. */
export const parseObject = (text: string): JsonObject | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isObject(value) ? value : undefined
}

export const stringIn = (object: JsonObject, key: string): string | undefined => {
  const value = Object.hasOwn(object, key) ? object[key] : undefined
  return typeof value === 'string' ? value : undefined
}

export const listIn = (object: JsonObject, key: string): readonly unknown[] => {
  const value = Object.hasOwn(object, key) ? object[key] : undefined
  return Array.isArray(value) ? value : []
}

export const digestFromJson = (value: unknown): Digest | undefined => {
  if (typeof value !== 'string') return undefined
  try {
    return parseDigest(value)
  } catch {
    return undefined
  }
}

/** Undefined for what is no descriptor. Only strings of `annotations` are taken. */
export const descriptorFromJson = (value: unknown): Descriptor | undefined => {
  if (!isObject(value)) return undefined
  const digest = digestFromJson(value['digest'])
  const mediaType = stringIn(value, 'mediaType')
  const size = value['size']
  if (digest === undefined || mediaType === undefined || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    return undefined
  const annotations = isObject(value['annotations'])
    ? Object.fromEntries(Object.entries(value['annotations']).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
    : undefined
  const platform = value['platform']
  const os = isObject(platform) ? stringIn(platform, 'os') : undefined
  const architecture = isObject(platform) ? stringIn(platform, 'architecture') : undefined
  const variant = isObject(platform) ? stringIn(platform, 'variant') : undefined
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations }),
    ...(os === undefined || architecture === undefined
      ? {}
      : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }),
  }
}
