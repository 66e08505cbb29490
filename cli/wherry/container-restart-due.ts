import { restartDue } from '../containers/restart.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container restart-due',
  heading: 'Containers',
  summary: 'start a container whose restart policy has waited long enough',
  operands: 'ID',
  count: [1, 1],
  description: 'Starts a container again if it still waits for that. A timer of the restart policy runs this.',
  flags: {},
  hidden: true,
  async run({ args: [id], context }) {
    await restartDue(await openHome(context), id!)
    return 0
  },
})
