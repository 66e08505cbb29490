/** rename: the new name is taken before the old one is given up; whoever finds two after a kill keeps the one in the config. */
import { WherryError } from '../../runtime/errors.ts'
import { takeName } from './allocate.ts'
import { emit } from './events.ts'
import type { Home } from './home.ts'
import { checkName, releaseName } from './names.ts'
import { renameEndpoints } from './network/rename.ts'
import { writeConfig } from './store.ts'
import { withContainer } from './tidy.ts'

/** Throws `already-exists` naming who has it. */
export const rename = (home: Home, text: string, name: string): Promise<void> =>
  withContainer(home, text, async ({ id, config }) => {
    const wanted = checkName(name)
    if (wanted === config.name) throw new WherryError('invalid-argument', `container ${text} has the name ${name} already`)
    await takeName(home, wanted, id)
    writeConfig(home, { ...config, name: wanted })
    releaseName(home, config.name, id)
    renameEndpoints(home, id, config.name, wanted)
    emit(home, 'rename', { ...config, name: wanted }, { oldName: config.name })
  })
