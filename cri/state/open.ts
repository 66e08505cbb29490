/** The node's state as the last server left it. The state folder is the caller's alone (flock(2), cri/server). */
import { mkdirSync } from 'node:fs'
import type { CriConfig } from '../config.ts'
import { CONTAINER, SANDBOX } from './document.ts'
import { Records } from './table.ts'
import type { Container, Sandbox } from './types.ts'

export interface State {
  readonly sandboxes: Records<Sandbox>
  readonly containers: Records<Container>
  /** Ids of folders whose document is not there or torn: recover.ts removes what there may be of them. */
  readonly torn: { readonly sandboxes: readonly string[]; readonly containers: readonly string[] }
}

/** Folder of the engine's state. */
export const engineRoot = ({ runRoot }: Pick<CriConfig, 'runRoot'>): string => `${runRoot}/cri/engine`

export const openState = ({ root, runRoot }: Pick<CriConfig, 'root' | 'runRoot'>): State => {
  for (const folder of [`${root}/cri`, `${runRoot}/cri`]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const sandboxes = new Records({ noun: 'pod sandbox', codec: SANDBOX, folder: `${root}/cri/sandboxes`, run: `${runRoot}/cri/sandboxes` })
  const containers = new Records({
    noun: 'container',
    codec: CONTAINER,
    folder: `${root}/cri/containers`,
    run: `${runRoot}/cri/containers`,
  })
  return { sandboxes, containers, torn: { sandboxes: sandboxes.load(), containers: containers.load() } }
}
