/** Sources and targets of registries of the tests, impatient, so that tests do not wait for what does not come. */
import assert from 'node:assert/strict'
import { type ErrorKind, WherryError } from '../../../runtime/errors.ts'
import { parseReference } from '../../../image/reference.ts'
import type { Endpoint, Limits, TraceEvent } from '../../../image/registry/options.ts'
import { type RegistrySource, registrySource } from '../../../image/registry/source.ts'
import { registryTarget, type RegistryTargetOptions } from '../../../image/registry/target.ts'
import type { ImageTarget } from '../../../image/source.ts'

/** Stalls and silence are told soon; a machine that is busy still answers in this time. */
export const IMPATIENT: Partial<Limits> = {
  connect: 5_000,
  answer: 1_500,
  commit: 5_000,
  document: 1_500,
  stall: { bytes: 4096, milliseconds: 500 },
  tries: 4,
  progress: 1000,
  firstWait: 2,
  longestWait: 20,
  longestRetryAfter: 5_000,
}

export type Options = Partial<Omit<RegistryTargetOptions, 'limits'>> & {
  readonly limits?: Partial<Limits>
  /** Replaces fields of the one endpoint. */
  readonly endpoint?: Partial<Endpoint>
}

const complete = (text: string, { limits, endpoint, ...options }: Options): RegistryTargetOptions => {
  const { domain, path } = parseReference(text)
  return {
    endpoints: [{ registry: domain, repository: path, insecure: true, ...endpoint }],
    // proxies of the machine’s are none of the tests’
    env: {},
    limits: { ...IMPATIENT, ...limits },
    ...options,
  }
}

/** `text` names the image: `127.0.0.1:34567/a/b:tag`. */
export const sourceOf = (text: string, options: Options = {}): RegistrySource =>
  registrySource(parseReference(text), complete(text, options))

export const targetOf = (text: string, options: Options = {}): ImageTarget => registryTarget(parseReference(text), complete(text, options))

export const collect = async (bytes: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** That it fails with this kind and these words. */
export const refused = async (promise: Promise<unknown>, kind: ErrorKind, ...words: readonly (RegExp | string)[]): Promise<WherryError> => {
  let failure: unknown
  await promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => {
      failure = error
    },
  )
  if (!(failure instanceof WherryError)) throw failure
  assert.equal(failure.kind, kind, failure.message)
  for (const word of words)
    if (typeof word === 'string') assert.ok(failure.message.includes(word), `${JSON.stringify(word)} in: ${failure.message}`)
    else assert.match(failure.message, word)
  return failure
}

/** A place for `onTrace`, and what came there. */
export const tracing = (): { readonly events: TraceEvent[]; readonly onTrace: (event: TraceEvent) => void } => {
  const events: TraceEvent[] = []
  return { events, onTrace: (event) => void events.push(event) }
}
