/** Limits as the settings and `--limit` have them. */
import { DEFAULT_LIMITS, type LayerLimits } from '../../image/layer/limits.ts'
import { LIMITS, type Limits } from '../../image/registry/options.ts'
import type { Flags } from '../support/flags.ts'
import { nearest } from '../support/nearest.ts'
import { readValue, UsageError, WANTED } from '../support/parse.ts'
import { LIMIT_SETTINGS } from './limit-settings.ts'
import type { Settings } from './settings.ts'

export const LIMIT_FLAG = {
  limit: { type: 'list', value: 'NAME=VALUE', help: 'raise or lower a limit, as layer.bytes=512g: see settings.md for their names' },
} as const satisfies Flags

type LimitName = keyof typeof LIMIT_SETTINGS

export type ChosenLimits = Readonly<Partial<Record<LimitName, number>>>

const NAMES = Object.keys(LIMIT_SETTINGS) as LimitName[]

const isLimit = (name: string): name is LimitName => Object.hasOwn(LIMIT_SETTINGS, name)

const fromFlag = (text: string): readonly [LimitName, number] => {
  const [, name = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  // as messages write it, and as the files do
  const found = NAMES.find((known) => known === name || LIMIT_SETTINGS[known].key === name)
  if (found === undefined) {
    const guess = nearest(name, NAMES)
    throw new UsageError(
      `--limit ${JSON.stringify(text)}: there is no limit ${JSON.stringify(name)}${guess === undefined ? ` (there are ${NAMES.join(', ')})` : `: did you mean ${guess}?`}`,
    )
  }
  const { type } = LIMIT_SETTINGS[found]
  const number = readValue({ type }, value)
  if (typeof number !== 'number' || number < 0)
    throw new UsageError(`--limit ${JSON.stringify(text)}: ${JSON.stringify(value)} is not ${WANTED[type]}`)
  return [found, number]
}

export const chosenLimits = (settings: Settings, given: readonly string[] = []): ChosenLimits => ({
  ...Object.fromEntries(Object.entries(settings).filter(([name]) => isLimit(name))),
  ...Object.fromEntries(given.map(fromFlag)),
})

export const layerLimits = (chosen: ChosenLimits): LayerLimits => {
  const names = Object.keys(DEFAULT_LIMITS) as (keyof LayerLimits)[]
  return {
    ...DEFAULT_LIMITS,
    ...Object.fromEntries(names.flatMap((name) => (chosen[`layer.${name}`] === undefined ? [] : [[name, chosen[`layer.${name}`]]]))),
  }
}

export const registryLimits = (chosen: ChosenLimits): Partial<Limits> => {
  const simple = {
    connect: chosen['registry.connect'],
    answer: chosen['registry.answer'],
    tries: chosen['registry.tries'],
    longestRetryAfter: chosen['registry.longest-retry-after'],
    chunk: chosen['registry.chunk'],
  }
  const bytes = chosen['registry.stall-bytes'] ?? LIMITS.stall.bytes
  const milliseconds = chosen['registry.stall-time'] ?? LIMITS.stall.milliseconds
  return { ...Object.fromEntries(Object.entries(simple).filter(([, value]) => value !== undefined)), stall: { bytes, milliseconds } }
}
