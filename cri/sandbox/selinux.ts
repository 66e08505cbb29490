/** The label of what all containers of a pod see: they have different processes, and the same categories. */
import { isSelinuxEnabled } from '../../runtime/container/security-modules.ts'
import { labelsFor, policyContexts } from '../../runtime/selinux/labels.ts'
import type { SELinuxOption } from '../api/api_pb.js'
import type { Sandbox } from '../state/types.ts'

const FIELDS = ['user', 'role', 'type', 'level'] as const

/** As labelsFor takes them. */
export const optionsOf = (options: SELinuxOption | undefined): string[] =>
  FIELDS.flatMap((field) => {
    const value = options?.[field] ?? ''
    return value === '' ? [] : [`${field}:${value}`]
  })

/** Undefined where there are no labels, or the pod is to have none. */
export const mountLabelOf = ({ id, config }: Pick<Sandbox, 'id' | 'config'>): string | undefined => {
  const security = config.linux?.securityContext
  if (security?.privileged === true || !isSelinuxEnabled()) return undefined
  const base = policyContexts()
  return base === undefined ? undefined : labelsFor(base, optionsOf(security?.selinuxOptions), id)?.mount
}
