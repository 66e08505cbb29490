/** The documents of CNI, spec 1.1: https://www.cni.dev/docs/spec. What is not looked at is passed on as it is. */

/** A plugin's configuration: keys of the spec, and whatever the plugin has. */
export interface CniPlugin {
  readonly type: string
  readonly capabilities?: Readonly<Record<string, boolean>>
  readonly [key: string]: unknown
}

export interface CniList {
  readonly cniVersion: string
  readonly name: string
  readonly disableCheck: boolean
  readonly disableGC: boolean
  readonly plugins: readonly CniPlugin[]
}

export interface CniPortMapping {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: string
  readonly hostIP?: string
}

/** What plugins that say they can are told, "Dynamic parameters". */
export interface RuntimeConfig {
  readonly portMappings?: readonly CniPortMapping[]
  /** Bits per second, and bits. */
  readonly bandwidth?: {
    readonly ingressRate?: number
    readonly ingressBurst?: number
    readonly egressRate?: number
    readonly egressBurst?: number
  }
  /** With prefix lengths. */
  readonly ips?: readonly string[]
  readonly mac?: string
  readonly aliases?: readonly string[]
  readonly dns?: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] }
  /** Of the pod, below the mount point of the cgroups. */
  readonly cgroupPath?: string
}

/** Of ADD, as the plugin said it; in the form of 0.3.0 and later. */
export interface CniResult {
  readonly cniVersion?: string
  readonly interfaces?: readonly { readonly name?: string; readonly mac?: string; readonly sandbox?: string }[]
  readonly ips?: readonly { readonly address?: string; readonly gateway?: string; readonly interface?: number }[]
  readonly [key: string]: unknown
}
