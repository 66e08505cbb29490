import { print } from '../support/output.ts'
import { complete } from './complete.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: '__complete',
  hidden: true,
  summary: 'offer completions',
  operands: 'WORD...',
  count: [0, Number.POSITIVE_INFINITY],
  description: 'Is called by the scripts of completion.',
  flags: {},
  leading: true,
  async run({ args, context }) {
    const { candidates, also } = await complete(args.length === 0 ? [''] : args, context.verbs, async () => [])
    print(
      `${candidates.map(({ value, description }) => `${value}${description === undefined ? '' : `\t${description}`}\n`).join('')}:${also}\n`,
    )
    return 0
  },
})
