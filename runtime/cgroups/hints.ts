/** What to do about a file of a cgroup that cannot be written. A hint is for the reader of a message, never for control flow. */
import { readFileSync } from 'node:fs'

const tryRead = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return undefined
  }
}

const REFUSED = 'not permitted here: run as root, or have the cgroup delegated to this user (systemd: Delegate=yes)'

interface Row {
  readonly file: RegExp
  readonly codes: readonly string[]
  readonly hint: string | ((dir: string, value: string) => string)
}

/** Made when something has failed: each program that starts would pay for a table. */
const rows = (): readonly Row[] => [
  {
    file: /^memory\.limit_in_bytes$/,
    codes: ['EBUSY'],
    hint: (dir, value) =>
      `unable to set memory limit to ${value} (current usage: ${tryRead(`${dir}/memory.usage_in_bytes`)}, peak usage: ${tryRead(`${dir}/memory.max_usage_in_bytes`)})`,
  },
  {
    file: /^memory\.(memsw\.)?limit_in_bytes$/,
    codes: ['EINVAL'],
    hint: 'the memory limit must not be above the limit of memory and swap together: set linux.resources.memory.limit and .swap',
  },
  { file: /^memory\.memsw\.limit_in_bytes$/, codes: ['EBUSY'], hint: 'the usage of memory and swap is above this limit' },
  {
    file: /^memory\.memsw\./,
    codes: ['ENOENT'],
    hint: 'the kernel does not account for swap: boot with swapaccount=1 or leave memory.swap out',
  },
  {
    file: /^memory\.swap\./,
    codes: ['ENOENT'],
    hint: 'the kernel does not account for swap, or the memory controller is not enabled here',
  },
  {
    file: /^cpu\.(max$|max\.burst$|cfs_)/,
    codes: ['EINVAL'],
    hint: 'out of range (period 1 ms to 1 s, quota at least 1 ms, burst at most the quota), or more than a parent cgroup has',
  },
  { file: /^cpu\.(shares|weight)/, codes: ['EINVAL'], hint: 'out of range, or the cgroup is idle (cpu.idle)' },
  { file: /^cpu\.idle$/, codes: ['EINVAL'], hint: 'the kernel takes 0 and 1 only' },
  {
    file: /^cpu\.rt_/,
    codes: ['EINVAL', 'EBUSY'],
    hint: 'the parent cgroup has no such share of realtime: set its cpu.rt_runtime_us and cpu.rt_period_us',
  },
  {
    file: /^(cpuset\.)?(cpus|mems)$/,
    codes: ['EINVAL', 'EACCES', 'EBUSY', 'ERANGE', 'ENOSPC'],
    hint: 'must be a list as in 0-3,7 of what is online and what the parent cgroup has, and must hold what sub-cgroups use',
  },
  { file: /^(io\.max|blkio\.throttle\.)/, codes: ['ENODEV', 'ENXIO'], hint: 'no block device (and no partition) has these numbers' },
  { file: /weight/, codes: ['EOPNOTSUPP', 'ENOTSUP', 'ENODEV'], hint: 'the device has another I/O scheduler than bfq, or does not exist' },
  { file: /^net_prio\./, codes: ['ENODEV', 'EINVAL'], hint: 'no network interface has this name in the network namespace of the runtime' },
  { file: /^rdma\.max$/, codes: ['EINVAL', 'ENODEV'], hint: 'no RDMA device has this name' },
  { file: /^devices\./, codes: ['EPERM'], hint: 'the parent cgroup does not allow this device' },
  {
    file: /^cgroup\.procs$/,
    codes: ['EBUSY', 'EOPNOTSUPP'],
    hint: 'controllers are enabled for its sub-cgroups, so that it takes no processes: choose a leaf',
  },
  { file: /^cgroup\.procs$/, codes: ['EINVAL'], hint: 'a realtime process needs cpu.rt_runtime_us in the cgroup' },
  { file: /^cgroup\.procs$/, codes: ['ENOSPC'], hint: 'the cgroup has no cpuset.cpus or cpuset.mems' },
  { file: /^cgroup\.procs$/, codes: ['ESRCH'], hint: 'the process has ended' },
  { file: /./, codes: ['EACCES', 'EPERM', 'EROFS'], hint: REFUSED },
]

/** Why a file is not there. */
const missing = (dir: string, file: string): string => {
  const controllers = tryRead(`${dir}/cgroup.controllers`)?.split(' ')
  const controller = file.split('.')[0]!
  if (controllers === undefined || controller === 'cgroup' || controllers.includes(controller)) return 'this kernel has no such file'
  const parent = dir.slice(0, dir.lastIndexOf('/'))
  const offered = tryRead(`${parent}/cgroup.controllers`)?.split(' ').includes(controller)
  const processes = offered && tryRead(`${parent}/cgroup.procs`) ? ', which has processes of its own and so cannot have them enabled' : ''
  return `the ${controller} controller is not enabled in ${offered ? `${parent}/cgroup.subtree_control${processes}` : `${parent}: it is disabled, not delegated, or unknown to this kernel`}`
}

/** The hint for a write of `value` to `file` that failed with errno `code`, or undefined. The first row that fits wins. */
export const hintFor = (dir: string, file: string, value: string, code: string): string | undefined => {
  const row = rows().find((candidate) => candidate.codes.includes(code) && candidate.file.test(file))
  if (row !== undefined) return typeof row.hint === 'string' ? row.hint : row.hint(dir, value)
  return code === 'ENOENT' ? missing(dir, file) : undefined
}
