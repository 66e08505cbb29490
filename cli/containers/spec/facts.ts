/** What buildSpec needs besides the container's config: found out for one run, by gather.ts; plain values. */
import type { DeviceFact, DeviceNumber } from '../../../runtime/container/host-devices.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import type { ResolvedUser } from '../../../image/apply/user.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'

/** Where a mount's content is: a path of the machine, or a detached mount by its descriptor, which is the caller's. */
export type MountSource = { readonly kind: 'path'; readonly path: string } | { readonly kind: 'mount'; readonly fd: number }

/** Files of the machine that stand for some of the image's. */
export interface ManagedFiles {
  readonly hosts?: string
  readonly resolvConf?: string
  readonly hostname?: string
}

export interface SpecFacts {
  readonly machine: MachineFacts
  /** Of the root filesystem: a folder that is there, whatever is mounted over it. */
  readonly rootfs: string
  readonly user: ResolvedUser
  /** What uname(2) says in the container, where it has a uts namespace of its own. */
  readonly hostname: string
  readonly files: ManagedFiles
  /** Of request.mounts, by index; a tmpfs has none. */
  readonly sources: ReadonlyMap<number, MountSource>
  /** What is below /dev/shm of the container whose ipc namespace is joined. */
  readonly shm?: MountSource
  readonly devices: readonly DeviceFact[]
  /** Of the devices whose use is limited, by path. */
  readonly blockDevices: ReadonlyMap<string, DeviceNumber>
  /** First process of each container whose namespaces are joined, by the container's id. */
  readonly inits: ReadonlyMap<string, number>
  /** Of the user namespace that the container gets or joins; absent: that of this process. */
  readonly mappings?: Mappings
  /** AppArmor's profile, which is loaded. */
  readonly apparmorProfile?: string
  readonly selinux?: { readonly process: string; readonly mount: string }
  readonly warn: (message: string) => void
}
