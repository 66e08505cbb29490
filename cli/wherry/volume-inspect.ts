import { needVolume } from '../containers/volumes/store.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate } from '../support/template/template.ts'
import { homeOf } from './containers.ts'
import { defineCommand } from './context.ts'
import { inspectedVolume } from './volume-facts.ts'

type Inspected = ReturnType<typeof inspectedVolume>

/** What Go has as maps may be asked for any key. */
export const forTemplate = (volume: Inspected) => ({
  ...volume,
  Labels: new Map(Object.entries(volume.Labels)),
  Options: new Map(Object.entries(volume.Options)),
})

export const command = defineCommand({
  name: 'volume inspect',
  heading: 'Volumes',
  summary: 'show all that is known of volumes',
  operands: 'VOLUME [VOLUME...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Prints a JSON array with an object per volume, whose fields are those of docker, or what the template makes of each.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json (one object per line), or a Go template' },
  },
  async run({ flags, args, context }) {
    const { format } = flags
    const template = format === undefined || format === '' || format === 'json' ? undefined : compileTemplate(format)
    const home = homeOf(context)
    const found: Inspected[] = []
    const status = await forEach(context.name, args, (name) => {
      found.push(inspectedVolume(home, needVolume(home, name)))
    })
    if (template !== undefined) for (const volume of found) print(`${template(forTemplate(volume))}\n`)
    else if (format === 'json') print(found.map((volume) => `${goJson(volume)}\n`).join(''))
    else print(`${goJson(found, '    ')}\n`)
    return status
  },
})
