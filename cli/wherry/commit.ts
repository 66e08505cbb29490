import { writeFileSync } from 'node:fs'
import { shown } from '../../image/layer/bytes.ts'
import { parseReference } from '../../image/reference.ts'
import { commitSource } from '../containers/changes/commit.ts'
import { emit } from '../containers/events.ts'
import { tidy } from '../containers/tidy.ts'
import { openProgress } from '../support/progress/progress.ts'
import { complain, print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { bring } from './bring.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { chosenLimits } from './limits.ts'
import { changeStore } from './store.ts'

export const command = defineCommand({
  name: 'commit',
  aliases: ['container commit'],
  heading: 'Containers',
  summary: 'make an image of what a container has become',
  operands: 'CONTAINER [NAME[:TAG]]',
  count: [1, 2],
  description: `Makes an image of the container’s image and, as one more layer, what the container has written, and prints its id. What lies in volumes is not part
of it. The image starts as the container did. A container that runs stands still for as long as its files are read.

The instructions of --change are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME and WORKDIR of a Dockerfile.`,
  flags: {
    author: { type: 'string', short: 'a', value: 'NAME', help: 'who made it' },
    change: { type: 'list', short: 'c', value: 'INSTRUCTION', help: 'apply an instruction of a Dockerfile to the config' },
    message: { type: 'string', short: 'm', value: 'TEXT', help: 'comment in the history' },
    pause: { type: 'boolean', short: 'p', help: 'let the container stand still meanwhile (default: true)' },
    iidfile: { type: 'string', value: 'FILE', help: 'write the image’s id to FILE' },
    quiet: { type: 'boolean', short: 'q', help: 'no progress' },
  },
  async run({ flags, args: [text = '', name], context }) {
    const reference = name === undefined ? undefined : parseReference(name)
    if (reference?.digest !== undefined) throw new UsageError(`${JSON.stringify(name)}: a name with a digest cannot be given`)
    const limits = chosenLimits(context.settings, undefined)
    const home = await openHome(context)
    const store = await changeStore(context)
    const { signal } = context
    const container = await tidy(home, text)
    const source = await commitSource(home, store, container, {
      ...(flags.author === undefined ? {} : { author: flags.author }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      changes: flags.change ?? [],
      pause: flags.pause ?? true,
      signal,
      onSkip: (path, why) => complain(`${context.name}: warning: ${shown(path)} ${why}: left out\n`),
    })
    const progress = openProgress({ quiet: flags.quiet ?? false, env: process.env })
    try {
      const image = await bring(source, store, { limits, progress, signal, ...(reference === undefined ? {} : { reference }) })
      progress.end()
      emit(home, 'commit', container.config, { imageID: image.id, ...(flags.message === undefined ? {} : { comment: flags.message }) })
      if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, image.id)
      print(`${image.id}\n`)
      return 0
    } finally {
      progress.end()
      await source.close()
    }
  },
})
