import { deleteContainer } from '../../runtime/container/delete.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

export const command = defineCommand({
  name: 'delete',
  summary: 'delete a container and what it holds',
  operands: 'ID',
  count: [1, 1],
  description: `Removes the state, the cgroup and what else is left of a container that has stopped, or was created and never started.
With --force a running container is killed first, and a container that does not exist is no error.`,
  flags: {
    force: { type: 'boolean', short: 'f', help: 'kill the container (SIGKILL) if it still runs' },
  },
  async run({ flags, args, context }) {
    await deleteContainer(openEngine(context), args[0]!, { force: flags.force ?? false })
    return 0
  },
})
