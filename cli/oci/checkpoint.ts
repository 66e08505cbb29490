import { WherryError } from '../../runtime/errors.ts'
import { defineCommand } from './context.ts'
import { CHECKPOINT_FLAGS } from './checkpoint-flags.ts'

export const command = defineCommand({
  name: 'checkpoint',
  summary: 'refused: checkpoints are not supported',
  operands: 'ID',
  count: [1, 1],
  description: 'Exists so that callers get a clear answer: this runtime does not drive CRIU.',
  flags: {
    ...CHECKPOINT_FLAGS,
    'parent-path': { type: 'string', value: 'DIR', help: 'images of an earlier pre-dump', hidden: true },
    'leave-running': { type: 'boolean', help: 'let the container run on', hidden: true },
    'tcp-skip-in-flight': { type: 'boolean', help: 'skip connections that are being made', hidden: true },
    'link-remap': { type: 'boolean', help: 'link unlinked files again', hidden: true },
    'status-fd': { type: 'integer', value: 'FD', help: 'told when lazy pages are ready', hidden: true },
    'page-server': { type: 'string', value: 'ADDRESS', help: 'where the pages go', hidden: true },
    'pre-dump': { type: 'boolean', help: 'dump memory only', hidden: true },
  },
  async run() {
    throw new WherryError('unsupported', 'checkpoint is not supported: this runtime does not use criu')
  },
})
