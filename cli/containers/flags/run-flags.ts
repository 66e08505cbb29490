/** The flags of run and create. Those that the container keeps are read by request.ts, those of the command alone here. */
import { resolve } from 'node:path'
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import { bad, within } from './bad.ts'
import { DEVICE_FLAGS } from './devices.ts'
import { ENVIRONMENT_FLAGS } from './environment.ts'
import { LABEL_FLAGS } from './labels.ts'
import { LIFECYCLE_FLAGS } from './lifecycle.ts'
import { LIMIT_FLAGS } from './limits.ts'
import { MOUNT_FLAGS } from './mounts.ts'
import { NAMESPACE_FLAGS } from './namespaces.ts'
import { NETWORK_FLAGS } from './network.ts'
import { PROCESS_FLAGS } from './process.ts'
import { RESOURCE_FLAGS } from './resources.ts'
import { SECURITY_FLAGS } from './security.ts'

/** What a container is; of both verbs. */
export const CONTAINER_FLAGS = {
  name: { type: 'string', value: 'NAME', help: 'name of the container (default: one is made up)' },
  ...PROCESS_FLAGS,
  ...ENVIRONMENT_FLAGS,
  ...MOUNT_FLAGS,
  ...NETWORK_FLAGS,
  ...NAMESPACE_FLAGS,
  ...RESOURCE_FLAGS,
  'cgroup-parent': { type: 'string', value: 'PATH', help: 'cgroup that its own is made in' },
  ...LIMIT_FLAGS,
  ...DEVICE_FLAGS,
  ...SECURITY_FLAGS,
  ...LIFECYCLE_FLAGS,
  ...LABEL_FLAGS,
  'storage-opt': { type: 'list', value: 'size=SIZE', help: 'bytes that it may write, where the file system has project quotas' },
  platform: { type: 'string', value: 'OS/ARCH[/VARIANT]', help: 'run the image for another platform (default: this machine)' },
  rootfs: { type: 'string', value: 'DIR', help: 'a folder for the root filesystem, in the place of an image' },
} as const satisfies Flags

const PULLS = ['missing', 'always', 'never', 'newer'] as const

/** What both verbs do besides. */
export const CREATE_FLAGS = {
  ...CONTAINER_FLAGS,
  pull: { type: 'string', value: 'WHEN', choices: PULLS, help: 'when to pull the image: missing (default), always, never or newer' },
  quiet: { type: 'boolean', short: 'q', help: 'show no progress of a pull' },
  cidfile: { type: 'string', value: 'FILE', help: 'write its id to a file, which must not be there' },
  attach: {
    type: 'list',
    short: 'a',
    value: 'STREAM',
    help: 'attach to stdin, stdout or stderr (default: to both outputs, and to stdin with -i)',
  },
} as const satisfies Flags

export const RUN_FLAGS = {
  ...CREATE_FLAGS,
  detach: { type: 'boolean', short: 'd', help: 'leave it running and print its id' },
  'detach-keys': { type: 'string', value: 'KEYS', help: 'keys that leave it running (default ctrl-p,ctrl-q)' },
  'sig-proxy': { type: 'boolean', help: 'pass signals on to it (default true)' },
  pidfile: { type: 'string', value: 'FILE', help: 'write the id of its first process to a file' },
  'preserve-fds': { type: 'integer', value: 'N', help: 'pass N descriptors on, from 3 on' },
  explain: {
    type: 'optional',
    value: 'elf',
    choices: ['elf'],
    help: 'print the program that would make it, and run nothing; --explain=elf FILE IMAGE saves it as an executable',
  },
} as const satisfies Flags

export type ContainerFlags = Values<typeof CONTAINER_FLAGS>

export type Stream = 'stdin' | 'stdout' | 'stderr'

export interface CreateOptions {
  readonly pull: (typeof PULLS)[number]
  readonly quiet: boolean
  /** Absolute. */
  readonly cidfile?: string
  /** Absent: both outputs, and stdin if it is interactive. */
  readonly attach?: ReadonlySet<Stream>
}

export interface RunOptions extends CreateOptions {
  readonly detach: boolean
  readonly detachKeys?: string
  readonly sigProxy: boolean
  /** Absolute. */
  readonly pidfile?: string
  readonly preserveFds: number
  /** `elf`: the first argument is the file. */
  readonly explain?: 'text' | 'elf'
}

const STREAMS = ['stdin', 'stdout', 'stderr'] as const

const stream = (text: string): Stream => {
  const found = STREAMS.find((one) => one === text.toLowerCase())
  if (found === undefined) throw bad('attach', text, `is none of ${STREAMS.join(', ')}`)
  return found
}

export const readCreateOptions = (flags: Values<typeof CREATE_FLAGS>, cwd: string): CreateOptions => {
  if (flags.cidfile === '') throw bad('cidfile', '', 'is no path')
  return {
    pull: PULLS.find((policy) => policy === flags.pull) ?? 'missing',
    quiet: flags.quiet ?? false,
    ...(flags.cidfile === undefined ? {} : { cidfile: resolve(cwd, flags.cidfile) }),
    ...(flags.attach === undefined ? {} : { attach: new Set(flags.attach.map(stream)) }),
  }
}

const MOST_DESCRIPTORS = 1024

/** Throws UsageError for what excludes each other. */
export const readRunOptions = (flags: Values<typeof RUN_FLAGS>, cwd: string): RunOptions => {
  const detach = flags.detach ?? false
  if (detach && (flags.attach?.length ?? 0) > 0) throw new UsageError('--detach and --attach exclude each other')
  if (detach && flags['detach-keys'] !== undefined)
    throw new UsageError('--detach and --detach-keys exclude each other: nobody is attached')
  if (flags.pidfile === '') throw bad('pidfile', '', 'is no path')
  return {
    ...readCreateOptions(flags, cwd),
    detach,
    ...(flags['detach-keys'] === undefined ? {} : { detachKeys: flags['detach-keys'] }),
    sigProxy: flags['sig-proxy'] ?? true,
    ...(flags.pidfile === undefined ? {} : { pidfile: resolve(cwd, flags.pidfile) }),
    preserveFds: within('preserve-fds', flags['preserve-fds'], 0, MOST_DESCRIPTORS) ?? 0,
    ...(flags.explain === undefined ? {} : { explain: flags.explain === 'elf' ? 'elf' : 'text' }),
  }
}
