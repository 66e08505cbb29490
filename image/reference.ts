/**
 * Names of images, read as docker (distribution/reference) and podman read them:
 * `[host[:port]/]path[:tag][@digest]`, where a first component without `.`, `:` or a capital that is not `localhost` belongs to the path on
 * docker.io.
 */
import { WherryError } from '../runtime/errors.ts'
import { type Digest, parseDigest } from './digest.ts'
import { quoted } from './spec/printable.ts'

export const DEFAULT_DOMAIN = 'docker.io'
export const DEFAULT_TAG = 'latest'
/** What docker.io was called once. */
const LEGACY_DOMAIN = 'index.docker.io'
/** Where docker.io keeps the images of one word. */
const OFFICIAL = 'library'

/** Characters, as docker and the distribution spec limit them. */
export const LONGEST_PATH = 255
export const LONGEST_TAG = 128
const LONGEST_DOMAIN = 255
const SHOWN = 200

export interface Reference {
  /** Host with its port if it has one: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string
  /** `library/alpine` */
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

const HOST = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/
const PORT = /^[0-9]{1,5}$/
/** What no part of a reference has, and what would say something to a terminal. */
const STRANGE = /[^!-~]/u
const ID = /^(?:sha256:)?[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/

const show = (text: string): string => quoted(text, SHOWN)

type Fail = (problem: string) => WherryError

const failing =
  (text: string, noun: string): Fail =>
  (problem) =>
    new WherryError('invalid-argument', `${noun} ${show(text)}: ${problem}`)

/** A whole image id: 64 hexadecimal digits, with or without `sha256:`. Such a text is no reference. */
export const isImageId = (text: string): boolean => ID.test(text)

const checkPort = (port: string, fail: Fail): void => {
  if (!PORT.test(port) || Number(port) < 1 || Number(port) > 65535) throw fail(`port ${show(port)} is no number from 1 to 65535`)
}

/** RFC 4291, section 2.2, without the dotted form, which docker refuses too. (node:net costs every start 3 ms.) */
const isIPv6 = (text: string): boolean => {
  const halves = text.split('::')
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false
  return halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length < 8
}

const checkDomain = (domain: string, fail: Fail): void => {
  if (domain.length > LONGEST_DOMAIN) throw fail(`the host is longer than ${LONGEST_DOMAIN} characters`)
  if (domain.startsWith('[')) {
    const [, address, , port] = /^\[([^\]]*)\](:(.*))?$/.exec(domain) ?? []
    if (address === undefined || !isIPv6(address)) throw fail(`host ${show(domain)} is no IPv6 address in brackets: [::1]:5000`)
    if (port !== undefined) checkPort(port, fail)
    return
  }
  const colon = domain.indexOf(':')
  const host = colon < 0 ? domain : domain.slice(0, colon)
  if (isIPv6(domain)) throw fail(`an IPv6 address stands in brackets: [${domain}]`)
  if (!HOST.test(host))
    throw fail(`${show(host)} is no host: letters, digits, - and . are allowed, - not at the ends, and no two . together`)
  if (colon >= 0) checkPort(domain.slice(colon + 1), fail)
}

const checkPath = (path: string, fail: Fail): void => {
  if (path === '') throw fail('the name of the repository is missing')
  if (path !== path.toLowerCase()) throw fail(`the repository must be in lower case: ${show(path.toLowerCase())} instead of ${show(path)}`)
  for (const component of path.split('/')) {
    if (component === '') throw fail(`${show(path)} has an empty component: a / too many`)
    if (!COMPONENT.test(component))
      throw fail(`component ${show(component)} must be of a-z and 0-9, with single . or _, with __ or with - between them`)
  }
}

const checkTag = (tag: string, fail: Fail): void => {
  if (tag === '') throw fail('the tag behind : is empty')
  if (tag.length > LONGEST_TAG) throw fail(`the tag is longer than ${LONGEST_TAG} characters`)
  if (!TAG.test(tag)) throw fail(`tag ${show(tag)} must be of letters, digits, _, . and -, and not begin with . or -`)
}

/** docker’s rule for what is a host: `localhost`, what has a dot or colon, what has a capital (no repository has one). */
const looksLikeDomain = (first: string): boolean => first === 'localhost' || /[.:A-Z]/.test(first)

const splitDomain = (text: string): { domain: string; rest: string } => {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  if (slash < 0 || !looksLikeDomain(first)) return { domain: DEFAULT_DOMAIN, rest: text }
  return { domain: first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first, rest: text.slice(slash + 1) }
}

const withLibrary = (domain: string, path: string): string =>
  domain === DEFAULT_DOMAIN && !path.includes('/') ? `${OFFICIAL}/${path}` : path

/** As parseReference, but a reference with neither tag nor digest stays without. */
export const parseName = (text: string): Reference => {
  const fail = failing(text, 'image reference')
  if (text === '') throw fail('a name is wanted: alpine, alpine:3.19, registry.example.com/team/app@sha256:…')
  const strange = STRANGE.exec(text)
  if (strange !== null) throw fail(`character ${show(strange[0])} at ${strange.index + 1} is in no image’s name`)
  if (isImageId(text)) throw fail('this is an image id; a name is wanted here')
  const scheme = /^([a-zA-Z0-9+.-]+):\/\//.exec(text)
  if (scheme !== null) throw fail(`a name is wanted, not a URL: leave out ${scheme[0]}`)
  const at = text.indexOf('@')
  const { domain, rest } = splitDomain(at < 0 ? text : text.slice(0, at))
  checkDomain(domain, fail)
  const colon = rest.indexOf(':')
  const written = colon < 0 ? rest : rest.slice(0, colon)
  checkPath(written, fail)
  const path = withLibrary(domain, written)
  if (path.length > LONGEST_PATH) throw fail(`the repository is longer than ${LONGEST_PATH} characters`)
  const tag = colon < 0 ? undefined : rest.slice(colon + 1)
  if (tag !== undefined) checkTag(tag, fail)
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1), `image reference ${show(text)}: digest`)
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

/**
 * From its parts, as they are: no docker.io is added. Tag and digest are those of `from`. `what` names it in errors.
 * Throws `invalid-argument`.
 */
export const referenceAt = (domain: string, path: string, from: Pick<Reference, 'tag' | 'digest'>, what: string): Reference => {
  const fail = failing(`${domain}/${path}`, what)
  checkDomain(domain, fail)
  checkPath(path, fail)
  if (path.length > LONGEST_PATH) throw fail(`the repository is longer than ${LONGEST_PATH} characters`)
  return {
    domain,
    path,
    ...(from.tag === undefined ? {} : { tag: from.tag }),
    ...(from.digest === undefined ? {} : { digest: from.digest }),
  }
}

/** Whether `text` names its registry: `alpine` and `team/app` do not, `docker.io/alpine` and `localhost/app` do. */
export const isQualified = (text: string): boolean => text.includes('/') && looksLikeDomain(text.slice(0, text.indexOf('/')))

/** Throws `invalid-argument` saying what is wrong where. Without tag and digest the tag is `latest`. */
export const parseReference = (text: string): Reference => withDefaultTag(parseName(text))

export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: DEFAULT_TAG } : reference

/** The same repository with this digest and no tag. */
export const withDigest = ({ domain, path }: Reference, digest: Digest): Reference => ({ domain, path, digest })

/** The same repository with this tag and no digest. Throws `invalid-argument` for what is no tag. */
export const withTag = ({ domain, path }: Reference, tag: string): Reference => {
  checkTag(tag, failing(tag, 'tag'))
  return { domain, path, tag }
}

/** A registry as `login` takes it: `docker.io`, `localhost:5000`, `[::1]:5000`. Throws `invalid-argument`. */
export const parseDomain = (text: string): string => {
  const fail = failing(text, 'registry')
  if (text === '' || STRANGE.test(text)) throw fail('a host is wanted: registry.example.com, localhost:5000')
  checkDomain(text, fail)
  return text === LEGACY_DOMAIN ? DEFAULT_DOMAIN : text
}

/** `docker.io/library/alpine` */
export const repository = ({ domain, path }: Reference): string => `${domain}/${path}`

const suffix = ({ tag, digest }: Reference): string => `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`

/** `docker.io/library/alpine:3.19`; parseReference gives the same reference back. */
export const canonical = (reference: Reference): string => repository(reference) + suffix(reference)

const familiarPath = ({ domain, path }: Reference): string => {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`
  const [first = '', second, ...more] = path.split('/')
  if (first === OFFICIAL && second !== undefined && more.length === 0) return second
  // written short, it would be taken for a host, or for an image of docker.io/library
  return looksLikeDomain(first) || second === undefined ? `${domain}/${path}` : path
}

/** As people write it: `alpine`. */
export const familiarRepository = (reference: Reference): string => {
  const short = familiarPath(reference)
  return isImageId(short) ? repository(reference) : short
}

/** As people write it: `alpine:3.19`, `localhost:5000/app:latest`; parseReference gives the same reference back. */
export const familiar = (reference: Reference): string => {
  const short = familiarPath(reference) + suffix(reference)
  return isImageId(short) ? canonical(reference) : short
}
