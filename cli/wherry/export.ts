import { isatty } from 'node:tty'
import { openOutput } from '../../image/archive/output.ts'
import { shown } from '../../image/layer/bytes.ts'
import { exportContainer } from '../containers/changes/export.ts'
import { emit } from '../containers/events.ts'
import { tidy } from '../containers/tidy.ts'
import { complain } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

const STDOUT = 1

export const command = defineCommand({
  name: 'export',
  aliases: ['container export'],
  heading: 'Containers',
  summary: 'write the files of a container into an archive',
  operands: 'CONTAINER',
  count: [1, 1],
  description: `Writes what a container sees, its image’s files and its own, into a tar archive, with owners, times, attributes and hard links: on stdout, or into
a file, which appears when it is whole. What lies in volumes is left out. image import reads it.`,
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'write to FILE' },
  },
  async run({ flags, args: [text = ''], context }) {
    if (flags.output === undefined && isatty(STDOUT))
      throw new UsageError('stdout is a terminal, which an archive is not for: give --output FILE, or redirect it')
    const home = await openHome(context)
    const { config } = await tidy(home, text)
    const output = openOutput(flags.output ?? STDOUT)
    try {
      await exportContainer(home, config, output, {
        signal: context.signal,
        onSkip: (path, why) => complain(`${context.name}: warning: ${shown(path)} ${why}: left out\n`),
      })
      emit(home, 'export', config)
      return 0
    } finally {
      output.close()
    }
  },
})
