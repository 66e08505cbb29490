import { startBoot, startContainer } from '../containers/restart.ts'
import { describe } from '../support/describe.ts'
import { forEach } from '../support/each.ts'
import { complain, print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand, type Context } from './context.ts'
import { DETACH_KEYS, parseDetachKeys } from './foreground/detach-keys.ts'
import { exitStatusOf } from './foreground/exit-status.ts'
import { startAttended } from './foreground/run-attended.ts'
import type { Home } from '../containers/home.ts'
import { tidy } from '../containers/tidy.ts'

const boot = async (home: Home, context: Context): Promise<number> => {
  let status = 0
  for (const { container, error } of await startBoot(home)) {
    if (error === undefined) print(`${container.config.name}\n`)
    else {
      complain(`${context.name}: container ${container.config.name}: ${describe(error)}\n`)
      status = 1
    }
  }
  return status
}

interface AttachFlags {
  readonly interactive: boolean
  readonly keys: string
  readonly proxy: boolean
}

/** Shows the container on our streams from its first byte on. */
const startAttached = async (home: Home, text: string, { interactive, keys, proxy }: AttachFlags): Promise<number> => {
  const { config } = await tidy(home, text)
  const attended = startAttended(home, {
    stdin: interactive && config.request.interactive,
    stdout: true,
    stderr: true,
    detachKeys: parseDetachKeys(keys),
    signals: proxy && !config.request.tty,
  })
  try {
    const started = await startContainer(home, text, { stdin: 'once', ready: attended.ready })
    if (started === undefined) throw new UsageError(`container ${text} runs already: see \`attach\``)
    return await attended.finish()
  } finally {
    await attended.close()
  }
}

export const command = defineCommand({
  name: 'start',
  aliases: ['container start'],
  heading: 'Containers',
  summary: 'start containers that do not run',
  operands: '[CONTAINER...]',
  count: [0, Number.POSITIVE_INFINITY],
  description: `Starts containers that were made by \`create\`, or have ended. With --attach the output of one is shown, and its exit status is that of this command.

With --boot, those are started that their restart policy wants up after a start of the machine: always, and unless-stopped if nobody stopped
them. contrib/wherry-containers.service runs this.`,
  flags: {
    attach: { type: 'boolean', short: 'a', help: 'show its output and pass signals on' },
    interactive: { type: 'boolean', short: 'i', help: 'pass stdin on; with --attach' },
    'detach-keys': { type: 'string', value: 'KEYS', help: `the keys to leave it by (default: ${DETACH_KEYS})` },
    'sig-proxy': { type: 'boolean', help: 'with --attach, pass signals on (default: true)' },
    boot: { type: 'boolean', help: 'start what is to be up after a start of the machine', conflicts: ['attach', 'interactive'] },
  },
  failure: 1,
  async run({ flags, args, context }) {
    if (flags.boot ? args.length > 0 : args.length === 0)
      throw new UsageError(
        `${context.name} start takes ${flags.boot ? 'no containers with --boot' : 'at least 1 argument'}: see ${context.name} start --help`,
      )
    const home = await openHome(context)
    if (flags.boot) return boot(home, context)
    if (flags.attach || flags.interactive) {
      if (args.length > 1) throw new UsageError('only one container can be started with --attach or --interactive')
      return exitStatusOf(context, () =>
        startAttached(home, args[0]!, {
          interactive: flags.interactive ?? false,
          keys: flags['detach-keys'] ?? DETACH_KEYS,
          proxy: flags['sig-proxy'] ?? true,
        }),
      )
    }
    return forEach(context.name, args, async (text) => {
      const started = await startContainer(home, text, { stdin: 'open' })
      started?.kept.keeper.detach()
      print(`${text}\n`)
    })
  },
})
