/** How a registry is reached: flags of every verb that talks to one, as podman spells them. */
import type { Flags, Values } from '../support/flags.ts'

export const REGISTRY_FLAGS = {
  'tls-verify': {
    type: 'boolean',
    help: 'want https and a certificate that is trusted; --tls-verify=false lets plain http and any certificate do (default: as registries.conf says)',
  },
  creds: { type: 'string', value: 'USER[:PASSWORD]', help: 'log in with these; without a password it is asked for' },
  authfile: { type: 'string', value: 'FILE', help: 'file of credentials, in place of the usual ones ($REGISTRY_AUTH_FILE)' },
  'cert-dir': { type: 'string', value: 'DIR', help: 'folder with *.crt, *.cert and *.key, in place of certs.d' },
} as const satisfies Flags

export type RegistryFlags = Values<typeof REGISTRY_FLAGS>
