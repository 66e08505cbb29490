/** `--change` of import: instructions of a Dockerfile that say what a container of the image starts with. */
import { WherryError } from '../../runtime/errors.ts'
import { shown } from '../layer/bytes.ts'
import type { ContainerConfig, Healthcheck } from '../spec/types.ts'

type Mutable = { -readonly [K in keyof ContainerConfig]: ContainerConfig[K] }
type Apply = (config: Mutable, rest: string, fail: Fail) => void
type Fail = (problem: string) => WherryError

const SHELL = ['/bin/sh', '-c']

/** `["a", "b"]`; undefined if it is no JSON list of strings. */
const execForm = (rest: string): string[] | undefined => {
  if (!rest.startsWith('[')) return undefined
  let value: unknown
  try {
    value = JSON.parse(rest)
  } catch {
    return undefined
  }
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
}

const command = (config: Mutable, rest: string): string[] => execForm(rest) ?? [...(config.Shell ?? SHELL), rest]

/** Words as a Dockerfile has them: quotes keep blanks together, a backslash keeps the next character. */
const words = (text: string, fail: Fail): string[] => {
  const found: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\\' && quote !== "'" && at + 1 < text.length) word = (word ?? '') + text[++at]!
    else if (quote !== '') {
      if (char === quote) quote = ''
      else word = (word ?? '') + char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) found.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== '') throw fail(`the quote ${quote} is not closed`)
  if (word !== undefined) found.push(word)
  return found
}

/** `A=1 B="2 3"`, or `A all the rest` in the old form. */
const pairs = (rest: string, fail: Fail): [string, string][] => {
  const [first = ''] = rest.split(/\s/, 1)
  if (!first.includes('=')) {
    const value = rest.slice(first.length).trim()
    if (value === '') throw fail('NAME=VALUE is wanted')
    return [[first, value]]
  }
  return words(rest, fail).map((word) => {
    const equals = word.indexOf('=')
    if (equals < 1) throw fail(`${shown(word)} is not NAME=VALUE`)
    return [word.slice(0, equals), word.slice(equals + 1)]
  })
}

const withEntries = (list: readonly string[] | undefined, more: readonly string[]): string[] => [...new Set([...(list ?? []), ...more])]

const port = (text: string, fail: Fail): string => {
  const [, number, protocol = 'tcp'] = /^(\d{1,5}(?:-\d{1,5})?)(?:\/(tcp|udp|sctp))?$/.exec(text.toLowerCase()) ?? []
  if (number === undefined) throw fail(`${shown(text)} is no port: 80, 53/udp`)
  return `${number}/${protocol}`
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** Go’s durations (`1m30s`), in nanoseconds. */
const duration = (text: string, fail: Fail): number => {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) throw fail(`${shown(text)} is no duration: 30s, 1m30s`)
  return Math.round(
    [...text.matchAll(/(\d+(?:\.\d+)?)([a-zµ]+)/g)].reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0),
  )
}

const HEALTH_TIMES = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod', 'start-interval': 'StartInterval' } as const

const healthcheck = (config: Mutable, rest: string, fail: Fail): Healthcheck => {
  if (rest.toUpperCase() === 'NONE') return { Test: ['NONE'] }
  const health: { -readonly [K in keyof Healthcheck]: Healthcheck[K] } = {}
  let left = rest
  for (let option = /^--([a-z-]+)=(\S+)\s+/.exec(left); option !== null; option = /^--([a-z-]+)=(\S+)\s+/.exec(left)) {
    const [whole, name = '', value = ''] = option
    if (name === 'retries' && /^\d{1,9}$/.test(value)) health.Retries = Number(value)
    else if (Object.hasOwn(HEALTH_TIMES, name)) health[HEALTH_TIMES[name as keyof typeof HEALTH_TIMES]] = duration(value, fail)
    else throw fail(`${shown(whole.trim())} is no option of HEALTHCHECK`)
    left = left.slice(whole.length)
  }
  const [, what] = /^CMD\s+(.+)$/is.exec(left) ?? []
  if (what === undefined) throw fail('HEALTHCHECK NONE or HEALTHCHECK [OPTIONS] CMD … is wanted')
  const exec = execForm(what)
  health.Test = exec === undefined ? ['CMD-SHELL', what] : ['CMD', ...exec]
  if (exec === undefined && config.Shell !== undefined) health.Test = ['CMD', ...config.Shell, what]
  return health
}

const INSTRUCTIONS: Readonly<Record<string, Apply>> = {
  CMD: (config, rest) => {
    config.Cmd = command(config, rest)
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = command(config, rest)
  },
  ENV: (config, rest, fail) => {
    const added = pairs(rest, fail)
    const kept = (config.Env ?? []).filter((one) => !added.some(([name]) => one.startsWith(`${name}=`)))
    config.Env = [...kept, ...new Map(added).entries().map(([name, value]) => `${name}=${value}`)]
  },
  EXPOSE: (config, rest, fail) => {
    config.ExposedPorts = withEntries(
      config.ExposedPorts,
      words(rest, fail).map((one) => port(one, fail)),
    )
  },
  LABEL: (config, rest, fail) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(rest, fail)) }
  },
  ONBUILD: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest]
  },
  SHELL: (config, rest, fail) => {
    const shell = execForm(rest)
    if (shell === undefined) throw fail('a JSON list is wanted: SHELL ["/bin/bash", "-c"]')
    config.Shell = shell
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = rest
  },
  USER: (config, rest) => {
    config.User = rest
  },
  VOLUME: (config, rest, fail) => {
    config.Volumes = withEntries(config.Volumes, execForm(rest) ?? words(rest, fail))
  },
  WORKDIR: (config, rest) => {
    const before = config.WorkingDir ?? '/'
    config.WorkingDir = rest.startsWith('/') ? rest : `${before.replace(/\/$/, '')}/${rest}`
  },
  HEALTHCHECK: (config, rest, fail) => {
    config.Healthcheck = healthcheck(config, rest, fail)
  },
}

/** In order. Throws `invalid-argument` naming the change. */
export const applyChanges = (config: ContainerConfig, changes: readonly string[]): ContainerConfig => {
  const changed: Mutable = { ...config }
  for (const change of changes) {
    const fail: Fail = (problem) => new WherryError('invalid-argument', `change ${shown(change)}: ${problem}`)
    const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*?)\s*$/s.exec(change) ?? []
    const apply = Object.hasOwn(INSTRUCTIONS, name.toUpperCase()) ? INSTRUCTIONS[name.toUpperCase()] : undefined
    if (apply === undefined) throw fail(`an instruction with its argument is wanted: ${Object.keys(INSTRUCTIONS).join(', ')}`)
    if (rest === '') throw fail('the argument is missing')
    apply(changed, rest, fail)
  }
  return changed
}
