import { kill } from '../containers/signal.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { signalOf } from './stop-flags.ts'

export const command = defineCommand({
  name: 'kill',
  aliases: ['container kill'],
  heading: 'Containers',
  summary: 'send a signal to containers',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Sends a signal to the first process of each container; SIGKILL ends the container.',
  flags: { signal: { type: 'string', short: 's', value: 'SIGNAL', help: 'the signal (default: SIGKILL)' } },
  async run({ flags, args, context }) {
    const signal = signalOf(flags.signal ?? 'SIGKILL')
    const home = await openHome(context, args)
    return forEach(context.name, args, async (text) => {
      await kill(home, text, signal)
      print(`${text}\n`)
    })
  },
})
