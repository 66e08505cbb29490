import { inspectContainer } from '../containers/inspect.ts'
import type { Home } from '../containers/home.ts'
import { tryFind } from '../containers/store.ts'
import { tidy } from '../containers/tidy.ts'
import { WherryError } from '../../runtime/errors.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate } from '../support/template/template.ts'
import { openHome } from './containers.ts'
import { type Context, defineCommand } from './context.ts'
import type { FoundThing } from './inspect-others.ts'
import { inspectedForTemplate } from './inspect-template.ts'

const TYPES = ['container', 'image', 'volume', 'network'] as const
type Type = (typeof TYPES)[number]

/** Undefined where there is no such thing. */
type Look = (text: string, home: Home, context: Context, size: boolean) => Promise<FoundThing | undefined>

const LOOKS: Readonly<Record<Type, Look>> = {
  container: async (text, home, _, size) => {
    if (tryFind(home, text) === undefined) return undefined
    const value = await inspectContainer(home, await tidy(home, text), { size })
    return { value, forTemplate: inspectedForTemplate(value) }
  },
  image: async (text, _, context) => (await import('./inspect-others.ts')).imageOf(text, context),
  volume: async (text, home) => (await import('./inspect-others.ts')).volumeOf(text, home),
  network: async (text, home) => (await import('./inspect-others.ts')).networkOf(text, home),
}

export const command = defineCommand({
  name: 'inspect',
  aliases: ['container inspect'],
  heading: 'Containers',
  summary: 'show all that is known of containers, and of images, volumes and networks',
  operands: 'NAME [NAME...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Prints a JSON array with an object per thing, whose fields are those of docker, or what the template makes of each. A name may be that of a container, an image,
a volume or a network, and is looked for in this order. What Effective has of a container that runs is asked of the kernel: limits, namespaces, mounts,
capabilities, processes.`,
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json (one object per line), or a Go template' },
    size: { type: 'boolean', short: 's', help: 'show what containers have written' },
    type: { type: 'string', value: 'TYPE', choices: TYPES, help: 'only look among these' },
  },
  async run({ flags, args, context }) {
    const { format, size = false } = flags
    const template = format === undefined || format === '' || format === 'json' ? undefined : compileTemplate(format)
    const home = await openHome(context)
    const types: readonly Type[] = TYPES.filter((type) => flags.type === undefined || type === flags.type)
    const found: FoundThing[] = []
    const status = await forEach(context.name, args, async (text) => {
      for (const type of types) {
        const thing = await LOOKS[type](text, home, context, size)
        if (thing === undefined) continue
        found.push(thing)
        return
      }
      throw new WherryError('not-found', `there is no ${types.join(', ')} ${JSON.stringify(text.slice(0, 200))}`)
    })
    if (template !== undefined) for (const { forTemplate } of found) print(`${template(forTemplate)}\n`)
    else if (format === 'json') print(found.map(({ value }) => `${goJson(value)}\n`).join(''))
    else
      print(
        `${goJson(
          found.map(({ value }) => value),
          '    ',
        )}\n`,
      )
    return status
  },
})
