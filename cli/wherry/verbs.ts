/** All verbs with all their spellings, each loaded when it is asked for. */
import type { Load, Verbs } from './commands.ts'

/** The first spelling is the name, which the manual page has. Their order is that of the help. */
const TABLE: readonly (readonly [Load, ...(readonly string[])])[] = [
  [() => import('./images.ts'), 'images', 'image ls', 'image list'],
  [() => import('./image-history.ts'), 'image history', 'history'],
  [() => import('./image-inspect.ts'), 'image inspect'],
  [() => import('./image-layers.ts'), 'image layers'],
  [() => import('./image-prune.ts'), 'image prune'],
  [() => import('./image-tree.ts'), 'image tree'],
  [() => import('./rmi.ts'), 'rmi', 'image rm', 'image remove'],
  [() => import('./tag.ts'), 'tag', 'image tag'],
  [() => import('./untag.ts'), 'untag', 'image untag'],
  [() => import('./save.ts'), 'save', 'image save'],
  [() => import('./load.ts'), 'load', 'image load'],
  [() => import('./image-import.ts'), 'image import', 'import'],
  [() => import('./image-export.ts'), 'image export'],
  [() => import('./pull.ts'), 'pull', 'image pull'],
  [() => import('./push.ts'), 'push', 'image push'],
  [() => import('./login.ts'), 'login'],
  [() => import('./logout.ts'), 'logout'],
  [() => import('./info.ts'), 'info', 'system info'],
  [() => import('./show-version.ts'), 'version'],
  [() => import('./system-check.ts'), 'system check'],
  [() => import('./system-df.ts'), 'system df'],
  [() => import('./system-prune.ts'), 'system prune'],
  [() => import('./completion.ts'), 'completion'],
  [() => import('./show-completions.ts'), '__complete'],
]

export const VERBS: Verbs = new Map(TABLE.flatMap(([load, ...names]) => names.map((name) => [name, load] as const)))
