/**
 * What a container of an image begins with: the image’s config and what the caller wants otherwise, as image-spec conversion.md says and
 * docker does. Plain values; nothing of the root filesystem is looked at (`resolveUser` and `makeWorkingFolder` do that).
 */
import { posix } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { signalNumber } from '../../runtime/sys/abi/signal.ts'
import type { ContainerConfig, Healthcheck } from '../spec/types.ts'
import { type Change, mergeEnv, withDefault } from './environment.ts'
import { type ExposedPort, parsePort } from './ports.ts'
import { quoted } from '../spec/printable.ts'

export interface Overrides {
  /** Drops the image’s Cmd as well. Empty: no entrypoint. */
  readonly entrypoint?: readonly string[]
  /** What stands behind the image’s name; none or empty: the image’s Cmd. */
  readonly command?: readonly string[]
  readonly env?: readonly Change[]
  readonly user?: string
  readonly workingDir?: string
  readonly stopSignal?: string
  readonly labels?: Readonly<Record<string, string>>
  /** HOSTNAME. */
  readonly hostname?: string
  /** TERM is set where nobody sets it. */
  readonly terminal?: boolean
}

export interface Applied {
  readonly args: readonly string[]
  /** `NAME=value`, each name once; HOME is missing where neither image nor caller set it: that is the user’s. */
  readonly env: readonly string[]
  /** Absolute, without `..`. */
  readonly cwd: string
  /** For `resolveUser`; empty for root. */
  readonly user: string
  /** Undefined: SIGTERM. */
  readonly stopSignal?: number
  /** For people: nothing may be decided by them, for the image’s are a stranger’s. */
  readonly labels: Readonly<Record<string, string>>
  /** Absolute, without `..`, each once, sorted. */
  readonly volumes: readonly string[]
  readonly ports: readonly ExposedPort[]
  readonly healthcheck?: Healthcheck
}

const argsOf = (config: ContainerConfig, { entrypoint, command = [] }: Overrides): readonly string[] => {
  const own = command.length > 0 ? command : entrypoint === undefined ? (config.Cmd ?? []) : []
  const args = [...(entrypoint ?? config.Entrypoint ?? []), ...own]
  const [program] = args
  if (program === undefined)
    throw new WherryError('invalid-argument', 'no command: the image has neither Entrypoint nor Cmd; name a command behind the image')
  if (program === '') throw new WherryError('invalid-argument', 'the command is empty; name a program')
  return args
}

const CONTROL = /\p{Cc}/u

/** As the kernel would see it from a root without links; the links are resolved when it is opened. */
const inRoot = (path: string, what: string): string => {
  if (CONTROL.test(path)) throw new WherryError('invalid-argument', `${what} ${quoted(path, 200)}: has control characters`)
  const clean = posix.join('/', path)
  return clean.length > 1 ? clean.replace(/\/+$/, '') : clean
}

const volume = (path: string): string => {
  if (!path.startsWith('/')) throw new WherryError('invalid-argument', `volume ${quoted(path, 200)} of the image: the path is not absolute`)
  const clean = inRoot(path, 'volume')
  if (clean === '/') throw new WherryError('invalid-argument', `volume ${quoted(path, 200)} of the image: would be the root itself`)
  return clean
}

const signal = (text: string): number => {
  const number = signalNumber(text)
  if (number === undefined)
    throw new WherryError('invalid-argument', `stop signal ${quoted(text)}: is no signal (SIGTERM, TERM, 15, SIGRTMIN+3)`)
  return number
}

/** Throws `invalid-argument` naming what in the config or the overrides cannot be. */
export const applyConfig = (config: ContainerConfig, overrides: Overrides = {}): Applied => {
  const stop = overrides.stopSignal ?? config.StopSignal
  const { hostname, terminal, env: changes = [] } = overrides
  const removed = new Set(changes.filter(([, value]) => value === undefined).map(([name]) => name))
  const defaults: readonly (readonly [string, string])[] = [
    ...(hostname === undefined ? [] : [['HOSTNAME', hostname] as const]),
    ...(terminal === true ? [['TERM', 'xterm'] as const] : []),
  ]
  return {
    args: argsOf(config, overrides),
    env: defaults
      .filter(([name]) => !removed.has(name))
      .reduce<readonly string[]>((env, [name, value]) => withDefault(env, name, value), mergeEnv(config.Env, changes)),
    cwd: inRoot(overrides.workingDir ?? config.WorkingDir ?? '/', 'working directory'),
    user: overrides.user ?? config.User ?? '',
    ...(stop === undefined ? {} : { stopSignal: signal(stop) }),
    labels: { ...config.Labels, ...overrides.labels },
    volumes: [...new Set((config.Volumes ?? []).map(volume))].sort(),
    ports: (config.ExposedPorts ?? []).map(parsePort),
    ...(config.Healthcheck === undefined ? {} : { healthcheck: config.Healthcheck }),
  }
}
