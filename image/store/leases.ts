/**
 * Leases: what must not be collected although no image has it yet, or any more.
 *
 * leases/live-<random> is locked by its process and has a digest per line; unlocked, its process is dead and it counts for nothing.
 * leases/kept-<owner> is JSON, and counts until it is released.
 *
 * A digest is added, and a lease made, with locks/gc held shared: while a collection, which has it exclusively, looks at leases
 * and takes things away, none can be added. So whoever adds first and looks then sees what stays.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { guard, guardAsync } from './errors.ts'
import { syncFolder, unique, writeAll, writeWhole } from './files.ts'
import { tryFlock, unlock, withLock } from './flock.ts'
import { digestFromJson, listIn, parseObject, stringIn } from './json.ts'
import { type Layout, lockPath, mustWrite, temporaryPath } from './layout.ts'
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
    let fd: number | undefined = await withLock(lockPath(layout, 'gc'), 'shared', () => {
      const made = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND, 0o600)
      tryFlock(made, 'exclusive', path)
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
          const fresh = added.filter((digest) => !digests.has(digest))
          if (fresh.length === 0) return
          await withLock(lockPath(layout, 'gc'), 'shared', () => {
            if (fd === undefined) throw new WherryError('failed-precondition', `store ${layout.root}: the lease has ended`)
            writeAll(fd, Buffer.from(fresh.map((digest) => `${digest}\n`).join('')))
          })
          for (const digest of fresh) digests.add(digest)
        }),
      keep: (owner, { durable = true } = {}) =>
        guardAsync(`store ${layout.root}: keeping a lease for ${owner}`, async () => {
          if (fd === undefined) throw new WherryError('failed-precondition', `store ${layout.root}: the lease has ended`)
          const kept = { version: VERSION, owner, digests: [...digests] }
          await writeWhole(keptPath(layout, owner), Buffer.from(`${JSON.stringify(kept)}\n`), { temporary: temporaryPath(layout), durable })
          if (durable) await syncFolder(`${layout.root}/leases`)
          end()
        }),
      async end() {
        guard(`store ${layout.root}: ending a lease`, end)
      },
    }
  })
}

const parseKept = (text: string, owner: string): KeptLease | undefined => {
  const json = parseObject(text)
  if (json === undefined || json['version'] !== VERSION || stringIn(json, 'owner') !== owner || !Array.isArray(json['digests']))
    return undefined
  const digests = listIn(json, 'digests').map(digestFromJson)
  return digests.includes(undefined) ? undefined : { owner, digests: digests.filter((digest) => digest !== undefined) }
}

/** Throws `data-loss` for one that cannot be read: what it keeps is not known. */
export const keptLeases = (layout: Layout): KeptLease[] =>
  guard(`store ${layout.root}: reading leases`, () =>
    readdirSync(`${layout.root}/leases`)
      .filter((name) => name.startsWith('kept-'))
      .sort()
      .flatMap((name) => {
        const path = `${layout.root}/leases/${name}`
        const text = readIfThere(path)
        if (text === undefined) return []
        const lease = parseKept(text, name.slice('kept-'.length))
        if (lease === undefined) throw new WherryError('data-loss', `store: lease ${path} is damaged: \`wherry system check --repair\``)
        return [lease]
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

export const releaseLease = (layout: Layout, owner: string): Promise<void> => {
  mustWrite(layout)
  return guardAsync(`store ${layout.root}: releasing the lease of ${owner}`, async () => {
    rmSync(keptPath(layout, owner), { force: true })
  })
}

/** Digests of leases whose processes live; with locks/gc held exclusively. Those of the dead are removed. */
export const liveLeases = (layout: Layout): Digest[] =>
  readdirSync(`${layout.root}/leases`)
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
          if (!layout.readonly) unlinkSync(path)
          return []
        }
        return readFileSync(fd, 'utf8').split('\n').map(digestFromJson)
      } finally {
        closeSync(fd)
      }
    })
    .filter((digest) => digest !== undefined)
