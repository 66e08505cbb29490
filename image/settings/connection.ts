/** All that settings say of reaching an image’s registry, as image/registry takes it. */
import type { Reference } from '../reference.ts'
import type { Credentials, Endpoint as RegistryEndpoint, RegistryOptions, TlsSettings } from '../registry/options.ts'
import { certificatesFor, certificatesIn } from './certificates.ts'
import { type AuthOptions, credentialsFor, type StoredCredentials } from './credentials.ts'
import { type Endpoint, endpointsFor, pushEndpointFor, type Registries } from './registries.ts'
import { surroundings } from './surroundings.ts'

export interface ConnectionOptions extends AuthOptions {
  readonly registries: Registries
  /** `--tls-verify`: true insists, false lets plain HTTP and any certificate do, left out: as registries.conf says. */
  readonly tlsVerify?: boolean
  readonly direction?: 'pull' | 'push'
  /** `--cert-dir`: in the place of the folders that are looked at for each registry. */
  readonly certDir?: string
}

export const revealed = ({ kind, username, secret }: StoredCredentials): Credentials =>
  kind === 'password'
    ? { username, password: secret.reveal() }
    : { identityToken: secret.reveal(), ...(username === '' ? {} : { username }) }

export const tlsFor = (domain: string, options: AuthOptions & Pick<ConnectionOptions, 'certDir'> = {}): TlsSettings | undefined => {
  const { certDir, around = surroundings() } = options
  const found = certDir === undefined ? certificatesFor(domain, around) : certificatesIn(certDir)
  if (found === undefined) return undefined
  const { authorities, client } = found
  return { ca: authorities, ...(client === undefined ? {} : { cert: client.certificate, key: client.key.reveal() }) }
}

const asked = ({ reference, insecure, mirror }: Endpoint, options: ConnectionOptions): RegistryEndpoint => {
  const tls = tlsFor(reference.domain, options)
  return {
    registry: reference.domain,
    repository: reference.path,
    insecure: options.tlsVerify === undefined ? insecure : !options.tlsVerify,
    mirror,
    ...(tls === undefined ? {} : { tls }),
  }
}

/** Throws `permission-denied` where registries.conf blocks the image. */
export const connectionFor = (reference: Reference, options: ConnectionOptions): Pick<RegistryOptions, 'endpoints' | 'credentials'> => {
  const { registries, direction } = options
  const endpoints = direction === 'push' ? [pushEndpointFor(reference, registries)] : endpointsFor(reference, registries)
  const helpers = { credentialHelpers: registries.credentialHelpers, ...options }
  return {
    endpoints: endpoints.map((endpoint) => asked(endpoint, options)),
    credentials: async (repository) => {
      const found = await credentialsFor(repository, helpers)
      return found === undefined ? undefined : revealed(found)
    },
  }
}
