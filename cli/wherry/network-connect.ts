import { addressFor, hostName, macFor } from '../containers/flags/network-mode.ts'
import { connect } from '../containers/network/connect.ts'
import { needNetwork } from '../containers/network/list.ts'
import { findContainer } from '../containers/store.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitNetwork } from './network-events.ts'

export const command = defineCommand({
  name: 'network connect',
  heading: 'Networks',
  summary: 'connect a container to a network',
  operands: 'NETWORK CONTAINER',
  count: [2, 2],
  description: 'Connects a container to a network besides those that it is in: at once if it runs, and at every start.',
  flags: {
    alias: { type: 'list', value: 'NAME', help: 'another name by which it is found in this network' },
    ip: { type: 'string', value: 'ADDRESS', help: 'IPv4 address that it is to have' },
    ip6: { type: 'string', value: 'ADDRESS', help: 'IPv6 address that it is to have' },
    'mac-address': { type: 'string', value: 'MAC', help: 'MAC address that it is to have' },
  },
  async run({ flags, args: [network, container], context }) {
    const { ip, ip6 } = flags
    const mac = flags['mac-address']
    const endpoint = {
      aliases: (flags.alias ?? []).map((text) => hostName('alias', text)),
      ...(ip === undefined ? {} : { ip: addressFor('ip', ip, 4) }),
      ...(ip6 === undefined ? {} : { ip6: addressFor('ip6', ip6, 6) }),
      ...(mac === undefined ? {} : { mac: macFor('mac-address', mac) }),
    }
    const home = await openHome(context)
    await connect(home, network!, container!, endpoint)
    const { name, id } = needNetwork(home, network!)
    emitNetwork(home, 'connect', name, id, { container: findContainer(home, container!).id })
    return 0
  },
})
