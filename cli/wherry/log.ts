/**
 * The log, on stderr, by pino. It is loaded when there is something to log: that costs as much as a short command. What a command prints
 * for its user, its error included, is not logged.
 */
import type { Logger } from 'pino'
import type { Settings } from './settings.ts'

export type Level = 'error' | 'warn' | 'info' | 'debug' | 'trace'

export type Fields = Readonly<Record<string, unknown>>

/** Values under names of secrets are left out: pino’s redaction; callers do not log any in the first place. */
export interface Log {
  /** Whether lines of this level are kept: for what costs something to put together. */
  enabled(level: Level): boolean
  write(level: Level, message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
  /** Resolves when all that was logged is written. */
  flush(): Promise<void>
}

const ORDER: readonly Level[] = ['error', 'warn', 'info', 'debug', 'trace']

export const openLog = (settings: Settings): Log => {
  const level: Level = settings['log-level'] ?? (settings.debug ? 'debug' : 'warn')
  const format = settings['log-format'] ?? 'text'
  const enabled = (asked: Level): boolean => ORDER.indexOf(asked) <= ORDER.indexOf(level)
  let logger: Logger | undefined
  let pending: Promise<void> | undefined
  const write = (of: Level, message: string, fields: Fields = {}): void => {
    if (!enabled(of)) return
    if (logger !== undefined) logger[of](fields, message)
    else
      pending = (pending ?? Promise.resolve()).then(async () => {
        logger ??= (await import('./logger.ts')).openLogger(level, format)
        logger[of](fields, message)
      })
  }
  return {
    enabled,
    write,
    warn: (message, fields) => write('warn', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
    flush: async () => pending,
  }
}
