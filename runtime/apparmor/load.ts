/** Profiles that the kernel has, and bringing ours to it: apparmor_parser(8). */
import { existsSync, readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'
import { profileText } from './profile.ts'

const PROFILES = '/sys/kernel/security/apparmor/profiles'
const PARSERS = ['/sbin/apparmor_parser', '/usr/sbin/apparmor_parser']

/** Names of the profiles in the kernel's list: `NAME (MODE)` in each line. */
export const parseProfiles = (text: string): ReadonlySet<string> =>
  new Set(text.split('\n').flatMap((line) => /^(.+) \([a-z]+\)$/.exec(line)?.[1] ?? []))

/** Undefined where this process may not see them. */
export const loadedProfiles = (): ReadonlySet<string> | undefined => {
  try {
    return parseProfiles(readFileSync(PROFILES, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ENOENT')) return undefined
    throw error
  }
}

/** False where this machine has no apparmor_parser: then no distribution of its uses AppArmor. Throws `failed-precondition` with what it says. */
export const loadProfile = async (name: string): Promise<boolean> => {
  const parser = PARSERS.find((path) => existsSync(path))
  if (parser === undefined) return false
  const { spawnSync } = await import('node:child_process')
  const text = profileText(name)
  const run = (input: string) =>
    spawnSync(parser, ['--replace', '--skip-cache'], { input, encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
  // parsers before 4.0 know no rule for user namespaces
  const first = run(text)
  const { status, stderr, error } = first.status === 0 ? first : run(text.replace(/^ {2}userns,\n/m, ''))
  if (status === 0) return true
  throw new WherryError(
    'failed-precondition',
    `the AppArmor profile ${name} cannot be loaded: ${parser}: ${(error?.message ?? stderr).trim().split('\n').join('; ')} (--security-opt apparmor=unconfined does without)`,
  )
}
