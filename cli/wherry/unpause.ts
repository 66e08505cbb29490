import { unpause } from '../containers/signal.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'unpause',
  aliases: ['container unpause'],
  heading: 'Containers',
  summary: 'let paused containers go on',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Lets the processes of paused containers go on.',
  flags: {},
  async run({ args, context }) {
    const home = await openHome(context, args)
    return forEach(context.name, args, async (text) => {
      await unpause(home, text)
      print(`${text}\n`)
    })
  },
})
