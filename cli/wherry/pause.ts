import { pause } from '../containers/signal.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'pause',
  aliases: ['container pause'],
  heading: 'Containers',
  summary: 'freeze all processes of containers',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'The processes of a paused container stay where they are, and get no time of any CPU: the cgroup freezer.',
  flags: {},
  async run({ args, context }) {
    const home = await openHome(context, args)
    return forEach(context.name, args, async (text) => {
      await pause(home, text)
      print(`${text}\n`)
    })
  },
})
