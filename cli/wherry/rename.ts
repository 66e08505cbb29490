import { rename } from '../containers/rename.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'rename',
  aliases: ['container rename'],
  heading: 'Containers',
  summary: 'give a container another name',
  operands: 'CONTAINER NAME',
  count: [2, 2],
  description: 'Gives a container, whether it runs or not, the name NAME in the place of the one it has.',
  flags: {},
  async run({ args: [text, name], context }) {
    await rename(await openHome(context), text!, name!)
    return 0
  },
})
