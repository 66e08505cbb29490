/** All verbs, each loaded when it is asked for. */
import type { Verbs } from './commands.ts'

export const VERBS: Verbs = new Map([
  ['checkpoint', () => import('./checkpoint.ts')],
  ['completion', () => import('./completion.ts')],
  ['create', () => import('./create.ts')],
  ['delete', () => import('./delete.ts')],
  ['events', () => import('./events.ts')],
  ['exec', () => import('./exec.ts')],
  ['explain', () => import('./explain.ts')],
  ['features', () => import('./features.ts')],
  ['kill', () => import('./kill.ts')],
  ['list', () => import('./list.ts')],
  ['pause', () => import('./pause.ts')],
  ['ps', () => import('./ps.ts')],
  ['restore', () => import('./restore.ts')],
  ['resume', () => import('./resume.ts')],
  ['run', () => import('./run.ts')],
  ['spec', () => import('./spec.ts')],
  ['start', () => import('./start.ts')],
  ['state', () => import('./state.ts')],
  ['update', () => import('./update.ts')],
])
