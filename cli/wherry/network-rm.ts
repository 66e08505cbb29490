import { removeNetwork } from '../containers/network/remove.ts'
import { WherryError } from '../../runtime/errors.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitNetwork } from './network-events.ts'

export const command = defineCommand({
  name: 'network rm',
  aliases: ['network remove'],
  heading: 'Networks',
  summary: 'remove networks',
  operands: 'NETWORK [NETWORK...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Removes networks that no running container is in, with their bridges.',
  flags: { force: { type: 'boolean', short: 'f', help: 'those that do not exist are no error' } },
  async run({ flags, args, context }) {
    const home = await openHome(context)
    return forEach(context.name, args, async (text) => {
      try {
        const { name, id } = await removeNetwork(home, text)
        emitNetwork(home, 'destroy', name, id)
      } catch (error) {
        if (flags.force && error instanceof WherryError && error.kind === 'not-found') return
        throw error
      }
      print(`${text}\n`)
    })
  },
})
