import { WherryError } from '../../runtime/errors.ts'
import { canonical, parseReference } from '../../image/reference.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { findImage } from './find-image.ts'
import { familiarName } from './image-names.ts'
import { readStore } from './store.ts'

export const command = defineCommand({
  name: 'untag',
  aliases: ['image untag'],
  heading: 'Images',
  summary: 'take names from an image',
  operands: 'IMAGE [NAME[:TAG]...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Takes the names from the image, or all that it has. The image stays: rmi removes images.',
  flags: {},
  async run({ args: [text, ...given], context }) {
    const store = readStore(context)
    const image = findImage(store, text!)
    const has = store.images.list().filter(({ id, descriptor }) => descriptor.digest === image.descriptor.digest && id === image.id)
    const names = has.flatMap(({ name }) => (name === undefined ? [] : [name]))
    const wanted = given.length === 0 ? names : given.map((name) => canonical(parseReference(name)))
    for (const name of wanted)
      if (!names.includes(name))
        throw new WherryError(
          'not-found',
          `image ${text} is not called ${familiarName(name)}: it has ${names.length === 0 ? 'no name' : names.map(familiarName).join(', ')}`,
        )
    // without a name it would be removed with the last of them
    await store.images.put(undefined, image.descriptor, {
      digest: image.digest,
      ...(image.pulled === undefined ? {} : { pulled: image.pulled }),
    })
    for (const name of wanted) {
      await store.images.remove(name)
      print(`Untagged: ${familiarName(name)}\n`)
    }
    return 0
  },
})
