/** Lines for --debug. Their words are runc's where tools that read its log look for them: nsexec is what is called the stage here. */
import { readFileSync } from 'node:fs'
import type { Engine } from './types.ts'

/** The mask as a number, highest CPU first: 0x3 for CPUs 0 and 1. */
const hexadecimal = (mask: Uint8Array): string => {
  const digits = Buffer.from(mask).reverse().toString('hex').replace(/^0+/, '')
  return `0x${digits === '' ? '0' : digits}`
}

/** CPUs of this process, Cpus_allowed of proc_pid_status(5). */
const ownMask = (): string =>
  `0x${/^Cpus_allowed:\s*([0-9a-f,]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]?.replaceAll(',', '').replace(/^0+/, '') ?? ''}`

export const tellStages = ({ debug }: Engine, affinity: Uint8Array | undefined): void => {
  if (debug === undefined) return
  debug('nsexec container setup: the stage joins and makes namespaces')
  debug(`nsexec: affinity: ${affinity === undefined ? ownMask() : hexadecimal(affinity)}`)
  debug('child process in init(): the clone runs the rest of the program')
}
