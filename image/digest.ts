/** Content addresses: OCI image-spec descriptor.md, "Digests". */
import type { Hash } from 'node:crypto'
import { WherryError } from '../runtime/errors.ts'
import { quoted } from './spec/printable.ts'

/** Loaded when something is hashed: it takes longer than most commands that only look. */
const createHash = (algorithm: string): Hash => process.getBuiltinModule('node:crypto').createHash(algorithm)

declare const checked: unique symbol

export type DigestAlgorithm = 'sha256' | 'sha512'

/** `sha256:…` in its one canonical spelling. Only what was parsed is one, so it may stand in a path. */
export type Digest = string & { readonly [checked]: true }

/** Characters of the encoded part, per registered algorithm. */
const LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }

/** Throws `invalid-argument`; `what` names the place it was found in: `layers[2].digest`. */
export const parseDigest = (text: string, what = 'digest'): Digest => {
  const [, algorithm, encoded] = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? []
  if (algorithm === undefined || encoded === undefined)
    throw new WherryError('invalid-argument', `${what}: ${quoted(text, 200)} is no digest: sha256: and 64 hexadecimal digits are wanted`)
  if (!Object.hasOwn(LENGTHS, algorithm))
    throw new WherryError('unsupported', `${what}: digest algorithm ${algorithm} is not supported: sha256 and sha512 are`)
  const length = LENGTHS[algorithm as DigestAlgorithm]
  if (encoded.length !== length || !/^[0-9a-f]+$/.test(encoded))
    throw new WherryError(
      'invalid-argument',
      `${what}: ${quoted(text, 200)} is not ${length} lower-case hexadecimal digits behind ${algorithm}:`,
    )
  return text as Digest
}

export const algorithmOf = (digest: Digest): DigestAlgorithm => digest.slice(0, digest.indexOf(':')) as DigestAlgorithm

/** The part behind the algorithm. */
export const encodedOf = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1)

/** A hash to feed; compare with `digestFrom`. */
export const hasherFor = (digest: Digest): Hash => createHash(algorithmOf(digest))

/** Ends the hash. */
export const digestFrom = (algorithm: DigestAlgorithm, hash: Hash): Digest => `${algorithm}:${hash.digest('hex')}` as Digest

export const digestOf = (bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest =>
  digestFrom(algorithm, createHash(algorithm).update(bytes))
