/** Sandboxes and containers as JSON: their configs in protobuf's own JSON, times as decimal strings. Fields of messages that this program does not know are not kept. */
import { type DescMessage, fromJson, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf'
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../api/api_pb.js'
import type { Container, Sandbox } from './types.ts'

export interface Codec<T> {
  /** Name of the file. */
  readonly name: string
  toDocument(record: T): object
  /** Of a document whose version is right. */
  fromDocument(document: Readonly<Record<string, unknown>>): T
}

interface Configured {
  readonly config: object
}

const codec = <T extends Configured, S extends DescMessage>(name: string, schema: S, times: readonly (keyof T & string)[]): Codec<T> => {
  /** A config never changes: its JSON is made once for all the changes of its record. */
  const known = new WeakMap<object, JsonValue>()
  const configOf = (config: object): JsonValue => {
    const there = known.get(config)
    if (there !== undefined) return there
    const made = toJson(schema, config as MessageShape<S>)
    known.set(config, made)
    return made
  }
  return {
    name,
    toDocument: (record) => ({
      ...record,
      config: configOf(record.config),
      ...Object.fromEntries(times.filter((time) => record[time] !== undefined).map((time) => [time, String(record[time])])),
    }),
    fromDocument: (document) => {
      const strings = times.filter((time) => document[time] !== undefined)
      return {
        ...document,
        config: fromJson(schema, document['config'] as JsonValue, { ignoreUnknownFields: true }),
        ...Object.fromEntries(strings.map((time) => [time, BigInt(document[time] as string)])),
      } as unknown as T
    },
  }
}

export const SANDBOX: Codec<Sandbox> = codec<Sandbox, typeof PodSandboxConfigSchema>('sandbox.json', PodSandboxConfigSchema, ['created'])

export const CONTAINER: Codec<Container> = codec<Container, typeof ContainerConfigSchema>('container.json', ContainerConfigSchema, [
  'created',
  'started',
  'finished',
])
