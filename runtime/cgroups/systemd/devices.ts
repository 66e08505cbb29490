/** Device rules as properties of a unit on cgroup v1, where systemd would undo what it does not know of. systemd.resource-control(5). */
import { ALL, accessText, type DeviceRules } from '../devices/rules.ts'
import type { Property } from './wire.ts'

const property = (policy: 'auto' | 'strict', allow: readonly (readonly [node: string, access: string])[]): readonly Property[] => [
  // An empty list clears, a list is added to what is there.
  ['DeviceAllow', { signature: 'a(ss)', value: [] }],
  ['DevicePolicy', { signature: 's', value: policy }],
  ...(allow.length === 0 ? [] : [['DeviceAllow', { signature: 'a(ss)', value: allow }] as const]),
]

/** The nearest that systemd can do; the exact rules are set in the cgroup afterwards. */
export const deviceProperties = ({ allowByDefault, exceptions }: DeviceRules): readonly Property[] => {
  // systemd has no list of denied devices: everything, or nothing for the moment.
  if (allowByDefault) return property(exceptions.length === 0 ? 'auto' : 'strict', [])
  return property(
    'strict',
    exceptions.flatMap(({ type, major, minor, access }) => {
      const kind = type === 'b' ? 'block' : 'char'
      if (major === ALL) return minor === ALL ? [[`${kind}-*`, accessText(access)] as const] : []
      const node = minor === ALL ? `${kind}-${major}` : `/dev/${kind}/${major}:${minor}`
      return [[node, accessText(access)] as const]
    }),
  )
}
