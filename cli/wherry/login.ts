import { resolve } from 'node:path'
import { DEFAULT_DOMAIN } from '../../image/reference.ts'
import { checkLogin } from '../../image/registry/login.ts'
import { domainOf, parseAuthKey } from '../../image/settings/auth-keys.ts'
import { tlsFor } from '../../image/settings/connection.ts'
import { type AuthOptions, credentialsFor, Secret, storeCredentials } from '../../image/settings/credentials.ts'
import { isInsecure, readRegistries } from '../../image/settings/registries.ts'
import { WherryError } from '../../runtime/errors.ts'
import { complain, print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { type Context, defineCommand } from './context.ts'
import { askPassword, askText, passwordFromStdin, warnOfPasswordFlag } from './password.ts'
import { aroundOf, traceTo, USER_AGENT } from './registry-access.ts'
import { REGISTRY_FLAGS } from './registry-flags.ts'

interface Asked {
  readonly username?: string
  readonly password?: string
  readonly 'password-stdin'?: boolean
}

/** What is not given is asked for; a name that is known already is offered. */
const gather = async (
  name: string,
  flags: Asked,
  options: AuthOptions,
  context: Context,
): Promise<{ username: string; password: string }> => {
  if (flags.password !== undefined && flags['password-stdin']) throw new UsageError('--password and --password-stdin: one of them')
  if (flags['password-stdin'] && flags.username === undefined) throw new UsageError('--password-stdin: the user is wanted too: --username')
  if (flags.password !== undefined) warnOfPasswordFlag(context.name)
  const known = flags.username === undefined ? (await credentialsFor(name, options))?.username : undefined
  const typed = flags.username ?? askText(`Username${known === undefined || known === '' ? '' : ` (${known})`}: `, 'a user')
  const username = typed === '' ? (known ?? '') : typed
  if (username === '') throw new UsageError('a user is wanted')
  const password = flags['password-stdin'] ? passwordFromStdin() : (flags.password ?? askPassword('Password: '))
  if (password === '') throw new UsageError('a password is wanted')
  return { username, password }
}

export const command = defineCommand({
  name: 'login',
  heading: 'Registries',
  summary: 'log in to a registry',
  operands: '[REGISTRY]',
  count: [0, 1],
  description: `Tries user and password on the registry (docker.io, if none is named), and keeps them where containers' programs look for them:
$REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json, else by the credential helper that this file names.`,
  flags: {
    username: { type: 'string', short: 'u', value: 'USER', help: 'user' },
    password: { type: 'string', short: 'p', value: 'PASSWORD', help: 'password, which other users of the machine can see' },
    'password-stdin': { type: 'boolean', help: 'read the password from stdin' },
    'get-login': { type: 'boolean', help: 'print the user who is logged in, and do nothing else' },
    'tls-verify': REGISTRY_FLAGS['tls-verify'],
    authfile: REGISTRY_FLAGS.authfile,
    'cert-dir': REGISTRY_FLAGS['cert-dir'],
  },
  async run({ flags, args, context }) {
    const name = parseAuthKey(args[0] ?? DEFAULT_DOMAIN)
    const registry = domainOf(name)
    const around = aroundOf(context)
    const registries = readRegistries(around)
    const options: AuthOptions = { around, ...(flags.authfile === undefined ? {} : { authFile: resolve(flags.authfile) }) }
    const known: AuthOptions = { ...options, credentialHelpers: registries.credentialHelpers }
    if (flags['get-login']) {
      const found = await credentialsFor(name, known)
      if (found === undefined) throw new WherryError('not-found', `not logged in to ${name}`)
      print(`${found.username}\n`)
      return 0
    }
    const { username, password } = await gather(name, flags, known, context)
    const certDir = flags['cert-dir']
    const tls = tlsFor(registry, { around, ...(certDir === undefined ? {} : { certDir: resolve(certDir) }) })
    const verify = flags['tls-verify']
    const wanted = await checkLogin(
      {
        endpoint: {
          registry,
          insecure: verify === undefined ? isInsecure(registry, registries) : !verify,
          ...(tls === undefined ? {} : { tls }),
        },
        userAgent: USER_AGENT,
        env: process.env,
        onTrace: traceTo(context),
        signal: context.signal,
      },
      { username, password },
    )
    const where = await storeCredentials(name, { kind: 'password', username, secret: new Secret(password) }, options)
    if (!wanted) complain(`${context.name}: warning: ${registry} wants no login: user and password are kept, but were not tried\n`)
    context.log.info('kept the login', { registry: name, where })
    print('Login Succeeded\n')
    return 0
  },
})
