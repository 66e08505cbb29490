/** Logging in to registries: finding, keeping and forgetting credentials, as containers-auth.json(5) and docker do. */
import { WherryError } from '../../runtime/errors.ts'
import { type AuthFile, findInFile, helperFor, registriesIn, withEntry, withoutEntry } from './auth-file.ts'
import { authFiles, changeAuthFile, isChosen, primaryPath } from './auth-files.ts'
import { domainOf, parseAuthKey, serversFor } from './auth-keys.ts'
import type { StoredCredentials } from './credentials-type.ts'
import { eraseFromHelper, getFromHelper, type HelperOptions, storeInHelper } from './helper.ts'
import { AUTH_FILES } from './registries.ts'
import { type Surroundings, surroundings } from './surroundings.ts'

export type { StoredCredentials } from './credentials-type.ts'
export { Secret } from './secret.ts'

export interface AuthOptions {
  readonly around?: Surroundings
  /** `--authfile`: the only file that is read and written. */
  readonly authFile?: string
  /** `credential-helpers` of registries.conf. */
  readonly credentialHelpers?: readonly string[]
  readonly signal?: AbortSignal
  /** Of a helper, in milliseconds. */
  readonly timeout?: number
}

const helperOptions = ({ around, signal, timeout }: AuthOptions): HelperOptions => ({
  ...(around === undefined ? {} : { env: around.env }),
  ...(signal === undefined ? {} : { signal }),
  ...(timeout === undefined ? {} : { timeout }),
})

/** With the file that names the helper in front of what went wrong with it. */
const blaming = async <T>(file: AuthFile, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof WherryError ? new WherryError(cause.kind, `${file.path}: ${cause.message}`, { cause }) : cause
  }
}

const fromHelper = async (name: string, domain: string, options: AuthOptions): Promise<StoredCredentials | undefined> => {
  for (const server of serversFor(domain)) {
    const found = await getFromHelper(name, server, helperOptions(options))
    if (found !== undefined) return found
  }
  return undefined
}

const fromFiles = async (repository: string, options: AuthOptions): Promise<StoredCredentials | undefined> => {
  const domain = domainOf(repository)
  for (const file of authFiles(options.around ?? surroundings(), options.authFile)) {
    const helper = helperFor(file, domain)
    const found = helper === undefined ? undefined : await blaming(file, () => fromHelper(helper, domain, options))
    const credentials = found ?? findInFile(file, repository)
    if (credentials !== undefined) return credentials
  }
  return undefined
}

/**
 * Credentials for a registry (`localhost:5000`) or repository (`docker.io/library/alpine`); undefined where none are kept.
 * Throws by what is wrong with a file or helper, naming it and nothing of what is in it.
 */
export const credentialsFor = async (repository: string, options: AuthOptions = {}): Promise<StoredCredentials | undefined> => {
  for (const helper of options.credentialHelpers ?? [AUTH_FILES]) {
    const found = helper === AUTH_FILES ? await fromFiles(repository, options) : await fromHelper(helper, domainOf(repository), options)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Keeps credentials for a registry or, in a file, a namespace of it. Gives back where: a file’s path or a helper’s name.
 * They have been tried on the registry before.
 */
export const storeCredentials = async (
  name: string,
  credentials: Omit<StoredCredentials, 'from'>,
  options: AuthOptions = {},
): Promise<string> => {
  const key = parseAuthKey(name)
  const domain = domainOf(key)
  const path = primaryPath(options.around ?? surroundings(), options.authFile)
  let where = path
  await changeAuthFile(path, 'make', async (file) => {
    const helper = helperFor(file, domain)
    if (helper === undefined) return withEntry(file, key, credentials)
    if (key !== domain)
      throw new WherryError(
        'unsupported',
        `${file.path}: credentials of ${domain} are kept by docker-credential-${helper}, for the whole registry only`,
      )
    await blaming(file, () => storeInHelper(helper, serversFor(domain)[0]!, credentials, helperOptions(options)))
    where = `docker-credential-${helper}`
    return undefined
  })
  return where
}

export interface Erased {
  /** Files and helpers that had some, and have none any more. */
  readonly from: readonly string[]
  /** Another file that still has credentials for it, which another program wrote. */
  readonly remaining?: string
}

const eraseKey = async (file: AuthFile, key: string, options: AuthOptions, from: string[]): Promise<void> => {
  const domain = domainOf(key)
  const helper = key === domain ? helperFor(file, domain) : undefined
  if (helper === undefined) return
  for (const server of serversFor(domain))
    if (await blaming(file, () => eraseFromHelper(helper, server, helperOptions(options)))) {
      if (!from.includes(`docker-credential-${helper}`)) from.push(`docker-credential-${helper}`)
    }
}

/** Forgets what `storeCredentials` kept. */
export const eraseCredentials = async (name: string, options: AuthOptions = {}): Promise<Erased> => {
  const key = parseAuthKey(name)
  const path = primaryPath(options.around ?? surroundings(), options.authFile)
  const from: string[] = []
  await changeAuthFile(path, 'leave', async (file) => {
    await eraseKey(file, key, options, from)
    const content = withoutEntry(file, key)
    if (content !== undefined) from.unshift(path)
    return content
  })
  const alone = isChosen(options.around ?? surroundings(), options.authFile)
  const remaining = alone ? undefined : await credentialsFor(key, options)
  return remaining === undefined ? { from } : { from, remaining: remaining.from }
}

/** Forgets everything in the file that `login` writes, and what its helpers keep. Gives back the registries. */
export const eraseAllCredentials = async (options: AuthOptions = {}): Promise<readonly string[]> => {
  let registries: readonly string[] = []
  await changeAuthFile(primaryPath(options.around ?? surroundings(), options.authFile), 'leave', async (file) => {
    registries = registriesIn(file)
    for (const domain of registries) await eraseKey(file, domain, options, [])
    return registries.length === 0 ? undefined : { ...file.content, auths: {} }
  })
  return registries
}
