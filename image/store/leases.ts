/**
 * Leases: what must not be collected although no image has it yet, or any more.
 *
 * leases/live-<random> is locked by its process and has a digest per line; unlocked, its process is dead and it counts for nothing.
 * leases/kept-<owner> is JSON, and counts until it is released.
 *
 * A digest is added, and a lease made, with locks/gc held shared: while a collection, which has it exclusively, looks at leases
 * and takes things away, none can be added. So whoever adds first and looks then sees what stays.
 */
import { closeSync, constants, lstatSync, openSync, readFileSync, rmSync, unlinkSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { guard, guardAsync } from './errors.ts'
import { syncFolder, unique, writeAll, writeWhole } from './files.ts'
import { tryFlock, unlock, until, withLock } from './flock.ts'
import { digestFromJson, listIn, parseObject, stringIn } from './json.ts'
import { type Layout, lockPath, mustWrite, temporaryPath } from './layout.ts'
import { namesIn } from './listing.ts'
import type { KeptLease, Lease } from './types.ts'

const VERSION = 1
const OWNER = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/

const keptPath = ({ root }: Layout, owner: string): string => {
  if (!OWNER.test(owner))
    throw new WherryError(
      'invalid-argument',
      `owner of a lease ${JSON.stringify(owner.slice(0, 200))}: letters, digits, _ . : and - are allowed`,
    )
  return `${root}/leases/kept-${owner}`
}

export const makeLease = (layout: Layout): Promise<Lease> => {
  mustWrite(layout)
  const path = `${layout.root}/leases/live-${process.pid}-${unique()}`
  const digests = new Set<Digest>()
  return guardAsync(`store ${layout.root}: making a lease`, async () => {
    let fd: number | undefined = await withLock(lockPath(layout, 'gc'), 'shared', async () => {
      const made = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND, 0o600)
      // somebody who looks whether it is alive may have it for a moment
      await until(() => tryFlock(made, 'exclusive', path) || undefined)
      return made
    })
    const end = (): void => {
      if (fd === undefined) return
      rmSync(path, { force: true })
      unlock(fd)
      fd = undefined
    }
    return {
      add: (...added) =>
        guardAsync(`store ${layout.root}: leasing`, async () => {
          if (fd === undefined) throw new WherryError('failed-precondition', `store ${layout.root}: the lease has ended`)
          const fresh = added.filter((digest) => !digests.has(digest))
          if (fresh.length === 0) return
          await withLock(lockPath(layout, 'gc'), 'shared', () => {
            if (fd === undefined) throw new WherryError('failed-precondition', `store ${layout.root}: the lease has ended`)
            writeAll(fd, Buffer.from(fresh.map((digest) => `${digest}\n`).join('')))
          })
          for (const digest of fresh) digests.add(digest)
        }),
      keep: (owner, options = {}) =>
        guardAsync(`store ${layout.root}: keeping a lease for ${owner}`, async () => {
          if (fd === undefined) throw new WherryError('failed-precondition', `store ${layout.root}: the lease has ended`)
          await writeKept(layout, owner, [...digests], options)
          end()
        }),
      async end() {
        guard(`store ${layout.root}: ending a lease`, end)
      },
    }
  })
}

const writeKept = async (
  layout: Layout,
  owner: string,
  digests: readonly Digest[],
  { durable = true }: { readonly durable?: boolean },
): Promise<void> => {
  const kept = Buffer.from(`${JSON.stringify({ version: VERSION, owner, digests })}\n`)
  await writeWhole(keptPath(layout, owner), kept, { temporary: temporaryPath(layout), durable })
  if (durable) await syncFolder(`${layout.root}/leases`)
}

/** At once, without a lease of this process before. */
export const keepLease = (
  layout: Layout,
  owner: string,
  digests: readonly Digest[],
  options: { readonly durable?: boolean },
): Promise<void> => {
  mustWrite(layout)
  return guardAsync(`store ${layout.root}: keeping a lease for ${owner}`, () =>
    withLock(lockPath(layout, 'gc'), 'shared', () => writeKept(layout, owner, digests, options)),
  )
}

const parseKept = (text: string, owner: string): KeptLease | undefined => {
  const json = parseObject(text)
  if (json === undefined || json['version'] !== VERSION || stringIn(json, 'owner') !== owner || !Array.isArray(json['digests']))
    return undefined
  const digests = listIn(json, 'digests').map(digestFromJson)
  return digests.includes(undefined) ? undefined : { owner, digests: digests.filter((digest) => digest !== undefined) }
}

/** Per owner, undefined where it cannot be read. */
export const readKept = (
  { root }: Layout,
  wanted: (owner: string) => boolean = () => true,
): { owner: string; path: string; lease: KeptLease | undefined }[] =>
  namesIn(`${root}/leases`)
    .filter((name) => name.startsWith('kept-') && wanted(name.slice('kept-'.length)))
    .flatMap((name) => {
      const path = `${root}/leases/${name}`
      const owner = name.slice('kept-'.length)
      const text = readIfThere(path)
      return text === undefined ? [] : [{ owner, path, lease: parseKept(text, owner) }]
    })

/** Throws `data-loss` for one that cannot be read: what it keeps is not known. @param wanted by its owner; default: all */
export const keptLeases = (layout: Layout, wanted?: (owner: string) => boolean): KeptLease[] =>
  guard(`store ${layout.root}: reading leases`, () =>
    readKept(layout, wanted).map(({ owner, path, lease }) => {
      if (lease !== undefined) return lease
      throw new WherryError('data-loss', `store: lease ${path} is damaged: remove ${owner}, then \`wherry system check --repair\``)
    }),
  )

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Milliseconds: so long an owner may be about to come into being. */
const YOUNG = 600_000

/** Owners of kept leases, readable or not, that do not exist and had the time to. */
export const deadOwners = ({ root }: Layout, ownerExists: (owner: string) => boolean): string[] =>
  namesIn(`${root}/leases`)
    .filter((name) => name.startsWith('kept-'))
    .flatMap((name) => {
      const stat = lstatSync(`${root}/leases/${name}`, { throwIfNoEntry: false })
      const owner = name.slice('kept-'.length)
      return stat === undefined || Date.now() - stat.mtimeMs < YOUNG || ownerExists(owner) ? [] : [owner]
    })

export const releaseLease = (layout: Layout, owner: string): Promise<void> => {
  mustWrite(layout)
  return guardAsync(`store ${layout.root}: releasing the lease of ${owner}`, async () => {
    rmSync(keptPath(layout, owner), { force: true })
  })
}

/** Digests of leases whose processes live. `clear`, only with locks/gc held exclusively, removes those of the dead. */
export const liveLeases = (layout: Layout, clear: boolean): Digest[] =>
  namesIn(`${layout.root}/leases`)
    .filter((name) => name.startsWith('live-'))
    .flatMap((name) => {
      const path = `${layout.root}/leases/${name}`
      let fd: number
      try {
        fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return []
        throw error
      }
      try {
        if (tryFlock(fd, 'shared', path)) {
          if (clear) unlinkSync(path)
          return []
        }
        return readFileSync(fd, 'utf8').split('\n').map(digestFromJson)
      } finally {
        closeSync(fd)
      }
    })
    .filter((digest) => digest !== undefined)
