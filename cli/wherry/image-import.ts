import { importSource } from '../../image/archive/import.ts'
import { parseReference } from '../../image/reference.ts'
import { parsePlatform } from '../../image/spec/platform.ts'
import { openProgress } from '../support/progress/progress.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { bring } from './bring.ts'
import { defineCommand } from './context.ts'
import { chosenLimits, layerLimits, LIMIT_FLAG } from './limits.ts'
import { changeStore } from './store.ts'

const STDIN = 0

export const command = defineCommand({
  name: 'image import',
  aliases: ['import'],
  heading: 'Images',
  summary: 'make an image of a root file system in an archive',
  operands: 'FILE|URL|- [NAME[:TAG]]',
  count: [1, 2],
  description: `Makes an image with one layer, which is the tar archive as it is (plain, gzip or zstd), and prints its id. - is stdin.

The instructions of --change are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR of a Dockerfile.`,
  flags: {
    change: { type: 'list', short: 'c', value: 'INSTRUCTION', help: 'apply an instruction of a Dockerfile to the config' },
    message: { type: 'string', short: 'm', value: 'TEXT', help: 'comment in the history' },
    platform: { type: 'string', value: 'OS/ARCH[/VARIANT]', help: 'what the files in it are for (default: this machine)' },
    quiet: { type: 'boolean', short: 'q', help: 'no progress' },
    ...LIMIT_FLAG,
  },
  async run({ flags, args: [where = '', name], context }) {
    const reference = name === undefined ? undefined : parseReference(name)
    if (reference?.digest !== undefined) throw new UsageError(`${JSON.stringify(name)}: a name with a digest cannot be given`)
    const limits = chosenLimits(context.settings, flags.limit)
    const platform = flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform) }
    const store = await changeStore(context)
    const { signal } = context
    const progress = openProgress({ quiet: flags.quiet ?? false, env: process.env })
    const source = await importSource(where === '-' ? STDIN : where, {
      temporary: store.root,
      signal,
      limits: layerLimits(limits),
      ...platform,
      ...(flags.change === undefined ? {} : { changes: flags.change }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    })
    try {
      const image = await bring(source, store, { limits, progress, signal, ...platform, ...(reference === undefined ? {} : { reference }) })
      progress.end()
      print(`${image.id}\n`)
      return 0
    } finally {
      progress.end()
      await source.close()
    }
  },
})
