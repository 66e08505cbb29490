/**
 * Unpacked layers. One is unpacked in a folder layers/tmp-<chain-id>, which is locked by who does it, and renamed when all of it is on
 * the disk.
 *
 * The lock is that of the chain-id: who holds it waits for lower layers of the same chain only, so two pulls of images with the same
 * layers in different order cannot wait for each other.
 */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { syncfs } from '../../runtime/sys/syncfs.ts'
import { algorithmOf, type Digest, encodedOf } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'
import { type Census, takeCensus } from './census.ts'
import { guard, guardAsync } from './errors.ts'
import { syncFolder, writeWhole } from './files.ts'
import { tryFlock, unlock, until } from './flock.ts'
import { type LayerRecord, readRecord, writeRecord } from './layer-record.ts'
import { algorithmFolder, type Layout, layerPath, mustWrite } from './layout.ts'
import { found } from './listing.ts'
import { removeTree } from './remove-tree.ts'
import { toTrash } from './trash.ts'
import type { Layer, LayerFacts, LayerIdentity, LayerIngest, Layers, WaitOptions } from './types.ts'

const temporaryFolder = ({ root }: Layout, { chainID }: LayerIdentity): string =>
  `${root}/layers/tmp-${algorithmOf(chainID)}-${encodedOf(chainID)}`

const asLayer = ({ census: _, ...layer }: LayerRecord): Layer => layer

/** One that is damaged is not there: it is unpacked again, and takes its place. */
const findByKey = (layout: Layout, key: Digest): Layer | undefined => {
  const record = readRecord(layout, key)
  return record === undefined || typeof record === 'string' ? undefined : asLayer(record)
}

const find = (layout: Layout, { diffID, chainID }: LayerIdentity): Layer | undefined =>
  findByKey(layout, diffID) ?? (chainID === diffID ? undefined : findByKey(layout, chainID))

class Ingest implements LayerIngest {
  readonly folder: string
  readonly diffID: Digest
  readonly chainID: Digest
  readonly #layout: Layout
  readonly #fd: number
  #open = true

  constructor(layout: Layout, folder: string, fd: number, { diffID, chainID }: LayerIdentity) {
    this.#layout = layout
    this.folder = folder
    this.#fd = fd
    this.diffID = diffID
    this.chainID = chainID
  }

  async commit(facts: LayerFacts, blob?: Descriptor, known?: Census): Promise<Layer> {
    const { diffID, chainID } = this
    const kind = facts.implied.length > 0 || facts.links.length > 0 ? 'chain' : 'diff'
    const key = kind === 'diff' ? diffID : chainID
    const layout = this.#layout
    return guardAsync(`store ${layout.root}: storing layer ${key}`, async () => {
      const target = layerPath(layout, key)
      const there = findByKey(layout, key)
      if (there === undefined) {
        const [census] = await Promise.all([known ?? takeCensus(`${this.folder}/root`), syncfs(this.#fd)])
        const record = writeRecord({ key, kind, diffID, chainID, facts, census, ...(blob === undefined ? {} : { blob }) })
        await writeWhole(`${this.folder}/layer.json`, record, { temporary: `${this.folder}/layer.json.new` })
        await syncFolder(this.folder)
        const folder = algorithmFolder(layout, 'layers', key)
        if (!this.#rename(target)) await this.discard()
        else {
          this.#close()
          await syncFolder(folder)
        }
      } else await this.discard()
      return there ?? { key, kind, diffID, chainID, root: `${target}/root`, facts, ...(blob === undefined ? {} : { blob }) }
    })
  }

  /** False if a whole one has come there meanwhile; a damaged one makes room. */
  #rename(target: string): boolean {
    for (;;) {
      try {
        renameSync(this.folder, target)
        return true
      } catch (error) {
        if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
        if (find(this.#layout, this) !== undefined) return false
        toTrash(this.#layout, target)
      }
    }
  }

  async discard(): Promise<void> {
    if (!this.#open) return
    try {
      const trash = guard(`store ${this.#layout.root}: discarding layer ${this.chainID}`, () => toTrash(this.#layout, this.folder))
      this.#close()
      if (trash !== undefined) await removeTree(trash)
    } finally {
      if (this.#open) this.#close()
    }
  }

  #close(): void {
    this.#open = false
    unlock(this.#fd)
  }
}

interface Claim {
  /** Of the folder, locked. */
  readonly fd?: number
  /** What somebody who died has left, in the trash. */
  readonly rubbish?: string
}

/** The folder, empty and locked. Undefined if somebody else has it, or it has just gone. */
const claim = (layout: Layout, path: string): Claim | undefined => {
  let fd: number
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error
    return { ...rubbish(toTrash(layout, path)) }
  }
  let kept = false
  try {
    if (!tryFlock(fd, 'exclusive', path)) return undefined
    if (fstatSync(fd).ino !== lstatSync(path, { throwIfNoEntry: false })?.ino) return undefined
    if (readdirSync(path).length > 0) return { ...rubbish(toTrash(layout, path)) }
    mkdirSync(`${path}/root`, { mode: 0o755 })
    kept = true
    return { fd }
  } finally {
    if (!kept) closeSync(fd)
  }
}

const rubbish = (path: string | undefined): Claim => (path === undefined ? {} : { rubbish: path })

const begin = async (layout: Layout, identity: LayerIdentity, { signal, onWait }: WaitOptions): Promise<LayerIngest | undefined> => {
  const path = temporaryFolder(layout, identity)
  let told = false
  for (;;) {
    const answer = await until(() => {
      if (find(layout, identity) !== undefined) return 'there'
      const claimed = claim(layout, path)
      if (claimed === undefined && !told) onWait?.(0)
      told = true
      return claimed
    }, signal)
    if (answer === 'there') return undefined
    if (answer.rubbish !== undefined) await removeTree(answer.rubbish)
    if (answer.fd === undefined) continue
    const ingest = new Ingest(layout, path, answer.fd, identity)
    // committed by another between the two looks
    if (find(layout, identity) === undefined) return ingest
    await ingest.discard()
    return undefined
  }
}

export const makeLayers = (layout: Layout): Layers => ({
  find: (identity) => guard(`store ${layout.root}: looking for layer ${identity.diffID}`, () => find(layout, identity)),
  async begin(identity, options = {}) {
    mustWrite(layout)
    return await guardAsync(`store ${layout.root}: beginning layer ${identity.chainID}`, () => begin(layout, identity, options))
  },
  list: () =>
    guard(`store ${layout.root}: listing layers`, () =>
      found(layout, 'layers').flatMap(({ digest }) => (digest === undefined ? [] : [digest])),
    ),
})
