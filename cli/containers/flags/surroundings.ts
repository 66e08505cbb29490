/** What reading the flags needs of the world; files that they name are read too. */
import type { ContainerConfig } from '../config.ts'

export interface Surroundings {
  /** For `-e NAME`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute; what relative paths begin at. */
  readonly cwd: string
  /** The container of this name, id or beginning of an id. Throws `not-found`, `invalid-argument`. */
  container(text: string): ContainerConfig
  /** Things the user should know that are no error. */
  readonly warn: (message: string) => void
}
