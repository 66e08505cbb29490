/** pino with our two formats, writing to stderr at once. */
import pino, { type Logger } from 'pino'
import { complain } from '../support/output.ts'

/** What is never written, wherever it stands in the fields. */
const SECRETS = ['authorization', 'password', 'token', 'identitytoken', 'secret', 'auth'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
])

const text = (value: unknown): string => (typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value))

/** `15:04:05.678 debug message key=value` in local time. */
const line = (json: string): string => {
  const { time, level, msg, ...fields } = JSON.parse(json) as { time: string; level: string; msg: string } & Record<string, unknown>
  const clock = new Date(time).toTimeString().slice(0, 8)
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${text(value)}`)
  return `${clock}${time.slice(19, 23)} ${level.padEnd(5)} ${msg}${rest.join('')}\n`
}

export const openLogger = (level: string, format: 'text' | 'json'): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (value: unknown) => (value instanceof Error ? value.message : value) },
      redact: { paths: SECRETS, remove: true },
    },
    { write: (json: string) => complain(format === 'json' ? json : line(json)) },
  )
