/**
 * Preloaded (node --import) into a process that works on a store:
 *
 *   WHERRY_KILL_AT=N    SIGKILL in place of the Nth call that changes something on disk; without N calls it ends as ever
 *   WHERRY_NO_SYNC=1    fsync does nothing: as if it had been forgotten
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const CHANGING = [
  'mkdirSync',
  'openSync',
  'writeSync',
  'writeFileSync',
  'renameSync',
  'linkSync',
  'unlinkSync',
  'rmSync',
  'ftruncateSync',
  'fsync',
]

const killAt = Number(process.env['WHERRY_KILL_AT'] ?? Number.POSITIVE_INFINITY)
let calls = 0

const exists = fs.existsSync

/** Whether it may change something of a store: not the loader's calls, folders that are there, what is opened for reading. */
const counts = (name: string, [first, second]: readonly unknown[]): boolean => {
  if (typeof first === 'number') return name !== 'openSync'
  if (typeof first !== 'string') return false
  if (!first.includes('wherry-store-')) return false
  if (name === 'mkdirSync') return !exists(first)
  if (name === 'openSync') return typeof second === 'number' && (second & fs.constants.O_CREAT) !== 0 && !exists(first)
  return true
}

const functions = fs as unknown as Record<string, (...args: unknown[]) => unknown>
for (const name of CHANGING) {
  const real = functions[name]!
  functions[name] = (...args) => {
    if (counts(name, args) && ++calls >= killAt) process.kill(process.pid, 'SIGKILL')
    if (name === 'fsync' && process.env['WHERRY_NO_SYNC'] === '1') return (args[1] as (error: null) => void)(null)
    return real.apply(fs, args)
  }
}
syncBuiltinESMExports()
