import { arch, cpus, hostname, release, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'
import { layout } from '../../runtime/cgroups/layout.ts'
import { isApparmorEnabled, isSelinuxEnabled } from '../../runtime/container/security-modules.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { type Status, statusOf } from '../containers/status.ts'
import { listContainers } from '../containers/store.ts'
import { humanMemory } from '../support/human.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate } from '../support/template/template.ts'
import { homeOf } from './containers.ts'
import { type Context, defineCommand } from './context.ts'
import { readStore } from './store.ts'
import { VERSION } from './version.ts'

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/** os-release(5) */
const operatingSystem = (): string => {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      const name = /^PRETTY_NAME=(?:"(.*)"|(.*))$/m.exec(readFileSync(path, 'utf8'))
      if (name !== null) return name[1] ?? name[2]!
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EACCES')) throw error
    }
  }
  return 'unknown'
}

/** Asked without locks or rights: what is being cleaned up just now may count for what it was. */
const countContainers = async (context: Context) => {
  const home = homeOf(context)
  const statuses: Status[] = []
  for (const container of listContainers(home)) statuses.push(await statusOf(home, container))
  const count = (wanted: readonly Status[]): number => statuses.filter((status) => wanted.includes(status)).length
  return {
    Containers: statuses.length,
    ContainersRunning: count(['running', 'restarting']),
    ContainersPaused: count(['paused']),
    ContainersStopped: count(['created', 'exited', 'removing', 'dead']),
  }
}

const cgroupVersion = (): string => {
  try {
    return layout().kind === 'v2' ? '2' : '1'
  } catch (error) {
    if (error instanceof WherryError) return 'none' // doctor tells of it
    throw error
  }
}

const securityOptions = (uid: number): string[] => [
  'name=seccomp,profile=builtin',
  ...(isApparmorEnabled() ? ['name=apparmor'] : []),
  ...(isSelinuxEnabled() ? ['name=selinux'] : []),
  ...(uid === 0 ? [] : ['name=rootless']),
]

const gather = async (context: Context) => ({
  ServerVersion: VERSION,
  ...(await countContainers(context)),
  Images: new Set(
    readStore(context)
      .images.list()
      .map(({ descriptor }) => descriptor.digest),
  ).size,
  Driver: 'overlay',
  LoggingDriver: 'json-file',
  CgroupDriver: 'cgroupfs',
  CgroupVersion: cgroupVersion(),
  Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'none', 'cni'], Log: ['json-file', 'local', 'none'] },
  SecurityOptions: securityOptions(context.uid),
  DefaultRuntime: 'wherry',
  DockerRootDir: context.root,
  RunRoot: context.runRoot,
  Rootless: context.uid !== 0,
  KernelVersion: release(),
  OperatingSystem: operatingSystem(),
  OSType: 'linux',
  Architecture: ARCHITECTURES[arch()] ?? arch(),
  NCPU: cpus().length,
  MemTotal: totalmem(),
  Name: hostname(),
})

type Info = Awaited<ReturnType<typeof gather>>

const text = (info: Info): string => {
  const rows = [
    ['Version', info.ServerVersion],
    [
      'Containers',
      `${info.Containers} (${info.ContainersRunning} running, ${info.ContainersPaused} paused, ${info.ContainersStopped} stopped)`,
    ],
    ['Images', String(info.Images)],
    ['Root', info.DockerRootDir],
    ['Run root', info.RunRoot],
    ['Storage', info.Driver],
    ['Cgroups', `version ${info.CgroupVersion}, ${info.CgroupDriver}`],
    ['Security', info.SecurityOptions.map((option) => option.replace('name=', '')).join(' ')],
    ['Rootless', String(info.Rootless)],
    ['Kernel', info.KernelVersion],
    ['Operating system', info.OperatingSystem],
    ['Architecture', info.Architecture],
    ['CPUs', String(info.NCPU)],
    ['Memory', humanMemory(info.MemTotal)],
    ['Host', info.Name],
  ] as const
  return rows.map(([name, value]) => `${`${name}:`.padEnd(18)}${value}\n`).join('')
}

export const command = defineCommand({
  name: 'info',
  aliases: ['system info'],
  heading: 'System',
  summary: 'show where images and containers are, and what this machine is',
  operands: '',
  count: [0, 0],
  description: 'Shows the store, how many containers and images are in it, and the machine.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json, or a Go template' },
  },
  async run({ flags, context }) {
    const { format } = flags
    const template = format === undefined || format === 'json' ? undefined : compileTemplate(format)
    const info = await gather(context)
    print(template !== undefined ? `${template(info)}\n` : format === 'json' ? `${goJson(info)}\n` : text(info))
    return 0
  },
})
