import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CriConfig } from '../../cri/config.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Flags } from '../support/flags.ts'
import { UsageError } from '../support/parse.ts'
import { type Context, defineCommand } from './context.ts'
import { CRI_SETTINGS } from './cri-settings.ts'
import { chosenLimits, layerLimits, registryLimits } from './limits.ts'
import type { Setting } from './setting.ts'
import { flagOf } from './settings.ts'
import { VERSION } from './version.ts'

const PREFIX = 'cri.'
const CNI_CONFIG = '/etc/cni/net.d'
const CNI_PLUGINS = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']
const PARALLEL_PULLS = 5
const HIGHEST_PORT = 65_535

const FLAGS: Flags = Object.fromEntries(
  Object.entries<Setting>(CRI_SETTINGS).map(([name, setting]) => [name.slice(PREFIX.length), flagOf(setting)]),
)

/** sd_booted(3) */
const systemdRuns = (): boolean => existsSync('/run/systemd/system')

const checkNumber = (name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number => {
  if (value < least || value > most)
    throw new UsageError(`--${name}: ${value} is not ${least} or more${most < Number.MAX_SAFE_INTEGER ? `, and ${most} at most` : ''}`)
  return value
}

const configOf = (context: Context, flags: Readonly<Record<string, unknown>>): CriConfig => {
  const settings = context.settings
  const chosen = <T>(name: keyof typeof CRI_SETTINGS): T | undefined => {
    const given = flags[name.slice(PREFIX.length)]
    if (given === undefined) return settings[name] as T | undefined
    return (CRI_SETTINGS[name].type === 'path' ? resolve(given as string) : given) as T
  }
  const template = chosen<string>('cri.cni-template')
  const limits = chosenLimits(settings)
  const downloads = limits['pull.downloads']
  return {
    version: VERSION,
    root: context.root,
    runRoot: context.runRoot,
    socket: chosen<string>('cri.socket') ?? `${context.runRoot}/cri.sock`,
    cgroupDriver: chosen<'cgroupfs' | 'systemd'>('cri.cgroup-driver') ?? (systemdRuns() ? 'systemd' : 'cgroupfs'),
    cniConfig: chosen<string>('cri.cni-config') ?? CNI_CONFIG,
    cniPlugins: (chosen<readonly string[]>('cri.cni-plugins') ?? CNI_PLUGINS).map((folder) => resolve(folder)),
    ...(template === undefined ? {} : { cniTemplate: template }),
    streamAddress: chosen<string>('cri.stream-address') ?? '127.0.0.1',
    streamPort: checkNumber('stream-port', chosen<number>('cri.stream-port') ?? 0, 0, HIGHEST_PORT),
    pinnedImages: chosen<readonly string[]>('cri.pinned-images') ?? [],
    parallelPulls: checkNumber('parallel-pulls', chosen<number>('cri.parallel-pulls') ?? PARALLEL_PULLS, 1),
    restrictOomScoreAdj: chosen<boolean>('cri.restrict-oom-score-adj') ?? false,
    registryLimits: registryLimits(limits),
    layerLimits: layerLimits(limits),
    ...(downloads === undefined ? {} : { downloads }),
  }
}

export const command = defineCommand({
  name: 'cri',
  heading: 'System',
  summary: 'serve Kubernetes: the Container Runtime Interface on a unix socket',
  operands: '',
  count: [0, 0],
  description: `Serves RuntimeService and ImageService of CRI v1, which kubelet and crictl speak, until it is asked to end by SIGTERM. Pods go on
without it, and the next server takes them over: it may be ended, or killed, at any time.

It has a state of its own beside that of the other commands, and shares the images with them. There is one server for one state.`,
  flags: FLAGS,
  async run({ flags, context }) {
    if (context.uid !== 0) throw new WherryError('permission-denied', 'cri: only root can serve Kubernetes')
    const config = configOf(context, flags as Readonly<Record<string, unknown>>)
    const { serve } = await import('../../cri/serve.ts')
    const { log } = context
    await serve(
      config,
      {
        enabled: (level) => log.enabled(level),
        debug: log.debug,
        info: log.info,
        warn: log.warn,
        error: (message, fields) => log.write('error', message, fields),
      },
      context.signal,
    )
    return 0
  },
})
