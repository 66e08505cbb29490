import { remove } from '../containers/remove.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'rm',
  aliases: ['container rm', 'container remove'],
  heading: 'Containers',
  summary: 'remove containers',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description:
    'Removes containers, with what they have written and logged. One that runs is refused, unless --force is given: then it is killed.',
  flags: {
    force: { type: 'boolean', short: 'f', help: 'also those that run: they are killed; those that do not exist are no error' },
    volumes: { type: 'boolean', short: 'v', help: 'also the volumes that were made for them and have no name' },
  },
  async run({ flags, args, context }) {
    const home = await openHome(context, args)
    const options = { force: flags.force ?? false, volumes: flags.volumes ?? false }
    return forEach(context.name, args, async (text) => {
      if ((await remove(home, text, options)) !== undefined) print(`${text}\n`)
    })
  },
})
