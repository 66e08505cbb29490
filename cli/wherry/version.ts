/** Which program this is. */
import packageJson from '../../package.json' with { type: 'json' }

/** Put in by scripts/build.mjs. */
declare const WHERRY_COMMIT: string | undefined

export const VERSION: string = packageJson.version

export const COMMIT = typeof WHERRY_COMMIT === 'string' ? WHERRY_COMMIT : 'unknown'
