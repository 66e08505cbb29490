/** What AppArmor and SELinux are to do with a container, on kernels that have them. */
import { loadedProfiles, loadProfile } from '../../../runtime/apparmor/load.ts'
import { DEFAULT_PROFILE } from '../../../runtime/apparmor/profile.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import type { SpecFacts } from './facts.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'
import { labelsFor, policyContexts, relabel } from '../../../runtime/selinux/labels.ts'

const UNCONFINED = 'unconfined'

const apparmorProfile = async (home: Home, { security }: ContainerConfig['request'], rootless: boolean): Promise<string | undefined> => {
  const wanted = security.apparmor ?? (security.privileged ? UNCONFINED : DEFAULT_PROFILE)
  if (wanted === UNCONFINED) return undefined
  const loaded = loadedProfiles()
  if (loaded?.has(wanted) === true) return wanted
  if (security.apparmor !== undefined && wanted !== DEFAULT_PROFILE) {
    if (loaded === undefined) return wanted
    throw new WherryError(
      'failed-precondition',
      `--security-opt apparmor=${wanted}: no such profile is loaded: apparmor_parser --replace FILE loads one`,
    )
  }
  if (!rootless && (await loadProfile(DEFAULT_PROFILE))) return DEFAULT_PROFILE
  home.debug(`AppArmor's profile ${DEFAULT_PROFILE} is not used: it cannot be loaded here`)
  return undefined
}

type Modules = Pick<SpecFacts, 'apparmorProfile' | 'selinux'>

const selinux = ({ id, request }: ContainerConfig): Modules => {
  const { security, mounts } = request
  const base = policyContexts()
  if (base === undefined) return {}
  const labels = labelsFor(base, security.labels, id)
  if (labels !== undefined)
    for (const { type, source, relabel: kind } of mounts) if (type === 'bind' && kind !== undefined) relabel(source!, labels.mount, kind)
  return labels === undefined || security.privileged ? {} : { selinux: labels }
}

/** Loads the default profile where it is missing; relabels what :z and :Z are for. */
export const securityFacts = async (
  home: Home,
  config: ContainerConfig,
  { apparmor, selinux: labels, rootless }: MachineFacts,
): Promise<Modules> => {
  const profile = apparmor ? await apparmorProfile(home, config.request, rootless) : undefined
  return { ...(profile === undefined ? {} : { apparmorProfile: profile }), ...(labels ? selinux(config) : {}) }
}
