import type { Kept } from '../../runtime/container/kept.ts'
import { writePidFile } from '../../runtime/container/pid-file.ts'
import type { ContainerConfig } from '../containers/config.ts'
import type { Bases } from '../containers/allocate.ts'
import { runContainer } from '../containers/create.ts'
import { readRequest } from '../containers/flags/request.ts'
import { readRunOptions, RUN_FLAGS, type RunOptions } from '../containers/flags/run-flags.ts'
import type { Home } from '../containers/home.ts'
import type { ContainerRequest } from '../containers/request.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { type Context, defineCommand } from './context.ts'
import { DETACH_KEYS, parseDetachKeys } from './foreground/detach-keys.ts'
import { exitStatusOf } from './foreground/exit-status.ts'
import { startAttended } from './foreground/run-attended.ts'
import { basesFor, type IdFile, openIdFile, surroundingsOf } from './run-container.ts'

interface Run {
  readonly home: Home
  readonly request: ContainerRequest
  readonly bases: Bases
  readonly options: RunOptions
  readonly file: IdFile
}

/** What is told of a container before its process is executed. */
const tell =
  ({ file, options }: Run) =>
  (kept: Kept, { id }: ContainerConfig): void => {
    file.write(id)
    if (options.pidfile !== undefined) writePidFile(options.pidfile, kept.record.init!.pid)
  }

const detached = async (run: Run): Promise<number> => {
  const { home, request, bases, options } = run
  const told = tell(run)
  const { kept, container } = await runContainer(home, request, bases, {
    stdin: 'open',
    preserveFds: options.preserveFds,
    ready: async (made, config) => told(made, config),
  })
  kept.keeper.detach()
  print(`${container.id}\n`)
  return 0
}

const foreground = async (run: Run): Promise<number> => {
  const { home, request, bases, options } = run
  const streams = options.attach
  const attended = startAttended(home, {
    stdin: request.interactive && (streams?.has('stdin') ?? true),
    stdout: streams?.has('stdout') ?? true,
    stderr: streams?.has('stderr') ?? true,
    detachKeys: parseDetachKeys(options.detachKeys ?? DETACH_KEYS),
    signals: options.sigProxy && !request.tty,
  })
  const told = tell(run)
  try {
    await runContainer(home, request, bases, {
      stdin: 'once',
      preserveFds: options.preserveFds,
      ready: async (kept, config) => {
        told(kept, config)
        await attended.ready(kept, config)
      },
    })
    return await attended.finish()
  } finally {
    await attended.close()
  }
}

const run = async (context: Context, home: Home, request: ContainerRequest, options: RunOptions): Promise<number> => {
  const bases = await basesFor(context, request, options)
  const file = openIdFile(options.cidfile)
  try {
    return await (options.detach ? detached : foreground)({ home, request, bases, options, file })
  } catch (error) {
    file.remove()
    throw error
  }
}

export const command = defineCommand({
  name: 'run',
  aliases: ['container run'],
  heading: 'Containers',
  summary: 'run a command in a new container',
  operands: 'IMAGE [COMMAND [ARGUMENT...]]',
  count: [0, Number.POSITIVE_INFINITY],
  description: `Makes a container of an image, which is pulled if it is missing, and runs the image’s command or COMMAND in it. Its output is shown, and its exit
status is that of this command: 125 if it could not be started, 126 if COMMAND cannot be invoked, 127 if it is not found, 128 + N if signal N
ended it. With --detach the container is left to itself and its id is printed.`,
  flags: RUN_FLAGS,
  leading: true,
  failure: 125,
  async run({ flags, args, context }) {
    const home = await openHome(context)
    const options = readRunOptions(flags, process.cwd())
    const request = readRequest(flags, args, surroundingsOf(context, home))
    return exitStatusOf(context, () => run(context, home, request, options))
  },
})
