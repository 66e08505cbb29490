/** Images as CRI names them, over the store, which `wherry` shares. */
import { createHash } from 'node:crypto'
import type { Digest } from '../../image/digest.ts'
import { canonical } from '../../image/reference.ts'
import { Slots } from '../../image/pull/slots.ts'
import { imageFacts } from '../../image/store/facts.ts'
import { openStore } from '../../image/store/store.ts'
import type { StoredImage } from '../../image/store/types.ts'
import { bootId } from '../../runtime/boot.ts'
import { WherryError } from '../../runtime/errors.ts'
import { giveBackMemory } from '../../runtime/sys/memory.ts'
import type { AuthConfig, Image } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { credentialsOf, serverOf } from './auth.ts'
import { describeImage, refOf } from './describe.ts'
import { forKubelet } from './kubelet-error.ts'
import { type KnownImage, KnownImages } from './known.ts'
import { candidatesOf, type FoundImage, findGroup, groupsOf, type ImageGroup } from './lookup.ts'
import { leaseOwner, ownerExists, strangerUses, volumeLeaseOwner } from './owners.ts'
import { Shared } from './shared.ts'
import type { Images, UsedImage } from './types.ts'

type Node = Pick<Cri, 'config' | 'log' | 'store' | 'containers'>

const missing = (text: string): WherryError => new WherryError('not-found', `image ${text} is not on this node: pull it`)

/** Milliseconds after a pull, when its threads have ended too. */
const QUIET = 6000

class StoreImages implements Images {
  readonly #node: Node
  readonly #known: KnownImages
  readonly #pulls = new Shared<string>()
  readonly #slots: Slots
  #quiet: NodeJS.Timeout | undefined
  /** What images consisted of that were removed while containers use them: it goes with their leases. */
  readonly #released = new Set<Digest>()

  constructor(node: Node) {
    this.#node = node
    this.#known = new KnownImages(node.store)
    this.#slots = new Slots(node.config.parallelPulls)
  }

  #find(text: string): FoundImage | undefined {
    return findGroup(groupsOf(this.#node.store), text)
  }

  /** Names of the settings may be written in any way. */
  #isPinned(group: ImageGroup): boolean {
    return this.#node.config.pinnedImages.some((text) => findGroup([group], text) !== undefined)
  }

  /** Undefined for one whose documents are damaged: it is not listed, so that it is pulled again. */
  #describe(group: ImageGroup, foreign: ReadonlySet<Digest>): Image | undefined {
    let known: KnownImage
    try {
      known = this.#known.get(group.entries[0]!)
    } catch (error) {
      if (!(error instanceof WherryError)) throw error
      this.#node.log.warn(`an image is left out: ${error.message}`)
      return undefined
    }
    const used = group.entries.some(({ manifest, descriptor }) => foreign.has((manifest ?? descriptor).digest))
    return describeImage({ group, size: known.size, user: known.config.config.User, pinned: used || this.#isPinned(group) })
  }

  /** A lease that cannot be read keeps no list from being told; it is a matter for `wherry system check`. */
  #foreign(): ReadonlySet<Digest> {
    const { store, log } = this.#node
    try {
      return strangerUses(store)
    } catch (error) {
      if (!(error instanceof WherryError) || error.kind !== 'data-loss') throw error
      log.warn(error.message)
      return new Set()
    }
  }

  list(text?: string): readonly Image[] {
    const { store } = this.#node
    const groups = groupsOf(store)
    const found = text === undefined || text === '' ? undefined : findGroup(groups, text)
    const chosen = text === undefined || text === '' ? groups : found === undefined ? [] : [found]
    const foreign = this.#foreign()
    return chosen.map((group) => this.#describe(group, foreign)).filter((image) => image !== undefined)
  }

  status(text: string): Image | undefined {
    const group = this.#find(text)
    return group === undefined ? undefined : this.#describe(group, this.#foreign())
  }

  details(text: string): Readonly<Record<string, unknown>> {
    const { store } = this.#node
    const found = this.#find(text)
    if (found === undefined) throw missing(text)
    const { id, config, layers, manifest } = imageFacts(store, found.entries[0]!)
    return { imageSpec: config, config: id, chainID: layers.at(-1)?.chainID, manifest }
  }

  async pull(text: string, auth: AuthConfig | undefined, signal: AbortSignal): Promise<string> {
    const candidates = candidatesOf(text)
    if (candidates.length === 0)
      throw new WherryError('invalid-argument', `image.image: ${text} is an id, and no registry knows those: write a name`)
    const credentials = credentialsOf(auth)
    const server = auth === undefined ? '' : serverOf(auth)
    // who may not pull an image does not get it because another one, who may, is pulling it
    const login = createHash('sha256')
      .update(JSON.stringify([credentials ?? null, server]))
      .digest('hex')
    const key = `${candidates.map(canonical).join(' ')} ${login}`
    try {
      return await this.#pulls.run(key, signal, async (shared) => {
        const giveBack = await this.#slots.take(shared)
        try {
          const { pullImage } = await import('./pull.ts')
          return await pullImage(this.#node, openStore(this.#node.config.root), { candidates, credentials, server, signal: shared })
        } finally {
          giveBack()
          clearTimeout(this.#quiet)
          this.#quiet = setTimeout(giveBackMemory, QUIET).unref()
        }
      })
    } catch (error) {
      throw forKubelet(error)
    }
  }

  async remove(text: string): Promise<void> {
    const { store } = this.#node
    const found = this.#find(text)
    if (found === undefined) return
    const { id, entry, entries } = found
    const last = entry === undefined || entries.length === 1
    if (last && this.#isPinned(found))
      throw new WherryError('failed-precondition', `image ${text} is pinned: take it out of cri.pinned_images first`)
    const foreign = strangerUses(store)
    if (last && entries.some(({ manifest, descriptor }) => foreign.has((manifest ?? descriptor).digest)))
      throw new WherryError('failed-precondition', `image ${text} is used by a container of \`wherry run\`: remove that first`)
    try {
      const { released } = await store.images.remove(entry === undefined ? id : nameOf(entry), { force: true })
      await this.#collect(released)
    } catch (error) {
      // somebody else has removed it
      if (!(error instanceof WherryError) || error.kind !== 'not-found') throw error
    }
  }

  async #collect(released: ReadonlySet<Digest>): Promise<void> {
    const { store, containers, log } = this.#node
    for (const digest of released) this.#released.add(digest)
    const { blobs, layers, bytes } = await store.collect({ released: this.#released, ownerExists: ownerExists(containers) })
    const kept = new Set(store.kept().flatMap(({ digests }) => digests))
    for (const digest of this.#released) if (!kept.has(digest)) this.#released.delete(digest)
    log.debug('collected', { blobs, layers, bytes })
  }

  async use(text: string, owner: string): Promise<UsedImage> {
    const found = this.#find(text)
    if (found === undefined) throw missing(text)
    const image = found.entry ?? found.entries[0]!
    const known = this.#known.get(image)
    const { store } = this.#node
    const digests = new Set<Digest>([
      ...found.entries.flatMap(({ descriptor, digest, manifest }) => [
        descriptor.digest,
        digest,
        ...(manifest === undefined ? [] : [manifest.digest]),
      ]),
      known.id,
      ...known.blobs.map(({ digest }) => digest),
      ...known.identities.flatMap(({ diffID, chainID }) => [diffID, chainID]),
    ])
    // after a crash of the machine its containers have ended, and want nothing any more: it need not be on the disk
    await store.keep(owner, [...digests], { durable: false })
    try {
      const layers = this.#known.layers(known) ?? (await this.#unpack(image, text))
      return {
        id: known.id,
        ref: refOf(found, found.entry),
        layers: layers.map(({ key }) => key),
        lowers: layers.map(({ root }) => root),
        config: known.config,
      }
    } catch (error) {
      await store.release(owner)
      throw error
    }
  }

  async #unpack(image: StoredImage, text: string) {
    const { unpackImage } = await import('../../image/pull/pull.ts')
    const { config } = this.#node
    try {
      const { layers } = await unpackImage(
        openStore(config.root),
        image,
        config.layerLimits === undefined ? {} : { limits: config.layerLimits },
      )
      return layers
    } catch (error) {
      const broken = error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss')
      throw broken ? new WherryError('not-found', `image ${text} is not whole: pull it again: ${error.message}`, { cause: error }) : error
    }
  }

  async release(owner: string): Promise<void> {
    const { store, log } = this.#node
    await store.release(owner)
    if (this.#released.size === 0) return
    // nobody waits for the space
    this.#collect(new Set()).catch((error: unknown) => log.warn(`what a removed image has left is not collected: ${String(error)}`))
  }

  /** Leases of an earlier boot: whether they are whole or not, their containers want no layers any more. */
  async forgetOtherBoots(): Promise<void> {
    const { containers, store } = this.#node
    for (const { id, boot, config } of containers.list()) {
      if (boot === bootId()) continue
      await store.release(leaseOwner(id))
      for (const [index, { image }] of config.mounts.entries()) if (image !== undefined) await store.release(volumeLeaseOwner(id, index))
    }
  }
}

const nameOf = ({ name, repository, digest, descriptor }: StoredImage): string =>
  name ?? (repository === undefined ? descriptor.digest : `${repository}@${digest}`)

export const openImages = async (node: Node): Promise<Images> => {
  const images = new StoreImages(node)
  await images.forgetOtherBoots()
  return images
}
