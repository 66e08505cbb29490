import { healthDue } from '../containers/health.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container health',
  heading: 'Containers',
  summary: 'check the health of a container',
  operands: 'ID',
  count: [1, 1],
  description:
    'Makes the health check of a container, writes down what came of it and sees to the next one. A timer, which ends with the container, runs this.',
  flags: {},
  hidden: true,
  async run({ args: [id], context }) {
    await healthDue(await openHome(context), id!)
    return 0
  },
})
