/**
 * The log as runc’s callers read it: logrus’ text lines, or one JSON object per line, of which podman and containerd take the
 * `msg` of the last with level `error`. The lines are written here and not by pino, whose loading doubles the time of a verb.
 */
import { openSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { complain, writeAll } from '../support/output.ts'

export type Level = 'debug' | 'warning' | 'error'
export type Format = 'text' | 'json'

export interface Log {
  /** @param bare what stderr gets in place of a line of the log */
  error(message: string, bare?: string): void
  warn(message: string): void
  /** Only with --debug. */
  debug(message: string): void
  readonly debugs: boolean
}

export interface LogOptions {
  /** Appended to; stderr if absent. */
  readonly file: string | undefined
  readonly format: Format
  readonly debug: boolean
}

/** RFC 3339 in UTC, whole seconds. */
const timestamp = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`

const PLAIN = /^[A-Za-z0-9\-._/@^+]+$/

/** As Go’s strconv.Quote: what logrus puts around a message that is more than one word. */
const quote = (text: string): string =>
  `"${text.replace(/["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu, (character) => {
    const short = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' }[character]
    if (short !== undefined) return short
    const code = character.codePointAt(0)!
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })}"`

export const formatLine = (format: Format, level: Level, message: string, time: Date): string =>
  format === 'json'
    ? `${JSON.stringify({ level, msg: message, time: timestamp(time) })}\n`
    : `time=${quote(timestamp(time))} level=${level} msg=${PLAIN.test(message) ? message : quote(message)}\n`

const O_SYNC_APPEND = 'as'

/** @throws WherryError if the file cannot be opened. */
export const openLog = ({ file, format, debug }: LogOptions): Log => {
  let fd: number | undefined
  if (file !== undefined) {
    try {
      fd = openSync(file, O_SYNC_APPEND, 0o644)
    } catch (cause) {
      throw new WherryError('invalid-argument', `--log: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  const write = (level: Level, message: string): void => {
    const text = formatLine(format, level, message, new Date())
    if (fd === undefined) complain(text)
    else writeAll(fd, text)
  }
  return {
    error: (message, bare) => {
      if (fd !== undefined || bare === undefined) write('error', message)
      if (fd !== undefined || bare !== undefined) complain(`${bare ?? message}\n`)
    },
    warn: (message) => write('warning', message),
    debug: debug ? (message) => write('debug', message) : () => {},
    debugs: debug,
  }
}
