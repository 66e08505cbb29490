/** Profiles of seccomp and AppArmor, and labels of SELinux, that a container asks for. */
import { readFileSync } from 'node:fs'
import { loadedProfiles, loadProfile } from '../../../runtime/apparmor/load.ts'
import { DEFAULT_PROFILE } from '../../../runtime/apparmor/profile.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import { defaultProfile } from '../../../runtime/seccomp/default-profile.ts'
import { readSeccompProfile } from '../../../runtime/seccomp/profile.ts'
import { labelsFor, policyContexts } from '../../../runtime/selinux/labels.ts'
import type { LinuxSeccomp } from '../../../runtime/spec/types.ts'
import { type LinuxContainerSecurityContext, type SecurityProfile, SecurityProfile_ProfileType } from '../../api/api_pb.js'
import type { Sandbox } from '../../state/types.ts'
import type { SpecFacts } from './facts.ts'

type Kind = 'default' | 'unconfined' | { readonly localhost: string }

const FIELD = 'config.linux.security_context'

const kindOf = ({ profileType, localhostRef }: SecurityProfile): Kind => {
  switch (profileType) {
    case SecurityProfile_ProfileType.RuntimeDefault:
      return 'default'
    case SecurityProfile_ProfileType.Localhost:
      return { localhost: localhostRef }
    default:
      return 'unconfined'
  }
}

/** The words of before there were types: `runtime/default`, `docker/default`, `localhost/X`, `unconfined`. Undefined for nothing. */
const kindOfWord = (word: string, field: string): Kind | undefined => {
  if (word === '') return undefined
  if (word === 'unconfined') return 'unconfined'
  if (word === 'runtime/default' || word === 'docker/default') return 'default'
  if (word.startsWith('localhost/')) return { localhost: word.slice('localhost/'.length) }
  throw new InvalidField(field, `${JSON.stringify(word)} is no profile: runtime/default, unconfined, localhost/NAME`)
}

const readProfile = (path: string, field: string): string => {
  if (!path.startsWith('/')) throw new InvalidField(field, `must be the absolute path of a profile, is ${JSON.stringify(path)}`)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new InvalidField(field, `the seccomp profile cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

type Conditions = Parameters<typeof defaultProfile>[0]

const localProfile = (path: string, conditions: Conditions): LinuxSeccomp => {
  const field = `${FIELD}.seccomp.localhost_ref`
  const text = readProfile(path, field)
  try {
    return readSeccompProfile(text, conditions)
  } catch (error) {
    if (!(error instanceof WherryError)) throw error
    throw new InvalidField(field, `${path}: ${error.message}`)
  }
}

/** Undefined: none, which is what is meant where nothing is said. */
export const seccompOf = (
  security: LinuxContainerSecurityContext | undefined,
  capabilities: readonly string[],
  machine: Pick<MachineFacts, 'arch' | 'kernel'>,
): LinuxSeccomp | undefined => {
  if (security === undefined || security.privileged) return undefined
  const kind =
    security.seccomp === undefined ? kindOfWord(security.seccompProfilePath, `${FIELD}.seccomp_profile_path`) : kindOf(security.seccomp)
  if (kind === undefined || kind === 'unconfined') return undefined
  const conditions: Conditions = { capabilities: new Set(capabilities), arch: machine.arch, kernel: machine.kernel }
  return kind === 'default' ? defaultProfile(conditions) : localProfile(kind.localhost, conditions)
}

/** As containerd: a profile that is asked for where AppArmor cannot be used is an error, and by default there is ours where it can. */
const apparmorOf = async (
  security: LinuxContainerSecurityContext | undefined,
  machine: Pick<MachineFacts, 'apparmor'>,
): Promise<string | undefined> => {
  const field = security?.apparmor === undefined ? `${FIELD}.apparmor_profile` : `${FIELD}.apparmor`
  const asked = security?.apparmor === undefined ? kindOfWord(security?.apparmorProfile ?? '', field) : kindOf(security.apparmor)
  if (asked === 'unconfined' || (asked === undefined && security?.privileged === true)) return undefined
  const refused = (why: string): undefined => {
    if (asked !== undefined) throw new InvalidField(field, `apparmor is not supported: ${why}`)
    return undefined
  }
  if (!machine.apparmor) return refused('this kernel has it not, or not enabled')
  const loaded = loadedProfiles()
  // of the machine above, where this one is a container
  if (loaded === undefined) return refused('its profiles cannot be seen: mount -t securityfs securityfs /sys/kernel/security')
  const kind = asked ?? 'default'
  if (kind === 'default' && security?.privileged === true) return undefined
  const name = kind === 'default' ? DEFAULT_PROFILE : kind.localhost.replace(/^localhost\//, '')
  if (loaded.has(name)) return name
  if (kind === 'default')
    return (await loadProfile(DEFAULT_PROFILE)) ? DEFAULT_PROFILE : refused('this machine has no apparmor_parser: install apparmor')
  throw new InvalidField(
    `${field}.localhost_ref`,
    `AppArmor's profile ${JSON.stringify(name)} is not loaded: apparmor_parser --replace FILE`,
  )
}

/** Options of SELinux count where the kernel has it. Containers of a pod share volumes, and so the categories of their labels. */
const selinuxOf = (security: LinuxContainerSecurityContext | undefined, sandbox: Pick<Sandbox, 'id' | 'config'>): SpecFacts['selinux'] => {
  const base = policyContexts()
  if (base === undefined || security?.privileged === true) return undefined
  const options = security?.selinuxOptions ?? sandbox.config.linux?.securityContext?.selinuxOptions
  const asked = (['user', 'role', 'type', 'level'] as const).flatMap((key) => {
    const value = options?.[key] ?? ''
    return value === '' ? [] : [`${key}:${value}`]
  })
  return labelsFor(base, asked, sandbox.id)
}

export const securityModules = async (
  security: LinuxContainerSecurityContext | undefined,
  sandbox: Pick<Sandbox, 'id' | 'config'>,
  machine: MachineFacts,
): Promise<Pick<SpecFacts, 'apparmorProfile' | 'selinux'>> => {
  const profile = await apparmorOf(security, machine)
  const selinux = machine.selinux ? selinuxOf(security, sandbox) : undefined
  return { ...(profile === undefined ? {} : { apparmorProfile: profile }), ...(selinux === undefined ? {} : { selinux }) }
}
