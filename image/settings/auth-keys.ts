/** By what names credentials of a registry are kept: containers-auth.json(5), and docker’s habits for docker.io. */
import { WherryError } from '../../runtime/errors.ts'
import { DEFAULT_DOMAIN, parseDomain, referenceAt } from '../reference.ts'

/** What docker calls docker.io in its files and before its helpers. */
const DOCKER_SERVER = 'https://index.docker.io/v1/'
const DOCKER_NAMES: readonly string[] = [DEFAULT_DOMAIN, 'index.docker.io', 'registry-1.docker.io']

/** The registry in `host[:port][/path]`. */
export const domainOf = (key: string): string => key.split('/', 1)[0] ?? ''

/** A name that credentials may be kept for: a registry, a namespace or repository in it. Throws `invalid-argument`. */
export const parseAuthKey = (text: string): string => {
  const slash = text.indexOf('/')
  const domain = parseDomain(slash < 0 ? text : text.slice(0, slash))
  if (slash < 0) return domain
  const { path } = referenceAt(domain, text.slice(slash + 1), {}, 'registry')
  return `${domain}/${path}`
}

/** Keys under which credentials for `repository` may be kept, the most specific first. */
export const keysFor = (repository: string): readonly string[] => {
  const parts = repository.split('/')
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'))
}

/** A key as written in a file, in one spelling: `https://index.docker.io/v1/` → `docker.io`. */
export const normalKey = (key: string): string => {
  const bare = key.replace(/^https?:\/\//, '')
  // an address is that of a server, and what is behind its host is the API’s version
  const name = bare === key ? key.replace(/\/+$/, '') : domainOf(bare)
  const domain = domainOf(name)
  return DOCKER_NAMES.includes(domain) ? DEFAULT_DOMAIN + name.slice(domain.length) : name
}

/** What a helper may know the registry as, best first; the first is what we store by. */
export const serversFor = (domain: string): readonly string[] => (domain === DEFAULT_DOMAIN ? [DOCKER_SERVER, DEFAULT_DOMAIN] : [domain])

const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** The NAME of docker-credential-NAME, which must not lead out of PATH. */
export const parseHelperName = (text: unknown, where: string): string => {
  if (typeof text !== 'string' || !HELPER.test(text))
    throw new WherryError('invalid-argument', `${where}: is no name of a credential helper (letters, digits, . _ -)`)
  return text
}
