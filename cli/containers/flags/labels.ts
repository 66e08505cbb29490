/** --label, --label-file, --annotation. */
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import { bad, halves, line, shown, withoutNul } from './bad.ts'
import type { Surroundings } from './surroundings.ts'
import { readLines } from './text-file.ts'

export const LABEL_FLAGS = {
  label: { type: 'list', short: 'l', value: 'KEY[=VALUE]', help: 'give the container a label' },
  'label-file': { type: 'list', value: 'FILE', help: 'give it the labels in a file of lines KEY=VALUE' },
  annotation: { type: 'list', value: 'KEY=VALUE', help: "add an annotation to the runtime's config" },
} as const satisfies Flags

type Given = Values<typeof LABEL_FLAGS>
type Pair = readonly [key: string, value: string]

/** Keys stand in lists, filters and templates: no control characters; values may be any text. */
const label = (text: string, wrong: (problem: string) => Error): Pair => {
  const [key, value = ''] = halves(text, '=')
  if (key === '') throw wrong('has no key: KEY=VALUE is wanted')
  if (/[\u0000-\u001f\u007f]/.test(key)) throw wrong('has control characters in its key')
  return [key, value]
}

/** Files first; of a key that is given twice the last counts. */
export const readLabels = (flags: Given, { cwd }: Pick<Surroundings, 'cwd'>): Readonly<Record<string, string>> =>
  Object.fromEntries([
    ...(flags['label-file'] ?? []).flatMap((file) =>
      readLines('label-file', file, cwd).map(({ text, number }) =>
        label(text, (problem) => new UsageError(`--label-file: line ${number} of ${file}: ${shown(text)} ${problem}`)),
      ),
    ),
    ...(flags.label ?? []).map((text) => label(withoutNul('label', text), (problem) => bad('label', text, problem))),
  ])

export const readAnnotations = (flags: Given): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (flags.annotation ?? []).map((text): Pair => {
      const [key, value] = halves(line('annotation', text), '=')
      if (key === '' || value === undefined) throw bad('annotation', text, 'is not of the form KEY=VALUE')
      return [key, value]
    }),
  )
