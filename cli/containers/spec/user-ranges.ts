/**
 * Ranges of ids for --userns auto: each run of a container has one that no other has. <runRoot>/user-ranges/<first> names the container
 * that has the ids from there on, and their number; it counts while that container's run is written down. What a container writes has the ids that
 * it sees (the layers are idmapped), so another run may have another range.
 */
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import { rangesOf } from '../../../runtime/rootless/subordinate.ts'
import { LOCK_EX } from '../../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { type Home, placesOf } from '../home.ts'
import { shortId } from '../ids.ts'

export interface IdRange {
  readonly first: number
  readonly size: number
}

/** Who may be given ranges for containers in /etc/subuid and /etc/subgid: both files must have the range. */
const USERS = ['wherry', 'containers'] as const
/** Where nobody is: unused, as systemd's "Users, Groups, UIDs and GIDs" (uid-gid.md) has it. */
const UNUSED: IdRange = { first: 1_879_048_192, size: 2_147_352_575 - 1_879_048_192 + 1 }

export const DEFAULT_SIZE = 65_536

/** What user and group ids have in common of the ranges of a user; ranges that differ are of no use here. */
const poolOf = (user: string): readonly IdRange[] => {
  const groups = rangesOf('/etc/subgid', user, -1)
  return rangesOf('/etc/subuid', user, -1)
    .filter(({ first, count }) => groups.some((group) => group.first <= first && first + count <= group.first + group.count))
    .map(({ first, count }) => ({ first, size: count }))
}

const pools = (): readonly IdRange[] => {
  for (const user of USERS) {
    const found = poolOf(user)
    if (found.length > 0) return found
  }
  return [UNUSED]
}

type Roots = Pick<Home, 'root' | 'runRoot'>

interface Taken extends IdRange {
  readonly container: string
}

const LOCK = 'lock'

const takenIn = (folder: string, home: Roots): readonly Taken[] =>
  readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): Taken[] => {
      const [container = '', size = ''] = readFileSync(`${folder}/${name}`, 'utf8').trim().split(' ')
      if (/^[0-9a-f]{64}$/.test(container) && /^\d+$/.test(size) && existsSync(placesOf(home, container).record))
        return [{ first: Number(name), size: Number(size), container }]
      rmSync(`${folder}/${name}`, { force: true })
      return []
    })

/** The first gap of a pool that is large enough. */
export const freeRange = (size: number, taken: readonly IdRange[], from: readonly IdRange[]): IdRange | undefined => {
  for (const pool of from) {
    let first = pool.first
    for (const other of taken.toSorted((a, b) => a.first - b.first)) {
      if (other.first + other.size <= first) continue
      if (first + size <= other.first) break
      first = other.first + other.size
    }
    if (first + size <= pool.first + pool.size) return { first, size }
  }
  return undefined
}

/** The one that the container has, or a free one, which it has from now on until its run ends. Throws `resource-exhausted`. */
export const takeRange = (home: Roots, id: string, size: number = DEFAULT_SIZE): IdRange => {
  const folder = `${home.runRoot}/user-ranges`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = openSync(`${folder}/${LOCK}`, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    syscall('flock', [lock, LOCK_EX], { args: [`${folder}/${LOCK}`, 'LOCK_EX'] })
    const taken = takenIn(folder, home)
    const former = taken.find((one) => one.container === id)
    if (former !== undefined && former.size === size) return { first: former.first, size }
    if (former !== undefined) rmSync(`${folder}/${former.first}`)
    const found = freeRange(
      size,
      taken.filter((one) => one !== former),
      pools(),
    )
    if (found === undefined)
      throw new WherryError(
        'resource-exhausted',
        `--userns auto: no ${size} ids are free for container ${shortId(id)}: give a smaller size=, or a range of user wherry in /etc/subuid and /etc/subgid`,
      )
    try {
      writeFileSync(`${folder}/${found.first}`, `${id} ${size}\n`, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw new WherryError('data-loss', `${folder}/${found.first} is not as it must be: remove it`)
      throw error
    }
    return found
  } finally {
    closeSync(lock)
  }
}
