/** Registries as flags and settings say they are reached. */
import { resolve } from 'node:path'
import { parseReference, type Reference, repository } from '../../image/reference.ts'
import type { Credentials, RegistryOptions, TraceEvent } from '../../image/registry/options.ts'
import { registrySource } from '../../image/registry/source.ts'
import { listTags } from '../../image/registry/tags.ts'
import { registryTarget } from '../../image/registry/target.ts'
import { type ConnectionOptions, connectionFor } from '../../image/settings/connection.ts'
import { candidatesFor, type Registries, readRegistries } from '../../image/settings/registries.ts'
import { type Surroundings, surroundings } from '../../image/settings/surroundings.ts'
import type { ImageSource, ImageTarget } from '../../image/source.ts'
import type { Digest } from '../../image/digest.ts'
import type { Context } from './context.ts'
import { chosenLimits, registryLimits } from './limits.ts'
import { askPassword } from './password.ts'
import type { RegistryFlags } from './registry-flags.ts'
import { VERSION } from './version.ts'

export interface RegistryAccess {
  readonly registries: Registries
  /** What a name may stand for, in the order to try. */
  candidates(text: string): readonly Reference[]
  source(reference: Reference): ImageSource
  /** Of the repository. */
  tags(reference: Reference, signal: AbortSignal): Promise<readonly string[]>
  /** @param mountFrom repositories on the same registry that may have a blob */
  target(reference: Reference, mountFrom?: (digest: Digest) => readonly string[]): ImageTarget
}

export const USER_AGENT = `wherry/${VERSION}`

/** Whose settings they are: in a namespace of ours we are root and yet somebody else. */
export const aroundOf = ({ uid }: Context): Surroundings => ({ ...surroundings(), uid })

export const traceTo =
  ({ log }: Context) =>
  ({ method, url, status, problem, milliseconds }: TraceEvent): void =>
    log.debug(`${method} ${url}`, {
      ...(status === undefined ? {} : { status }),
      ...(problem === undefined ? {} : { problem }),
      ms: Math.round(milliseconds),
    })

const givenCredentials = (text: string): Credentials => {
  const colon = text.indexOf(':')
  const username = colon < 0 ? text : text.slice(0, colon)
  return { username, password: colon < 0 ? askPassword(`Password for ${username}: `) : text.slice(colon + 1) }
}

/** Asks for a password where one is wanted and missing: call it before anything is begun. */
export const openRegistries = (flags: RegistryFlags, context: Context, limits = chosenLimits(context.settings)): RegistryAccess => {
  const around = aroundOf(context)
  const registries = readRegistries(around)
  const given = flags.creds === undefined ? undefined : givenCredentials(flags.creds)
  const common: ConnectionOptions = {
    around,
    registries,
    ...(flags['tls-verify'] === undefined ? {} : { tlsVerify: flags['tls-verify'] }),
    ...(flags.authfile === undefined ? {} : { authFile: resolve(flags.authfile) }),
    ...(flags['cert-dir'] === undefined ? {} : { certDir: resolve(flags['cert-dir']) }),
  }
  const optionsFor = (reference: Reference, direction: 'pull' | 'push'): RegistryOptions => {
    const connection = connectionFor(reference, { ...common, direction })
    return {
      ...connection,
      // of the registry that was named, and not of a mirror of it
      ...(given === undefined
        ? {}
        : { credentials: async (wanted: string) => (wanted === repository(reference) ? given : connection.credentials?.(wanted)) }),
      limits: registryLimits(limits),
      userAgent: USER_AGENT,
      env: process.env,
      onTrace: traceTo(context),
    }
  }
  return {
    registries,
    candidates: (text) => candidatesFor(text, registries),
    source: (reference) => registrySource(reference, optionsFor(reference, 'pull')),
    tags: (reference, signal) => listTags(reference, optionsFor(reference, 'pull'), signal),
    target: (reference, mountFrom) =>
      registryTarget(reference, { ...optionsFor(reference, 'push'), ...(mountFrom === undefined ? {} : { mountFrom }) }),
  }
}

/** `docker://` in front, which skopeo’s users write, is left out. */
export const pushReference = (text: string): Reference => parseReference(text.replace(/^docker:\/\//, ''))
