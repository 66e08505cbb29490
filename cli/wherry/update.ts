import { RESTART_FLAG, readRestart } from '../containers/flags/lifecycle.ts'
import { RESOURCE_FLAGS, readResources } from '../containers/flags/resources.ts'
import { updateContainer } from '../containers/update.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'update',
  aliases: ['container update'],
  heading: 'Containers',
  summary: 'change limits and restart policy of containers',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description:
    'Changes what containers may use, at once where they run, and when they are started again. What is not given stays as it is.',
  flags: { ...RESOURCE_FLAGS, ...RESTART_FLAG },
  async run({ flags, args, context }) {
    if (Object.keys(flags).length === 0) throw new UsageError('nothing is to be changed: see wherry update --help')
    const resources = readResources(flags, { update: true })
    const restart = flags.restart === undefined ? {} : { restart: readRestart(flags.restart) }
    const home = await openHome(context)
    return forEach(context.name, args, async (text) => {
      await updateContainer(home, text, { resources, ...restart })
      print(`${text}\n`)
    })
  },
})
