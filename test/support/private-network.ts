/** wherry in a network namespace of the test's own: its bridges, rules and ports are nobody else's, and the machine's are not touched. */
import { execFile } from 'node:child_process'
import { closeSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parsePrefix } from '../../runtime/network/address.ts'
import { addAddress, addRoute, addVeth, changeLink, findLink } from '../../runtime/network/rtnetlink.ts'
import { NetlinkSocket } from '../../runtime/sys/netlink.ts'
import { parseAddress } from '../../runtime/network/address.ts'
import { Wherry, WHERRY } from './cli.ts'
import { makeNetns } from './netns.ts'
import { makeRootfs } from './rootfs.ts'
import { command, type CommandOptions, type Result } from './runtime.ts'

/** Addresses of the machine and of somebody outside. */
export const [MACHINE, WORLD] = ['192.0.2.1', '192.0.2.2']

const inside = (namespace: number): string[] => ['nsenter', `--net=/proc/${process.pid}/fd/${namespace}`]

export class NetworkedWherry extends Wherry {
  /** Where wherry runs: it has an uplink to `world`. */
  readonly machine: number
  readonly world: number
  /** A root filesystem of busybox. */
  readonly rootfs: string

  constructor(env: Readonly<Record<string, string>> = {}) {
    super({ WHERRY_CNI_CONFIG: '/nonexistent', ...env })
    this.machine = makeNetns()
    this.world = makeNetns()
    using here = new NetlinkSocket(this.machine)
    using there = new NetlinkSocket(this.world)
    for (const socket of [here, there]) changeLink(socket, findLink(socket, 'lo')!.index, { up: true })
    addVeth(here, 'uplink', { name: 'world', namespace: this.world }, { up: true })
    addAddress(here, findLink(here, 'uplink')!.index, parsePrefix(`${MACHINE}/24`))
    addAddress(there, findLink(there, 'world')!.index, parsePrefix(`${WORLD}/24`))
    changeLink(there, findLink(there, 'world')!.index, { up: true })
    addRoute(here, { gateway: parseAddress(WORLD), link: findLink(here, 'uplink')!.index })
    mkdirSync(join(this.folder, 'own/image'), { recursive: true })
    this.rootfs = join(this.folder, 'own/image/rootfs')
    makeRootfs(this.rootfs)
  }

  override run(argv: readonly string[], options: CommandOptions = {}): Promise<Result> {
    return command([...inside(this.machine), WHERRY, ...argv], this.folder, { ...options, env: { ...this.env, ...options.env } })
  }

  /** `wherry run` of the root filesystem; what it prints. */
  start(flags: readonly string[], ...argv: readonly string[]): Promise<string> {
    return this.ok('run', ...flags, '--rootfs', this.rootfs, ...argv)
  }

  /** A container in the background that answers everything sent to its tcp port 80 with `text`. */
  async serve(name: string, text: string, ...flags: readonly string[]): Promise<string> {
    const script = `echo "${text}" >/tmp/said; exec busybox nc -ll -p 80 -e cat /tmp/said`
    return (await this.start(['-d', '--name', name, '--tmpfs', '/tmp', ...flags], 'sh', '-c', script)).trim()
  }

  /** Runs a command beside wherry, or in another network namespace; what it prints, also where it fails. */
  async beside(argv: readonly string[], namespace = this.machine): Promise<string> {
    const [program, ...rest] = [...inside(namespace), ...argv]
    try {
      const { stdout } = await promisify(execFile)(program!, rest, { timeout: 20_000 })
      return stdout.trim()
    } catch (error) {
      return String((error as { readonly stdout?: unknown }).stdout ?? error).trim()
    }
  }

  /** What is answered at an address, '' where nothing is. */
  async ask(host: string, port: number, namespace = this.machine): Promise<string> {
    const client = `
      const socket = require('node:net').createConnection({ host: process.argv[1], port: Number(process.argv[2]) })
      socket.setTimeout(3000, () => process.exit())
      socket.on('data', (chunk) => process.stdout.write(chunk))
      socket.on('error', () => process.exit())`
    return this.beside([process.execPath, '-e', client, host, String(port)], namespace)
  }

  /** Asks until it is answered: a server may be on its way up. */
  async answer(host: string, port: number, namespace = this.machine): Promise<string> {
    for (let attempt = 0; attempt < 40; attempt++) {
      const said = await this.ask(host, port, namespace)
      if (said !== '') return said
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return ''
  }

  override async close(): Promise<void> {
    if (existsSync(join(this.root, 'containers'))) {
      const ids = (await this.ok('ps', '--all', '--quiet', '--no-trunc'))
        .trim()
        .split('\n')
        .filter((id) => id !== '')
      if (ids.length > 0) await this.run(['rm', '--force', '--volumes', ...ids])
    }
    for (const fd of [this.machine, this.world]) closeSync(fd)
    await super.close()
  }
}
