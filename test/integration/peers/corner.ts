/**
 * A corner of the machine for an engine that makes mounts, network interfaces and firewall rules: a mount and a network
 * namespace, and a cgroup. When it closes, what the engine left is gone with it, and none of it was ever on the host.
 */
import { type ChildProcess, spawn, spawnSync, type SpawnSyncOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isErrno } from '../../../runtime/sys/error.ts'

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Longest that a command may take, in milliseconds: then it hangs. */
const LONGEST = 60_000
const CGROUPS = '/sys/fs/cgroup'

const isUnified = existsSync(`${CGROUPS}/cgroup.procs`)

/** Mount points of the hierarchies. */
const hierarchies = (): string[] =>
  isUnified
    ? [CGROUPS]
    : readdirSync(CGROUPS, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(CGROUPS, name))
        .filter((folder) => existsSync(`${folder}/cgroup.procs`))

/** Engines make folders for controllers that have no hierarchy here: they shall not do so in the host's tmpfs. */
const OWN_CGROUPS = `
mkdir "$0/cgroup"
mount --rbind /sys/fs/cgroup "$0/cgroup"
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for folder in "$0"/cgroup/*; do
  mountpoint -q "$folder" && mkdir "/sys/fs/cgroup/\${folder##*/}" && mount --bind "$folder" "/sys/fs/cgroup/\${folder##*/}"
done
umount -l "$0/cgroup"`

const HOLD = `set -e
mount -t tmpfs run /run
ip link set lo up
${isUnified ? '' : OWN_CGROUPS}
echo ready
exec sleep 86400`

/** Folders of a cgroup, the deepest first. */
const foldersBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => foldersBelow(join(folder, name)))
    .concat(folder)

const processesIn = (folder: string): number[] => {
  try {
    return readFileSync(`${folder}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [] // somebody removed it meanwhile
    throw error
  }
}

export class Corner {
  /** A folder of its own. */
  readonly folder: string
  /** Name of a cgroup, absolute in each hierarchy, that all containers should be below. */
  readonly cgroup: string
  readonly #holder: ChildProcess

  private constructor(folder: string, cgroup: string, holder: ChildProcess) {
    this.folder = folder
    this.cgroup = cgroup
    this.#holder = holder
  }

  static async open(name: string): Promise<Corner> {
    const folder = mkdtempSync(join(tmpdir(), `wherry-${name}-`))
    const holder = spawn('unshare', ['--mount', '--net', '--propagation', 'private', 'sh', '-c', HOLD, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const corner = new Corner(folder, `/wherry-${name}-${process.pid}`, holder)
    const [ready] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'exit')])
    if (String(ready) !== 'ready\n') {
      await corner.close()
      throw new Error('no namespaces for the test')
    }
    return corner
  }

  #inside(command: readonly string[]): string[] {
    return [`--target=${this.#holder.pid}`, '--mount', '--net', '--wd=/', ...command]
  }

  /** Runs a command to its end. */
  run(command: readonly string[], options: SpawnSyncOptions = {}): Outcome {
    const { status, stdout, stderr, error } = spawnSync('nsenter', this.#inside(command), {
      timeout: LONGEST,
      ...options,
      encoding: 'utf8',
    })
    if (error !== undefined) throw error
    return { status, stdout, stderr }
  }

  /** Starts a command that is to be ended by who started it. */
  start(command: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return spawn('nsenter', this.#inside(command), { stdio: ['pipe', 'pipe', 'pipe'], env })
  }

  /** Directory of the cgroup in the hierarchy of a v1 controller, or on v2. */
  cgroupDirectory(controller: string): string {
    return isUnified ? `${CGROUPS}${this.cgroup}` : `${CGROUPS}/${controller}${this.cgroup}`
  }

  /** Makes the cgroup in all hierarchies. */
  makeCgroup(): void {
    for (const root of hierarchies()) mkdirSync(root + this.cgroup, { recursive: true })
  }

  /** The cgroup and all below it, the deepest first. */
  #cgroupFolders(): string[] {
    return hierarchies()
      .filter((root) => existsSync(root + this.cgroup))
      .flatMap((root) => foldersBelow(root + this.cgroup))
  }

  /** Cgroups that were made below the corner's. */
  cgroups(): string[] {
    return this.#cgroupFolders().filter((folder) => !folder.endsWith(this.cgroup))
  }

  #processes(): number[] {
    return [...new Set(this.#cgroupFolders().flatMap(processesIn))]
  }

  async #endProcesses(): Promise<void> {
    for (let tries = 0; this.#processes().length > 0; tries += 1) {
      if (tries === 1000) throw new Error(`processes ${this.#processes().join(', ')} of ${this.cgroup} do not end`)
      for (const pid of this.#processes()) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch (error) {
          if (!isErrno(error, 'ESRCH')) throw error
        }
      }
      await setTimeout(10)
    }
  }

  /** Ends what still runs in the cgroup, and undoes all. */
  async close(): Promise<void> {
    try {
      await this.#endProcesses()
      for (const folder of this.#cgroupFolders()) rmdirSync(folder)
    } finally {
      this.#holder.kill('SIGKILL')
      if (this.#holder.exitCode === null && this.#holder.signalCode === null) await once(this.#holder, 'exit')
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}
