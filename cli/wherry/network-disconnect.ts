import { disconnect } from '../containers/network/connect.ts'
import { listNetworks } from '../containers/network/list.ts'
import { findContainer } from '../containers/store.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitNetwork } from './network-events.ts'

export const command = defineCommand({
  name: 'network disconnect',
  heading: 'Networks',
  summary: 'take a container off a network',
  operands: 'NETWORK CONTAINER',
  count: [2, 2],
  description: 'Takes a container off a network: at once if it runs, and for its further starts. Of its last network it has none.',
  flags: { force: { type: 'boolean', short: 'f', help: 'a container that is not in it is no error' } },
  async run({ flags, args: [network, container], context }) {
    const home = await openHome(context)
    await disconnect(home, network!, container!, { force: flags.force ?? false })
    const found = listNetworks(home).find(({ name, id }) => name === network || id.startsWith(network!))
    if (found !== undefined) emitNetwork(home, 'disconnect', found.name, found.id, { container: findContainer(home, container!).id })
    return 0
  },
})
