/** The login that a PullImage brings: kubelet has chosen it for this image. */
import { InvalidField } from '../../runtime/errors.ts'
import type { Credentials } from '../../image/registry/options.ts'
import type { AuthConfig } from '../api/api_pb.js'

/** What goes into a header. */
const PRINTABLE = /^[!-~]+$/

const token = (text: string, field: string): string => {
  if (!PRINTABLE.test(text)) throw new InvalidField(`auth.${field}`, 'this is no token: a character in it may not stand in a header')
  return text
}

/** `user:password`, encoded as docker’s config.json has it; NULs at its end are the padding that some tools add. */
const decoded = (auth: string): Credentials => {
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) throw new InvalidField('auth.auth', 'the base64 of user:password is wanted')
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

/** Undefined where there is none: what is kept on this machine counts then. Throws `invalid-argument` naming the field, and nothing of it. */
export const credentialsOf = (auth: AuthConfig | undefined): Credentials | undefined => {
  if (auth === undefined) return undefined
  const { username, password, identityToken, registryToken } = auth
  if (username !== '') return { username, password }
  if (identityToken !== '') return { identityToken: token(identityToken, 'identity_token') }
  if (auth.auth !== '') return decoded(auth.auth)
  if (registryToken !== '') return { registryToken: token(registryToken, 'registry_token') }
  return undefined
}

/** Which registry it is for, without scheme and path; empty where it does not say so. */
export const serverOf = ({ serverAddress }: AuthConfig): string => serverAddress.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/s, '')
