import { createContainer } from '../containers/create.ts'
import { readRequest } from '../containers/flags/request.ts'
import { CREATE_FLAGS, readCreateOptions } from '../containers/flags/run-flags.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { basesFor, openIdFile, surroundingsOf } from './run-container.ts'

export const command = defineCommand({
  name: 'create',
  aliases: ['container create'],
  heading: 'Containers',
  summary: 'make a container, to be started later',
  operands: 'IMAGE [COMMAND [ARGUMENT...]]',
  count: [0, Number.POSITIVE_INFINITY],
  description: 'Makes a container as `run` does, prints its id and does not start it.',
  flags: CREATE_FLAGS,
  leading: true,
  failure: 125,
  async run({ flags, args, context }) {
    const home = await openHome(context)
    const request = readRequest(flags, args, surroundingsOf(context, home))
    const options = readCreateOptions(flags, process.cwd())
    const bases = await basesFor(context, request, options)
    const file = openIdFile(options.cidfile)
    try {
      const { id } = await createContainer(home, request, bases)
      file.write(id)
      print(`${id}\n`)
      return 0
    } catch (error) {
      file.remove()
      throw error
    }
  },
})
