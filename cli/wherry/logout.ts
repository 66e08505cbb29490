import { resolve } from 'node:path'
import { DEFAULT_DOMAIN } from '../../image/reference.ts'
import { parseAuthKey } from '../../image/settings/auth-keys.ts'
import { type AuthOptions, eraseAllCredentials, eraseCredentials } from '../../image/settings/credentials.ts'
import { readRegistries } from '../../image/settings/registries.ts'
import { WherryError } from '../../runtime/errors.ts'
import { complain, print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { aroundOf } from './registry-access.ts'
import { REGISTRY_FLAGS } from './registry-flags.ts'

export const command = defineCommand({
  name: 'logout',
  heading: 'Registries',
  summary: 'log out from a registry',
  operands: '[REGISTRY]',
  count: [0, 1],
  description: 'Forgets what login has kept for the registry (docker.io, if none is named).',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'forget all registries' },
    authfile: REGISTRY_FLAGS.authfile,
  },
  async run({ flags, args, context }) {
    if (flags.all && args.length > 0) throw new UsageError('--all and a registry: one of them')
    const around = aroundOf(context)
    const options: AuthOptions = {
      around,
      credentialHelpers: readRegistries(around).credentialHelpers,
      ...(flags.authfile === undefined ? {} : { authFile: resolve(flags.authfile) }),
    }
    if (flags.all) {
      await eraseAllCredentials(options)
      print('Removed login credentials for all registries\n')
      return 0
    }
    const name = parseAuthKey(args[0] ?? DEFAULT_DOMAIN)
    const { from, remaining } = await eraseCredentials(name, options)
    if (from.length === 0 && remaining === undefined) throw new WherryError('not-found', `not logged in to ${name}`)
    if (from.length === 0)
      throw new WherryError(
        'failed-precondition',
        `the login to ${name} is kept in ${remaining}: log out with the program that wrote it, or with --authfile ${remaining}`,
      )
    if (remaining !== undefined) complain(`${context.name}: warning: ${remaining} still has a login to ${name}\n`)
    print(`Removed login credentials for ${name}\n`)
    return 0
  },
})
