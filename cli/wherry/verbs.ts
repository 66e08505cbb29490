/** All verbs with all their spellings, each loaded when it is asked for. */
import type { Load, Verbs } from './commands.ts'

/** The first spelling is the name, which the manual page has. */
const TABLE: readonly (readonly [Load, ...(readonly string[])])[] = [
  [() => import('./show-completions.ts'), '__complete'],
  [() => import('./completion.ts'), 'completion'],
  [() => import('./show-version.ts'), 'version'],
]

export const VERBS: Verbs = new Map(TABLE.flatMap(([load, ...names]) => names.map((name) => [name, load] as const)))
