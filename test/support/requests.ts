/** Command lines of run as the flags are read, without a container: for tests of what a container is to be. */
import { parseFlags } from '../../cli/support/commander.ts'
import type { ContainerConfig } from '../../cli/containers/config.ts'
import { readRequest } from '../../cli/containers/flags/request.ts'
import { RUN_FLAGS } from '../../cli/containers/flags/run-flags.ts'
import type { Surroundings } from '../../cli/containers/flags/surroundings.ts'
import type { ContainerRequest } from '../../cli/containers/request.ts'
import { WherryError } from '../../runtime/errors.ts'

export const CWD = '/work/here'

export interface ReadOptions {
  readonly env?: Readonly<Record<string, string>>
  /** By name. */
  readonly containers?: Readonly<Record<string, ContainerConfig>>
  /** In the place of `image true`. */
  readonly args?: readonly string[]
  readonly cwd?: string
}

export interface ReadLine {
  readonly request: ContainerRequest
  readonly warnings: readonly string[]
}

const surroundings = ({ env = {}, containers = {}, cwd = CWD }: ReadOptions, warnings: string[]): Surroundings => ({
  env,
  cwd,
  container: (text) => {
    const found = containers[text]
    if (found === undefined) throw new WherryError('not-found', `there is no container ${JSON.stringify(text)}`)
    return found
  },
  warn: (message) => warnings.push(message),
})

/** `argv` are flags; the image is `image`, the command `true`. */
export const readLine = (argv: readonly string[], options: ReadOptions = {}): ReadLine => {
  const warnings: string[] = []
  const { flags, args } = parseFlags('wherry run', RUN_FLAGS, [...argv, ...(options.args ?? ['image', 'true'])], true)
  return { request: readRequest(flags, args, surroundings(options, warnings)), warnings }
}

export const requestOf = (...argv: readonly string[]): ContainerRequest => readLine(argv).request

/** What is said of a command line that is wrong; undefined for one that is not. */
export const problemOf = (argv: readonly string[], options: ReadOptions = {}): string | undefined => {
  try {
    readLine(argv, options)
    return undefined
  } catch (error) {
    if (error instanceof WherryError) return error.message
    throw error
  }
}

export const ID = 'ab'.repeat(32)

/** A container as it is written down. */
export const configFor = (request: ContainerRequest, more: Partial<ContainerConfig> = {}): ContainerConfig => ({
  version: 1,
  id: ID,
  name: 'some-name',
  created: '2024-01-01T00:00:00.000000000Z',
  request,
  process: {
    args: ['true'],
    env: ['PATH=/bin'],
    cwd: '/',
    user: '',
    stopSignal: 15,
    volumes: [],
    exposed: [],
  },
  anonymousVolumes: [],
  labels: {},
  ...more,
})
