import { containerIds, readContainer } from '../containers/store.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { readStore } from './store.ts'

export const command = defineCommand({
  name: 'system migrate',
  heading: 'System',
  summary: 'bring what an older wherry has written up to date',
  operands: '',
  count: [0, 0],
  description: `Reads the store and all containers, each of which has a version written in it. There has been one version so far: nothing has to be done, which is
said; one that this program does not know is an error that names it.`,
  flags: {},
  async run({ context }) {
    const home = await openHome(context)
    const images = readStore(context).images.list().length
    const containers = containerIds(home).filter((id) => readContainer(home, id) !== undefined).length
    print(
      `nothing to do: ${containers} container${containers === 1 ? '' : 's'} and ${images} image${images === 1 ? '' : 's'} are of version 1\n`,
    )
    return 0
  },
})
