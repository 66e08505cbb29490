/** What --version prints: docker and podman read the first lines. */
import packageJson from '../../package.json' with { type: 'json' }
import { OCI_VERSION } from '../../runtime/spec/version.ts'

/** Put in by scripts/build.mjs. */
declare const WHERRY_COMMIT: string | undefined

export const VERSION: string = packageJson.version

/** The release of runc whose command line this is. */
export const RUNC_VERSION = '1.3.6'

const COMMIT = typeof WHERRY_COMMIT === 'string' ? WHERRY_COMMIT : 'unknown'

export const versionText = (name: string): string => `${name} version ${VERSION}
commit: ${COMMIT}
spec: ${OCI_VERSION}
node: ${process.versions.node}
`
