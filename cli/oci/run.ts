import { create } from '../../runtime/container/create.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import type { NotifySocket } from '../../runtime/container/notify.ts'
import { start } from '../../runtime/container/start.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import { describe } from '../support/describe.ts'
import { checkConsole } from './console-rules.ts'
import { defineCommand } from './context.ts'
import { bundleOf, CREATE_FLAGS, createOptions, socketConsole } from './create-flags.ts'
import { openEngine } from './engine.ts'
import { openSession, type Session } from './foreground/session.ts'
import { restoreOpenFiles } from './limits.ts'
import type { Log } from './log.ts'
import { hostNotifySocket, passOnReadiness } from './notify.ts'
import { wantsTerminal } from './wants-terminal.ts'

/** Until the container has ended, or with --detach is ready: nothing else says to the caller when that is. */
const follow = async (session: Session | undefined, init: ProcessId, notify: NotifySocket | undefined, log: Log): Promise<number> => {
  if (session === undefined) {
    if (notify !== undefined) await passOnReadiness(notify, { mainPid: init.pid, init, log })
    return 0
  }
  // in the foreground this process stands for the container: its end is the service's
  const told = notify === undefined ? undefined : passOnReadiness(notify, { mainPid: process.pid, log })
  const status = await session.wait(init.pid)
  notify?.stop()
  await told
  return status
}

export const command = defineCommand({
  name: 'run',
  summary: 'create, start and delete a container',
  operands: 'ID',
  count: [1, 1],
  description: `Creates and starts a container, passes signals on to it, and deletes it when it has ended. The exit status is that of its
process, or 128 + the signal that ended it. With --detach it returns once the container runs.`,
  flags: {
    ...CREATE_FLAGS,
    detach: { type: 'boolean', short: 'd', help: 'do not wait for the container' },
    keep: { type: 'boolean', help: 'do not delete the container when it has ended' },
    'no-subreaper': { type: 'boolean', help: 'do not become the parent of orphans of the container' },
  },
  async run({ flags, args, context }) {
    const id = args[0]!
    const { log } = context
    const detach = flags.detach ?? false
    const terminal = wantsTerminal(bundleOf(flags))
    checkConsole(terminal, detach, flags['console-socket'])
    const engine = openEngine(context)
    const session = detach ? undefined : openSession({ terminal, subreaper: !flags['no-subreaper'], log })
    try {
      const options = createOptions(id, flags, context, session === undefined ? socketConsole(flags['console-socket']) : session.console)
      restoreOpenFiles(context.launch.openFiles)
      const { init } = await create(engine, options)
      let status = 0
      try {
        await session?.attach()
        const { notify } = await start(engine, id, { strict: true, notify: hostNotifySocket() !== undefined })
        status = await follow(session, init!, notify, log)
      } catch (error) {
        await deleteContainer(engine, id, { force: true }).catch((cleanUp: unknown) =>
          log.warn(`${id} is not deleted: ${describe(cleanUp)}`),
        )
        throw error
      }
      if (session !== undefined && !flags.keep)
        await deleteContainer(engine, id, { force: false }).catch((error: unknown) => log.warn(`${id} is not deleted: ${describe(error)}`))
      return status
    } finally {
      session?.close()
    }
  },
})
