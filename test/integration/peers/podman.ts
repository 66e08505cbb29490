/** Debian's podman with our runtime, in a corner of its own: its storage, configuration, locks and networks. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeRootfs } from '../../support/rootfs.ts'
import { RUNTIME } from '../../support/runtime.ts'
import { Corner, type Outcome } from './corner.ts'

/** Limits that a machine without CAP_SYS_RESOURCE can give; no network but those of `folder`. */
const configuration = (folder: string): string => `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "${folder}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
`

const storage = (folder: string): string => `
[storage]
driver = "${storageDriver()}"
graphroot = "${folder}/storage"
runroot = "${folder}/run"
`

const storageDriver = (): string => (readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n') ? 'overlay' : 'vfs')

/** busybox; its /bin/data cannot be executed. */
export const IMAGE = 'localhost/wherry:test'

export class Podman {
  readonly corner: Corner
  readonly #global: readonly string[]
  readonly env: NodeJS.ProcessEnv

  private constructor(corner: Corner) {
    const { folder } = corner
    const at = (name: string) => join(folder, name)
    this.corner = corner
    this.#global = ['--tmpdir', at('tmp'), '--runtime', RUNTIME]
    this.env = {
      PATH: process.env['PATH'],
      HOME: folder,
      TMPDIR: folder,
      CONTAINERS_CONF: at('containers.conf'),
      CONTAINERS_STORAGE_CONF: at('storage.conf'),
    }
  }

  static async open(): Promise<Podman> {
    const corner = await Corner.open('podman')
    try {
      writeFileSync(join(corner.folder, 'containers.conf'), configuration(corner.folder))
      writeFileSync(join(corner.folder, 'storage.conf'), storage(corner.folder))
      corner.makeCgroup()
      const podman = new Podman(corner)
      podman.#importImage()
      return podman
    } catch (error) {
      await corner.close()
      throw error
    }
  }

  #importImage(): void {
    const rootfs = join(this.corner.folder, 'image/rootfs')
    mkdirSync(join(rootfs, '..'))
    makeRootfs(rootfs)
    writeFileSync(join(rootfs, 'bin/data'), 'not a program\n', { mode: 0o644 })
    const archive = join(this.corner.folder, 'image.tar')
    execFileSync('tar', ['-C', rootfs, '-cf', archive, '.'])
    this.ok('import', '--quiet', archive, IMAGE)
  }

  command(args: readonly string[]): string[] {
    return ['podman', ...this.#global, ...args]
  }

  /** Runs podman with these arguments. */
  run(...args: string[]): Outcome {
    return this.corner.run(this.command(args), { env: this.env })
  }

  /** Runs podman, which must succeed; its output. */
  ok(...args: string[]): string {
    const { status, stdout, stderr } = this.run(...args)
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: exit status ${status}: ${stderr}`)
    return stdout
  }

  /** `podman run --rm` without a network: what the command prints. */
  container(options: readonly string[], ...command: string[]): Outcome {
    return this.run('run', '--rm', ...this.place, ...options, IMAGE, ...command)
  }

  /** Options that every container gets: no network of its own making, and a cgroup below the corner's. */
  get place(): string[] {
    return ['--network=none', `--cgroup-parent=${this.corner.cgroup}`]
  }

  /** Runs podman on a terminal of 33 rows with 90 columns, to which `input` is typed; what the terminal shows. */
  terminal(input: string, ...args: string[]): Outcome {
    const quoted = this.command(args).map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    const outcome = this.corner.run(
      ['script', '--quiet', '--return', '--command', `stty rows 33 cols 90; ${quoted.join(' ')}`, '/dev/null'],
      {
        env: this.env,
        input,
      },
    )
    return { ...outcome, stdout: outcome.stdout.replaceAll('^@', '') } // the end of script's own input
  }

  /** Starts a container in the background; its id. */
  background(options: readonly string[], ...command: string[]): string {
    return this.ok('run', '--detach', ...this.place, ...options, IMAGE, ...command).trim()
  }

  inspect(id: string, format: string): string {
    return this.ok('container', 'inspect', `--format=${format}`, id).trim()
  }

  remove(id: string): void {
    const rm = ['rm', '--force', '--time=0', id]
    if (this.run(...rm).status !== 0) this.ok(...rm) // the clean-up that podman runs when a container ends may be at it too
  }

  /** What a file of a container's cgroup says; `file` on v1 with the hierarchy, `memory/memory.limit_in_bytes`. */
  limit(id: string, { v1, v2 }: { readonly v1: string; readonly v2: string }): string {
    const lines = readFileSync(`/proc/${this.inspect(id, '{{.State.Pid}}')}/cgroup`, 'utf8').split('\n')
    const [hierarchy, file] = v1.split('/') as [string, string]
    const of = (name: string) => lines.find((line) => line.split(':')[1]!.split(',').includes(name))!.split(':')[2]!
    const path = existsSync('/sys/fs/cgroup/cgroup.procs')
      ? `/sys/fs/cgroup${of('')}/${v2}`
      : `/sys/fs/cgroup/${hierarchy}${of(hierarchy)}/${file}`
    return readFileSync(path, 'utf8').trim()
  }

  async close(): Promise<void> {
    this.run('pod', 'rm', '--all', '--force', '--time=0')
    this.run('rm', '--all', '--force', '--time=0')
    await this.corner.close()
  }
}
