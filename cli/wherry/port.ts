import { WherryError } from '../../runtime/errors.ts'
import { hostOf, hostsOf, portName, publishedPorts } from '../containers/ports.ts'
import { tidy } from '../containers/tidy.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

/** `80`, `53/udp` */
const wanted = (text: string): string => {
  const [, port, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  if (port === undefined) throw new UsageError(`${JSON.stringify(text)} is no port: 80 or 53/udp is wanted`)
  return `${port}/${protocol}`
}

export const command = defineCommand({
  name: 'port',
  aliases: ['container port'],
  heading: 'Containers',
  summary: 'list the published ports of a container',
  operands: 'CONTAINER [PORT[/PROTOCOL]]',
  count: [1, 2],
  description: 'Lists where the ports of a container that runs are published on this machine, or where one of them is.',
  flags: {},
  async run({ args: [text, port], context }) {
    const only = port === undefined ? undefined : wanted(port)
    const home = await openHome(context)
    const { id, config } = await tidy(home, text!)
    const ports = publishedPorts(home, id)
      .filter((published) => only === undefined || portName(published) === only)
      .sort((a, b) => a.port - b.port || a.hostPort - b.hostPort)
    if (only !== undefined && ports.length === 0)
      throw new WherryError('not-found', `port ${only} of container ${config.name} is not published`)
    for (const published of ports)
      for (const host of hostsOf(published))
        print(`${only === undefined ? `${portName(published)} -> ` : ''}${hostOf(host, published.hostPort)}\n`)
    return 0
  },
})
