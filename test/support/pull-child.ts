/** Pulls in a process of its own: `pull-child.ts VERB ROOT [REFERENCE]`. Each line that it prints is JSON. */
import { writeSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { openStore } from '../../image/store/store.ts'
import { pullInto } from './pull.ts'

const [verb = '', root = '', text = ''] = process.argv.slice(2)
const say = (value: unknown): void => void writeSync(1, `${JSON.stringify(value)}\n`)

const VERBS: Readonly<Record<string, () => Promise<unknown>>> = {
  async pull() {
    const store = openStore(root)
    say('begun')
    const { id, fresh, layers } = await pullInto(store, text)
    return { id, fresh, layers: layers.length }
  },

  /** Tells what states each layer goes through. */
  async watch() {
    const states = new Map<string, string[]>()
    const store = openStore(root)
    say('begun')
    await pullInto(store, text, {
      onProgress: ({ layer, state }) => {
        const all = states.get(layer) ?? []
        states.set(layer, all.at(-1) === state ? all : [...all, state])
      },
    })
    return Object.fromEntries(states)
  },

  async check() {
    const { findings, whole } = await openStore(root).check()
    return { findings, whole }
  },
}

try {
  say(await VERBS[verb]!())
} catch (error) {
  if (!(error instanceof WherryError)) throw error
  say({ kind: error.kind, message: error.message })
  process.exitCode = 1
}
