/** Where the state of containers is, and whose powers we have: runc’s rules, with `wherry-oci` for its name. */
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'

const DEFAULT = '/run/wherry-oci'
/** Sticky: who tidies up $XDG_RUNTIME_DIR leaves it alone (XDG Base Directory Specification). */
const MODE = 0o1700

/** user_namespaces(7): only the first one maps all ids to themselves. */
const inUserNamespace = (): boolean => {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false // a kernel without user namespaces
    throw error
  }
}

const isRoot = (): boolean => process.geteuid!() === 0

/** Root in the first user namespace keeps to /run; root in another does too if it says that it is root. */
const usesRuntimeDirectory = (): boolean => !isRoot() || (inUserNamespace() && process.env['USER'] !== 'root')

/** The folder for the state of who runs this; below $XDG_RUNTIME_DIR it is made. */
export const defaultRoot = (): string => {
  const folder = process.env['XDG_RUNTIME_DIR'] ?? ''
  if (folder === '' || !usesRuntimeDirectory()) return DEFAULT
  const root = `${folder}/wherry-oci`
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    chmodSync(root, MODE)
  } catch (cause) {
    throw new WherryError('permission-denied', `${root} cannot be made: $XDG_RUNTIME_DIR must be a folder of yours, or give --root`, {
      cause,
    })
  }
  return root
}
