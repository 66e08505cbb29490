/** A terminal or a pair of streams attached to a container: its output from the spool, its input written directly. Any number at once. */
import { closeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { WherryError } from '../errors.ts'
import { F_DUPFD_CLOEXEC } from '../sys/abi/fcntl.ts'
import { TIOCSWINSZ, WINSIZE } from '../sys/abi/ioctl.ts'
import { isErrno } from '../sys/error.ts'
import { syscall } from '../sys/syscall.ts'
import type { From } from './find.ts'
import { pipeInput, TerminalInput } from './input.ts'
import { type SpoolEvent, SpoolReader } from './reader.ts'
import { Requester } from './request.ts'
import type { KeeperFolders } from './wait.ts'

export interface AttachOptions {
  /** Where the output is to begin, default `end`: what comes from now on. */
  readonly from?: From
  /** Whether input is wanted; where it cannot be had, attaching fails. */
  readonly input: boolean
  readonly terminal: boolean
}

/** 1 to 65535 each. */
export interface WindowSize {
  readonly columns: number
  readonly rows: number
}

/** TIOCSWINSZ on a pty's master: the container gets SIGWINCH if that changes something. */
export const resize = (master: number, { columns, rows }: WindowSize): void => {
  const size = Buffer.alloc(WINSIZE.size)
  size.writeUInt16LE(rows, WINSIZE.ws_row)
  size.writeUInt16LE(columns, WINSIZE.ws_col)
  syscall('ioctl', [master, TIOCSWINSZ, size], { args: [`${columns}x${rows}`, 'TIOCSWINSZ'] })
}

interface Input {
  readonly stream: Writable | undefined
  readonly master: number | undefined
}

/** What `attach` returns; `close` it. */
export class Attachment {
  /** Undefined where none was asked for. Ending it leaves the container's stdin as it is: that is `closeStdin`. Errors are its own. */
  readonly input: Writable | undefined
  /** Of the terminal, where there is one: for sizes and modes; it must not be read. Closed by `close`. */
  readonly master: number | undefined
  readonly #reader: SpoolReader
  readonly #requester: Requester
  readonly #abort: AbortController
  #output: AsyncGenerator<SpoolEvent, void, undefined> | undefined

  constructor(reader: SpoolReader, input: Input, requester: Requester, abort: AbortController) {
    this.input = input.stream
    this.master = input.master
    this.#reader = reader
    this.#requester = requester
    this.#abort = abort
  }

  /** Ends with the container, or with `close`. The container waits where it is not read. */
  output(): AsyncGenerator<SpoolEvent, void, undefined> {
    this.#output ??= this.#reader[Symbol.asyncIterator]()
    return this.#output
  }

  /** Sets the terminal's size; the last to do so has its way. Nothing happens without a terminal. */
  resize(size: WindowSize): void {
    if (this.master !== undefined) resize(this.master, size)
  }

  /** Closes the container's stdin for all: it reads the end of the file once nobody else has it open. */
  closeStdin(): void {
    try {
      this.#requester.ask('closeStdin')
    } catch (error) {
      // there is no keeper any more, hence no stdin
      if (!isErrno(error, 'EPIPE', 'ECONNRESET') && !(error instanceof WherryError && error.kind === 'unavailable')) throw error
    }
  }

  /** Leaves. Output that has not been read stays in the spool; with `stdin: 'once'` the first that leaves closes stdin. */
  async close(): Promise<void> {
    this.#abort.abort()
    this.input?.destroy()
    if (this.master !== undefined) closeSync(this.master)
    this.#requester.close()
    if (this.#output === undefined) await this.#reader.close()
    else await this.#output.return()
  }
}

const openInput = async (requester: Requester, { input, terminal }: AttachOptions): Promise<Input> => {
  if (terminal) {
    const master = await requester.descriptor('master')
    return { master, stream: input ? new TerminalInput(syscall('fcntl', [master, F_DUPFD_CLOEXEC, 3])) : undefined }
  }
  return { master: undefined, stream: input ? pipeInput(await requester.descriptor('stdin')) : undefined }
}

/** Attaches to a container that runs. Throws SyscallError: ENOENT or ECONNREFUSED without a keeper, EPIPE where stdin is closed. */
export const attach = async (folders: KeeperFolders, options: AttachOptions): Promise<Attachment> => {
  const requester = new Requester(folders.run)
  const abort = new AbortController()
  let reader: SpoolReader | undefined
  try {
    reader = await SpoolReader.open(folders, { from: options.from ?? 'end', follow: true, hold: true, signal: abort.signal })
    return new Attachment(reader, await openInput(requester, options), requester, abort)
  } catch (error) {
    requester.close()
    await reader?.close()
    throw error
  }
}
