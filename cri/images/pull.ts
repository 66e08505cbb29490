/** PullImage: an image from its registry. Loaded when one is pulled. */
import { pull } from '../../image/pull/pull.ts'
import { canonical, type Reference, repository } from '../../image/reference.ts'
import type { Credentials, RegistryOptions } from '../../image/registry/options.ts'
import { registrySource } from '../../image/registry/source.ts'
import { connectionFor } from '../../image/settings/connection.ts'
import { readRegistries } from '../../image/settings/registries.ts'
import { surroundings } from '../../image/settings/surroundings.ts'
import type { Store } from '../../image/store/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Cri } from '../cri.ts'

export interface PullRequest {
  /** What it may be, in the order to try. */
  readonly candidates: readonly Reference[]
  /** Those of the call; undefined: those that are kept on this machine. */
  readonly credentials: Credentials | undefined
  /** The registry that they are for, if the call says so. */
  readonly server: string
  readonly signal: AbortSignal
}

const isFor = (server: string, { domain }: Reference): boolean =>
  server === '' || server === domain || (domain === 'docker.io' && /(^|\.)docker\.io$/.test(server))

/** All settings are read anew: who changes them need not restart anything. */
const optionsFor = (
  { config, log }: Pick<Cri, 'config' | 'log'>,
  reference: Reference,
  { credentials, server }: PullRequest,
): RegistryOptions => {
  const around = surroundings()
  const connection = connectionFor(reference, { around, registries: readRegistries(around), direction: 'pull' })
  const given = credentials !== undefined && isFor(server, reference) ? credentials : undefined
  return {
    ...connection,
    // of the registry that was named, and not of a mirror of it
    ...(given === undefined
      ? {}
      : { credentials: async (wanted: string) => (wanted === repository(reference) ? given : connection.credentials?.(wanted)) }),
    ...(config.registryLimits === undefined ? {} : { limits: config.registryLimits }),
    userAgent: `wherry/${config.version}`,
    env: process.env,
    onTrace: ({ method, url, status, problem, milliseconds }) =>
      log.debug(`${method} ${url}`, { status, problem, ms: Math.round(milliseconds) }),
  }
}

/** What may be elsewhere; an image that is refused or broken is not looked for in another place. */
const isMissing = (error: unknown): error is WherryError =>
  error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'unavailable')

const pullOne = async (cri: Pick<Cri, 'config' | 'log'>, store: Store, reference: Reference, request: PullRequest): Promise<string> => {
  const { config } = cri
  const source = registrySource(reference, optionsFor(cri, reference, request))
  try {
    const { id } = await pull(source, store, {
      reference,
      signal: request.signal,
      ...(config.layerLimits === undefined ? {} : { limits: config.layerLimits }),
      ...(config.downloads === undefined ? {} : { downloads: config.downloads }),
    })
    return id
  } finally {
    await source.close()
  }
}

/** Resolves to the id, when everything is in the store, and unpacked. @param store one that looks at what it reads */
export const pullImage = async (cri: Pick<Cri, 'config' | 'log'>, store: Store, request: PullRequest): Promise<string> => {
  const { candidates } = request
  const problems: string[] = []
  for (const reference of candidates) {
    try {
      return await pullOne(cri, store, reference, request)
    } catch (error) {
      if (!isMissing(error) || candidates.length === 1) throw error
      problems.push(error.message)
    }
  }
  throw new WherryError('not-found', `is in none of ${candidates.map(canonical).join(', ')}: ${problems.join('; ')}`)
}
