/** containers-certs.d(5), and docker’s folder of the same layout: authorities and client certificates per registry. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { fileError, readSettings } from './file.ts'
import { Secret } from './secret.ts'
import { configHome, type Surroundings, surroundings } from './surroundings.ts'

export interface Certificates {
  /** The folder they are from. */
  readonly folder: string
  /** PEM; trusted beside the system’s. */
  readonly authorities: readonly string[]
  readonly client?: { readonly certificate: string; readonly key: Secret }
}

const PEM = /-----BEGIN [A-Z0-9 ]+-----/

const readPem = (path: string): string => {
  const bytes = readSettings(path)
  if (bytes === undefined) throw new WherryError('not-found', `${path}: no such file`)
  const text = Buffer.from(bytes).toString('latin1')
  if (!PEM.test(text)) throw new WherryError('invalid-argument', `${path}: is not PEM`)
  return text
}

const clientOf = (folder: string, names: readonly string[]): Certificates['client'] => {
  const bases = (ending: string): string[] => names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length))
  const keys = bases('.key')
  const certificates = bases('.cert')
  for (const base of certificates)
    if (!keys.includes(base))
      throw new WherryError(
        'not-found',
        `${join(folder, base)}.cert: has no ${base}.key beside it; an authority’s certificate is to end in .crt`,
      )
  for (const base of keys)
    if (!certificates.includes(base)) throw new WherryError('not-found', `${join(folder, base)}.key: has no ${base}.cert beside it`)
  const [base] = certificates
  if (base === undefined) return undefined
  return { certificate: readPem(join(folder, `${base}.cert`)), key: new Secret(readPem(join(folder, `${base}.key`))) }
}

/** Where they may be, the first folder there is wins. */
const folders = (around: Surroundings): readonly string[] => [
  join(configHome(around), 'containers', 'certs.d'),
  join(configHome(around), 'docker', 'certs.d'),
  join(around.etc, 'containers', 'certs.d'),
  join(around.etc, 'docker', 'certs.d'),
]

const namesIn = (folder: string): readonly string[] | undefined => {
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw fileError(folder, 'read', cause)
  }
}

const certificatesOf = (folder: string, names: readonly string[]): Certificates => {
  const authorities = names.filter((name) => name.endsWith('.crt')).map((name) => readPem(join(folder, name)))
  const client = clientOf(folder, names)
  return { folder, authorities, ...(client === undefined ? {} : { client }) }
}

/** `--cert-dir`. Throws `not-found` for what is no folder, and as `certificatesFor`. */
export const certificatesIn = (folder: string): Certificates => {
  const names = namesIn(folder)
  if (names === undefined) throw new WherryError('not-found', `${folder}: there is no such folder of certificates`)
  return certificatesOf(folder, names)
}

/**
 * For a registry as parseReference or parseDomain give it: `localhost:5000`. Undefined if it has no folder.
 * Throws `not-found` for half a pair, `invalid-argument` for what is not PEM.
 */
export const certificatesFor = (domain: string, around: Surroundings = surroundings()): Certificates | undefined => {
  for (const parent of folders(around)) {
    const folder = join(parent, domain)
    const names = namesIn(folder)
    if (names !== undefined) return certificatesOf(folder, names)
  }
  return undefined
}
