/**
 * `User` of an image’s config (image-spec config.md; conversion.md): `user`, `uid`, `user:group`, `uid:gid` and their mixtures, looked up in
 * the image. A number is a number and a name is a name: neither is ever taken for the other (CVE-2024-40635).
 */
import { WherryError } from '../../runtime/errors.ts'
import { type GroupEntry, isMember, parseId, readGroup, readPasswd, type PasswdEntry } from './database.ts'
import { quoted } from '../spec/printable.ts'

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** For setgroups(2), with `gid` first (CVE-2022-36109). */
  readonly additionalGids: readonly number[]
  /** Absolute; `/` where the database knows none. */
  readonly home: string
  /** As the database has it. */
  readonly name?: string
}

export interface UserOptions {
  /** Names or numbers of further groups: `--group-add`. */
  readonly groups?: readonly string[]
}

/** setgroups(2). */
const NGROUPS_MAX = 65536
const CONTROL = /\p{Cc}/u

const bad = (user: string, problem: string): WherryError => new WherryError('invalid-argument', `user ${quoted(user, 200)}: ${problem}`)

const isNumber = (text: string): boolean => /^[0-9]+$/.test(text)

const idOf = (text: string, user: string, noun: string): number => {
  const id = parseId(text)
  if (id === undefined) throw bad(user, `${noun} ${text.slice(0, 40)} is not from 0 to 4294967294`)
  return id
}

const split = (user: string): readonly [string, string | undefined] => {
  if (CONTROL.test(user)) throw bad(user, 'has control characters')
  const [name = '', group, ...more] = user.split(':')
  if (more.length > 0) throw bad(user, 'has more than one colon; wanted is user[:group]')
  if (group === '') throw bad(user, 'the group behind the colon is missing')
  if (name === '' && group !== undefined) throw bad(user, 'the user before the colon is missing')
  return [name === '' ? '0' : name, group]
}

const entryOf = (name: string, user: string, entries: readonly PasswdEntry[]): PasswdEntry | undefined => {
  if (isNumber(name)) {
    const uid = idOf(name, user, 'uid')
    return entries.find((entry) => entry.uid === uid)
  }
  const found = entries.find((entry) => entry.name === name)
  if (found === undefined)
    throw new WherryError(
      'not-found',
      `user ${quoted(user, 200)}: the image’s /etc/passwd has no user of that name; use one that it has, or a number`,
    )
  return found
}

const gidOf = (group: string, user: string, entries: () => readonly GroupEntry[]): number => {
  if (isNumber(group)) return idOf(group, user, 'gid')
  const found = entries().find((entry) => entry.name === group)
  if (found === undefined)
    throw new WherryError(
      'not-found',
      `user ${quoted(user, 200)}: the image’s /etc/group has no group ${quoted(group, 200)}; use one that it has, or a number`,
    )
  return found.gid
}

const isHome = (path: string): boolean => path.startsWith('/') && !CONTROL.test(path) && Buffer.byteLength(path) < 4096

/**
 * `root` is a descriptor of the root filesystem’s folder; `user` is empty for root. A group that is named replaces those that the database
 * has the user in. Throws `not-found` for unknown names, `invalid-argument` for what is no user or no database.
 */
export const resolveUser = (root: number, user = '', options: UserOptions = {}): ResolvedUser => {
  const [name, group] = split(user)
  const entry = entryOf(name, user, readPasswd(root))
  let database: readonly GroupEntry[] | undefined
  const groups = (): readonly GroupEntry[] => (database ??= readGroup(root))
  const uid = entry?.uid ?? idOf(name, user, 'uid')
  const gid = group === undefined ? (entry?.gid ?? 0) : gidOf(group, user, groups)
  const listed = group === undefined && entry !== undefined ? groups().filter((one) => isMember(one, entry.name)) : []
  const added = (options.groups ?? []).map((one) => gidOf(one, `${user}, group ${one}`, groups))
  const additionalGids = [...new Set([gid, ...listed.map((one) => one.gid), ...added])]
  if (additionalGids.length > NGROUPS_MAX)
    throw bad(user, `is in ${additionalGids.length} groups, more than the ${NGROUPS_MAX} of setgroups(2)`)
  const home = entry !== undefined && isHome(entry.home) ? entry.home : '/'
  return { uid, gid, additionalGids, home, ...(entry === undefined ? {} : { name: entry.name }) }
}
