/** Debian's containerd with our runtime, in a corner of its own, and ctr to talk with it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeRootfs } from '../../support/rootfs.ts'
import { RUNTIME } from '../../support/runtime.ts'
import { Corner, type Outcome } from './corner.ts'
import { makeOciArchive } from './oci-archive.ts'

export const IMAGE = 'wherry.test/busybox:1'
/** containerd's namespace. */
const NAMESPACE = 'wherry-test'

const configuration = (folder: string): string => `
version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${folder}/containerd.sock"
[debug]
  level = "warn"
`

export class Containerd {
  readonly corner: Corner
  readonly #daemon: ChildProcess

  private constructor(corner: Corner, daemon: ChildProcess) {
    this.corner = corner
    this.#daemon = daemon
  }

  static async open(): Promise<Containerd> {
    const corner = await Corner.open('containerd')
    const { folder } = corner
    writeFileSync(join(folder, 'config.toml'), configuration(folder))
    corner.makeCgroup()
    chmodSync(folder, 0o711) // root of a user namespace has to get to the root filesystem
    // with a user namespace ctr forgets about --runc-binary
    mkdirSync(join(folder, 'bin'))
    symlinkSync(RUNTIME, join(folder, 'bin/runc'))
    const PATH = `${folder}/bin:${process.env['PATH']}`
    const daemon = corner.start(['containerd', '--config', join(folder, 'config.toml')], { ...process.env, PATH })
    let said = ''
    for (const stream of [daemon.stdout!, daemon.stderr!]) stream.on('data', (chunk) => (said += String(chunk)))
    const containerd = new Containerd(corner, daemon)
    try {
      containerd.#importImage()
      return containerd
    } catch (error) {
      await containerd.close()
      throw new Error(`containerd: ${said}`, { cause: error })
    }
  }

  #importImage(): void {
    const rootfs = join(this.corner.folder, 'image/rootfs')
    mkdirSync(join(rootfs, '..'))
    makeRootfs(rootfs)
    writeFileSync(join(rootfs, 'bin/data'), 'not a program\n', { mode: 0o644 })
    const archive = join(this.corner.folder, 'image.tar')
    makeOciArchive(rootfs, archive, IMAGE)
    this.ok('--connect-timeout=30s', 'images', 'import', archive)
  }

  command(args: readonly string[]): string[] {
    return ['ctr', '--address', join(this.corner.folder, 'containerd.sock'), '--namespace', NAMESPACE, ...args]
  }

  /** Runs ctr with these arguments. */
  run(...args: string[]): Outcome {
    return this.corner.run(this.command(args))
  }

  ok(...args: string[]): string {
    const { status, stdout, stderr } = this.run(...args)
    if (status !== 0) throw new Error(`ctr ${args.join(' ')}: exit status ${status}: ${stderr}`)
    return stdout
  }

  /** Arguments of `ctr run` for a container of this id. */
  container(id: string, options: readonly string[], ...command: string[]): string[] {
    return ['run', `--runc-binary=${RUNTIME}`, `--cgroup=${this.corner.cgroup}/${id}`, ...options, IMAGE, id, ...command]
  }

  /** Pid and STATUS of `ctr task ls`. */
  task(id: string): { readonly pid: number; readonly status: string } | undefined {
    const rows = this.ok('task', 'ls')
      .split('\n')
      .map((row) => row.split(/\s+/))
    const [, pid, status] = rows.find(([name]) => name === id) ?? []
    return pid === undefined || status === undefined ? undefined : { pid: Number(pid), status }
  }

  async close(): Promise<void> {
    for (const id of this.run('task', 'ls', '--quiet').stdout.split('\n').filter(Boolean)) this.run('task', 'rm', '--force', id)
    for (const id of this.run('container', 'ls', '--quiet').stdout.split('\n').filter(Boolean)) this.run('container', 'rm', id)
    this.#daemon.kill('SIGTERM')
    if (this.#daemon.exitCode === null && this.#daemon.signalCode === null) await once(this.#daemon, 'exit')
    await this.corner.close()
  }
}
