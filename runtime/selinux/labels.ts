/** SELinux labels of containers, and of what they may share: selinux(8), container_selinux(8). */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'

export interface SelinuxLabels {
  readonly process: string
  /** Of its mounts. */
  readonly mount: string
}

/** What the policy says of containers: `process = "system_u:system_r:container_t:s0"`. */
export const parseContexts = (text: string): SelinuxLabels | undefined => {
  const value = (key: string): string | undefined => new RegExp(`^\\s*${key}\\s*=\\s*"([^"]+)"`, 'm').exec(text)?.[1]
  const [process, mount] = [value('process'), value('file')]
  return process === undefined || mount === undefined ? undefined : { process, mount }
}

/** Undefined where the policy knows no containers. */
export const policyContexts = (): SelinuxLabels | undefined => {
  try {
    const type = /^\s*SELINUXTYPE\s*=\s*(\S+)/m.exec(readFileSync('/etc/selinux/config', 'utf8'))?.[1] ?? 'targeted'
    return parseContexts(readFileSync(`/etc/selinux/${type}/contexts/lxc_contexts`, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

const CATEGORIES = 1024

/** Two categories that hardly another container has, the same at every start: of half a million pairs the one that the id names. */
export const categoriesOf = (id: string): string => {
  const number = Number.parseInt(id.slice(0, 12), 16)
  const first = number % CATEGORIES
  const other = Math.floor(number / CATEGORIES) % (CATEGORIES - 1)
  const second = other >= first ? other + 1 : other
  return `c${Math.min(first, second)},c${Math.max(first, second)}`
}

const FIELDS = ['user', 'role', 'type', 'level'] as const

/** What --security-opt label= says, over the policy’s. Undefined: no labels. */
export const labelsFor = (base: SelinuxLabels, options: readonly string[], id: string): SelinuxLabels | undefined => {
  if (options.includes('disable')) return undefined
  const split = (label: string): string[] => {
    const [user = '', role = '', type = '', level = 's0'] = label.split(':')
    return [user, role, type, `${level.split(':')[0]}:${categoriesOf(id)}`]
  }
  const [process, mount] = [split(base.process), split(base.mount)]
  for (const option of options) {
    const [, key, value] = /^([a-z]+):(.+)$/.exec(option) ?? []
    const index = (FIELDS as readonly (string | undefined)[]).indexOf(key)
    if (index >= 0) process[index] = value!
    if (key === 'level') mount[3] = value!
    if (key === 'filetype') mount[2] = value!
  }
  return { process: process.join(':'), mount: mount.join(':') }
}

/** Whose label the whole machine depends on. */
const NEVER = new Set([
  '/',
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/home',
  '/lib',
  '/lib64',
  '/opt',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/tmp',
  '/usr',
  '/var',
])

const setLabel = (path: string, label: string): void => {
  const bytes = Buffer.from(`${label}\0`)
  const result = trySyscall('lsetxattr', path, 'security.selinux', bytes, bytes.length, 0)
  // what cannot have one, or is gone
  if (result < 0 && ![-95, -2].includes(result)) throw new SyscallError('lsetxattr', -result, { args: [path, 'security.selinux', label] })
}

/** :z and :Z: everything below `path` gets the label; links are labelled themselves, and other file systems too. Throws `invalid-argument`. */
export const relabel = (path: string, mountLabel: string, kind: 'shared' | 'private'): void => {
  if (NEVER.has(path))
    throw new WherryError(
      'invalid-argument',
      `${path} is not relabelled for a container, because others need it: leave ${kind === 'shared' ? 'z' : 'Z'} away`,
    )
  const label = kind === 'private' ? mountLabel : mountLabel.split(':').slice(0, 4).join(':')
  const visit = (at: string): void => {
    setLabel(at, label)
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) for (const name of readdirSync(at)) visit(`${at}/${name}`)
  }
  visit(path)
}
