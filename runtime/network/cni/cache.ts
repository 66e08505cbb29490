/**
 * Attachments to CNI networks, one file each: written before the first plugin is executed, so that whatever a killed process left is
 * given to the plugins' DEL, with the very configuration that ADD had.
 *
 *   <run>/cni/<container>/<network>     CniAttachment
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { WherryError } from '../../errors.ts'
import { isErrno } from '../../sys/error.ts'
import type { CniList, CniResult, RuntimeConfig } from './types.ts'

export interface CniAttachment {
  readonly version: 1
  readonly container: string
  readonly network: string
  /** Name inside. */
  readonly interface: string
  /** Path of the network namespace; it is kept for DEL. */
  readonly netns: string
  readonly list: CniList
  readonly runtimeConfig: RuntimeConfig
  /** Folders of plugins; absent: the usual ones. */
  readonly paths?: readonly string[]
  /** CNI_ARGS */
  readonly args: string
  /** Of ADD; absent until it has succeeded. */
  readonly result?: CniResult
  readonly mac: string
  /** Without prefix lengths. */
  readonly addresses: readonly string[]
  readonly gateways: readonly string[]
  readonly aliases: readonly string[]
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

const folderOf = (run: string, container: string): string => {
  if (!NAME.test(container)) throw new WherryError('invalid-argument', `${JSON.stringify(container)} is no id of a container`)
  return `${run}/cni/${container}`
}

const names = (folder: string): string[] => {
  try {
    return readdirSync(folder).filter((name) => NAME.test(name))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

const read = (path: string): CniAttachment | undefined => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  let value: CniAttachment
  try {
    value = JSON.parse(text) as CniAttachment
  } catch (error) {
    if (error instanceof SyntaxError) return undefined // a power cut has torn it
    throw error
  }
  if (value.version !== 1)
    throw new WherryError('unsupported', `${path} is of version ${String(value.version)}: it was written by another wherry`)
  return value
}

/** Ids of all that something is written down of, if only the beginning of it. */
export const cniContainers = (run: string): string[] => names(`${run}/cni`)

/** Of a container without attachments: what was about to be written down before anything was made. */
export const removeCniBeginnings = (run: string, container: string): void => {
  if (cniAttachments(run, container).length === 0) rmSync(folderOf(run, container), { recursive: true, force: true })
}

/** Of all containers, or of one. */
export const cniAttachments = (run: string, container?: string): CniAttachment[] =>
  (container === undefined ? names(`${run}/cni`) : [container]).flatMap((id) => {
    const folder = folderOf(run, id)
    return names(folder).flatMap((network) => read(`${folder}/${network}`) ?? [])
  })

export const writeCniAttachment = (run: string, attachment: CniAttachment): void => {
  const folder = folderOf(run, attachment.container)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const temporary = `${folder}/.${attachment.network}`
  writeFileSync(temporary, JSON.stringify(attachment), { mode: 0o600 })
  renameSync(temporary, `${folder}/${attachment.network}`)
}

export const removeCniAttachment = (run: string, { container, network }: Pick<CniAttachment, 'container' | 'network'>): void => {
  const folder = folderOf(run, container)
  // the temporary one too: who wrote it may have been killed
  for (const name of [network, `.${network}`]) rmSync(`${folder}/${name}`, { force: true })
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY')) throw error
  }
}
