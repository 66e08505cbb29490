/** Volumes as people see them. */
import type { Home } from '../containers/home.ts'
import { dataFolder, type VolumeDocument } from '../containers/volumes/store.ts'
import { usersOfVolumes } from '../containers/volumes/users.ts'
import { booleanFilter, type Filters, matchesLabels } from '../support/filters.ts'

export const VOLUME_FILTERS = ['dangling', 'driver', 'label', 'name'] as const

type Test = (volume: VolumeDocument) => boolean

const TESTS: Readonly<Record<(typeof VOLUME_FILTERS)[number], (values: readonly string[], home: Home) => Test>> = {
  dangling: (values, home) => {
    const wanted = booleanFilter('dangling', values)
    const used = usersOfVolumes(home)
    return ({ name }) => !used.has(name) === wanted
  },
  driver: (values) => () => values.includes('local'),
  label:
    (values) =>
    ({ labels }) =>
      matchesLabels(labels, values),
  // as docker: a part of it
  name:
    (values) =>
    ({ name }) =>
      values.some((value) => name.includes(value)),
}

/** What all filters let through. */
export const volumeFilter = (filters: Filters, home: Home): Test => {
  const tests = [...filters].map(([key, values]) => TESTS[key as keyof typeof TESTS](values, home))
  return (volume) => tests.every((test) => test(volume))
}

/** docker's fields. */
export const inspectedVolume = (home: Home, { name, created, labels, options, anonymous }: VolumeDocument) => ({
  CreatedAt: created,
  Driver: 'local',
  Labels: labels,
  Mountpoint: dataFolder(home, name),
  Name: name,
  Options: options,
  Scope: 'local',
  Anonymous: anonymous,
})

export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
