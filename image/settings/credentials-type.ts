/** What a registry is logged in to with. */
import type { Secret } from './secret.ts'

export interface StoredCredentials {
  readonly kind: 'password' | 'identity-token'
  /** Empty for a token that goes without. */
  readonly username: string
  readonly secret: Secret
  /** The file or helper it is from, for messages. */
  readonly from: string
}
