import { encodeBytes } from '../../image/layer/bytes.ts'
import { readChanges } from '../containers/changes/changes.ts'
import { tidy } from '../containers/tidy.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { harmless } from '../support/listing.ts'
import { isatty } from 'node:tty'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

const WORDS = { A: 'added', C: 'changed', D: 'deleted' } as const
const STDOUT = 1

export const command = defineCommand({
  name: 'diff',
  aliases: ['container diff'],
  heading: 'Containers',
  summary: 'show what a container has changed in its files',
  operands: 'CONTAINER',
  count: [1, 1],
  description: `Shows what a container has written, compared with its image: A for what is added, C for what is changed, D for what is deleted. What lies in
volumes is not part of it.`,
  flags: {
    format: { type: 'string', value: 'FORMAT', help: 'json: an object with the lists added, changed and deleted' },
  },
  async run({ flags, args: [text = ''], context }) {
    if (flags.format !== undefined && flags.format !== 'json')
      throw new UsageError(`--format ${JSON.stringify(flags.format)}: only json is known here`)
    const home = await openHome(context)
    const { config } = await tidy(home, text)
    const changes = readChanges(home, config)
    if (flags.format === 'json') {
      const lists = Object.fromEntries(
        (['A', 'C', 'D'] as const).flatMap((kind) => {
          const paths = changes.filter((change) => change.kind === kind).map(({ path }) => `/${path}`)
          return paths.length === 0 ? [] : [[WORDS[kind], paths]]
        }),
      )
      print(`${JSON.stringify(lists)}\n`)
      return 0
    }
    const shown = isatty(STDOUT) ? harmless : (path: string) => path
    print(encodeBytes(changes.map(({ kind, path }) => `${kind} /${shown(path)}\n`).join('')))
    return 0
  },
})
