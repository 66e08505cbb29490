/** Records of one kind: in memory as they count, and each in a folder of its own on disk (types.ts). */
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { WherryError } from '../../runtime/errors.ts'
import { removeTree } from '../../runtime/rootfs/remove.ts'
import { AT_FDCWD, RENAME_EXCHANGE } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import type { Codec } from './document.ts'
import { Locks } from './locks.ts'
import type { Table } from './types.ts'

const VERSION = 1

/** How many of several are named. */
const NAMED = 5

export interface TableOptions<T> {
  /** What one is called in messages. */
  readonly noun: string
  readonly codec: Codec<T>
  /** Folder of all, durable. */
  readonly folder: string
  /** Folder of all, of this boot. */
  readonly run: string
}

const sync = (path: string, flags: number): void => {
  const fd = openSync(path, flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Where there is a file already the two change places: ext4 flushes what is renamed over another, which takes longer than all the rest
 * (ext4(5), "auto_da_alloc"). Who wants a file to be there after a power cut asks for that.
 */
const replace = (temporary: string, path: string): void => {
  if (trySyscall('renameat2', AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) === 0) unlinkSync(temporary)
  else renameSync(temporary, path)
}

const writeWhole = (folder: string, name: string, text: string, durable: boolean): void => {
  const temporary = `${folder}/.${name}`
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    if (durable) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  replace(temporary, `${folder}/${name}`)
  if (durable) sync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
}

const foldersIn = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

export class Records<T extends { readonly id: string }> implements Table<T> {
  readonly #options: TableOptions<T>
  readonly #records = new Map<string, T>()
  readonly #locks = new Locks()

  constructor(options: TableOptions<T>) {
    this.#options = options
  }

  /**
   * Reads all that is on disk. Returns ids whose document is not there or torn: a server was killed, or the power went, before it was whole, or
   * while it was removed. Throws `unsupported` for one of another version.
   */
  load(): string[] {
    const torn: string[] = []
    for (const id of foldersIn(this.#options.folder)) {
      const record = this.#read(id)
      if (record === undefined) torn.push(id)
      else this.#records.set(id, record)
    }
    return torn
  }

  #read(id: string): T | undefined {
    const { codec } = this.#options
    const path = `${this.folder(id)}/${codec.name}`
    let document: unknown
    try {
      document = JSON.parse(readFileSync(path, 'utf8'))
    } catch (error) {
      if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    if (typeof document !== 'object' || document === null || !('version' in document)) return undefined
    if (document.version !== VERSION)
      throw new WherryError(
        'unsupported',
        `${path} is of version ${JSON.stringify(document.version)}, this program reads ${VERSION}: it was written by another wherry, use that one`,
      )
    return codec.fromDocument(document as unknown as Readonly<Record<string, unknown>>)
  }

  get(id: string): T | undefined {
    return this.#records.get(id)
  }

  tryFind(text: string): T | undefined {
    const record = this.#records.get(text)
    if (record !== undefined || text === '') return record
    const ids = [...this.#records.keys()].filter((id) => id.startsWith(text))
    if (ids.length > 1) {
      const named = ids.slice(0, NAMED).join(', ')
      const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ''
      throw new WherryError('invalid-argument', `${text} is the beginning of the ids of several ${this.#options.noun}s: ${named}${more}`)
    }
    return ids[0] === undefined ? undefined : this.#records.get(ids[0])
  }

  find(text: string): T {
    const record = this.tryFind(text)
    if (record !== undefined) return record
    throw new WherryError('not-found', `there is no ${this.#options.noun} ${text === '' ? 'with an empty id' : text}`)
  }

  list(): readonly T[] {
    return [...this.#records.values()]
  }

  put(record: T, { durable = false }: { readonly durable?: boolean } = {}): void {
    const folder = this.folder(record.id)
    const isNew = !this.#records.has(record.id)
    if (isNew) mkdirSync(folder, { recursive: true, mode: 0o700 })
    try {
      writeWhole(folder, this.#options.codec.name, `${JSON.stringify(this.#options.codec.toDocument(record))}\n`, durable)
    } catch (error) {
      if (isNew) rmSync(folder, { recursive: true, force: true })
      throw error
    }
    this.#records.set(record.id, record)
  }

  change(id: string, fields: { readonly [K in keyof T]?: T[K] | undefined }): T {
    const changed = this.#changed(id, fields)
    this.put(changed)
    return changed
  }

  note(id: string, fields: { readonly [K in keyof T]?: T[K] | undefined }): T {
    const changed = this.#changed(id, fields)
    try {
      this.put(changed)
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EROFS', 'EIO')) throw error
      this.#records.set(id, changed)
    }
    return changed
  }

  #changed(id: string, fields: { readonly [K in keyof T]?: T[K] | undefined }): T {
    const record = this.#records.get(id)
    if (record === undefined) throw new WherryError('not-found', `there is no ${this.#options.noun} ${id}`)
    const all: Record<string, unknown> = { ...record, ...fields }
    for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name]
    return all as unknown as T
  }

  async flush(id: string): Promise<void> {
    const folder = this.folder(id)
    for (const path of [`${folder}/${this.#options.codec.name}`, folder, this.#options.folder]) {
      const file = await open(path, constants.O_RDONLY)
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    }
  }

  /** The document goes after all else that is in the folders: who is killed on the way is known to the next server. */
  async remove(id: string): Promise<void> {
    await removeTree(this.run(id))
    const folder = this.folder(id)
    const { name } = this.#options.codec
    let entries: string[]
    try {
      entries = readdirSync(folder)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
      entries = []
    }
    for (const entry of entries) if (entry !== name) await removeTree(`${folder}/${entry}`)
    rmSync(`${folder}/${name}`, { force: true })
    try {
      rmdirSync(folder)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    this.#records.delete(id)
  }

  locked<R>(id: string, work: () => R | Promise<R>, signal?: AbortSignal): Promise<R> {
    return this.#locks.locked(id, work, signal)
  }

  folder(id: string): string {
    return `${this.#options.folder}/${id}`
  }

  run(id: string): string {
    return `${this.#options.run}/${id}`
  }
}
