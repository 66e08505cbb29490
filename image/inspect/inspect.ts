/** `wherry image inspect`: the fields that docker’s and podman’s have, with the same names. */
import { familiar, familiarRepository, parseReference } from '../reference.ts'
import type { Digest } from '../digest.ts'
import { parseJson } from '../spec/json.ts'
import type { History } from '../spec/types.ts'
import type { StoredImage } from '../store/types.ts'
import type { InspectedImage } from './image.ts'

export interface ImageInspect {
  readonly Id: Digest
  readonly Digest: Digest
  readonly ManifestType: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Parent: string
  readonly Comment: string
  readonly Created: string
  readonly DockerVersion: string
  readonly Author: string
  /** As the config has it: Env, Cmd, Labels … */
  readonly Config: Readonly<Record<string, unknown>>
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly OsVersion?: string
  /** Bytes of the files of all layers; of a layer that is not unpacked, of its blob. */
  readonly Size: number
  readonly VirtualSize: number
  readonly GraphDriver: { readonly Name: 'overlay'; readonly Data: Readonly<Record<string, string>> }
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly Digest[] }
  readonly Metadata: { readonly LastTagTime: string }
  readonly History: readonly History[]
}

const ZERO_TIME = '0001-01-01T00:00:00Z'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const string = (from: Readonly<Record<string, unknown>>, key: string): string => {
  const value = Object.hasOwn(from, key) ? from[key] : undefined
  return typeof value === 'string' ? value : ''
}

/** Go’s overlay driver: the highest layer is the upper one. */
const graphData = ({ layers }: InspectedImage): Readonly<Record<string, string>> => {
  const roots = layers.flatMap(({ root }) => root ?? []).reverse()
  if (roots.length === 0 || roots.length < layers.length) return {}
  const [upper, ...lower] = roots
  return { ...(lower.length === 0 ? {} : { LowerDir: lower.join(':') }), UpperDir: upper! }
}

/** `entries`: what the store has of the same id, which is where names and digests come from. */
export const inspectImage = (image: InspectedImage, entries: readonly StoredImage[] = []): ImageInspect => {
  const { config } = image
  const parsed = parseJson(image.configBytes, `${image.name}: config`)
  const raw = isObject(parsed) ? parsed : {}
  const rawConfig = isObject(raw['config']) ? raw['config'] : {}
  const size = image.layers.reduce((sum, { unpackedSize, descriptor }) => sum + (unpackedSize ?? descriptor.size), 0)
  const pulled = entries.flatMap((entry) => entry.pulled ?? []).sort((a, b) => b.getTime() - a.getTime())[0]
  return {
    Id: image.id,
    Digest: image.manifestDescriptor.digest,
    RepoTags: unique(entries.flatMap(({ name }) => (name === undefined || name.includes('@') ? [] : familiar(parseReference(name))))),
    RepoDigests: unique(
      entries.flatMap(({ repository, digest }) =>
        repository === undefined ? [] : `${familiarRepository(parseReference(repository))}@${digest}`,
      ),
    ),
    Parent: string(raw, 'parent'),
    Comment: config.history.at(-1)?.comment ?? string(raw, 'comment'),
    Created: config.created ?? ZERO_TIME,
    DockerVersion: string(raw, 'docker_version'),
    Author: config.author ?? '',
    Config: rawConfig,
    Labels: config.config.Labels ?? null,
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: size,
    VirtualSize: size,
    GraphDriver: { Name: 'overlay', Data: graphData(image) },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: pulled?.toISOString() ?? ZERO_TIME },
    ManifestType: image.manifestDescriptor.mediaType,
    History: config.history,
  }
}

const unique = (values: readonly string[]): string[] => [...new Set(values)]
