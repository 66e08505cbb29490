/** What doctor looks at, and what it says of it. */

export interface Check {
  readonly name: string
  /** `limited`: something of less weight does not work; `missing`: containers do not run, or not as they should. */
  readonly status: 'ok' | 'limited' | 'missing'
  /** What there is. */
  readonly found: string
  /** What does not work because of that. */
  readonly costs?: string
  /** A command, or what else is to be done. */
  readonly mend?: string
}

export interface Machine {
  /** Of who asks: 0 is root of the machine. */
  readonly uid: number
  readonly user: string | undefined
  /** `6.1.0-18-amd64` */
  readonly release: string
  /** Folders of the program’s. */
  readonly root: string
  /** Undefined where there is no such file, or it may not be read. */
  read(path: string): string | undefined
  exists(path: string): boolean
  /** Where a program is. */
  find(program: string): string | undefined
  /** Throws what is wrong. */
  readonly probes: {
    overlay(): void
    nftables(): void
    seccomp(): string
    cgroups(): { readonly kind: 'v1' | 'v2' | 'hybrid'; readonly controllers: readonly string[]; readonly writable: boolean }
  }
  disk(): DiskFacts
}

export interface DiskFacts {
  /** The folder that was looked at: that of the store, or what there is of its path. */
  readonly path: string
  /** statfs(2) */
  readonly type: number
  readonly free: number
  readonly total: number
  readonly freeInodes: number
  readonly quota: boolean
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found })

export const limited = (name: string, found: string, costs: string, mend?: string): Check => ({
  ...{ name, status: 'limited', found, costs },
  ...(mend === undefined ? {} : { mend }),
})

export const missing = (name: string, found: string, costs: string, mend?: string): Check => ({
  ...{ name, status: 'missing', found, costs },
  ...(mend === undefined ? {} : { mend }),
})

/** Why a probe failed; undefined if it did not. */
export const problemOf = (probe: () => void): string | undefined => {
  try {
    probe()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** proc_sys(5): `net.ipv4.ip_forward`. */
export const sysctl = ({ read }: Pick<Machine, 'read'>, name: string): string | undefined =>
  read(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim()
