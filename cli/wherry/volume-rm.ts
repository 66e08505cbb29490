import { removeVolume } from '../containers/volumes/remove.ts'
import { WherryError } from '../../runtime/errors.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitVolume } from './network-events.ts'

export const command = defineCommand({
  name: 'volume rm',
  aliases: ['volume remove'],
  heading: 'Volumes',
  summary: 'remove volumes',
  operands: 'VOLUME [VOLUME...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Removes volumes with all that is in them. One that a container has, running or not, is refused.',
  flags: { force: { type: 'boolean', short: 'f', help: 'those that do not exist are no error' } },
  async run({ flags, args, context }) {
    const home = await openHome(context)
    return forEach(context.name, args, async (name) => {
      try {
        await removeVolume(home, name)
        emitVolume(home, 'destroy', name)
      } catch (error) {
        if (!(flags.force && error instanceof WherryError && error.kind === 'not-found')) throw error
      }
      print(`${name}\n`)
    })
  },
})
