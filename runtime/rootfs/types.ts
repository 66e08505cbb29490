/** The root filesystem of a container as its callers describe it. Plain values: who unpacked the layers is not known here. */
import type { Mappings } from '../container/idmap.ts'

/**
 * Which extended attributes overlay keeps its marks (opaque folders, whiteouts) in: `trusted.overlay.` or, for who is not root of
 * the machine, `user.overlay.` (Linux 5.11). The layers must have been unpacked with the same.
 */
export type OverlayStyle = 'trusted' | 'user'

export interface RootfsDescription {
  /** Absolute paths of the layers' folders, the lowest first, as manifests have them. At most 500. The last part of a path may not be a symbolic link. */
  readonly lowers: readonly string[]
  /** Where changes go: absolute, beside `work`, made if it is missing. Without it nothing can be written. */
  readonly upper?: string | undefined
  /** Overlay's own folder, on the file system of `upper`; both or neither. */
  readonly work?: string | undefined
  /** The mount refuses writes although there is an upper folder; what is bound into it needs mount points that are there already. */
  readonly readonly?: boolean | undefined
  /** What is written need not survive a power cut: no sync when the container ends (Linux 5.10). */
  readonly volatile?: boolean | undefined
  /** Default: trusted in the first user namespace of the machine, user in any other. */
  readonly style?: OverlayStyle | undefined
  /** The layers and the upper folder have ids as the container sees them; its user namespace has these mappings (Linux 5.19). */
  readonly idmap?: Mappings | undefined
  /** Bytes that the upper folder may come to, where its file system has project quotas. */
  readonly size?: number | undefined
}

/** A mount of the caller's by its descriptor (not attached anywhere), or what one is to be made of. */
export type Rootfs = number | RootfsDescription
