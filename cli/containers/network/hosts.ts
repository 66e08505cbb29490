/** /etc/hosts of containers, hosts(5): text. */
import { WherryError } from '../../../runtime/errors.ts'

/** A line; the first name is the canonical one. */
export interface HostsEntry {
  readonly address: string
  readonly names: readonly string[]
}

export const LOCALHOST: readonly HostsEntry[] = [
  { address: '127.0.0.1', names: ['localhost'] },
  { address: '::1', names: ['localhost', 'ip6-localhost', 'ip6-loopback'] },
  { address: 'fe00::0', names: ['ip6-localnet'] },
  { address: 'ff00::0', names: ['ip6-mcastprefix'] },
  { address: 'ff02::1', names: ['ip6-allnodes'] },
  { address: 'ff02::2', names: ['ip6-allrouters'] },
]

/** What could end a line or begin another field is in no name, wherever it comes from. */
const NAME = /^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,252}[a-zA-Z0-9_.])?$/

/** Throws `invalid-argument`. */
export const checkHostName = (name: string): string => {
  if (NAME.test(name)) return name
  throw new WherryError(
    'invalid-argument',
    `host name ${JSON.stringify(name.slice(0, 200))}: letters, digits, '-', '_' and '.' are allowed`,
  )
}

export const hostsText = (entries: readonly HostsEntry[]): string =>
  entries
    .flatMap(({ address, names }) => {
      const unique = [...new Set(names.map(checkHostName))]
      return unique.length === 0 ? [] : [`${address}\t${unique.join(' ')}\n`]
    })
    .join('')

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '')

/** What the file is to hold: what is ours now, and behind it what somebody in the container has added to what was ours before. */
export const mergeHosts = (current: string, before: string, now: string): string => {
  const ours = new Set(linesOf(before))
  const theirs = linesOf(current).filter((line) => !ours.has(line))
  return theirs.length === 0 ? now : `${now}${theirs.join('\n')}\n`
}
