import { pause } from '../../runtime/container/pause.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

export const command = defineCommand({
  name: 'pause',
  summary: 'suspend all processes of a container',
  operands: 'ID',
  count: [1, 1],
  description: 'Freezes every process of the container until it is resumed. Its status is then "paused".',
  flags: {},
  async run({ args, context }) {
    await pause(openEngine(context), args[0]!)
    return 0
  },
})
