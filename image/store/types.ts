/** The store as others see it. Calls without a promise touch small files only; digests are addresses and nothing else is. */
import type { Census } from './census.ts'
import type { Digest } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Somebody else, in this process or another, brings it: called again while it grows, with the bytes that are there. */
  readonly onWait?: (present: number) => void
}

export interface Blobs {
  /** Bytes; undefined if it is not there. Not verified: who reads verifies. */
  size(digest: Digest): number | undefined
  /** With `size`: and is as large as that. */
  has(digest: Digest, size?: number): boolean
  /** A document of at most 4 MiB, verified. Throws `not-found`, `data-loss`. */
  read(digest: Digest): Uint8Array
  /** A descriptor for reading, for the caller to close; the bytes are not verified. Throws `not-found`, `data-loss`. */
  open(digest: Digest): number
  /**
   * Reads all of it, and takes it away if it is not what its name says, so that it is brought again; true if it was. For whoever has seen
   * that what came of it is wrong: that may be the fault of the image, and the blob others' as well.
   */
  removeIfDamaged(digest: Digest, signal?: AbortSignal): Promise<boolean>
  /** A small document. Idempotent. Throws `data-loss` if the digest is not that of the bytes. */
  put(bytes: Uint8Array, digest: Digest): Promise<void>
  /**
   * To bring a blob. Undefined: it is there, perhaps because another pull, which this call waited for, has brought it. Where the other
   * one gave up or died, what it had is taken over. Hold a lease of the digest while asking.
   */
  ingest(descriptor: Descriptor, options?: WaitOptions): Promise<BlobIngest | undefined>
}

/** Exactly one of commit, suspend and discard ends it; later calls do nothing. */
export interface BlobIngest {
  readonly descriptor: Descriptor
  /** O_RDWR, at the end of what is there. Belongs to the ingest: do not close it. */
  readonly fd: number
  /** Bytes that are there already, from an earlier try. They are not verified. */
  readonly offset: number
  /** The caller has verified digest and size. Durable when it returns. Throws `resource-exhausted`, `data-loss` (other size); then it is suspended. */
  commit(): Promise<void>
  /** Keeps what was written for the next try. */
  suspend(): void
  /** For bytes that have turned out to be wrong. */
  discard(): void
}

/** What a layer’s key is made of. OCI config.md, "Layer ChainID". */
export interface LayerIdentity {
  readonly diffID: Digest
  readonly chainID: Digest
}

/** What unpacking has found out. */
export interface LayerFacts {
  /** Bytes of the contents of files, unpacked. */
  readonly size: number
  readonly entries: number
  /** Parent folders which the layer has no entry for: they took their attributes from lower layers. */
  readonly implied: readonly string[]
  /** Hard links into lower layers: copied up from there. */
  readonly links: readonly string[]
  /** Which names overlay’s attributes have on disk: trusted.overlay.…, or user.overlay.… where the mounting process is no real root. */
  readonly xattrs: 'trusted' | 'user'
}

export interface Layer extends LayerIdentity {
  /** The diff-id, or the chain-id of a layer that is only right upon these lower layers. */
  readonly key: Digest
  readonly kind: 'diff' | 'chain'
  /** Absolute path of what overlay takes as a lower folder. */
  readonly root: string
  readonly facts: LayerFacts
  /** The compressed blob it was unpacked from. */
  readonly blob?: Descriptor
}

/** Exactly one of commit and discard ends it. */
export interface LayerIngest extends LayerIdentity {
  /** Absolute path; `root/` in it is there and empty. */
  readonly folder: string
  /**
   * Durable when it returns. If another image has brought the same layer meanwhile, that one is returned and this one deleted.
   * Keyed by chain-id if facts.implied or facts.links is not empty. @param census what is in the folder, if that is known
   */
  commit(facts: LayerFacts, blob?: Descriptor, census?: Census): Promise<Layer>
  /** Idempotent; also after commit. */
  discard(): Promise<void>
}

export interface Layers {
  /** By diff-id, else by chain-id. */
  find(identity: LayerIdentity): Layer | undefined
  /** As Blobs.ingest: undefined when somebody else, whom this call waited for, has brought it. */
  begin(identity: LayerIdentity, options?: WaitOptions): Promise<LayerIngest | undefined>
  /** Keys of all. */
  list(): Digest[]
}

/** One entry of index.json. */
export interface StoredImage {
  /** Canonical reference; undefined: dangling, `<none>`. */
  readonly name?: string
  /** `docker.io/library/alpine`, also of a dangling one where it is known. */
  readonly repository?: string
  /** What index.json has: the platform’s manifest; of images put there by other tools also an index. */
  readonly descriptor: Descriptor
  /** What the registry resolved the name to: the digest of the index or manifest, the one behind @ of a RepoDigest. */
  readonly digest: Digest
  /** When it was pulled, loaded or made. */
  readonly pulled?: Date
  /** The platform’s manifest. Undefined if an index of another tool has none for this machine, or it is not there. */
  readonly manifest?: Descriptor
  /** Digest of the config. Undefined if the manifest is. */
  readonly id?: Digest
}

export interface PutOptions {
  /** Default: the descriptor’s. */
  readonly digest?: Digest
  /** Default: now. */
  readonly pulled?: Date
}

export interface RemoveOptions {
  /** Also what containers use (their bytes stay until the containers are removed), and all names of an id. */
  readonly force?: boolean
}

export interface Removed {
  readonly untagged: readonly string[]
  /** Ids of images that have no name any more. */
  readonly deleted: readonly Digest[]
  /** What they consisted of: for collect(). */
  readonly released: ReadonlySet<Digest>
}

export interface Images {
  /** In the order of index.json. Throws `data-loss` if it is damaged. */
  list(): StoredImage[]
  /**
   * By name (`alpine`), by `repo@digest`, by id or unique prefix of an id. Throws `invalid-argument` naming the candidates of an
   * ambiguous prefix.
   */
  find(text: string): StoredImage | undefined
  /**
   * Everything it refers to must be in the store. `name`: a canonical reference; whatever had it before is dangling afterwards. Without
   * name: dangling. Idempotent.
   */
  put(name: string | undefined, descriptor: Descriptor, options?: PutOptions): Promise<StoredImage>
  /** A name, or an id or its prefix. Throws `not-found`, `failed-precondition` (a container uses it, an id with several names). Call collect() afterwards. */
  remove(text: string, options?: RemoveOptions): Promise<Removed>
  /** Images that no container uses: the dangling ones, or all. Call collect() afterwards. */
  prune(options?: { readonly all?: boolean }): Promise<Removed>
  /** Everything it consists of: documents, blobs, and keys of unpacked layers by diff-id and chain-id. For Lease.add(). */
  reach(image: StoredImage): Digest[]
}

/** Keeps digests (of blobs, and keys of layers) from being collected while this process lives. */
export interface Lease {
  /** Afterwards what is there of them stays there. Add first, look then. */
  add(...digests: readonly Digest[]): Promise<void>
  /**
   * Turns it into one that stays until `release(owner)`. `owner` is how messages name it: `container:4f3a…`, [A-Za-z0-9][A-Za-z0-9_.:-]*.
   * Replaces an earlier lease of the owner.
   */
  keep(owner: string, options?: { readonly durable?: boolean }): Promise<void>
  /** Idempotent. */
  end(): Promise<void>
}

export interface KeptLease {
  readonly owner: string
  readonly digests: readonly Digest[]
}

export interface CollectOptions {
  /** What Images.remove and prune have released: goes at once. Everything else that nothing refers to goes when it is old. */
  readonly released?: ReadonlySet<Digest>
  /**
   * Milliseconds after which what nothing refers to goes, counted from when it came; default a day. Until then the next try of a pull that
   * was killed finds it, and another program that copies into the layout has the time to write its entry of index.json.
   */
  readonly age?: number
  /** Whether the owner of a kept lease still exists; where it does not, the lease ends, unless it is younger than ten minutes. */
  readonly ownerExists?: (owner: string) => boolean
}

export interface Collected {
  readonly blobs: number
  readonly layers: number
  /** Partial blobs, and folders of layers that were never finished. */
  readonly unfinished: number
  /** On the disk. */
  readonly bytes: number
  /** Owners whose leases have ended because they do not exist. */
  readonly owners: readonly string[]
}

export interface ImageUsage {
  /** The names of one image. */
  readonly images: readonly StoredImage[]
  /** Bytes on the disk of its blobs and unpacked layers. */
  readonly size: number
  /** Of these, what no other image has. */
  readonly unique: number
  /** Owners of leases on it. */
  readonly owners: readonly string[]
}

/** All in bytes on the disk (st_blocks), where nothing else is said. */
export interface Usage {
  readonly images: readonly ImageUsage[]
  /** Number of images that containers use. */
  readonly active: number
  readonly blobs: number
  readonly layers: number
  /** Blobs on their way, and what is about to be deleted. */
  readonly unfinished: number
  /** What `image prune --all` would free. */
  readonly reclaimable: number
}

/** What is taken on the disk. */
export interface Space {
  /** st_blocks */
  readonly bytes: number
  readonly inodes: number
}

export interface Finding {
  /**
   * `layout`: oci-layout or store.json; `index`: index.json; `entry`: one of its entries; `blob`, `layer`: damaged; `incomplete`: an
   * image lacks a blob; `lease`: unreadable, or its owner is gone; `rubbish`: of processes that died, and what is not ours.
   */
  readonly kind: 'layout' | 'index' | 'entry' | 'blob' | 'incomplete' | 'layer' | 'lease' | 'rubbish'
  /** Lower case, with the path or digest. */
  readonly problem: string
  readonly digest?: Digest
  /** Images it belongs to, as they can be pulled: names, or `repository@digest`. */
  readonly names: readonly string[]
  /** What `repair` did. Undefined: it is as it was. */
  readonly repaired?: 'removed' | 'fetched' | 'rewritten' | 'rebuilt'
  /** Why repair could not, or what is to be done. */
  readonly advice?: string
}

export interface CheckOptions {
  readonly repair?: boolean
  readonly signal?: AbortSignal
  /** Bytes of blobs, then entries of layers, looked at so far. */
  readonly onProgress?: (progress: { readonly phase: 'blobs' | 'layers'; readonly done: number; readonly total: number }) => void
  /** Brings a blob into the store again, from one of these images. Its errors become advice. */
  readonly fetch?: (descriptor: Descriptor, names: readonly string[]) => Promise<void>
  /** Looks deeper into an unpacked layer, comparing it with its blob: what is wrong, or undefined. */
  readonly compare?: (layer: Layer, signal?: AbortSignal) => Promise<string | undefined>
  /** Layers that are mounted: they are not removed from under a container. */
  readonly isMounted?: (key: Digest) => boolean
  readonly ownerExists?: (owner: string) => boolean
}

export interface Checked {
  readonly findings: readonly Finding[]
  readonly blobs: number
  readonly layers: number
  readonly images: number
  /** No finding but rubbish is left. */
  readonly whole: boolean
}

export interface Store {
  readonly root: string
  readonly readonly: boolean
  readonly blobs: Blobs
  readonly layers: Layers
  readonly images: Images
  lease(): Promise<Lease>
  /** Leases of containers; those of all owners, or of some. Throws `data-loss` for one that cannot be read. */
  kept(wanted?: (owner: string) => boolean): KeptLease[]
  /** As a lease that all of `digests` was added to and that was kept. Keep first, look then whether all of them are there. */
  keep(owner: string, digests: readonly Digest[], options?: { readonly durable?: boolean }): Promise<void>
  /** Ends a kept lease. Idempotent. */
  release(owner: string): Promise<void>
  /** Frees what nothing refers to. Safe beside pulls in other processes; locks last for moments. Throws `data-loss` if index.json or a lease is damaged. */
  collect(options?: CollectOptions): Promise<Collected>
  usage(): Promise<Usage>
  /** Of everything in it: counted when something has come or gone, and else known. */
  space(): Space
  /** Reads everything. With `repair` what is broken is removed and fetched again, and nothing that is whole is lost. */
  check(options?: CheckOptions): Promise<Checked>
}

export interface StoreOptions {
  /** Nothing is made or changed, for a store on a medium that cannot be written. */
  readonly readonly?: boolean
  /**
   * Documents are taken as they are. They were verified when they came; for who looks at one to start a container, and has no time to
   * hash it again.
   */
  readonly trusting?: boolean
}
