import { resume } from '../../runtime/container/pause.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

export const command = defineCommand({
  name: 'resume',
  summary: 'resume all processes of a paused container',
  operands: 'ID',
  count: [1, 1],
  description: 'Thaws what pause froze.',
  flags: {},
  async run({ args, context }) {
    await resume(openEngine(context), args[0]!)
    return 0
  },
})
