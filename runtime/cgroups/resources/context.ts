/** What the writers of the controllers get besides their part of linux.resources. */
import { WherryError } from '../../errors.ts'
import type { Controller, Home, Homes } from '../homes.ts'

export interface Context {
  readonly homes: Homes
  /** The cgroup is in use: what the kernel has now matters for order and for values that are not given. */
  readonly live: boolean
  /** A setting that has no effect on this generation of cgroups. */
  readonly warn: (message: string) => void
}

/** The home of a controller something is set for. Throws where this machine does not have it. */
export const homeOf = (context: Context, controller: Controller, field: string): Home => {
  const home = context.homes(controller)
  if (home === undefined)
    throw new WherryError(
      'unsupported',
      `linux.resources.${field}: cannot set ${controller} limit: no mounted cgroup hierarchy has the ${controller} controller`,
    )
  return home
}

/** Limits of v2: -1, and what is below it, is `max`. */
export const limitText = (value: bigint | number): string => (value < 0 ? 'max' : String(value))
