import { CONDITIONS, type Condition, waitFor } from '../containers/wait.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'wait',
  aliases: ['container wait'],
  heading: 'Containers',
  summary: 'wait until containers have ended, and print their exit statuses',
  operands: 'CONTAINER [CONTAINER...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Prints the exit status of each container, in the order in which they are named. With the condition not-running, one that does not run is not
waited for; with next-exit its next end is; with removed its removal, too.`,
  flags: {
    condition: { type: 'string', value: 'CONDITION', choices: CONDITIONS, help: 'what is waited for (default: not-running)' },
  },
  async run({ flags, args, context }) {
    const home = await openHome(context)
    const condition = (flags.condition ?? 'not-running') as Condition
    // those named later may end, and be removed, while the first is waited for
    const statuses = new Map(args.map((text) => [text, waitFor(home, text, condition, context.signal)]))
    for (const status of statuses.values()) status.catch(() => {})
    return forEach(context.name, args, async (text) => print(`${await statuses.get(text)!}\n`))
  },
})
