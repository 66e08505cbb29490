/**
 * Names of containers: <root>/names/<name> holds an id. It is made whole and at once (link), and counts for as long as that container has
 * this name; what a killed creation, renaming or removal has left counts for nothing (settle.ts).
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { LOCK_EX } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import type { Home } from './home.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/

export const isName = (text: string): boolean => NAME.test(text)

/** Throws `invalid-argument`. */
export const checkName = (name: string): string => {
  if (!NAME.test(name))
    throw new WherryError(
      'invalid-argument',
      `container name ${JSON.stringify(name.slice(0, 200))}: letters, digits, '_', '.' and '-' are allowed, the first a letter or digit, 128 at most`,
    )
  return name
}

const folderOf = ({ root }: Pick<Home, 'root'>): string => `${root}/names`

/** The id that the name stands for; whether it counts is for the caller to find out. */
export const holderOf = (home: Pick<Home, 'root'>, name: string): string | undefined => {
  if (!NAME.test(name)) return undefined
  try {
    return readFileSync(`${folderOf(home)}/${name}`, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Makes it this container's; the id that has it if another does. */
export const reserveName = (home: Pick<Home, 'root'>, name: string, id: string): string | undefined => {
  const folder = folderOf(home)
  const path = `${folder}/${checkName(name)}`
  const temporary = `${folder}/,${id}`
  const write = (): void => writeFileSync(temporary, id, { mode: 0o600 })
  try {
    write()
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    write()
  }
  try {
    for (;;) {
      try {
        linkSync(temporary, path)
        return undefined
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error
      }
      const holder = holderOf(home, name)
      if (holder !== undefined) return holder
    }
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Takes the name from this container if it has it; idempotent. Looked at and removed under flock(2): nobody else's is removed. */
export const releaseName = (home: Pick<Home, 'root'>, name: string, id: string): void => {
  if (!NAME.test(name)) return
  const path = `${folderOf(home)}/${name}`
  for (;;) {
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return
      throw error
    }
    try {
      if (readFileSync(fd, 'utf8') !== id) return
      syscall('flock', [fd, LOCK_EX], { args: [path, 'LOCK_EX'] })
      if (statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) continue
      unlinkSync(path)
      return
    } finally {
      closeSync(fd)
    }
  }
}

/** What a creation that was killed has left of its name in the making. */
export const dropReservation = (home: Pick<Home, 'root'>, id: string): void => rmSync(`${folderOf(home)}/,${id}`, { force: true })
