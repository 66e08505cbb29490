/** Filters of lists of images: `dangling`, `reference`, `label`, `before`, `since`, `until`. */
import type { Store, StoredImage } from '../../image/store/store.ts'
import { parseDuration } from '../support/duration.ts'
import { booleanFilter, type Filters, matchesLabels } from '../support/filters.ts'
import { globPattern } from '../support/glob.ts'
import { UsageError } from '../support/parse.ts'
import { findImage } from './find-image.ts'
import { createdOf, type ImageFacts, imageFacts } from '../../image/store/facts.ts'
import { familiarName, shownName } from './image-names.ts'

export const IMAGE_FILTERS = ['dangling', 'reference', 'label', 'before', 'since', 'until'] as const

/** An image, and what its documents say where they can be read. */
export interface Candidate {
  readonly image: StoredImage
  readonly facts: ImageFacts | undefined
}

type Test = (candidate: Candidate) => boolean

/** As docker’s reference.FamiliarMatch: the name with or without its tag. */
const references = (patterns: readonly string[]): Test => {
  const compiled = patterns.map((pattern) => {
    const glob = globPattern(pattern)
    if (glob === undefined) throw new UsageError(`--filter reference=${pattern}: this is no pattern`)
    return glob
  })
  return ({ image }) => {
    const { repository } = shownName(image)
    const names = image.name === undefined ? [repository] : [repository, familiarName(image.name), image.name]
    return compiled.some((glob) => names.some((name) => glob.test(name)))
  }
}

const time = (facts: ImageFacts | undefined): number => (facts === undefined ? 0 : (createdOf(facts.config)?.getTime() ?? 0))

const timeOf = (store: Store, text: string): number => time(imageFacts(store, findImage(store, text)))

/** A duration back from now, a time, or seconds since 1970. */
const until = (text: string): number => {
  const duration = parseDuration(text)
  if (duration !== undefined) return Date.now() - duration
  const parsed = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (Number.isNaN(parsed)) throw new UsageError(`--filter until=${text}: a time (2024-01-31T12:00:00Z) or a duration (24h) is wanted`)
  return parsed
}

/** What all filters let through. */
export const imageFilter = (store: Store, filters: Filters): Test => {
  const tests: Test[] = []
  for (const [key, values] of filters) {
    if (key === 'dangling') {
      const wanted = booleanFilter(key, values)
      tests.push(({ image }) => (image.name === undefined) === wanted)
    } else if (key === 'reference') tests.push(references(values))
    else if (key === 'label') tests.push(({ facts }) => matchesLabels(facts?.config.config.Labels ?? {}, values))
    else if (key === 'before') {
      const limit = Math.min(...values.map((value) => timeOf(store, value)))
      tests.push(({ facts }) => time(facts) < limit)
    } else if (key === 'since') {
      const limit = Math.max(...values.map((value) => timeOf(store, value)))
      tests.push(({ facts }) => time(facts) > limit)
    } else {
      const limit = Math.min(...values.map(until))
      tests.push(({ facts }) => time(facts) < limit)
    }
  }
  return (candidate) => tests.every((test) => test(candidate))
}
