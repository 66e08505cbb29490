/** Containers for tests of the command line: a store with an image of busybox, and what is left of them removed. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { Wherry } from './cli.ts'
import { makeRootfs } from './rootfs.ts'

/** The image’s name. */
export const IMAGE = 'busybox'

export class Containers extends Wherry {
  /** A store with the image. */
  static async open(): Promise<Containers> {
    const containers = new Containers()
    const folder = containers.path('image/bundle')
    mkdirSync(folder, { recursive: true })
    makeRootfs(`${folder}/rootfs`)
    const archive = containers.path('busybox.tar')
    const { status, stderr } = spawnSync('tar', ['-C', `${folder}/rootfs`, '-cf', archive, '.'], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`tar: ${stderr}`)
    await containers.ok('import', archive, `${IMAGE}:latest`)
    return containers
  }

  /** Runs it detached, without a network; its id. */
  async start(name: string, command: readonly string[], flags: readonly string[] = []): Promise<string> {
    return (await this.ok('run', '--detach', '--network', 'none', '--name', name, ...flags, IMAGE, ...command)).trim()
  }

  /** A shell script of the container’s. */
  startShell(name: string, script: string, flags: readonly string[] = []): Promise<string> {
    return this.start(name, ['sh', '-c', script], flags)
  }

  /** Lines of the journal of events that are about the container of this name. */
  eventsOf(name: string): string {
    const path = `${this.root}/events/journal`
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    return lines.filter((line) => line.includes(`"name":${JSON.stringify(name)}`)).join('\n')
  }

  override async close(): Promise<void> {
    const ids = (await this.ok('ps', '--all', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '')
    if (ids.length > 0) await this.ok('rm', '--force', ...ids)
    await super.close()
  }
}
