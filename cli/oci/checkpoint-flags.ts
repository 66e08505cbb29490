/** Flags that runc’s checkpoint and restore share: taken so that the refusal is about the verb and not about a flag. */
import type { Flags } from '../support/flags.ts'

export const CHECKPOINT_FLAGS = {
  'image-path': { type: 'string', value: 'DIR', help: 'folder of the images', hidden: true },
  'work-path': { type: 'string', value: 'DIR', help: 'folder of logs and work files', hidden: true },
  'tcp-established': { type: 'boolean', help: 'allow open connections', hidden: true },
  'ext-unix-sk': { type: 'boolean', help: 'allow external unix sockets', hidden: true },
  'shell-job': { type: 'boolean', help: 'allow shell jobs', hidden: true },
  'lazy-pages': { type: 'boolean', help: 'restore memory on demand', hidden: true },
  'file-locks': { type: 'boolean', help: 'keep file locks', hidden: true },
  'manage-cgroups-mode': { type: 'string', value: 'MODE', help: 'how cgroups are kept', hidden: true },
  'empty-ns': { type: 'list', value: 'TYPE', help: 'make a namespace without what was in it', hidden: true },
  'auto-dedup': { type: 'boolean', help: 'deduplicate the images', hidden: true },
} as const satisfies Flags
