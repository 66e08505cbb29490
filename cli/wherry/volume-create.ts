import { readLabels } from '../containers/flags/labels.ts'
import { newId } from '../containers/ids.ts'
import { backingOf } from '../containers/volumes/options.ts'
import { checkVolumeName, findVolume, lockedVolume, makeVolume } from '../containers/volumes/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitVolume } from './network-events.ts'

const readOptions = (texts: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageError(`--opt ${JSON.stringify(text)}: NAME=VALUE is wanted: type, device or o, as of mount(8)`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )

const isSame = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort())

export const command = defineCommand({
  name: 'volume create',
  heading: 'Volumes',
  summary: 'make a volume',
  operands: '[VOLUME]',
  count: [0, 1],
  description: `Makes a volume and prints its name, which is a random one if none is given. One that is there already is left as it is.

Its files lie in the store, unless options name something else that is to be mounted: --opt type=none --opt o=bind --opt device=/FOLDER, or
--opt type=tmpfs --opt device=tmpfs --opt o=size=100m, or any other file system as mount(8) has it.`,
  flags: {
    driver: { type: 'string', short: 'd', value: 'DRIVER', choices: ['local'], help: 'local, which is the only one (default)' },
    label: { type: 'list', value: 'KEY[=VALUE]', help: 'give it a label' },
    opt: { type: 'list', short: 'o', value: 'NAME=VALUE', help: 'type, device or o, as of mount(8)' },
  },
  async run({ flags, args: [given], context }) {
    const { driver = 'local' } = flags
    if (driver !== 'local') throw new UsageError(`--driver ${driver}: there is no driver but local`)
    const name = given === undefined ? newId() : checkVolumeName(given)
    const labels = readLabels({ label: flags.label ?? [] }, { cwd: process.cwd() })
    const options = readOptions(flags.opt ?? [])
    backingOf(options)
    const home = await openHome(context)
    await lockedVolume(home, name, () => {
      const there = findVolume(home, name)
      if (there !== undefined && !isSame(there.options, options))
        throw new WherryError('already-exists', `there is a volume ${name} with other options: choose another name, or remove it`)
      if (there !== undefined) return
      makeVolume(home, { name, labels, options, anonymous: given === undefined })
      emitVolume(home, 'create', name)
    })
    print(`${name}\n`)
    return 0
  },
})
