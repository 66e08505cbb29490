/** Filters of lists of containers. */
import { STATUSES, type Status } from '../containers/status.ts'
import { type Container, findContainer } from '../containers/store.ts'
import type { Home } from '../containers/home.ts'
import { type Filters, matchesLabels } from '../support/filters.ts'
import { parseMoment } from '../support/moment.ts'
import { UsageError } from '../support/parse.ts'

/** What the filters look at. */
export interface Candidate {
  readonly container: Container
  readonly status: Status
  /** `80/tcp`; host ports too. */
  readonly published: readonly string[]
}

type Test = (candidate: Candidate) => boolean

export const PRUNE_FILTERS = ['until', 'label', 'label!'] as const

export const CONTAINER_FILTERS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'until',
  'volume',
] as const

const created = ({ config }: Container): number => Date.parse(config.created)

const until = (text: string): number => {
  const moment = parseMoment(text)
  if (moment === undefined) throw new UsageError(`--filter until=${text}: a time (2024-01-31T12:00:00Z) or a duration (24h) is wanted`)
  return moment
}

export const pruneFilter = (filters: Filters): ((container: Container) => boolean) => {
  const limit = Math.min(...(filters.get('until') ?? []).map(until))
  const labels = filters.get('label') ?? []
  const spared = filters.get('label!') ?? []
  return (container) =>
    created(container) < limit &&
    matchesLabels(container.config.labels, labels) &&
    !spared.some((label) => matchesLabels(container.config.labels, [label]))
}

const oneOf = (key: string, values: readonly string[], choices: readonly string[]): readonly string[] => {
  for (const value of values)
    if (!choices.includes(value)) throw new UsageError(`--filter ${key}=${value}: there are ${choices.join(', ')}`)
  return values
}

/** Regular expressions, as docker has them; a slash may stand before the name. */
const names = (values: readonly string[]): Test => {
  const patterns = values.map((value) => {
    try {
      return new RegExp(value)
    } catch {
      throw new UsageError(`--filter name=${value}: this is no regular expression`)
    }
  })
  return ({ container: { config } }) => patterns.some((pattern) => pattern.test(config.name) || pattern.test(`/${config.name}`))
}

const statuses = (key: string, values: readonly string[]): readonly number[] =>
  values.map((value) => {
    if (!/^-?\d+$/.test(value)) throw new UsageError(`--filter ${key}=${value}: an exit status is wanted`)
    return Number(value)
  })

/** `8080`, `8000-8080/tcp` */
const ports = (key: string, values: readonly string[]) => {
  const ranges = values.map((value) => {
    const [, first, last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
    if (first === undefined) throw new UsageError(`--filter ${key}=${value}: a port or a range is wanted: 80, 8000-8080/udp`)
    return { first: Number(first), last: Number(last), protocol }
  })
  return (name: string): boolean => {
    const [port, protocol] = name.split('/')
    return ranges.some((range) => range.protocol === protocol && range.first <= Number(port) && Number(port) <= range.last)
  }
}

/** Names as the user writes them: `alpine` is `docker.io/library/alpine:latest`. */
const ancestors = (values: readonly string[]): Test => {
  const tails = (name: string): readonly string[] => {
    const short = name.replace(/^docker\.io\/(library\/)?/, '')
    return [
      name,
      short,
      ...[name, short].map((text) => text.replace(/:latest$/, '')),
      ...[name, short].map((text) => text.replace(/(:[^/:@]*|@.*)$/, '')),
    ]
  }
  return ({ container: { config } }) => {
    const { image } = config
    if (image === undefined) return false
    const id = image.id.replace(/^sha256:/, '')
    return values.some(
      (value) =>
        tails(image.name).includes(value) || (/^(sha256:)?[0-9a-f]{4,64}$/.test(value) && id.startsWith(value.replace(/^sha256:/, ''))),
    )
  }
}

const volumes =
  (values: readonly string[]): Test =>
  ({ container: { config } }) =>
    config.request.mounts.some(({ source, target }) => values.some((value) => value === source || value === target))

const networks =
  (values: readonly string[]): Test =>
  ({ container: { config } }) => {
    const { mode, names: own } = config.request.network
    const all = mode === 'networks' ? (own.length === 0 ? ['bridge'] : own) : [mode]
    return values.some((value) => all.includes(value))
  }

const TESTS: Readonly<Record<(typeof CONTAINER_FILTERS)[number], (values: readonly string[], home: Home) => Test>> = {
  ancestor: ancestors,
  before: (values, home) => {
    const limit = Math.min(...values.map((value) => created(findContainer(home, value))))
    return ({ container }) => created(container) < limit
  },
  since: (values, home) => {
    const limit = Math.max(...values.map((value) => created(findContainer(home, value))))
    return ({ container }) => created(container) > limit
  },
  until: (values) => {
    const limit = Math.min(...values.map(until))
    return ({ container }) => created(container) < limit
  },
  exited: (values) => {
    const wanted = statuses('exited', values)
    return ({ container: { state }, status }) => status === 'exited' && wanted.includes(state.exitCode ?? 0)
  },
  expose: (values) => {
    const matches = ports('expose', values)
    return ({ container: { config } }) => config.process.exposed.some(matches)
  },
  publish: (values) => {
    const matches = ports('publish', values)
    return ({ published }) => published.some(matches)
  },
  health: (values) => {
    const wanted = oneOf('health', values, ['starting', 'healthy', 'unhealthy', 'none'])
    return ({ container: { state } }) => wanted.includes(state.health?.status ?? 'none')
  },
  id:
    (values) =>
    ({ container: { id } }) =>
      values.some((value) => id.startsWith(value)),
  label:
    (values) =>
    ({ container: { config } }) =>
      matchesLabels(config.labels, values),
  name: names,
  network: networks,
  status: (values) => {
    const wanted = oneOf('status', values, STATUSES)
    return ({ status }) => wanted.includes(status)
  },
  volume: volumes,
}

/** What all filters let through. */
export const containerFilter = (filters: Filters, home: Home): Test => {
  const tests = [...filters].map(([key, values]) => TESTS[key as keyof typeof TESTS](values, home))
  return (candidate) => tests.every((test) => test(candidate))
}
