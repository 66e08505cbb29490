import { start } from '../../runtime/container/start.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'
import { hostNotifySocket, passOnReadiness } from './notify.ts'

export const command = defineCommand({
  name: 'start',
  summary: 'start the process of a created container',
  operands: 'ID',
  count: [1, 1],
  description: 'Lets the init process of a container with status "created" execute the program that its config.json names.',
  flags: {},
  async run({ args, context }) {
    const { init, notify } = await start(openEngine(context), args[0]!, { notify: hostNotifySocket() !== undefined })
    if (notify !== undefined) await passOnReadiness(notify, { mainPid: init.pid, init, log: context.log })
    return 0
  },
})
