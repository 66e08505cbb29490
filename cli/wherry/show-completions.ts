import { print } from '../support/output.ts'
import { WherryError } from '../../runtime/errors.ts'
import { complete } from './complete.ts'
import { type Context, defineCommand } from './context.ts'

/** What is wrong with the store is not said to somebody who presses Tab. */
const names = async (kind: string, context: Context): Promise<readonly string[]> => {
  if (kind !== 'IMAGE') return []
  const [{ readStore }, { familiarName }] = await Promise.all([import('./store.ts'), import('./image-names.ts')])
  try {
    return readStore(context)
      .images.list()
      .flatMap(({ name }) => (name === undefined ? [] : [familiarName(name)]))
  } catch (error) {
    if (error instanceof WherryError) return []
    throw error
  }
}

export const command = defineCommand({
  name: '__complete',
  hidden: true,
  summary: 'offer completions',
  operands: 'WORD...',
  count: [0, Number.POSITIVE_INFINITY],
  description: 'Is called by the scripts of completion.',
  flags: {},
  leading: true,
  async run({ args, context }) {
    const { candidates, also } = await complete(args.length === 0 ? [''] : args, context.verbs, (kind) => names(kind, context))
    print(
      `${candidates.map(({ value, description }) => `${value}${description === undefined ? '' : `\t${description}`}\n`).join('')}:${also}\n`,
    )
    return 0
  },
})
