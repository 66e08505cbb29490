/**
 * The folder of the engine's state, one folder per container in it. Everything dies with the boot (a tmpfs), so files are written
 * whole (temporary, rename) but not synced.
 *
 *   <root>/<id>/state.json   ContainerRecord
 *   <root>/<id>/config.json  a copy of the bundle's, for `exec` and hooks
 *   <root>/<id>/page         failure page of init, and what its ops are, for `start`
 *   <root>/<id>/start.sock   listens while the container is created
 *   <root>/<id>/notify      folder that a container sees which may say that it is ready (notify.ts)
 *   <root>/@journal/<id>     a creation or deletion of this id is under way: whoever finds it unlocked undoes it
 *   <root>/@cache            compiled seccomp filters
 *
 * `@` is in no id.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { WherryError } from '../errors.ts'
import { parseContainerId } from '../spec/container-id.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB } from '../sys/abi/fcntl.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import type { ContainerRecord } from './types.ts'
import { sleep } from '../sleep.ts'

const VERSION = 1
/** Milliseconds between two tries to get a lock that another process holds. */
const LOCK_PAUSE = 5

/** A held lock of one container; released by close or by the end of the process. */
export class Lock {
  readonly #fd: number
  constructor(fd: number) {
    this.#fd = fd
  }
  release(): void {
    closeSync(this.#fd)
  }
}

export class Store {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  folder(id: string): string {
    return `${this.root}/${parseContainerId(id)}`
  }

  file(id: string, name: 'state.json' | 'config.json' | 'page' | 'start.sock'): string {
    return `${this.folder(id)}/${name}`
  }

  notifyFolder(id: string): string {
    return `${this.folder(id)}/notify`
  }

  get cache(): string {
    return `${this.root}/@cache`
  }

  /**
   * The lock of an id, which need not exist: a file of the journal that is locked. It stays until `settle`.
   * @param patient wait for another holder, else undefined is returned
   */
  async lock(id: string, patient = true): Promise<Lock | undefined> {
    const journal = `${this.root}/@journal`
    const path = `${journal}/${parseContainerId(id)}`
    for (;;) {
      mkdirSync(journal, { recursive: true, mode: 0o700 })
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
      const result = trySyscall('flock', fd, LOCK_EX | LOCK_NB)
      if (result === 0 && this.#isSame(fd, path)) return new Lock(fd)
      closeSync(fd)
      if (result < 0 && result !== -ERRNO.EAGAIN && result !== -ERRNO.EINTR) throw new SyscallError('flock', -result, { args: [path] })
      if (result < 0 && !patient) return undefined
      if (result < 0) await sleep(LOCK_PAUSE)
    }
  }

  /** Whoever held the lock before may have removed the file: then the lock is of nothing. */
  #isSame(fd: number, path: string): boolean {
    const [own, there] = [fstatSync(fd), statSync(path, { throwIfNoEntry: false })]
    return there !== undefined && own.ino === there.ino
  }

  /** The creation or deletion is complete; to be called with the lock held. */
  settle(id: string): void {
    rmSync(`${this.root}/@journal/${parseContainerId(id)}`, { force: true })
  }

  /** Ids of which the journal tells. */
  unsettled(): string[] {
    try {
      return readdirSync(`${this.root}/@journal`)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
  }

  exists(id: string): boolean {
    return statSync(this.folder(id), { throwIfNoEntry: false }) !== undefined
  }

  /** All ids, sorted. */
  ids(): string[] {
    try {
      return readdirSync(this.root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('@'))
        .map((entry) => entry.name)
        .sort()
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
  }

  makeFolder(id: string): void {
    try {
      mkdirSync(this.folder(id), { mode: 0o700 })
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw new WherryError('already-exists', `container with given ID already exists: ${id}`)
      throw error
    }
  }

  /** Undefined where the container exists but was never written down: its creation has just begun or was cut short. */
  tryRead(id: string): ContainerRecord | undefined {
    let text: string
    try {
      text = readFileSync(this.file(id, 'state.json'), 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    const record = JSON.parse(text) as ContainerRecord
    if (record.version !== VERSION)
      throw new WherryError(
        'failed-precondition',
        `container ${id}: its state is of version ${record.version}, this program reads ${VERSION}: delete it with the program that made it`,
      )
    return record
  }

  /** Throws not-found. */
  read(id: string): ContainerRecord {
    const record = this.tryRead(id)
    if (record === undefined) throw new WherryError('not-found', `container does not exist: ${id}`)
    return record
  }

  write(record: ContainerRecord): void {
    const path = this.file(record.id, 'state.json')
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  removeSocket(id: string): void {
    try {
      unlinkSync(this.file(id, 'start.sock'))
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }

  remove(id: string): void {
    rmSync(this.folder(id), { recursive: true, force: true })
  }
}
