import { stop } from '../containers/stop.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { STOP_FLAGS, stopOptions } from './stop-flags.ts'

export const command = defineCommand({
  name: 'stop',
  aliases: ['container stop'],
  heading: 'Containers',
  summary: 'end containers',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Sends each container its stop signal (SIGTERM, or what its image or \`--stop-signal\` says), and kills it if it has not ended in time. The restart
policy leaves it alone afterwards. One that does not run is no error.`,
  flags: STOP_FLAGS,
  async run({ flags, args, context }) {
    const home = await openHome(context, args)
    const options = stopOptions(flags)
    return forEach(context.name, args, async (text) => {
      await stop(home, text, options)
      print(`${text}\n`)
    })
  },
})
