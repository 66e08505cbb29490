import { readFileSync } from 'node:fs'
import { update } from '../../runtime/container/update.ts'
import { WherryError } from '../../runtime/errors.ts'
import { foldResourceKeys } from '../../runtime/spec/fold.ts'
import { parseJson } from '../../runtime/spec/json.ts'
import { parseResources } from '../../runtime/spec/parse-resources.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'
import { resourcesOfFlags } from './resources.ts'

const readResources = (file: string): unknown => {
  const name = file === '-' ? 'the standard input' : file
  try {
    return foldResourceKeys(parseJson(readFileSync(file === '-' ? 0 : file, 'utf8')))
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new WherryError('invalid-argument', `--resources: ${name} is not JSON`, { cause })
    throw cause
  }
}

/** update leaves the rules of the device cgroup alone, as in runc: a caller that sends the whole of linux.resources means the limits. */
const withoutDevices = (resources: unknown): unknown =>
  typeof resources === 'object' && resources !== null && !Array.isArray(resources) ? { ...resources, devices: undefined } : resources

export const command = defineCommand({
  name: 'update',
  summary: 'change the resource limits of a container',
  operands: 'ID',
  count: [1, 1],
  description: `Changes the limits that are given and leaves the others. With --resources, an object like linux.resources of config.json is read
and all other flags are ignored. Sizes may have a unit (512M, 1.5GiB); -1 is unlimited.`,
  flags: {
    resources: { type: 'string', short: 'r', value: 'FILE', help: 'read the limits as JSON from FILE, or from stdin if it is -' },
    'blkio-weight': { type: 'integer', value: 'WEIGHT', help: 'share of I/O, from 10 to 1000' },
    'cpu-period': { type: 'string', value: 'MICROSECONDS', help: 'period of the CPU bandwidth limit' },
    'cpu-quota': { type: 'string', value: 'MICROSECONDS', help: 'CPU time per period; -1 is unlimited' },
    'cpu-burst': { type: 'string', value: 'MICROSECONDS', help: 'unused CPU time that may be used later' },
    'cpu-share': { type: 'string', value: 'SHARES', help: 'share of CPU time relative to other containers' },
    'cpu-rt-period': { type: 'string', value: 'MICROSECONDS', help: 'period of the realtime limit' },
    'cpu-rt-runtime': { type: 'string', value: 'MICROSECONDS', help: 'realtime CPU time per period' },
    'cpu-idle': { type: 'string', value: '0|1', help: '1 makes the container run only where the CPU is idle' },
    'cpuset-cpus': { type: 'string', value: 'LIST', help: 'CPUs to use, like 0-3,7' },
    'cpuset-mems': { type: 'string', value: 'LIST', help: 'memory nodes to use' },
    memory: { type: 'string', value: 'SIZE', help: 'memory limit' },
    'memory-reservation': { type: 'string', value: 'SIZE', help: 'soft memory limit' },
    'memory-swap': { type: 'string', value: 'SIZE', help: 'limit of memory and swap together' },
    'pids-limit': { type: 'integer', value: 'NUMBER', help: 'limit of processes and threads; -1 is unlimited' },
    'kernel-memory': { type: 'string', value: 'SIZE', help: 'obsolete and ignored', hidden: true },
    'kernel-memory-tcp': { type: 'string', value: 'SIZE', help: 'obsolete and ignored', hidden: true },
    'l3-cache-schema': { type: 'string', value: 'SCHEMA', help: 'Intel RDT: refused', hidden: true },
    'mem-bw-schema': { type: 'string', value: 'SCHEMA', help: 'Intel RDT: refused', hidden: true },
  },
  async run({ flags, args, context }) {
    if (flags['l3-cache-schema'] || flags['mem-bw-schema'])
      throw new WherryError('unsupported', '--l3-cache-schema and --mem-bw-schema are not supported: this runtime has no Intel RDT')
    if (flags['kernel-memory'] || flags['kernel-memory-tcp'])
      context.log.warn('--kernel-memory and --kernel-memory-tcp are obsolete and ignored')
    const given = flags.resources ? readResources(flags.resources) : resourcesOfFlags(flags)
    const resources = parseResources(withoutDevices(given), 'resources', context.log.warn)
    await update(openEngine(context), args[0]!, resources)
    return 0
  },
})
