/** What the request and the image's config come to: what is executed, and what belongs to it. */
import { type Applied, applyConfig } from '../../image/apply/apply.ts'
import type { ExposedPort } from '../../image/apply/ports.ts'
import type { ContainerConfig as ImageProcess, Healthcheck } from '../../image/spec/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import type { ResolvedHealth, ResolvedProcess } from './config.ts'
import { shortId } from './ids.ts'
import type { ContainerRequest, HealthRequest } from './request.ts'

export const HEALTH_DEFAULTS = { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5_000, retries: 3 } as const

const SHELL = ['/bin/sh', '-c']
const NANOSECONDS = 1e6

/** The words of an image's check; undefined where it has none or wants none. */
const wordsOf = (test: readonly string[] | undefined, shell: readonly string[]): readonly string[] | undefined => {
  const [kind, ...words] = test ?? []
  if (kind === 'CMD' && words.length > 0) return words
  if (kind === 'CMD-SHELL' && words[0] !== undefined) return [...shell, words[0]]
  return undefined
}

const milliseconds = (nanoseconds: number | undefined): number | undefined =>
  nanoseconds === undefined || nanoseconds === 0 ? undefined : nanoseconds / NANOSECONDS

export const resolveHealth = (
  request: HealthRequest,
  image: Healthcheck | undefined,
  shell: readonly string[] = SHELL,
): ResolvedHealth | undefined => {
  if (request.disabled) return undefined
  const command = request.command === undefined ? wordsOf(image?.Test, shell) : [...shell, request.command]
  if (command === undefined) return undefined
  return {
    command,
    interval: request.interval ?? milliseconds(image?.Interval) ?? HEALTH_DEFAULTS.interval,
    timeout: request.timeout ?? milliseconds(image?.Timeout) ?? HEALTH_DEFAULTS.timeout,
    startPeriod: request.startPeriod ?? milliseconds(image?.StartPeriod) ?? HEALTH_DEFAULTS.startPeriod,
    startInterval: request.startInterval ?? milliseconds(image?.StartInterval) ?? HEALTH_DEFAULTS.startInterval,
    retries: request.retries ?? (image?.Retries || HEALTH_DEFAULTS.retries),
  }
}

const WITHOUT_IMAGE: ImageProcess = {}
/** What a shell finds where neither image nor user says it; docker's and podman's. */
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const portsOf = ({ first, last, protocol }: ExposedPort): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)

export interface Resolution {
  readonly process: ResolvedProcess
  readonly applied: Applied
}

/** Throws `invalid-argument` naming what in the image or the request cannot be. */
export const resolveProcess = (
  request: ContainerRequest,
  image: ImageProcess | undefined,
  id: string,
  hostname: () => string,
): Resolution => {
  const config = image ?? WITHOUT_IMAGE
  if (image === undefined && request.command.length === 0 && (request.entrypoint ?? []).length === 0)
    throw new WherryError('invalid-argument', 'no command: with --rootfs there is no image that names one; write it behind the folder')
  const applied = applyConfig(config, {
    ...(request.entrypoint === undefined ? {} : { entrypoint: request.entrypoint }),
    command: request.command,
    env: request.env,
    ...(request.user === undefined ? {} : { user: request.user }),
    ...(request.workdir === undefined ? {} : { workingDir: request.workdir }),
    ...(request.stopSignal === undefined ? {} : { stopSignal: request.stopSignal }),
    labels: request.labels,
    hostname: request.hostname ?? (request.network.mode === 'host' || request.uts.mode === 'host' ? hostname() : shortId(id)),
    terminal: request.tty,
  })
  const removed = request.env.some(([name, value]) => name === 'PATH' && value === undefined)
  const hasPath = removed || applied.env.some((entry) => entry.startsWith('PATH='))
  const health = resolveHealth(request.health, applied.healthcheck, config.Shell)
  return {
    applied,
    process: {
      args: applied.args,
      env: hasPath ? applied.env : [DEFAULT_PATH, ...applied.env],
      cwd: applied.cwd,
      user: applied.user,
      stopSignal: applied.stopSignal ?? SIGNALS.SIGTERM,
      volumes: applied.volumes.filter((path) => !request.mounts.some(({ target }) => target === path)),
      exposed: [...new Set([...applied.ports.flatMap(portsOf), ...request.network.expose])],
      ...(health === undefined ? {} : { health }),
    },
  }
}
