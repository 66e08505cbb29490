/** What a container takes on the disk. */
import { lstatSync, readdirSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'

/** Bytes of st_blocks. */
const BLOCK = 512

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
    throw error
  }
}

/** Adds up what lies below; a file with several names counts once. What goes meanwhile is passed over. */
const walk = (folder: string, add: (stat: { readonly size: number; readonly blocks: number }) => void): void => {
  const seen = new Set<number>()
  const visit = (path: string): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(stat.ino)) return
      seen.add(stat.ino)
    }
    add(stat)
    if (stat.isDirectory()) for (const name of namesIn(path)) visit(`${path}/${name}`)
  }
  visit(folder)
}

/** Bytes on the disk. */
export const diskUsage = (folder: string): number => {
  let bytes = 0
  walk(folder, ({ blocks }) => {
    bytes += blocks * BLOCK
  })
  return bytes
}

/** Bytes of the contents of files. */
export const contentSize = (folder: string): number => {
  let bytes = 0
  const add = (path: string): void => {
    for (const name of namesIn(path)) {
      const stat = lstatSync(`${path}/${name}`, { throwIfNoEntry: false })
      if (stat === undefined) continue
      if (stat.isDirectory()) add(`${path}/${name}`)
      else if (stat.isFile()) bytes += stat.size
    }
  }
  add(folder)
  return bytes
}
