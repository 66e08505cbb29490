import type { AuthConfig, Image } from '../api/api_pb.js'
import type { ContainerImage } from '../state/types.ts'

/** Images as CRI names them. `text`: a reference as kubelet writes it, `repository@digest`, an id, or a unique prefix of one. */
export interface Images {
  list(text?: string): readonly Image[]
  /** Undefined if it is not there, which is no error. */
  status(text: string): Image | undefined
  /** Resolves to the id. Calls for the same image share the work. */
  pull(text: string, auth: AuthConfig | undefined, signal: AbortSignal): Promise<string>
  /** A name, or an id with all its names; one that is not there is removed. Throws `failed-precondition` for what is pinned. */
  remove(text: string): Promise<void>
  /** For people who look closely: its config, and what it consists of. */
  details(id: string): Readonly<Record<string, unknown>>
  /**
   * For a container: kept from being collected until released (owner `cri:ID`), and unpacked. Throws `not-found`.
   */
  use(text: string, owner: string): Promise<UsedImage>
  release(owner: string): Promise<void>
}

export interface UsedImage extends ContainerImage {
  /** Folders of its unpacked layers, the lowest first. */
  readonly lowers: readonly string[]
  /** The image's config, parsed. */
  readonly config: import('../../image/spec/types.ts').ImageConfig
}
