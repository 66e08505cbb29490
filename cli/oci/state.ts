import { state } from '../../runtime/container/state.ts'
import { print } from '../support/output.ts'
import { shownState } from './container-state.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

export const command = defineCommand({
  name: 'state',
  summary: 'print the state of a container',
  operands: 'ID',
  count: [1, 1],
  description: 'Prints the state as JSON: the fields of the runtime-spec, and rootfs, created and owner.',
  flags: {},
  async run({ args, context }) {
    // runc names no owner here, only in its list
    print(`${JSON.stringify({ ...shownState(await state(openEngine(context), args[0]!)), owner: '' }, undefined, 2)}\n`)
    return 0
  },
})
