import { createNetwork } from '../containers/network/create.ts'
import { networkId } from '../containers/network/ids.ts'
import { readLabels } from '../containers/flags/labels.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitNetwork } from './network-events.ts'

/** docker’s long names and podman’s short ones. */
const MTU = ['mtu', 'com.docker.network.driver.mtu']
const BRIDGE = ['bridge', 'bridge_name', 'com.docker.network.bridge.name']

interface Options {
  readonly mtu?: number
  readonly bridge?: string
}

const readOptions = (texts: readonly string[]): Options => {
  let options: Options = {}
  for (const text of texts.flatMap((one) => one.split(','))) {
    const [, key = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
    if (MTU.includes(key)) {
      if (!/^\d{1,5}$/.test(value) || Number(value) < 68 || Number(value) > 65535)
        throw new UsageError(`--opt ${key}=${value}: 68 to 65535 bytes are possible`)
      options = { ...options, mtu: Number(value) }
    } else if (BRIDGE.includes(key)) options = { ...options, bridge: value }
    else
      throw new UsageError(
        `--opt ${JSON.stringify(text)}: there is no option ${JSON.stringify(key)}; there are mtu and bridge (the name of the interface)`,
      )
  }
  return options
}

export const command = defineCommand({
  name: 'network create',
  heading: 'Networks',
  summary: 'make a network',
  operands: 'NETWORK',
  count: [1, 1],
  description: `Makes a bridge network, whose containers find each other by their names. Its subnet is one that is free, unless one is named. Prints its id.

Networks of CNI are made by putting their configuration into the folder of CNI's configurations.`,
  flags: {
    driver: { type: 'string', short: 'd', value: 'DRIVER', choices: ['bridge'], help: 'bridge, which is the only one (default)' },
    subnet: { type: 'list', value: 'PREFIX', help: 'subnet, like 10.90.0.0/24; one of IPv4 and one of IPv6 at most' },
    gateway: { type: 'list', value: 'ADDRESS', help: "the machine's address in the subnet (default: its first)" },
    'ip-range': { type: 'list', value: 'PREFIX', help: 'part of the subnet that containers get addresses of' },
    internal: { type: 'boolean', help: 'nothing leads out of it, and nothing in' },
    ipv6: { type: 'boolean', help: 'IPv6 too, with a subnet that is free unless one is named' },
    label: { type: 'list', value: 'KEY[=VALUE]', help: 'give it a label' },
    opt: { type: 'list', short: 'o', value: 'NAME=VALUE', help: "mtu=BYTES; bridge=NAME of the machine's interface" },
    attachable: { type: 'boolean', help: 'changes nothing: every network is', hidden: true },
  },
  async run({ flags, args: [name], context }) {
    const { driver = 'bridge' } = flags
    if (driver !== 'bridge') throw new UsageError(`--driver ${driver}: there is no driver but bridge; others are to be had by CNI`)
    const labels = readLabels({ label: flags.label ?? [] }, { cwd: process.cwd() })
    const options = readOptions(flags.opt ?? [])
    const home = await openHome(context)
    const made = createNetwork(home, {
      name: name!,
      subnets: flags.subnet ?? [],
      gateways: flags.gateway ?? [],
      ranges: flags['ip-range'] ?? [],
      internal: flags.internal ?? false,
      ipv6: flags.ipv6 ?? false,
      labels,
      ...options,
    })
    const id = networkId(made.name, made.created)
    emitNetwork(home, 'create', made.name, id)
    print(`${id}\n`)
    return 0
  },
})
