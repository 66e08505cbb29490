/** The flags that lists have in common. */
import type { Flags } from '../support/flags.ts'

export const LIST_FLAGS = {
  quiet: { type: 'boolean', short: 'q', help: 'only print ids' },
  'no-trunc': { type: 'boolean', help: 'do not shorten ids and texts' },
  format: { type: 'string', value: 'FORMAT', help: 'table, json, a Go template, or table and a Go template' },
} as const satisfies Flags

export const FILTER_FLAG = {
  filter: { type: 'list', short: 'f', value: 'KEY=VALUE', help: 'only list what this is true of' },
} as const satisfies Flags
