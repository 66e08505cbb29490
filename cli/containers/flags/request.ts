/** From the flags of run and create to what the container is to be. Everything is checked; nothing is made. */
import { resolve } from 'node:path'
import { parsePlatform } from '../../../image/spec/platform.ts'
import { UsageError } from '../../support/parse.ts'
import { checkName } from '../names.ts'
import type { ContainerRequest, NetworkRequest } from '../request.ts'
import { bad, conflict, halves, line, sizeText } from './bad.ts'
import { readDevice, readDeviceRule } from './devices.ts'
import { readEnvironment } from './environment.ts'
import { readAnnotations, readLabels } from './labels.ts'
import { readLifecycle } from './lifecycle.ts'
import { readOomScoreAdj, readSysctls, readUlimits } from './limits.ts'
import { readMounts, readShmSize } from './mounts.ts'
import { readNamespace, readTimeOffsets, readUserNamespace } from './namespaces.ts'
import { readNetwork } from './network.ts'
import { readProcess } from './process.ts'
import { readResources } from './resources.ts'
import type { ContainerFlags } from './run-flags.ts'
import { readSecurity } from './security.ts'
import type { Surroundings } from './surroundings.ts'

/** What run is given in the place of flags: the image and the command, or with --rootfs the command alone. */
const split = (flags: ContainerFlags, args: readonly string[], cwd: string): Pick<ContainerRequest, 'image' | 'rootfs' | 'command'> => {
  for (const arg of args) if (arg.includes('\0')) throw new UsageError('an argument has a NUL byte')
  if (flags.rootfs !== undefined) {
    if (flags.rootfs === '') throw bad('rootfs', '', 'is no path')
    for (const name of ['platform', 'storage-opt'] as const)
      if (flags[name] !== undefined)
        throw conflict('rootfs', name, `${name === 'platform' ? 'there is no image' : 'the folder is written to as it is'}`)
    return { rootfs: resolve(cwd, line('rootfs', flags.rootfs)), command: args }
  }
  const [image, ...command] = args
  if (image === undefined || image === '') throw new UsageError('no image is named: IMAGE [COMMAND...] is wanted behind the flags')
  return { image, command }
}

const storageSize = (values: readonly string[] | undefined): string | undefined => {
  let found: string | undefined
  for (const text of values ?? []) {
    const [name, value] = halves(text, '=')
    if (name !== 'size' || value === undefined) throw bad('storage-opt', text, 'is unknown; there is size=SIZE')
    found = sizeText('storage-opt', value)
    if (found === '0') throw bad('storage-opt', text, 'leaves no room')
  }
  return found
}

const cgroupParent = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined
  line('cgroup-parent', text)
  if (text.split('/').includes('..')) throw bad('cgroup-parent', text, 'must not have .. in it')
  return text
}

type Modes = Pick<ContainerRequest, 'pid' | 'ipc' | 'uts' | 'cgroup' | 'userns' | 'timeOffsets'>

const namespaces = (flags: ContainerFlags, surroundings: Surroundings): Modes => {
  const timeOffsets = readTimeOffsets(flags['time-offset'])
  return {
    pid: readNamespace('pid', flags.pid, surroundings),
    ipc: readNamespace('ipc', flags.ipc, surroundings),
    uts: readNamespace('uts', flags.uts, surroundings),
    cgroup: readNamespace('cgroupns', flags.cgroupns, surroundings),
    userns: readUserNamespace(flags, surroundings),
    ...(timeOffsets === undefined ? {} : { timeOffsets }),
  }
}

/** What two flags say that cannot both be; an ordered list. */
const refuseConflicts = (flags: ContainerFlags, { uts, ipc, pid, userns }: Modes, network: NetworkRequest): void => {
  const own = (name: 'hostname' | 'domainname'): void => {
    if (flags[name] === undefined || uts.mode === 'private') return
    throw conflict(name, `uts ${flags.uts}`, uts.mode === 'host' ? 'it would change the machine' : 'it would change the other container')
  }
  own('hostname')
  own('domainname')
  if (flags['shm-size'] !== undefined && ipc.mode !== 'private' && ipc.mode !== 'shareable')
    throw conflict('shm-size', `ipc ${flags.ipc}`, ipc.mode === 'none' ? 'there is no /dev/shm' : '/dev/shm is not its own')
  if (flags.init === true && pid.mode !== 'private')
    throw conflict('init', `pid ${flags.pid}`, 'its first process would not be the first of its pid namespace')
  if (flags.privileged === true && userns.mode !== 'host')
    throw conflict(
      'privileged',
      flags.userns === undefined ? 'uidmap' : `userns ${flags.userns}`,
      'root of a user namespace has no power over the machine; give --cap-add ALL',
    )
  const shown = { pid: '/proc', network: '/sys', ipc: '/dev/mqueue' } as const
  for (const [name, one] of [
    ['pid', pid],
    ['network', network],
    ['ipc', ipc],
  ] as const)
    if (one.mode === 'container' && userns.mode !== 'host' && userns.container !== one.container)
      throw new UsageError(
        `--${name} container:… and another user namespace exclude each other: ${shown[name]} could not be mounted; join its user namespace too (--userns container:…)`,
      )
  if (flags['read-only-tmpfs'] !== undefined && flags['read-only'] !== true) throw new UsageError('--read-only-tmpfs needs --read-only')
}

const modeOf =
  (modes: Modes, network: NetworkRequest) =>
  (type: 'ipc' | 'network' | 'uts'): string =>
    type === 'network' ? network.mode : modes[type].mode

/**
 * Throws UsageError (or another WherryError, of a container that is referred to), naming the flag, the value and what is allowed. What
 * merely has no effect goes to `surroundings.warn`.
 */
export const readRequest = (flags: ContainerFlags, args: readonly string[], surroundings: Surroundings): ContainerRequest => {
  const { cwd } = surroundings
  const what = split(flags, args, cwd)
  if (flags.name !== undefined) checkName(flags.name)
  if (flags.platform !== undefined) parsePlatform(flags.platform)
  const modes = namespaces(flags, surroundings)
  const network = readNetwork(flags, surroundings)
  refuseConflicts(flags, modes, network)
  const oomScoreAdj = readOomScoreAdj(flags['oom-score-adj'])
  const size = storageSize(flags['storage-opt'])
  const parent = cgroupParent(flags['cgroup-parent'])
  return {
    ...what,
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...readProcess(flags),
    env: readEnvironment(flags, surroundings),
    readonly: flags['read-only'] ?? false,
    readonlyTmpfs: flags['read-only-tmpfs'] ?? true,
    mounts: readMounts(flags, surroundings),
    network,
    ...modes,
    ...(parent === undefined ? {} : { cgroupParent: parent }),
    devices: (flags.device ?? []).map(readDevice),
    deviceRules: (flags['device-cgroup-rule'] ?? []).map(readDeviceRule),
    resources: readResources(flags, { update: false }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ulimits: readUlimits(flags.ulimit),
    sysctls: readSysctls(flags.sysctl, modeOf(modes, network)),
    shmSize: readShmSize(flags['shm-size']),
    security: readSecurity(flags, surroundings),
    ...readLifecycle(flags),
    labels: readLabels(flags, surroundings),
    annotations: readAnnotations(flags),
    ...(size === undefined ? {} : { storageSize: size }),
  }
}
