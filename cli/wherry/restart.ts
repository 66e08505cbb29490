import { restartContainer } from '../containers/restart.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { STOP_FLAGS, stopOptions } from './stop-flags.ts'

export const command = defineCommand({
  name: 'restart',
  aliases: ['container restart'],
  heading: 'Containers',
  summary: 'stop containers and start them again',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Stops each container as `stop` does, and starts it. One that does not run is started.',
  flags: STOP_FLAGS,
  async run({ flags, args, context }) {
    const home = await openHome(context, args)
    const options = stopOptions(flags)
    return forEach(context.name, args, async (text) => {
      await restartContainer(home, text, options)
      print(`${text}\n`)
    })
  },
})
