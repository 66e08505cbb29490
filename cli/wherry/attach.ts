import { WherryError } from '../../runtime/errors.ts'
import { readOutcome } from '../../runtime/keeper/wait.ts'
import { emit } from '../containers/events.ts'
import { recordedExit } from '../containers/events-read.ts'
import { keeperFolders } from '../containers/home.ts'
import { requireUp } from '../containers/signal.ts'
import { readState } from '../containers/store.ts'
import { tidy } from '../containers/tidy.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { attend } from './foreground/attend.ts'
import { DETACH_KEYS, parseDetachKeys } from './foreground/detach-keys.ts'

const DETACHED = 0

export const command = defineCommand({
  name: 'attach',
  aliases: ['container attach'],
  heading: 'Containers',
  summary: 'stand before a container that runs: its output, and its input',
  operands: 'CONTAINER',
  count: [1, 1],
  description: `Shows what a container writes from now on, and passes on what is typed and signalled. Any number of terminals may be attached at once; the
container's has the size of the one that changed last. One leaves it by the detach keys; else the exit status is that of the container.`,
  flags: {
    'no-stdin': { type: 'boolean', help: 'pass nothing on to its stdin' },
    'sig-proxy': { type: 'boolean', help: 'pass signals on (default: true)' },
    'detach-keys': { type: 'string', value: 'KEYS', help: `the keys to leave it by (default: ${DETACH_KEYS})` },
  },
  async run({ flags, args: [text], context }) {
    const detachKeys = parseDetachKeys(flags['detach-keys'] ?? DETACH_KEYS)
    const home = await openHome(context)
    const container = await tidy(home, text!)
    const { id, config } = container
    if ((await requireUp(home, container)) === 'paused')
      throw new WherryError(
        'failed-precondition',
        `container ${config.name} is paused: go on with it first, by \`wherry unpause ${config.name}\``,
      )
    const { tty, interactive } = config.request
    const attendance = await attend(home, {
      id,
      terminal: tty,
      stdin: !(flags['no-stdin'] ?? false) && (interactive || tty),
      stdout: true,
      stderr: true,
      closesStdin: interactive,
      detachKeys,
      signals: (flags['sig-proxy'] ?? true) && !tty,
    })
    emit(home, 'attach', config)
    let exitCode: number | undefined
    try {
      if ((await attendance.watch()) === 'detached') {
        emit(home, 'detach', config)
        return DETACHED
      }
      // at once: whoever cleans up behind it may start it again, or remove it
      exitCode = readOutcome(keeperFolders(home, id))?.exitCode ?? readState(home, id)?.exitCode ?? (await recordedExit(home.root, id))
    } finally {
      await attendance.close()
    }
    if (exitCode !== undefined) return exitCode
    throw new WherryError('data-loss', `container ${config.name} has ended, and nobody knows how`)
  },
})
