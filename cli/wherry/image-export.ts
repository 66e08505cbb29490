import { isatty } from 'node:tty'
import { exportImage } from '../../image/archive/export.ts'
import { complain } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { changeStore } from './store.ts'

const STDOUT = 1

export const command = defineCommand({
  name: 'image export',
  heading: 'Images',
  summary: 'write the root file system of an image into an archive',
  operands: 'IMAGE',
  count: [1, 1],
  description: `Writes what a container of the image would see, all layers upon each other, into one tar archive, with owners, times, attributes and hard
links: on stdout, or into a file, which appears when it is whole. image import reads it.`,
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'write to FILE' },
  },
  async run({ flags, args, context }) {
    if (flags.output === undefined && isatty(STDOUT))
      throw new UsageError('stdout is a terminal, which an archive is not for: give --output FILE, or redirect it')
    const store = await changeStore(context)
    const { skipped } = await exportImage(store, args[0]!, { output: flags.output ?? STDOUT, signal: context.signal })
    if (skipped.length > 0) complain(`${context.name}: warning: ${skipped.length} sockets are left out: tar archives have no sockets\n`)
    return 0
  },
})
