/**
 * The network configuration that pods get: the first of the folder, by name. It is looked at again whenever it is asked for, and read where a
 * file has come, gone or changed: a folder that is made later, or replaced, needs no care.
 */
import { readdirSync, statSync } from 'node:fs'
import { statusCni } from '../../runtime/network/cni/attach.ts'
import { listCniLists } from '../../runtime/network/cni/conflist.ts'
import { findPlugin } from '../../runtime/network/cni/exec.ts'
import type { CniList } from '../../runtime/network/cni/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { CriConfig } from '../config.ts'
import type { Log } from '../cri.ts'

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string; readonly message: string }

/** As kubelet calls it in a node's conditions. */
const REASON = 'NetworkPluginNotReady'
/** Milliseconds that a plugin's answer to STATUS holds. */
const FRESH = 5000

const notReady = (message: string): Readiness => ({ ready: false, reason: REASON, message })

/** What the folder holds; undefined where there is none. */
const signatureOf = (folder: string): string | undefined => {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => {
        const stat = statSync(`${folder}/${name}`, { throwIfNoEntry: false })
        return `${name} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`
      })
      .join('\n')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export class Configuration {
  readonly #config: Pick<CriConfig, 'cniConfig' | 'cniPlugins'>
  readonly #log: Log
  #signature: string | undefined
  #list: CniList | undefined
  /** The plugins' own answer, of lists that can be asked: undefined until it has come. */
  #status: Readiness | undefined
  #asked = 0
  #asking: Promise<void> | undefined

  constructor(config: Pick<CriConfig, 'cniConfig' | 'cniPlugins'>, log: Log) {
    this.#config = config
    this.#log = log
  }

  /** Undefined while there is none. */
  list(): CniList | undefined {
    const signature = signatureOf(this.#config.cniConfig)
    if (signature !== this.#signature) {
      this.#signature = signature
      const [first] = signature === undefined ? [] : listCniLists((message) => this.#log.warn(message), this.#config.cniConfig)
      this.#list = first
      this.#status = undefined
      this.#asked = 0
      this.#log.info(
        first === undefined ? `no network configuration in ${this.#config.cniConfig}` : `pods get the CNI network ${first.name}`,
      )
    }
    return this.#list
  }

  /** Asks plugins that can be asked, at most once in a while. Resolves when there is an answer to what is asked now. */
  ask(): Promise<void> {
    const list = this.list()
    if (list === undefined || list.cniVersion !== '1.1.0') return Promise.resolve()
    if (this.#asking !== undefined) return this.#asking
    if (this.#status !== undefined && performance.now() - this.#asked < FRESH) return Promise.resolve()
    this.#asking = statusCni(list, this.#config.cniPlugins)
      .then(
        (): Readiness => ({ ready: true }),
        (error: unknown): Readiness => notReady(`network ${list.name}: ${error instanceof Error ? error.message : String(error)}`),
      )
      .then((status) => {
        if (this.#list === list) this.#status = status
        this.#asked = performance.now()
        this.#asking = undefined
      })
    return this.#asking
  }

  readiness(): Readiness {
    const list = this.list()
    const { cniConfig, cniPlugins } = this.#config
    if (list === undefined)
      return notReady(`no CNI configuration in ${cniConfig}: install a network add-on, or put a configuration there; it is seen at once`)
    try {
      for (const { type } of list.plugins) findPlugin(type, cniPlugins)
    } catch (error) {
      if (!(error instanceof WherryError)) throw error
      return notReady(`network ${list.name}: ${error.message}`)
    }
    if (list.cniVersion !== '1.1.0') return { ready: true }
    void this.ask()
    return this.#status ?? notReady(`network ${list.name}: its plugins are being asked`)
  }

  /** Throws `unavailable` with the reason while there is none that could be used. */
  async usable(): Promise<CniList> {
    await this.ask()
    const readiness = this.readiness()
    if (!readiness.ready) throw new WherryError('unavailable', `the pod network is not ready: ${readiness.message}`)
    return this.#list!
  }
}
