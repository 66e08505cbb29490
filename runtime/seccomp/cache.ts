/**
 * Compiled filters on disk. A profile of some 400 calls on three architectures takes libseccomp 20 ms, reading it back a fraction
 * of one. An entry holds its whole key and is named by the key's length alone, with a number beside it for keys of one length:
 * no hash has to be computed, which in JavaScript takes longer than the rest, and by node:crypto 5 ms to load.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { libseccompIdentity } from '../sys/libseccomp.ts'
import { type CompiledSeccomp, type Note, compileFilter, seccompFrame } from './compile.ts'
import { entryBytes, readEntry } from './entry.ts'

/** Changes with anything that changes filters for the same profile and library, or the format of an entry. */
const CACHE_FORMAT = 1
const MOST_ENTRIES = 64
/** How many keys of one length are kept beside each other. */
const MOST_OF_A_LENGTH = 4
const TEMPORARY = '.tmp-'
/** Milliseconds after which a temporary file has been left behind by somebody who was killed. */
const STALE = 3_600_000

/** All that a filter depends on, in one order. Flags and listener are no part of it. */
const keyOf = (seccomp: LinuxSeccomp): Buffer => {
  const rows = (seccomp.syscalls ?? []).map(({ names, action, errnoRet, args }) => [
    action,
    errnoRet ?? null,
    names,
    (args ?? []).map(({ index, op, value, valueTwo }) => [index, op, String(value), String(valueTwo ?? 0n)]),
  ])
  const { defaultAction, defaultErrnoRet, architectures } = seccomp
  return Buffer.from(
    JSON.stringify([CACHE_FORMAT, process.arch, libseccompIdentity(), defaultAction, defaultErrnoRet ?? null, architectures ?? [], rows]),
  )
}

/** The bytes of a file of ours; undefined if there is none, or it is not ours alone to write. */
const readOwn = (path: string): Buffer | undefined => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'EACCES', 'ENOTDIR', 'ENXIO')) return undefined
    throw error
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== process.geteuid!() || (stat.mode & 0o022) !== 0) return undefined
    const bytes = Buffer.allocUnsafe(stat.size)
    return readSync(fd, bytes, 0, stat.size, 0) === stat.size ? bytes : undefined
  } finally {
    closeSync(fd)
  }
}

/** The filter that is kept for a key, or else the name to keep one under. */
const look = (folder: string, key: Buffer): { readonly kept: Uint8Array } | { readonly free: string } => {
  for (let number = 0; number < MOST_OF_A_LENGTH; number++) {
    const name = `${key.length}-${number}`
    const entry = readOwn(join(folder, name))
    const content = entry === undefined ? undefined : readEntry(entry)
    if (content === undefined) return { free: name }
    if (key.equals(content.key)) return { kept: content.filter }
  }
  return { free: `${key.length}-0` }
}

/** Removes the oldest entries beyond the bound, and what killed writers left. Others may be removing the same. */
const prune = (folder: string): void => {
  const entries: { readonly path: string; readonly time: number }[] = []
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const time = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (time === undefined) continue
    if (!name.startsWith(TEMPORARY)) entries.push({ path, time })
    else if (Date.now() - time > STALE) rmSync(path, { force: true })
  }
  entries.sort((a, b) => b.time - a.time)
  for (const { path } of entries.slice(MOST_ENTRIES)) rmSync(path, { force: true })
}

const writeWhole = (folder: string, name: string, bytes: Uint8Array): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `${TEMPORARY}${process.pid}-${name}`)
  rmSync(temporary, { force: true }) // of a process that had this pid and was killed
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, join(folder, name))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Cannot be written, or is full: a cache is no reason to fail. */
const HARMLESS = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR'] as const

/**
 * As compileSeccomp, with the filter from `<cacheDir>/seccomp` if it is there and whole; else it is compiled and kept there.
 * Failing to keep it is noted.
 */
export const cachedSeccomp = (seccomp: LinuxSeccomp, cacheDir: string, note: Note = () => {}): CompiledSeccomp => {
  const frame = seccompFrame(seccomp)
  const key = keyOf(seccomp)
  const folder = join(cacheDir, 'seccomp')
  const found = look(folder, key)
  if ('kept' in found) return { filter: found.kept, ...frame }
  const filter = compileFilter(seccomp, note)
  try {
    writeWhole(folder, found.free, entryBytes(key, filter))
    prune(folder)
  } catch (error) {
    if (!isErrno(error, ...HARMLESS)) throw error
    note(`the seccomp filter is not kept in ${folder}: ${(error as Error).message}`)
  }
  return { filter, ...frame }
}
