/** The exit record, and waiting for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLD_DUMPED, CLD_EXITED, CLD_KILLED } from '../sys/abi/wait.ts'
import { isErrno } from '../sys/error.ts'
import { EXIT, EXIT_FLAGS, EXIT_MAGIC, SPOOL } from './layout.ts'

export interface ExitRecord {
  /** The exit status, or 128 and the signal's number, as shells count. */
  readonly exitCode: number
  /** The signal that ended init. */
  readonly signal: number | undefined
  readonly coreDumped: boolean
  /** In the keeper's pid namespace; undefined where init never existed. */
  readonly pid: number | undefined
  /** Nanoseconds since the epoch. */
  readonly started: bigint
  readonly ended: bigint
  /** OOM kills in the container's cgroup as the kernel counted them; undefined where it could not be asked. */
  readonly oomKills: number | undefined
  /** The end of the output in the spool. */
  readonly end: { readonly sequence: bigint; readonly offset: number }
  readonly startFailed: boolean
  readonly terminated: boolean
  readonly lost: boolean
  readonly held: boolean
}

/** `oom_kill N` of memory.events (v2) and memory.oom_control (v1). */
const oomKills = (text: string): number | undefined => {
  const match = /^oom_kill (\d+)$/m.exec(text)
  return match === null ? undefined : Number(match[1])
}

/** Undefined for what is no exit record of this version. */
export const decodeExit = (content: Uint8Array): ExitRecord | undefined => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length)
  if (bytes.length < EXIT.size || bytes.readBigUInt64LE(EXIT.magic) !== EXIT_MAGIC) return undefined
  const code = bytes.readInt32LE(EXIT.code)
  const status = bytes.readInt32LE(EXIT.status)
  const flags = bytes.readUInt32LE(EXIT.flags)
  const pid = Number(bytes.readBigInt64LE(EXIT.pid))
  const signal = code === CLD_KILLED || code === CLD_DUMPED ? status : undefined
  if (signal === undefined && code !== CLD_EXITED) return undefined
  return {
    exitCode: signal === undefined ? status : 128 + signal,
    signal,
    coreDumped: code === CLD_DUMPED,
    pid: pid === 0 ? undefined : pid,
    started: bytes.readBigInt64LE(EXIT.started),
    ended: bytes.readBigInt64LE(EXIT.ended),
    oomKills: oomKills(bytes.toString('latin1', EXIT.memory, EXIT.memory + bytes.readUInt32LE(EXIT.memoryLength))),
    end: { sequence: bytes.readBigUInt64LE(EXIT.sequence), offset: Number(bytes.readBigUInt64LE(EXIT.offset)) },
    startFailed: (flags & EXIT_FLAGS.startFailed) !== 0,
    terminated: (flags & EXIT_FLAGS.terminated) !== 0,
    lost: (flags & EXIT_FLAGS.lost) !== 0,
    held: (flags & EXIT_FLAGS.held) !== 0,
  }
}

/** The exit record of a spool folder; undefined where there is none (or the power failed before it was on disk). */
export const readExit = (spool: string): ExitRecord | undefined => {
  try {
    return decodeExit(readFileSync(join(spool, SPOOL.exit)))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
