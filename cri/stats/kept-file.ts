/**
 * Files of the kernel’s that are read over and over. To open one costs ten times what it costs to read it, and while it is open the kernel
 * keeps a page for it: those that are read again within seconds stay open, others do not.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'

/** Milliseconds: who was not read between two looks is closed. */
const LOOK = 2500
/** How many stay open at most, and which part of the descriptors that this process may have. */
const MOST = 4096
const PART = 1 / 4
/** seq_file hands out a page at a time of what it lists: less than that was all. */
const PAGE = 4000

let buffer = Buffer.allocUnsafe(16 * 1024)
const open = new Set<KeptFile>()
let timer: NodeJS.Timeout | undefined

let most: number | undefined

/** proc_pid_limits(5). Node has raised the soft limit as far as it may. */
const mostOpen = (): number => {
  most ??= Math.min(MOST, PART * Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 4 * MOST))
  return most
}

const look = (): void => {
  timer = undefined
  for (const file of open) file.rest()
  if (open.size > 0) lookLater()
}

const lookLater = (): void => {
  if (timer === undefined) timer = setTimeout(look, LOOK).unref()
}

/** How many files are open: for tests. */
export const keptOpen = (): number => open.size

/** The whole of an open file of the kernel’s. */
export const readAll = (fd: number): string => {
  let length = readSync(fd, buffer, 0, buffer.length, 0)
  if (length >= PAGE)
    for (;;) {
      if (length === buffer.length) {
        const larger = Buffer.allocUnsafe(2 * buffer.length)
        buffer.copy(larger)
        buffer = larger
      }
      const more = readSync(fd, buffer, length, buffer.length - length, length)
      if (more === 0) break
      length += more
    }
  return buffer.toString('latin1', 0, length)
}

export class KeptFile {
  readonly path: string
  #fd = -1
  #used = false

  constructor(path: string) {
    this.path = path
  }

  /** All of it; undefined where there is no such file, its cgroup is gone, or the kernel does not account for it (pressure that is turned off). */
  read(): string | undefined {
    try {
      if (this.#fd < 0) this.#fd = openSync(this.path, 'r')
      const text = readAll(this.#fd)
      this.#used = true
      if (!open.has(this)) {
        if (open.size < mostOpen()) open.add(this)
        else this.close()
      }
      lookLater()
      return text
    } catch (error) {
      this.close()
      if (isErrno(error, 'ENOENT', 'ENODEV', 'ENOTDIR', 'EOPNOTSUPP', 'ENOTSUP')) return undefined
      throw error
    }
  }

  rest(): void {
    if (!this.#used) this.close()
    this.#used = false
  }

  close(): void {
    open.delete(this)
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }
}
