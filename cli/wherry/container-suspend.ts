import { suspendAll } from '../containers/restart.ts'
import { describe } from '../support/describe.ts'
import { complain } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container suspend',
  heading: 'Containers',
  summary: 'end all containers because the machine ends',
  operands: '',
  count: [0, 0],
  description: `Stops all containers that run, at once, each with its own stop signal and time. \`start --boot\` brings back those that their restart policy wants
up. contrib/wherry-containers.service runs this.`,
  flags: {},
  hidden: true,
  async run({ context }) {
    const problems = await suspendAll(await openHome(context))
    for (const problem of problems) complain(`${context.name}: ${describe(problem)}\n`)
    return problems.length === 0 ? 0 : 1
  },
})
