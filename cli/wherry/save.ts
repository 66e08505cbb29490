import { isatty } from 'node:tty'
import { saveImages } from '../../image/archive/save.ts'
import { openProgress } from '../support/progress/progress.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { showCopy } from './copy-progress.ts'
import { readStore } from './store.ts'

const FORMATS = ['docker-archive', 'oci-archive', 'oci-dir', 'docker-dir'] as const

const STDOUT = 1

export const command = defineCommand({
  name: 'save',
  aliases: ['image save'],
  heading: 'Images',
  summary: 'write images into an archive',
  operands: 'IMAGE [IMAGE...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Writes images with their names into an archive that load, docker, podman and skopeo read: on stdout, or into a file, which appears
when it is whole. The same images make the same archive.`,
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'write to FILE, or into this folder' },
    format: { type: 'string', value: 'FORMAT', choices: FORMATS, help: 'docker-archive (default), oci-archive, oci-dir or docker-dir' },
    quiet: { type: 'boolean', short: 'q', help: 'no progress' },
  },
  async run({ flags, args, context }) {
    if (flags.output === undefined && isatty(STDOUT))
      throw new UsageError('stdout is a terminal, which an archive is not for: give --output FILE, or redirect it')
    const progress = openProgress({ quiet: flags.quiet ?? false, env: process.env })
    try {
      await saveImages(readStore(context), args, {
        output: flags.output ?? STDOUT,
        ...(flags.format === undefined ? {} : { format: flags.format as (typeof FORMATS)[number] }),
        signal: context.signal,
        onProgress: showCopy(progress, 'saving', 'saved'),
      })
    } finally {
      progress.end()
    }
    return 0
  },
})
