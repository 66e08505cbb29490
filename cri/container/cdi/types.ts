/** Container Device Interface: what specs of devices change in containers. https://github.com/cncf-tags/container-device-interface, SPEC.md 1.0 */
import type { DeviceFact } from '../../../runtime/container/host-devices.ts'
import type { HookName, Hook } from '../../../runtime/spec/types.ts'

export interface CdiMount {
  readonly hostPath: string
  readonly containerPath: string
  readonly type?: string
  readonly options: readonly string[]
}

export interface CdiEdits {
  /** `NAME=value`. */
  readonly env: readonly string[]
  readonly devices: readonly DeviceFact[]
  readonly mounts: readonly CdiMount[]
  readonly hooks: readonly (readonly [HookName, Hook])[]
  readonly additionalGids: readonly number[]
}

export const NO_EDITS: CdiEdits = { env: [], devices: [], mounts: [], hooks: [], additionalGids: [] }
