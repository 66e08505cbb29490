/** One file in the format of containers-auth.json(5), which is that of docker’s config.json. No message has anything of its values. */
import { WherryError } from '../../runtime/errors.ts'
import { parseJson } from '../spec/json.ts'
import { domainOf, keysFor, normalKey, parseHelperName } from './auth-keys.ts'
import type { StoredCredentials } from './credentials-type.ts'
import { Secret } from './secret.ts'
import { quoted } from '../spec/printable.ts'

type Table = Readonly<Record<string, unknown>>

export interface AuthFile {
  readonly path: string
  /** All of it, to be written back with what we do not know. */
  readonly content: Table
  readonly auths: Table
  readonly credHelpers: Table
  /** The helper for every registry that has none of its own. */
  readonly credsStore?: string
}

const bad = (path: string, key: string, problem: string): WherryError =>
  new WherryError('invalid-argument', `${path}: ${key === '' ? '' : `${key}: `}${problem}`)

const table = (value: unknown, path: string, key: string): Table => {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw bad(path, key, 'must be an object')
  return value as Table
}

const own = (from: Table, key: string): unknown => (Object.hasOwn(from, key) ? from[key] : undefined)

export const EMPTY = (path: string): AuthFile => ({ path, content: {}, auths: {}, credHelpers: {} })

/** Throws `invalid-argument`. An empty file has no credentials. */
export const parseAuthFile = (bytes: Uint8Array, path: string): AuthFile => {
  if (bytes.length === 0) return EMPTY(path)
  const content = table(parseJson(bytes, path), path, '')
  const store = own(content, 'credsStore')
  return {
    path,
    content,
    auths: table(own(content, 'auths'), path, 'auths'),
    credHelpers: table(own(content, 'credHelpers'), path, 'credHelpers'),
    ...(store === undefined || store === null || store === '' ? {} : { credsStore: parseHelperName(store, `${path}: credsStore`) }),
  }
}

/** The helper that keeps the credentials of a registry, if one does. */
export const helperFor = (file: AuthFile, domain: string): string | undefined => {
  for (const [key, helper] of Object.entries(file.credHelpers))
    if (normalKey(key) === domain && helper !== '') return parseHelperName(helper, `${file.path}: credHelpers[${quoted(key, 200)}]`)
  return file.credsStore
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

const string = (from: Table, name: string, where: string): string => {
  const value = own(from, name)
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw new WherryError('invalid-argument', `${where}.${name}: must be a string`)
  return value
}

/** `auth` is base64 of `user:password`. */
const userAndPassword = (auth: string, where: string): readonly [string, string] => {
  const text = BASE64.test(auth.trim()) ? Buffer.from(auth.trim(), 'base64').toString('utf8') : ''
  const colon = text.indexOf(':')
  if (colon < 0) throw new WherryError('invalid-argument', `${where}.auth: is not base64 of user:password; log in again`)
  // some of docker’s versions padded the password
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, '')]
}

const read = (entry: unknown, file: AuthFile, key: string): StoredCredentials | undefined => {
  const where = `${file.path}: auths[${quoted(key, 200)}]`
  const from = table(entry, file.path, `auths[${quoted(key, 200)}]`)
  const auth = string(from, 'auth', where)
  const token = string(from, 'identitytoken', where)
  const [username, password] =
    auth === '' ? [string(from, 'username', where), string(from, 'password', where)] : userAndPassword(auth, where)
  if (token !== '') return { kind: 'identity-token', username, secret: new Secret(token), from: file.path }
  if (username === '' && password === '') return undefined
  return { kind: 'password', username, secret: new Secret(password), from: file.path }
}

/** Credentials that stand in the file itself, the longest key first. `repository` is a registry, or what is in it. */
export const findInFile = (file: AuthFile, repository: string): StoredCredentials | undefined => {
  for (const wanted of keysFor(repository)) {
    const exact = own(file.auths, wanted)
    const spelt = exact === undefined ? Object.keys(file.auths).filter((key) => normalKey(key) === wanted) : [wanted]
    for (const key of spelt) {
      const found = read(own(file.auths, key), file, key)
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** The file’s content with credentials for `key`. */
export const withEntry = (
  { content, auths }: AuthFile,
  key: string,
  { kind, username, secret }: Omit<StoredCredentials, 'from'>,
): Table => {
  const password = kind === 'password' ? secret.reveal() : ''
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  const entry = kind === 'password' ? { auth } : { auth, identitytoken: secret.reveal() }
  return { ...content, auths: { ...withoutKeys(auths, key), [key]: entry } }
}

/** The file’s content without credentials for `key`; undefined if it has none. */
export const withoutEntry = ({ content, auths }: AuthFile, key: string): Table | undefined => {
  const rest = withoutKeys(auths, key)
  return Object.keys(rest).length === Object.keys(auths).length ? undefined : { ...content, auths: rest }
}

const withoutKeys = (auths: Table, key: string): Table =>
  Object.fromEntries(Object.entries(auths).filter(([name]) => normalKey(name) !== key))

/** Registries that the file has entries or helpers for. */
export const registriesIn = ({ auths, credHelpers }: AuthFile): readonly string[] => [
  ...new Set([...Object.keys(auths), ...Object.keys(credHelpers)].map((key) => domainOf(normalKey(key)))),
]
