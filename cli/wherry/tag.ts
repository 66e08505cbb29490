import { canonical, parseReference } from '../../image/reference.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { findImage } from './find-image.ts'
import { readStore } from './store.ts'

export const command = defineCommand({
  name: 'tag',
  aliases: ['image tag'],
  heading: 'Images',
  summary: 'give an image another name',
  operands: 'IMAGE NAME[:TAG] [NAME[:TAG]...]',
  count: [2, Number.POSITIVE_INFINITY],
  description: 'Makes NAME a name of IMAGE too. An image that had the name before keeps its data, and is left without it.',
  flags: {},
  async run({ args: [text, ...names], context }) {
    const references = names.map((name) => {
      const reference = parseReference(name)
      if (reference.digest !== undefined) throw new UsageError(`${JSON.stringify(name)}: a name with a digest cannot be given`)
      return canonical(reference)
    })
    const store = readStore(context)
    const { descriptor, digest, pulled } = findImage(store, text!)
    for (const name of references) await store.images.put(name, descriptor, { digest, ...(pulled === undefined ? {} : { pulled }) })
    return 0
  },
})
