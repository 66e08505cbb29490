/** What a keeper is started with. */
import type { SpoolOptions } from './files.ts'
import type { Command } from './parameters.ts'

export interface KeeperOptions {
  /** Folder for the socket, stdin and the page; 0700, made by the caller, used by one keeper at a time. */
  readonly run: string
  /** Folder for the spool and the exit record; it may have those of earlier runs. */
  readonly spool: string
  readonly log: SpoolOptions
  /** The exit record is to survive a power cut. */
  readonly durable: boolean
  /** Descriptor of the executable that becomes the keeper's child. */
  readonly executable: number
  readonly argv: readonly string[]
  readonly env: readonly string[]
  /** Descriptors of this process that the child finds from 3 on. With a terminal one more comes behind: the socket for the master. */
  readonly descriptors: readonly number[]
  /** `once`: it ends when the first that attached to it leaves. With a terminal input goes to the terminal: `none`. */
  readonly stdin: 'none' | 'open' | 'once'
  readonly terminal: boolean
  /** Absent: the executable is init itself. Else it is a stage: once it has exited with 0, `page` has init's pid at `pidOffset` (32 bits). */
  readonly stage?: { readonly page: number; readonly pidOffset: number }
  /** Descriptor of the cgroup's memory.events or memory.oom_control. */
  readonly memoryEvents?: number
  readonly cleanup?: Command
  /** Milliseconds that output is waited for after init's end, default 2000. */
  readonly drain?: number
  /** Milliseconds that a subscriber has for its acknowledgement, default 10000. */
  readonly acknowledge?: number
}

export const LOG_DEFAULTS: SpoolOptions = { limit: 10 * 1024 * 1024, slots: 3, consumed: false }

/** log-opt max-size and max-file. One file would leave a follower nothing to go on to: it is two of half the size. */
export const logOptions = (maxSize: number, maxFiles: number, consumed = false): SpoolOptions =>
  maxFiles < 2 ? { limit: Math.floor(maxSize / 2), slots: 2, consumed } : { limit: maxSize, slots: maxFiles, consumed }
