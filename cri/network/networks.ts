/** The pods' networks. What is attached is written down below <root>/cri/cni, so that it is given back whatever happens in between. */
import { attachCni, checkCni, collectCni, detachCni, type CniRequest } from '../../runtime/network/cni/attach.ts'
import { cniAttachments, cniContainers, removeCniBeginnings, writeCniAttachment } from '../../runtime/network/cni/cache.ts'
import { InvalidField, WherryError } from '../../runtime/errors.ts'
import { sleep } from '../../runtime/sleep.ts'
import { Protocol, type PodSandboxConfig } from '../api/api_pb.js'
import type { CriConfig } from '../config.ts'
import type { Log } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { Configuration } from './configuration.ts'
import { prepareNetnsFolder } from './netns.ts'
import { pluginsEnded } from './orphans.ts'
import { writePodCidr } from './pod-cidr.ts'
import type { Networks } from './types.ts'

/** Name of the pod's interface, as everybody expects it. */
const INTERFACE = 'eth0'

/** Milliseconds before DEL is tried again: the first time, and at most. */
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 300_000
/** Milliseconds between CHECKs of pods that are found: nobody waits for them. */
const CHECK_PAUSE = 50
/** Milliseconds that plugins which are at work have when the server leaves. */
const LEAVING = 2000

const PROTOCOLS = { [Protocol.TCP]: 'tcp', [Protocol.UDP]: 'udp', [Protocol.SCTP]: 'sctp' } as const

const portsOf = ({ portMappings }: PodSandboxConfig): CniRequest['ports'] =>
  portMappings
    // kubelet tells of all ports, also of those that are not the node's
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ protocol, hostIp, hostPort, containerPort }) => ({
      protocol: PROTOCOLS[protocol],
      ...(hostIp === '' ? {} : { host: hostIp }),
      hostPort,
      port: containerPort,
    }))

/** CNI_ARGS as plugins for Kubernetes expect it. */
const argsOf = ({ id, config }: Pick<Sandbox, 'id' | 'config'>): Readonly<Record<string, string>> => {
  const { namespace, name, uid } = config.metadata!
  for (const [field, value] of Object.entries({ namespace, name, uid }))
    if (/[;=\0]/.test(value)) throw new InvalidField(`config.metadata.${field}`, `${JSON.stringify(value)} cannot be told to CNI plugins`)
  return { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_INFRA_CONTAINER_ID: id, K8S_POD_UID: uid }
}

const dnsOf = ({ dnsConfig }: PodSandboxConfig): Pick<CniRequest, 'dns'> =>
  dnsConfig === undefined ? {} : { dns: { servers: dnsConfig.servers, searches: dnsConfig.searches, options: dnsConfig.options } }

export class CniNetworks implements Networks {
  readonly #config: CriConfig
  readonly #log: Log
  readonly #run: string
  readonly #configuration: Configuration
  readonly #removals = new Map<string, Promise<boolean>>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #closed = false
  #prepared = false
  /** ADDs that are under way. */
  #adding = 0
  #collecting: Promise<void> = Promise.resolve()

  constructor(config: CriConfig, log: Log) {
    this.#config = config
    this.#log = log
    this.#run = `${config.root}/cri`
    this.#configuration = new Configuration(config, log)
  }

  /** Plugins are asked now whether they are ready, so that the answer is there when it is wanted. */
  look(): void {
    void this.#configuration.ask()
  }

  status(): ReturnType<Networks['status']> {
    return this.#configuration.readiness()
  }

  async add(sandbox: Sandbox, signal: AbortSignal): Promise<readonly string[]> {
    const { id, config, netns, init } = sandbox
    if (netns === undefined || init === undefined) throw new WherryError('internal', `pod sandbox ${id} has no network namespace to attach`)
    const list = await this.#configuration.usable()
    const parent = config.linux?.cgroupParent ?? ''
    const request: CniRequest = {
      run: this.#run,
      container: id,
      list,
      init: init.pid,
      netns,
      interface: INTERFACE,
      ips: [],
      aliases: [],
      ports: portsOf(config),
      annotations: config.annotations,
      paths: this.#config.cniPlugins,
      args: argsOf(sandbox),
      lenient: true,
      ...dnsOf(config),
      ...(parent === '' ? {} : { cgroupPath: parent }),
    }
    this.#prepareFolder()
    this.#adding += 1
    try {
      // what is collected is what nobody has: nobody may be about to get it
      await this.#collecting
      const { addresses } = await attachCni(request, signal)
      if (addresses.length === 0)
        throw new WherryError('failed-precondition', `the CNI network ${list.name} gave the pod no address: its plugins are to name one`)
      return addresses
    } catch (error) {
      // with no address; or it could not be taken off, and is still written down
      if (cniAttachments(this.#run, id).length > 0) await this.remove(sandbox)
      throw error
    } finally {
      this.#adding -= 1
    }
  }

  #prepareFolder(): void {
    if (!this.#prepared) prepareNetnsFolder()
    this.#prepared = true
  }

  async remove({ id }: Pick<Sandbox, 'id'>): Promise<void> {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    if (!(await this.#remove(id))) this.#later(id, 0)
  }

  /**
   * Of a pod of an earlier boot: a power cut may have taken what was written down of its network. Then it is taken off what pods get now.
   */
  async removeAfterReboot({ id, config, netns }: Sandbox): Promise<void> {
    const list = this.#configuration.list()
    if (netns !== undefined && list !== undefined && cniAttachments(this.#run, id).length === 0)
      writeCniAttachment(this.#run, {
        version: 1,
        container: id,
        network: list.name,
        interface: INTERFACE,
        netns,
        list,
        runtimeConfig: {},
        args: Object.entries({ IgnoreUnknown: '1', ...argsOf({ id, config }) })
          .map(([key, value]) => `${key}=${value}`)
          .join(';'),
        paths: this.#config.cniPlugins,
        mac: '',
        addresses: [],
        gateways: [],
        aliases: [],
      })
    await this.remove({ id })
  }

  /** DEL of all that is written down; false where something failed. Calls for the same pod share the work. */
  #remove(id: string): Promise<boolean> {
    const running = this.#removals.get(id)
    if (running !== undefined) return running
    const work = (async (): Promise<boolean> => {
      try {
        for (const attachment of cniAttachments(this.#run, id)) {
          if (attachment.result === undefined) await pluginsEnded(id)
          await detachCni(this.#run, attachment)
        }
        return true
      } catch (error) {
        this.#log.warn('a pod cannot be taken off its network: that is tried again', { sandbox: id, error })
        return false
      } finally {
        this.#removals.delete(id)
      }
    })()
    this.#removals.set(id, work)
    return work
  }

  #later(id: string, attempt: number): void {
    if (this.#closed) return
    clearTimeout(this.#timers.get(id))
    const timer = setTimeout(
      async () => {
        this.#timers.delete(id)
        if (!(await this.#remove(id))) this.#later(id, attempt + 1)
      },
      Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE),
    )
    timer.unref()
    this.#timers.set(id, timer)
  }

  /**
   * At the start of a server: pods that are no more are taken off, plugins give back what nobody has (GC), those that are left are looked at
   * (CHECK). @param isLive whether a sandbox with this id has its network, or is about to
   */
  async recover(isLive: (id: string) => boolean): Promise<void> {
    await Promise.all(
      cniContainers(this.#run).map(async (container) => {
        if (isLive(container)) return
        if (await this.#remove(container)) removeCniBeginnings(this.#run, container)
        else this.#later(container, 0)
      }),
    )
    // pods that are being made already are not known to be there: then it is for the next server
    if (this.#adding === 0) this.#collecting = this.#collect()
    await this.#collecting
    for (const attachment of cniAttachments(this.#run)) {
      if (this.#closed) return
      if (!isLive(attachment.container) || attachment.result === undefined) continue
      await sleep(CHECK_PAUSE)
      try {
        await checkCni(attachment)
      } catch (error) {
        this.#log.warn('the network of a pod is not as it was made', { sandbox: attachment.container, error })
      }
    }
  }

  async #collect(): Promise<void> {
    const list = this.#configuration.list()
    try {
      if (list !== undefined) await collectCni(list, cniAttachments(this.#run), this.#config.cniPlugins)
    } catch (error) {
      this.#log.warn('the network’s plugins could not collect what nobody has any more', { error })
    }
  }

  async setPodCidr(cidr: string): Promise<void> {
    const { cniTemplate, cniConfig } = this.#config
    if (cniTemplate === undefined) return
    if (this.#configuration.list() !== undefined) {
      this.#log.info('there is a network configuration: none is written for the pod CIDR', { cidr })
      return
    }
    await writePodCidr({ template: cniTemplate, folder: cniConfig, cidr })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    // a plugin that hangs is left behind: the next server tries again
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LEAVING)
    })
    await Promise.race([Promise.all(this.#removals.values()), enough])
    clearTimeout(timer)
  }
}
