/** Filters of lists of networks. */
import { endpoints } from '../containers/network/endpoints.ts'
import type { ListedNetwork } from '../containers/network/list.ts'
import type { Home } from '../containers/home.ts'
import { booleanFilter, type Filters, matchesLabels } from '../support/filters.ts'
import { parseMoment } from '../support/moment.ts'
import { UsageError } from '../support/parse.ts'

export const NETWORK_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'] as const
export const NETWORK_PRUNE_FILTERS = ['until', 'label', 'label!'] as const

type Test = (network: ListedNetwork) => boolean

const oneOf = (key: string, values: readonly string[], allowed: readonly string[]): readonly string[] => {
  const wrong = values.find((value) => !allowed.includes(value))
  if (wrong !== undefined) throw new UsageError(`--filter ${key}=${wrong}: one of ${allowed.join(', ')} is wanted`)
  return values
}

const TESTS: Readonly<Record<(typeof NETWORK_FILTERS)[number], (values: readonly string[], home: Home) => Test>> = {
  dangling: (values, home) => {
    const wanted = booleanFilter('dangling', values)
    const used = new Set(endpoints(home).map(({ network }) => network))
    return ({ name, builtin }) => (!builtin && !used.has(name)) === wanted
  },
  driver:
    (values) =>
    ({ driver }) =>
      values.includes(driver),
  id:
    (values) =>
    ({ id }) =>
      values.some((value) => id.startsWith(value)),
  label:
    (values) =>
    ({ labels }) =>
      matchesLabels(labels, values),
  // as docker: a part of it
  name:
    (values) =>
    ({ name }) =>
      values.some((value) => name.includes(value)),
  scope: (values) => {
    oneOf('scope', values, ['local', 'global', 'swarm'])
    return () => values.includes('local')
  },
  type: (values) => {
    oneOf('type', values, ['builtin', 'custom'])
    return ({ builtin }) => values.includes(builtin ? 'builtin' : 'custom')
  },
}

/** What all filters let through. */
export const networkFilter = (filters: Filters, home: Home): Test => {
  const tests = [...filters].map(([key, values]) => TESTS[key as keyof typeof TESTS](values, home))
  return (network) => tests.every((test) => test(network))
}

/** Milliseconds since 1970 that what is to be removed was made before. */
export const untilOf = (values: readonly string[]): number =>
  Math.min(
    ...values.map((text) => {
      const moment = parseMoment(text)
      if (moment === undefined) throw new UsageError(`--filter until=${text}: a time (2024-01-31T12:00:00Z) or a duration (24h) is wanted`)
      return moment
    }),
  )

export interface Labelled {
  readonly labels: Readonly<Record<string, string>>
  readonly created?: string
}

/** until, label and label! of prune. */
export const prunePasses = (filters: Filters): ((one: Labelled) => boolean) => {
  const until = filters.get('until')
  const limit = until === undefined ? Number.POSITIVE_INFINITY : untilOf(until)
  const [wanted, spared] = [filters.get('label') ?? [], filters.get('label!') ?? []]
  return ({ labels, created }) =>
    (created === undefined ? 0 : Date.parse(created)) < limit &&
    matchesLabels(labels, wanted) &&
    !spared.some((label) => matchesLabels(labels, [label]))
}
