/** What really holds for a container that runs: asked of the kernel, whatever was wanted. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { capabilityNames } from '../../runtime/capabilities.ts'
import { openCgroup } from '../../runtime/cgroups/cgroup.ts'
import type { CgroupRecord } from '../../runtime/cgroups/types.ts'
import { isAlive } from '../../runtime/container/process-id.ts'
import { Store } from '../../runtime/container/store.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Home } from './home.ts'

/** Undefined for what is not there: a controller that the machine has not, a process that has just ended. */
const tryRead = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENODEV', 'EOPNOTSUPP', 'EINVAL')) return undefined
    throw error
  }
}

/** Files of limits by controller: cgroup-v2.rst, and the documents of cgroup-v1. */
const V2 = [
  'memory.max',
  'memory.high',
  'memory.low',
  'memory.swap.max',
  'cpu.max',
  'cpu.weight',
  'cpuset.cpus.effective',
  'cpuset.mems.effective',
  'io.max',
  'io.weight',
  'pids.max',
] as const

const V1: Readonly<Record<string, readonly string[]>> = {
  memory: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.soft_limit_in_bytes', 'memory.swappiness', 'memory.oom_control'],
  cpu: ['cpu.shares', 'cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.rt_runtime_us'],
  cpuset: ['cpuset.cpus', 'cpuset.mems'],
  pids: ['pids.max'],
  blkio: ['blkio.weight', 'blkio.throttle.read_bps_device', 'blkio.throttle.write_bps_device'],
  devices: ['devices.list'],
}

const hugetlb = (folder: string): string[] => {
  try {
    return readdirSync(folder).filter((name) => /^hugetlb\..*\.(max|limit_in_bytes)$/.test(name))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

const limitsOf = ({ paths }: CgroupRecord): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const [controller, folder] of Object.entries(paths))
    for (const name of [
      ...(controller === '' ? V2 : (V1[controller] ?? [])),
      ...(controller === '' || controller === 'hugetlb' ? hugetlb(folder) : []),
    ]) {
      const value = tryRead(`${folder}/${name}`)
      if (value !== undefined) found[name] = value
    }
  return found
}

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const

/** `net:[4026531840]`, and whether it is the machine's. */
const namespacesOf = (pid: number): Record<string, { readonly Id: string; readonly Host: boolean }> =>
  Object.fromEntries(
    NAMESPACES.flatMap((name) => {
      try {
        const id = readlinkSync(`/proc/${pid}/ns/${name}`)
        return [[name, { Id: id, Host: id === readlinkSync(`/proc/self/ns/${name}`) }] as const]
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return []
        throw error
      }
    }),
  )

/** proc_pid_status(5): a mask as names. */
const capabilitiesOf = (mask: string | undefined): string[] => capabilityNames(BigInt(`0x${mask ?? '0'}`))

const SECCOMP = ['disabled', 'strict', 'filter']

/** Octal escapes of proc_pid_mountinfo(5). */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const mountsOf = (pid: number) =>
  (tryRead(`/proc/${pid}/mountinfo`) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , , root = '', target = '', options = '', ...optional] = before.split(' ')
      const [type = '', source = '', superOptions = ''] = after.split(' ')
      const propagation = optional.map((word) => word.replace(/:.*/, '')).join(',')
      return {
        Target: unescaped(target),
        Type: type,
        Source: unescaped(source),
        Root: unescaped(root),
        Options: options,
        SuperOptions: superOptions,
        Propagation: propagation === '' ? 'private' : propagation,
      }
    })

const rlimitsOf = (pid: number): Record<string, { readonly Soft: string; readonly Hard: string }> =>
  Object.fromEntries(
    (tryRead(`/proc/${pid}/limits`) ?? '')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, name, soft, hard] = /^Max (.*?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? []
        return name === undefined || soft === undefined || hard === undefined ? [] : [[name, { Soft: soft, Hard: hard }] as const]
      }),
  )

/** Undefined for one that does not run. */
export const effectiveOf = async (home: Home, id: string) => {
  const record = new Store(home.engine.root).tryRead(id)
  const init = record?.init
  if (record === undefined || init === undefined || !isAlive(init)) return undefined
  const { pid } = init
  const status = tryRead(`/proc/${pid}/status`) ?? ''
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]
  const ids = (name: string): number[] => (field(name) ?? '').split(/\s+/).filter(Boolean).map(Number)
  return {
    Pids: [...(await openCgroup(record.cgroup, home.warn)).processes()],
    Cgroups: Object.fromEntries(Object.entries(record.cgroup.paths).map(([name, path]) => [name === '' ? 'unified' : name, path])),
    Limits: limitsOf(record.cgroup),
    Rlimits: rlimitsOf(pid),
    Namespaces: namespacesOf(pid),
    UidMap: tryRead(`/proc/${pid}/uid_map`)
      ?.replace(/ +/g, ' ')
      .split('\n')
      .map((line) => line.trim()),
    Uid: ids('Uid')[1],
    Gid: ids('Gid')[1],
    Groups: ids('Groups'),
    Capabilities: {
      Effective: capabilitiesOf(field('CapEff')),
      Permitted: capabilitiesOf(field('CapPrm')),
      Inheritable: capabilitiesOf(field('CapInh')),
      Bounding: capabilitiesOf(field('CapBnd')),
      Ambient: capabilitiesOf(field('CapAmb')),
    },
    NoNewPrivileges: field('NoNewPrivs') === '1',
    Seccomp: SECCOMP[Number(field('Seccomp') ?? 0)],
    SeccompFilters: Number(field('Seccomp_filters') ?? 0),
    Label: tryRead(`/proc/${pid}/attr/current`)?.replace(/\0$/, ''),
    OomScoreAdj: Number(tryRead(`/proc/${pid}/oom_score_adj`) ?? 0),
    Mounts: mountsOf(pid),
  }
}

export type Effective = NonNullable<Awaited<ReturnType<typeof effectiveOf>>>
