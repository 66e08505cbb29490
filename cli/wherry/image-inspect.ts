import { imageOfStore } from '../../image/inspect/image.ts'
import { type ImageInspect, inspectImage } from '../../image/inspect/inspect.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate, type Value } from '../support/template/template.ts'
import { defineCommand } from './context.ts'
import { findImage } from './find-image.ts'
import { readStore } from './store.ts'

/** Fields that every config has for a template, as in docker’s struct. */
const CONFIG_FIELDS = [
  'Hostname',
  'Domainname',
  'User',
  'ExposedPorts',
  'Env',
  'Cmd',
  'Image',
  'Volumes',
  'WorkingDir',
  'Entrypoint',
  'OnBuild',
  'Labels',
  'StopSignal',
  'Healthcheck',
  'Shell',
]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mapOf = (value: unknown): Value => (isObject(value) ? new Map(Object.entries(value)) : value)

/** What Go has as maps may be asked for any key. */
export const forTemplate = (image: ImageInspect): Value => {
  const config: Record<string, unknown> = { ...Object.fromEntries(CONFIG_FIELDS.map((name) => [name, undefined])), ...image.Config }
  for (const name of ['Labels', 'ExposedPorts', 'Volumes']) config[name] = mapOf(config[name])
  return {
    ...image,
    Config: config,
    Labels: mapOf(image.Labels),
    GraphDriver: { ...image.GraphDriver, Data: mapOf(image.GraphDriver.Data) },
  }
}

export const command = defineCommand({
  name: 'image inspect',
  heading: 'Images',
  summary: 'show all that is known of images',
  operands: 'IMAGE [IMAGE...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Prints a JSON array with an object per image, whose fields are those of docker, or what the template makes of each.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json (one object per line), or a Go template' },
  },
  async run({ flags, args, context }) {
    const { format } = flags
    const template = format === undefined || format === '' || format === 'json' ? undefined : compileTemplate(format)
    const store = readStore(context)
    const found: ImageInspect[] = []
    const status = await forEach(context.name, args, async (text) => {
      const image = findImage(store, text)
      const entries = store.images.list().filter(({ id }) => id !== undefined && id === image.id)
      found.push(inspectImage(await imageOfStore(store, image), entries))
    })
    if (template !== undefined) for (const image of found) print(`${template(forTemplate(image))}\n`)
    else if (format === 'json') print(found.map((image) => `${goJson(image)}\n`).join(''))
    else print(`${goJson(found, '    ')}\n`)
    return status
  },
})
