/** An image as ListImages and ImageStatus say it. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { parseReference } from '../../image/reference.ts'
import type { StoredImage } from '../../image/store/types.ts'
import { type Image, ImageSchema } from '../api/api_pb.js'
import type { ImageGroup } from './lookup.ts'

const isTag = (name: string): boolean => parseReference(name).tag !== undefined

const unique = (texts: readonly string[]): string[] => [...new Set(texts)].sort()

export const tagsOf = ({ entries }: ImageGroup): string[] =>
  unique(entries.flatMap(({ name }) => (name !== undefined && isTag(name) ? [name] : [])))

const repoDigest = ({ repository, digest }: StoredImage): string[] => (repository === undefined ? [] : [`${repository}@${digest}`])

export const digestsOf = ({ entries }: ImageGroup): string[] => unique(entries.flatMap(repoDigest))

/** ContainerStatus.image_ref: as it can be pulled again, preferably by the name that was asked for. */
export const refOf = (group: ImageGroup, entry: StoredImage | undefined): string =>
  (entry === undefined ? undefined : repoDigest(entry)[0]) ?? digestsOf(group)[0] ?? group.id

/** Who a container of it runs as: a number, or a name to be looked up in it. Nothing said is root. */
export const userOf = (user: string | undefined): Pick<MessageInitShape<typeof ImageSchema>, 'uid' | 'username'> => {
  const name = (user ?? '').split(':')[0]!
  if (name === '') return {}
  return /^\d{1,18}$/.test(name) ? { uid: { value: BigInt(name) } } : { username: name }
}

export interface Described {
  readonly group: ImageGroup
  /** Bytes. */
  readonly size: number
  readonly user: string | undefined
  readonly pinned: boolean
}

export const describeImage = ({ group, size, user, pinned }: Described): Image => {
  const repoTags = tagsOf(group)
  const repoDigests = digestsOf(group)
  return create(ImageSchema, {
    id: group.id,
    repoTags,
    repoDigests,
    size: BigInt(size),
    ...userOf(user),
    spec: { image: repoTags[0] ?? repoDigests[0] ?? group.id },
    pinned,
  })
}
