/** A container as docker's inspect shows it, and what really holds for it. */
import { parsePort } from '../../image/apply/ports.ts'
import { signalName } from '../../runtime/sys/abi/signal.ts'
import type { ContainerConfig, ContainerState, ResolvedHealth } from './config.ts'
import { effectiveOf } from './effective.ts'
import { type Home, placesOf } from './home.ts'
import { shortId } from './ids.ts'
import { inspectHostConfig } from './inspect-host-config.ts'
import { inspectNetworks } from './inspect-networks.ts'
import { filePaths } from './network/files.ts'
import { lowersOf } from './rootfs.ts'
import { readRun } from './run-record.ts'
import { isUp, type Status, statusOf } from './status.ts'
import type { Container } from './store.ts'
import { contentSize } from './usage.ts'
import { dataFolder } from './volumes/store.ts'

/** Go's zero time, which docker writes for none. */
export const NEVER = '0001-01-01T00:00:00Z'
const NANOSECONDS = 1e6

const stateOf = (home: Home, id: string, state: ContainerState, status: Status) => ({
  Status: status,
  Running: isUp(status) || status === 'restarting',
  Paused: status === 'paused',
  Restarting: status === 'restarting',
  OOMKilled: state.oomKilled ?? false,
  Dead: status === 'dead',
  Pid: isUp(status) ? (readRun(home, id)?.init?.pid ?? 0) : 0,
  ExitCode: state.exitCode ?? 0,
  Error: state.error ?? '',
  StartedAt: state.started ?? NEVER,
  FinishedAt: state.finished ?? NEVER,
  ...(state.health === undefined
    ? {}
    : {
        Health: {
          Status: state.health.status,
          FailingStreak: state.health.failures,
          Log: state.health.log.map(({ start, end, exitCode, output }) => ({ Start: start, End: end, ExitCode: exitCode, Output: output })),
        },
      }),
})

const healthcheckOf = ({ command, interval, timeout, startPeriod, startInterval, retries }: ResolvedHealth) => ({
  Test: ['CMD', ...command],
  Interval: interval * NANOSECONDS,
  Timeout: timeout * NANOSECONDS,
  StartPeriod: startPeriod * NANOSECONDS,
  StartInterval: startInterval * NANOSECONDS,
  Retries: retries,
})

const exposedOf = ({ process }: ContainerConfig): Record<string, object> =>
  Object.fromEntries(
    process.exposed
      .flatMap((text) => {
        const { first, last, protocol } = parsePort(text)
        return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
      })
      .map((name) => [name, {}]),
  )

/** docker's `Config`: of the image and the user together. */
const configOf = (config: ContainerConfig) => {
  const { request, process, image, labels, id } = config
  const [path, ...args] = process.args
  const entrypoint = request.entrypoint
  return {
    Hostname: request.hostname ?? shortId(id),
    Domainname: request.domainname ?? '',
    User: process.user,
    AttachStdin: request.interactive,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: exposedOf(config),
    Tty: request.tty,
    OpenStdin: request.interactive,
    StdinOnce: request.interactive,
    Env: process.env,
    Cmd: entrypoint === undefined ? [path, ...args] : process.args.slice(entrypoint.length),
    ...(process.health === undefined ? {} : { Healthcheck: healthcheckOf(process.health) }),
    Image: request.image ?? '',
    Volumes: Object.fromEntries(process.volumes.map((target) => [target, {}])),
    WorkingDir: process.cwd,
    Entrypoint: entrypoint ?? null,
    OnBuild: null,
    Labels: labels,
    StopSignal: signalName(process.stopSignal),
    StopTimeout: request.stopTimeout,
    ImageID: image?.id ?? '',
  }
}

const mountsOf = (home: Home, { request }: ContainerConfig) =>
  request.mounts.map((mount) => ({
    Type: mount.type,
    ...(mount.type === 'volume' && mount.source !== undefined
      ? { Name: mount.source, Source: dataFolder(home, mount.source), Driver: 'local' }
      : { Source: mount.source ?? '' }),
    Destination: mount.target,
    Mode: [...mount.options, ...(mount.relabel === undefined ? [] : [mount.relabel === 'shared' ? 'z' : 'Z'])].join(','),
    RW: !mount.readonly,
    Propagation: mount.type === 'bind' ? (mount.propagation ?? 'rprivate') : '',
  }))

export interface InspectOptions {
  readonly size: boolean
}

/** Of a container in order (tidy.ts). */
export const inspectContainer = async (home: Home, container: Container, { size }: InspectOptions) => {
  const { id, config, state } = container
  const { request, process, image } = config
  const places = placesOf(home, id)
  const status = await statusOf(home, container)
  const files = filePaths(home, id)
  const [path = '', ...args] = process.args
  const lowers = lowersOf(home, config)
  const effective = isUp(status) ? await effectiveOf(home, id) : undefined
  return {
    Id: id,
    Created: config.created,
    Path: path,
    Args: args,
    State: stateOf(home, id, state, status),
    Image: image?.id ?? '',
    ResolvConfPath: files.resolvConf,
    HostnamePath: files.hostname,
    HostsPath: files.hosts,
    LogPath: places.spool,
    Name: `/${config.name}`,
    RestartCount: state.restarts,
    Driver: 'overlay',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: effective?.Label ?? '',
    AppArmorProfile: request.security.apparmor ?? '',
    ExecIDs: null,
    HostConfig: inspectHostConfig(config),
    GraphDriver: {
      Name: 'overlay',
      Data:
        request.rootfs === undefined
          ? { LowerDir: lowers.toReversed().join(':'), UpperDir: places.upper, WorkDir: places.work }
          : { Folder: request.rootfs },
    },
    ...(size ? { SizeRw: contentSize(places.upper) } : {}),
    Mounts: mountsOf(home, config),
    Config: configOf(config),
    NetworkSettings: inspectNetworks(home, config, isUp(status)),
    ...(effective === undefined ? {} : { Effective: effective }),
  }
}

export type InspectedContainer = Awaited<ReturnType<typeof inspectContainer>>
