import { writeFileSync } from 'node:fs'
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
import { UsageError } from '../support/parse.ts'
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

/** The first argument is the file that --explain=elf writes. */
const explain = async (
  context: Context,
  home: Home,
  file: string | undefined,
  request: ContainerRequest,
  options: RunOptions,
): Promise<number> => {
  const { explainContainer } = await import('../containers/explain.ts')
  const { text, elf } = await explainContainer(home, request, await basesFor(context, request, options), options.preserveFds)
  if (file === undefined) print(text)
  else writeFileSync(file, elf, { mode: 0o755 })
  return 0
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
    const file = options.explain === 'elf' ? args[0] : undefined
    if (options.explain === 'elf' && file === undefined)
      throw new UsageError('--explain=elf needs a file, and then the image: --explain=elf FILE IMAGE')
    const request = readRequest(flags, file === undefined ? args : args.slice(1), surroundingsOf(context, home))
    if (options.explain !== undefined) return explain(context, home, file, request, options)
    return exitStatusOf(context, () => run(context, home, request, options))
  },
})
