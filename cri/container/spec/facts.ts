/** What buildSpec needs besides the container's config: found out for one container by gather.ts; plain values. */
import type { DeviceFact } from '../../../runtime/container/host-devices.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'
import type { LinuxNamespace, LinuxSeccomp } from '../../../runtime/spec/types.ts'
import type { PodSandboxConfig } from '../../api/api_pb.js'
import type { CdiEdits } from '../cdi/types.ts'
import type { LookedUpUser } from './user.ts'

/** Where a mount's content is: a path of the machine, or a detached mount by its descriptor, which is the caller's. */
export type MountSource = { readonly kind: 'path'; readonly path: string } | { readonly kind: 'mount'; readonly fd: number }

export interface SandboxFacts {
  readonly config: PodSandboxConfig
  /** Of its user namespace, if it has one of its own. */
  readonly mappings?: Mappings
}

/** Files of the sandbox that stand for the image's; absent: the image's stays. */
export interface ManagedFiles {
  readonly hostname?: string
  readonly hosts?: string
  readonly resolvConf?: string
}

export interface SpecFacts {
  readonly machine: MachineFacts
  /** A folder that is there, whatever is mounted over it. */
  readonly rootfs: string
  readonly sandbox: SandboxFacts
  readonly user: LookedUpUser
  readonly files: ManagedFiles
  /** What is below /dev/shm in the sandbox: a path of the machine. */
  readonly shm: string
  /** Of config.mounts, by index. */
  readonly sources: ReadonlyMap<number, MountSource>
  /** Of config.devices, or of the machine for a privileged container. */
  readonly devices: readonly DeviceFact[]
  readonly cdi: CdiEdits
  /** Those of the sandbox by path, and its own (cri/sandbox/namespaces.ts). */
  readonly namespaces: readonly LinuxNamespace[]
  /** linux.cgroupsPath, beside the sandbox's other containers. */
  readonly cgroupsPath: string
  /** The profile that it is to have; absent: none. */
  readonly seccomp?: LinuxSeccomp
  /** AppArmor's profile, which is loaded. */
  readonly apparmorProfile?: string
  readonly selinux?: { readonly process: string; readonly mount: string }
  /** Annotations of ours, for hooks; none of the container's own is among them. */
  readonly annotations: Readonly<Record<string, string>>
  /** oom_score_adj below the server's is raised to that instead of being refused. */
  readonly restrictOomScoreAdj: boolean
}
