/** Attaching containers to CNI networks: ADD of every plugin of the list, in order; DEL in reverse; CHECK; GC. */
import { WherryError } from '../../errors.ts'
import type { PublishedPort } from '../attachments.ts'
import { type CniAttachment, cniAttachments, removeCniAttachment, writeCniAttachment } from './cache.ts'
import { type CniCall, CniError, callPlugin, configurationOf, findPlugin, TRY_AGAIN } from './exec.ts'
import { isNamespace, pinNamespace, unpinNamespace } from './pin.ts'
import type { CniList, CniPortMapping, CniResult, RuntimeConfig } from './types.ts'

export interface CniRequest {
  /** The door's folder of this boot. */
  readonly run: string
  readonly container: string
  readonly list: CniList
  /** Pid of whose network namespace it is. */
  readonly init: number
  /** Path that the namespace is kept at until DEL. */
  readonly netns: string
  readonly interface: string
  /** Without prefix lengths. */
  readonly ips: readonly string[]
  readonly mac?: string
  readonly aliases: readonly string[]
  readonly ports: readonly PublishedPort[]
  /** `kubernetes.io/ingress-bandwidth` and its sister are told to the plugins. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Folders of plugins; absent: the usual ones. */
  readonly paths?: readonly string[]
  /** Further keys of CNI_ARGS: no value has a semicolon. */
  readonly args?: Readonly<Record<string, string>>
  /** What the plugins cannot do is left out, as kubelet's runtimes leave it out. */
  readonly lenient?: boolean
  readonly dns?: RuntimeConfig['dns']
  readonly cgroupPath?: string
}

const ATTEMPTS = 3
const PAUSE = 200

const isCapable = ({ plugins }: CniList, capability: string): boolean =>
  plugins.some(({ capabilities }) => capabilities?.[capability] === true)

const mappings = (ports: readonly PublishedPort[]): CniPortMapping[] =>
  ports.map(({ protocol, host, hostPort, port }) => ({
    hostPort,
    containerPort: port,
    protocol,
    ...(host === undefined ? {} : { hostIP: host }),
  }))

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** `10M` bits per second; Kubernetes' quantities. */
const rate = (text: string | undefined): number | undefined => {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kKMGT]?|[KMGT]i)$/.exec(text ?? '') ?? []
  return number === undefined ? undefined : Math.floor(Number(number) * UNITS[unit]!)
}

const BURST = 2 ** 31 - 1

const bandwidthOf = (annotations: Readonly<Record<string, string>>): RuntimeConfig['bandwidth'] | undefined => {
  const ingressRate = rate(annotations['kubernetes.io/ingress-bandwidth'])
  const egressRate = rate(annotations['kubernetes.io/egress-bandwidth'])
  if (ingressRate === undefined && egressRate === undefined) return undefined
  return {
    ...(ingressRate === undefined ? {} : { ingressRate, ingressBurst: BURST }),
    ...(egressRate === undefined ? {} : { egressRate, egressBurst: BURST }),
  }
}

/** Throws `invalid-argument` where something is asked for that no plugin of the network can do. */
const runtimeConfigOf = (request: CniRequest): RuntimeConfig => {
  const { list, ips, mac, ports, aliases, annotations = {}, lenient = false, dns, cgroupPath } = request
  const wanted: readonly (readonly [capability: string, asked: boolean, what: string])[] = [
    ['portMappings', ports.length > 0, 'publish ports'],
    ['ips', ips.length > 0, 'give a wanted address'],
    ['mac', mac !== undefined, 'give a wanted MAC address'],
  ]
  for (const [capability, asked, what] of wanted)
    if (asked && !lenient && !isCapable(list, capability))
      throw new WherryError(
        'invalid-argument',
        `the CNI network ${list.name} cannot ${what}: no plugin of its list has the capability ${capability}`,
      )
  const bandwidth = bandwidthOf(annotations)
  return {
    ...(ports.length === 0 ? {} : { portMappings: mappings(ports) }),
    ...(ips.length === 0 ? {} : { ips: ips.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`) }),
    ...(mac === undefined ? {} : { mac }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(isCapable(list, 'aliases') && aliases.length > 0 ? { aliases } : {}),
    ...(dns === undefined ? {} : { dns }),
    ...(cgroupPath === undefined ? {} : { cgroupPath }),
  }
}

const callOf = (attachment: CniAttachment, command: CniCall['command'], netns: string): CniCall => ({
  command,
  container: attachment.container,
  netns,
  interface: attachment.interface,
  args: attachment.args,
  ...(attachment.paths === undefined ? {} : { paths: attachment.paths }),
})

const addressOf = (text: string): string => text.split('/')[0]!

/** What of a result concerns the container. */
const read = (result: CniResult, netns: string, name: string): Pick<CniAttachment, 'addresses' | 'gateways' | 'mac'> => {
  const interfaces = result.interfaces ?? []
  const inside = (index: number | undefined): boolean => index === undefined || (interfaces[index]?.sandbox ?? '') !== ''
  const ips = (result.ips ?? []).filter(({ interface: index }) => inside(index))
  const own = interfaces.find(({ sandbox, name: one }) => sandbox === netns && one === name)
  return {
    addresses: ips.flatMap(({ address }) => (address === undefined ? [] : [addressOf(address)])),
    gateways: ips.flatMap(({ gateway }) => (gateway === undefined || gateway === '' ? [] : [gateway])),
    mac: own?.mac ?? '',
  }
}

const isResult = (value: unknown): value is CniResult => typeof value === 'object' && value !== null && !Array.isArray(value)

const argsOf = ({ mac, ips, args = {} }: CniRequest): string =>
  [
    'IgnoreUnknown=1',
    ...(mac === undefined ? [] : [`MAC=${mac}`]),
    ...(ips[0] === undefined ? [] : [`IP=${ips[0]}`]),
    ...Object.entries(args).map(([key, value]) => `${key}=${value}`),
  ].join(';')

/**
 * After a failure nothing is left, as far as the plugins can undo it. Throws CniError with the plugin's own words.
 * @param signal looked at between plugins: one that is under way is waited for, since what it makes can only be undone then
 */
export const attachCni = async (request: CniRequest, signal?: AbortSignal): Promise<CniAttachment> => {
  const { run, container, list, netns, interface: name, aliases, paths } = request
  const runtimeConfig = runtimeConfigOf(request)
  // one that is missing could not undo either
  for (const { type } of list.plugins) findPlugin(type, paths)
  const attachment: CniAttachment = {
    version: 1,
    container,
    network: list.name,
    interface: name,
    netns,
    list,
    runtimeConfig,
    args: argsOf(request),
    ...(paths === undefined ? {} : { paths }),
    mac: '',
    addresses: [],
    gateways: [],
    aliases,
  }
  writeCniAttachment(run, attachment)
  try {
    pinNamespace(request.init, netns)
    let result: CniResult | undefined
    for (const plugin of list.plugins) {
      signal?.throwIfAborted()
      const answer = await callPlugin(plugin.type, callOf(attachment, 'ADD', netns), configurationOf(list, plugin, runtimeConfig, result))
      if (!isResult(answer)) throw new CniError(0, `CNI plugin ${plugin.type}, ADD: it gave no result`)
      result = answer
    }
    signal?.throwIfAborted()
    const done: CniAttachment = { ...attachment, ...(result === undefined ? {} : { result }), ...read(result ?? {}, netns, name) }
    writeCniAttachment(run, done)
    return done
  } catch (error) {
    try {
      await detachCni(run, attachment)
    } catch (second) {
      throw new WherryError(
        error instanceof WherryError ? error.kind : 'internal',
        `${(error as Error).message}; and taking it off again failed: ${(second as Error).message}`,
        { cause: error },
      )
    }
    throw error
  }
}

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** DEL of one plugin, again where it asks for that. */
const remove = async (attachment: CniAttachment, index: number, netns: string): Promise<void> => {
  const { list, runtimeConfig, result } = attachment
  const plugin = list.plugins[index]!
  for (let attempt = 1; ; attempt++) {
    try {
      await callPlugin(plugin.type, callOf(attachment, 'DEL', netns), configurationOf(list, plugin, runtimeConfig, result))
      return
    } catch (error) {
      const again = error instanceof CniError && error.code === TRY_AGAIN
      if (!again || attempt === ATTEMPTS) throw error
      await later(PAUSE * attempt)
    }
  }
}

/**
 * Idempotent. All plugins are asked, the last first; the attachment stays written down where one of them fails, so that it is tried
 * again. Throws what failed first.
 */
export const detachCni = async (run: string, attachment: CniAttachment): Promise<void> => {
  let failed: { readonly error: unknown } | undefined
  // after a restart of the machine there is none: what plugins keep elsewhere is given back without it, spec "DEL"
  const netns = isNamespace(attachment.netns) ? attachment.netns : ''
  for (let index = attachment.list.plugins.length - 1; index >= 0; index--) {
    try {
      await remove(attachment, index, netns)
    } catch (error) {
      failed ??= { error }
    }
  }
  if (failed !== undefined) throw failed.error
  // another of its networks may have it; and what is not written down any more nobody would take away
  const others = cniAttachments(run, attachment.container).filter(({ network }) => network !== attachment.network)
  if (!others.some((other) => other.netns === attachment.netns)) unpinNamespace(attachment.netns)
  removeCniAttachment(run, attachment)
}

/** Whether it is as ADD has left it. Throws CniError naming what is not. */
export const checkCni = async (attachment: CniAttachment): Promise<void> => {
  const { list, runtimeConfig, result } = attachment
  if (list.disableCheck || result === undefined || list.cniVersion.startsWith('0.3.')) return
  for (const plugin of list.plugins)
    await callPlugin(plugin.type, callOf(attachment, 'CHECK', attachment.netns), configurationOf(list, plugin, runtimeConfig, result))
}

/** Lets the plugins give back what none of the attachments there are has, "GC" (spec 1.1). */
export const collectCni = async (list: CniList, attachments: readonly CniAttachment[], paths?: readonly string[]): Promise<void> => {
  if (list.disableGC || list.cniVersion !== '1.1.0') return
  const valid = attachments
    .filter(({ network }) => network === list.name)
    .map(({ container, interface: ifname }) => ({ containerID: container, ifname }))
  for (const plugin of list.plugins)
    await callPlugin(
      plugin.type,
      { command: 'GC', ...(paths === undefined ? {} : { paths }) },
      { ...configurationOf(list, plugin, {}, undefined), 'cni.dev/valid-attachments': valid },
    )
}

/** Whether the plugins could attach containers now, "STATUS" (spec 1.1). Throws CniError naming what is missing. */
export const statusCni = async (list: CniList, paths?: readonly string[]): Promise<void> => {
  if (list.cniVersion !== '1.1.0') return
  for (const plugin of list.plugins)
    await callPlugin(
      plugin.type,
      { command: 'STATUS', ...(paths === undefined ? {} : { paths }) },
      configurationOf(list, plugin, {}, undefined),
    )
}
