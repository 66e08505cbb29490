/** Whether a registry takes a login: distribution-spec, "Determining Support". */
import { parseChallenges } from './challenge.ts'
import { Client } from './client.ts'
import { RegistryError } from './failure.ts'
import type { Credentials, Endpoint, RegistryOptions } from './options.ts'

export interface LoginOptions extends Omit<RegistryOptions, 'endpoints' | 'credentials'> {
  readonly endpoint: Omit<Endpoint, 'repository'>
  readonly signal?: AbortSignal
}

/**
 * True: the registry wants a login, and took this one. False: it wants none. Throws `permission-denied` where it refuses it, `unavailable`
 * where it cannot be asked, `not-found` where there is no registry.
 */
export const checkLogin = async (options: LoginOptions, credentials: Credentials): Promise<boolean> => {
  const { signal } = options
  const endpoint = { ...options.endpoint, repository: '' }
  let used = false
  const client = new Client(
    endpoint,
    {
      ...options,
      endpoints: [endpoint],
      credentials: async () => {
        used = true
        return credentials
      },
    },
    endpoint.registry,
  )
  const asked = { endpoint, thing: 'login' }
  try {
    const received = await client.request({ asked, method: 'GET', at: '', expect: [200, 401], scopes: [], signal })
    received.drop()
    if (received.status === 200) return used
    const offered = parseChallenges(received.headers.get('www-authenticate')).map(({ scheme }) => scheme)
    const { registry } = endpoint
    if (offered.includes('basic') || offered.includes('bearer'))
      throw new RegistryError('permission-denied', `${registry}: the login is refused: check user and password`, registry, { status: 401 })
    throw new RegistryError(
      'unsupported',
      `${registry}: wants a login by ${offered.length === 0 ? 'no way that it names' : JSON.stringify(offered.join(', ').slice(0, 100))}; basic and bearer are supported`,
      registry,
      { status: 401 },
    )
  } finally {
    client.close()
  }
}
