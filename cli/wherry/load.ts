import { isatty } from 'node:tty'
import { loadImages } from '../../image/archive/load.ts'
import { openArchive } from '../../image/archive/open-archive.ts'
import { parsePlatform } from '../../image/spec/platform.ts'
import { openProgress } from '../support/progress/progress.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { bring } from './bring.ts'
import { defineCommand } from './context.ts'
import { familiarName } from './image-names.ts'
import { chosenLimits, LIMIT_FLAG } from './limits.ts'
import { changeStore } from './store.ts'

const STDIN = 0

export const command = defineCommand({
  name: 'load',
  aliases: ['image load'],
  heading: 'Images',
  summary: 'read images from an archive',
  operands: '[IMAGE...]',
  count: [0, Number.POSITIVE_INFINITY],
  description: `Brings all images of an archive into the store, or those that are named, with their names: of what docker, podman, skopeo or wherry
save, compressed or not, or of a folder that is an OCI image layout. Without --input it is read from stdin.`,
  flags: {
    input: { type: 'string', short: 'i', value: 'FILE', help: 'read FILE, or this folder' },
    platform: { type: 'string', value: 'OS/ARCH[/VARIANT]', help: 'of images for several platforms, this one (default: this machine)' },
    quiet: { type: 'boolean', short: 'q', help: 'no progress' },
    ...LIMIT_FLAG,
  },
  async run({ flags, args, context }) {
    if (flags.input === undefined && isatty(STDIN))
      throw new UsageError('stdin is a terminal, from which no archive comes: give --input FILE, or redirect it')
    const limits = chosenLimits(context.settings, flags.limit)
    const platform = flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform) }
    const store = await changeStore(context)
    const { signal } = context
    const progress = openProgress({ quiet: flags.quiet ?? false, env: process.env })
    const archive = await openArchive(flags.input ?? STDIN, { temporary: store.root, signal })
    try {
      const loaded = await loadImages(store, archive, {
        images: args,
        bring: (source, reference) =>
          bring(source, store, { limits, progress, signal, ...platform, ...(reference === undefined ? {} : { reference }) }),
      })
      progress.end()
      for (const { image, names } of loaded)
        print(names.length === 0 ? `Loaded image ID: ${image.id}\n` : names.map((name) => `Loaded image: ${familiarName(name)}\n`).join(''))
      return 0
    } finally {
      progress.end()
      archive.close()
    }
  },
})
