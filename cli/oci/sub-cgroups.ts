import { UsageError } from '../support/parse.ts'

/**
 * Paths of sub-cgroups per controller, of `exec --cgroup`: `memory,cpu:sub` for cgroup v1, a single `sub` (key '') for v2.
 * Whether they are below the container's is for who opens them to check.
 */
export const parseSubCgroups = (values: readonly string[]): Readonly<Record<string, string>> => {
  const paths: Record<string, string> = {}
  for (const value of values) {
    const colon = value.indexOf(':')
    if (colon === -1) {
      if (values.length !== 1) throw new UsageError(`invalid --cgroup argument: ${value} (missing <controller>: prefix)`)
      return { '': value }
    }
    for (const controller of value.slice(0, colon).split(',')) {
      if (controller === '') throw new UsageError(`invalid --cgroup argument: ${value} (empty <controller> prefix)`)
      if (Object.hasOwn(paths, controller))
        throw new UsageError(`invalid --cgroup argument(s): controller ${controller} specified multiple times`)
      paths[controller] = value.slice(colon + 1)
    }
  }
  return paths
}
