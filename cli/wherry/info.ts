import { arch, cpus, hostname, release, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { humanMemory } from '../support/human.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate } from '../support/template/template.ts'
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

const gather = (context: Context) => ({
  ServerVersion: VERSION,
  Images: new Set(
    readStore(context)
      .images.list()
      .map(({ descriptor }) => descriptor.digest),
  ).size,
  Driver: 'overlay',
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

type Info = ReturnType<typeof gather>

const text = (info: Info): string => {
  const rows = [
    ['Version', info.ServerVersion],
    ['Images', String(info.Images)],
    ['Root', info.DockerRootDir],
    ['Run root', info.RunRoot],
    ['Storage', info.Driver],
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
  summary: 'show where images are and what this machine is',
  operands: '',
  count: [0, 0],
  description: 'Shows the store and the machine.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json, or a Go template' },
  },
  async run({ flags, context }) {
    const { format } = flags
    const template = format === undefined || format === 'json' ? undefined : compileTemplate(format)
    const info = gather(context)
    print(template !== undefined ? `${template(info)}\n` : format === 'json' ? `${goJson(info)}\n` : text(info))
    return 0
  },
})
