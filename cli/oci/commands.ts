import type { Command } from '../support/flags.ts'
import type { Context } from './context.ts'

/** Verbs by name; to load one costs something, so that is done when it is asked for. */
export type Verbs = ReadonlyMap<string, () => Promise<{ readonly command: Command<Context> }>>

export const allCommands = async (verbs: Verbs): Promise<readonly Command<Context>[]> => {
  const loaded = await Promise.all([...verbs.values()].map((load) => load()))
  return loaded.map(({ command }) => command)
}
