/** The user namespace of a user without privileges: the own id is its root, subordinate ids follow from 1 on. */
import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Mappings } from '../container/idmap.ts'
import type { LinuxIDMapping } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { S_ISUID } from '../sys/abi/stat.ts'
import { trySyscall } from '../sys/syscall.ts'
import { type IdRange, rangesOf, type SubordinateFile } from './subordinate.ts'

export interface RootlessMappings {
  readonly mappings: Mappings
  /** Why the own id alone is mapped, and what to do about it. Undefined where ranges are mapped too. */
  readonly warning: string | undefined
}

/** Undefined for an id that no user has. */
const userName = (): string | undefined => {
  try {
    return userInfo().username
  } catch (error) {
    if (isErrno(error, 'ERR_SYSTEM_ERROR')) return undefined
    throw error
  }
}

/** 0 is `own`; the ranges follow each other. */
export const mapAbove = (own: number, ranges: readonly IdRange[]): LinuxIDMapping[] => {
  const mappings: LinuxIDMapping[] = [{ containerID: 0, hostID: own, size: 1 }]
  let containerID = 1
  for (const { first, count } of ranges) {
    mappings.push({ containerID, hostID: first, size: count })
    containerID += count
  }
  return mappings
}

const isFile = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true
  } catch (error) {
    if (isErrno(error, 'EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return false
    throw error
  }
}

const find = (program: string): string | undefined =>
  (process.env['PATH'] ?? '/usr/bin:/bin')
    .split(':')
    .map((folder) => `${folder}/${program}`)
    .find(isFile)

/** Why `program` will not be able to map, or nothing: it must have root's rights or capabilities of its own. */
const helperProblem = (program: 'newuidmap' | 'newgidmap'): string | undefined => {
  const path = find(program)
  if (path === undefined)
    return `${program} is not installed: install it (Debian, Ubuntu: apt install uidmap; Fedora: dnf install shadow-utils)`
  const stat = statSync(path)
  const hasCapabilities = trySyscall('getxattr', path, 'security.capability', 0, 0) > 0
  if (!hasCapabilities && (stat.uid !== 0 || (stat.mode & S_ISUID) === 0))
    return `${path} has neither the set-user-ID bit of root nor capabilities: chown root ${path} && chmod u+s ${path}`
  return undefined
}

const rangeProblem = (file: SubordinateFile, name: string | undefined, uid: number, ranges: readonly IdRange[]): string | undefined => {
  if (ranges.length > 0) return undefined
  if (name === undefined)
    return `user ${uid}, who has no name, has no range in ${file}: as root, echo ${uid}:100000:65536 >> ${file} (a range that nobody else has)`
  const option = file === '/etc/subuid' ? '--add-subuids' : '--add-subgids'
  return `${name} has no range in ${file}: as root, usermod ${option} 100000-165535 ${name} (a range that nobody else has)`
}

const noNewPrivileges = (): string | undefined =>
  /^NoNewPrivs:\s+1$/m.test(readFileSync('/proc/self/status', 'utf8'))
    ? 'no_new_privs is set for this process, so newuidmap cannot get its rights: start it from another session or service'
    : undefined

/** What this process maps. */
export const rootlessMappings = (): RootlessMappings => {
  const [uid, gid, name] = [process.geteuid!(), process.getegid!(), userName()]
  const [uids, gids] = [rangesOf('/etc/subuid', name, uid), rangesOf('/etc/subgid', name, uid)]
  const problem =
    rangeProblem('/etc/subuid', name, uid, uids) ??
    rangeProblem('/etc/subgid', name, uid, gids) ??
    helperProblem('newuidmap') ??
    helperProblem('newgidmap') ??
    noNewPrivileges()
  if (problem === undefined) return { mappings: { uid: mapAbove(uid, uids), gid: mapAbove(gid, gids) }, warning: undefined }
  return {
    mappings: { uid: mapAbove(uid, []), gid: mapAbove(gid, []) },
    warning: `only your own id is mapped, so files of other owners cannot be had in containers: ${problem}`,
  }
}
