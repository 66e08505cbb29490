import { WherryError } from '../../runtime/errors.ts'
import { CHECKPOINT_FLAGS } from './checkpoint-flags.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'restore',
  summary: 'refused: checkpoints are not supported',
  operands: 'ID',
  count: [1, 1],
  description: 'Exists so that callers get a clear answer: this runtime does not drive CRIU.',
  flags: {
    ...CHECKPOINT_FLAGS,
    bundle: { type: 'string', short: 'b', value: 'DIR', help: 'folder of the bundle', hidden: true },
    'console-socket': { type: 'string', value: 'SOCKET', help: 'gets the master of the terminal', hidden: true },
    detach: { type: 'boolean', short: 'd', help: 'do not wait', hidden: true },
    'pid-file': { type: 'string', value: 'FILE', help: 'where the process id goes', hidden: true },
    'no-subreaper': { type: 'boolean', help: 'do not reap orphans', hidden: true },
    'no-pivot': { type: 'boolean', help: 'do not pivot the root', hidden: true },
    'lsm-profile': { type: 'string', value: 'TYPE:NAME', help: 'profile to restore with', hidden: true },
    'lsm-mount-context': { type: 'string', value: 'CONTEXT', help: 'mount context to restore with', hidden: true },
  },
  async run() {
    throw new WherryError('unsupported', 'restore is not supported: this runtime does not use criu')
  },
})
