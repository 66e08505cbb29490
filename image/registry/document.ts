/** Manifests and indexes: distribution-spec, "Pulling manifests". */
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, type Digest, digestOf, parseDigest } from '../digest.ts'
import type { Document } from '../source.ts'
import { bareType, DOCUMENT_TYPES, isIndexType, isManifestType, isSchema1Type, OCI_INDEX, OCI_MANIFEST } from '../spec/media-types.ts'
import type { Client } from './client.ts'
import { type Asked, corrupt, RegistryError, where } from './failure.ts'
import type { Patience } from './patience.ts'
import { clean } from './words.ts'

/** Bytes: what registries and clients agree on. */
export const LARGEST_DOCUMENT = 4 * 1024 * 1024

const ACCEPT = DOCUMENT_TYPES.join(', ')
/** What servers say that do not know what they have; the document itself must say it. */
const VAGUE = ['', 'application/json', 'text/plain', 'application/octet-stream', 'binary/octet-stream']

const known = (mediaType: string): boolean => isManifestType(mediaType) || isIndexType(mediaType)

const schema1 = ({ endpoint, thing }: Asked): RegistryError =>
  new RegistryError(
    'unsupported',
    `${where(endpoint)}: ${thing}: is a manifest of schema 1, which is out of use since 2016: have the image pushed again by a tool of today`,
    endpoint.registry,
  )

/** The type that the document says it has; for one without a type, what its form says. */
const statedType = (asked: Asked, bytes: Uint8Array): { stated: string | undefined; form: string | undefined } => {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch {
    throw corrupt(asked, 'is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(asked, 'is not a JSON object')
  const { mediaType, schemaVersion, manifests, layers, config } = value as Readonly<Record<string, unknown>>
  if (schemaVersion === 1) throw schema1(asked)
  if (mediaType !== undefined && typeof mediaType !== 'string') throw corrupt(asked, 'its mediaType is not a string')
  const isIndex = manifests !== undefined
  const isManifest = layers !== undefined || config !== undefined
  if (isIndex && isManifest) throw corrupt(asked, 'has both "manifests" and "layers" or "config": it could be taken for either')
  return { stated: mediaType === '' ? undefined : mediaType, form: isIndex ? OCI_INDEX : isManifest ? OCI_MANIFEST : undefined }
}

/** Content-Type and document agree on what it is, or one of them says nothing. */
export const typeOf = (asked: Asked, contentType: string | null, bytes: Uint8Array): string => {
  const header = bareType(contentType ?? '')
  if (isSchema1Type(header)) throw schema1(asked)
  if (!known(header) && !VAGUE.includes(header))
    throw corrupt(
      asked,
      `is ${JSON.stringify(clean(header, 80))} and no manifest: check that ${asked.endpoint.registry} is a container registry`,
    )
  const { stated, form } = statedType(asked, bytes)
  if (stated !== undefined && !known(stated))
    throw corrupt(asked, `has the type ${JSON.stringify(clean(stated, 80))}, which is that of no image`)
  if (known(header) && stated !== undefined && stated !== header)
    throw corrupt(asked, `is sent as ${header}, but says that it is ${stated}`)
  const mediaType = known(header) ? header : (stated ?? form)
  if (mediaType === undefined) throw corrupt(asked, 'is neither a manifest nor an index')
  if (form !== undefined && isIndexType(mediaType) !== isIndexType(form))
    throw corrupt(asked, `is sent as ${mediaType}, but has the form of ${isIndexType(form) ? 'an index' : 'a manifest'}`)
  return mediaType
}

/** What the registry says the digest is; never trusted, but it must not be another one. */
const statedDigest = (asked: Asked, header: string | null): Digest | undefined => {
  if (header === null || header === '') return undefined
  try {
    return parseDigest(header, 'Docker-Content-Digest')
  } catch (cause) {
    if (cause instanceof WherryError) throw corrupt(asked, `${asked.endpoint.registry} states no proper digest: ${cause.message}`, cause)
    throw cause
  }
}

const checkDigests = (asked: Asked, bytes: Uint8Array, wanted: Digest | undefined, stated: Digest | undefined): Digest => {
  const actual = digestOf(bytes, wanted === undefined ? 'sha256' : algorithmOf(wanted))
  if (wanted !== undefined && actual !== wanted)
    throw corrupt(
      asked,
      `${asked.endpoint.registry} sent ${actual} (${bytes.length} bytes) instead: the registry, or something on the way, is broken or lies`,
    )
  if (stated !== undefined && digestOf(bytes, algorithmOf(stated)) !== stated)
    throw corrupt(
      asked,
      `${asked.endpoint.registry} sent ${actual} (${bytes.length} bytes) and calls it ${stated}: it was altered on the way, or the registry is broken`,
    )
  return actual
}

export interface Named {
  /** A tag or a digest. */
  readonly reference: string
  /** The digest that the document must have. */
  readonly digest: Digest | undefined
}

const asks = (client: Client, { reference }: Named, signal: AbortSignal | undefined) => {
  const { endpoint } = client
  return {
    asked: { endpoint, thing: `manifest ${reference}` },
    at: `${endpoint.repository}/manifests/${reference}`,
    headers: { Accept: ACCEPT },
    expect: [200],
    scopes: [`repository:${endpoint.repository}:pull`],
    signal,
  }
}

/** Throws RegistryError, and what was cancelled with. */
export const fetchDocument = async (
  client: Client,
  named: Named,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<Document> => {
  const ask = { ...asks(client, named, signal), method: 'GET' } as const
  const { asked } = ask
  const { received, bytes } = await client.fetch(ask, LARGEST_DOCUMENT, patience)
  if (bytes === undefined) throw corrupt(asked, `has more than the ${LARGEST_DOCUMENT} bytes that a manifest may have`)
  const coding = received.headers.get('content-encoding')
  if (coding !== null && !/^\s*(?:identity)?\s*$/i.test(coding))
    throw corrupt(asked, `is sent with content encoding ${JSON.stringify(clean(coding, 60))}, which nobody asked for`)
  const digest = checkDigests(asked, bytes, named.digest, statedDigest(asked, received.headers.get('docker-content-digest')))
  return { mediaType: typeOf(asked, received.headers.get('content-type'), bytes), digest, bytes }
}

/** The digest that the registry gives for the name, by HEAD: a hint for whether to fetch. Undefined where it does not say. */
export const headDocument = async (
  client: Client,
  named: Named,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<Digest | undefined> => {
  const ask = { ...asks(client, named, signal), method: 'HEAD', expect: [200, 405, 501] } as const
  const received = await client.request(ask, patience)
  received.drop()
  if (received.status !== 200) return undefined
  const stated = statedDigest(ask.asked, received.headers.get('docker-content-digest'))
  if (isSchema1Type(bareType(received.headers.get('content-type') ?? ''))) throw schema1(ask.asked)
  return stated
}
