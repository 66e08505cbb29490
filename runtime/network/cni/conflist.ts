/** Network configuration lists, spec 1.1 "Network configuration format": files of the configured folder. */
import { readdirSync, readFileSync } from 'node:fs'
import { WherryError } from '../../errors.ts'
import { isErrno } from '../../sys/error.ts'
import { checkNetworkName } from '../definition.ts'
import type { CniList, CniPlugin } from './types.ts'

/** Where else is not said: the field's own places, those of Debian's package too. */
export const CNI_CONFIGURATIONS = process.env['WHERRY_CNI_CONFIG'] ?? '/etc/cni/net.d'
export const CNI_PLUGINS = (process.env['WHERRY_CNI_PLUGINS'] ?? '/opt/cni/bin:/usr/lib/cni').split(':')

/** The oldest of the spec whose results name interfaces and addresses as they are named now, and the newest we know. */
const VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const
const NEWEST = '1.1.0'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const bad = (path: string, problem: string): WherryError => new WherryError('invalid-argument', `${path}: ${problem}`)

const versionOf = (document: Readonly<Record<string, unknown>>, path: string): string => {
  const { cniVersion, cniVersions } = document
  const given = [cniVersion, ...(Array.isArray(cniVersions) ? cniVersions : [])].filter((one): one is string => typeof one === 'string')
  const known = VERSIONS.filter((version) => given.includes(version)).at(-1)
  if (known !== undefined) return known
  throw bad(path, `cniVersion ${JSON.stringify(given)} is none of ${VERSIONS.join(', ')}, which this program speaks`)
}

const pluginOf = (value: unknown, path: string, index: number): CniPlugin => {
  if (!isObject(value)) throw bad(path, `plugins[${index}]: an object is wanted`)
  const { type, capabilities } = value
  // it is looked for in folders of plugins, and nowhere else
  if (typeof type !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(type))
    throw bad(path, `plugins[${index}].type: ${JSON.stringify(type)} is no name of a plugin`)
  if (capabilities !== undefined && !isObject(capabilities)) throw bad(path, `plugins[${index}].capabilities: an object is wanted`)
  return value as CniPlugin
}

const isTrue = (value: unknown): boolean => value === true || value === 'true'

/** A list, or a lone plugin's configuration (`.conf`), which is a list of one. Throws `invalid-argument` naming file and field. */
export const parseCniList = (text: string, path: string): CniList => {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw bad(path, `this is no JSON: ${(cause as Error).message}`)
  }
  if (!isObject(document)) throw bad(path, 'an object is wanted')
  const { name, plugins } = document
  if (typeof name !== 'string') throw bad(path, 'name: a string is wanted')
  checkNetworkName(name)
  const list = plugins ?? (typeof document['type'] === 'string' ? [document] : undefined)
  if (!Array.isArray(list) || list.length === 0) throw bad(path, 'plugins: a list of one or more is wanted')
  return {
    cniVersion: versionOf(document, path),
    name,
    disableCheck: isTrue(document['disableCheck']),
    disableGC: isTrue(document['disableGC']),
    plugins: list.map((plugin, index) => pluginOf(plugin, path, index)),
  }
}

/** Files in the order of their names: of two with one name the first counts, as in the kubelet's runtimes. */
const files = (folder: string): string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(conflist|conf|json)$/.test(name))
      .sort()
      .map((name) => `${folder}/${name}`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
    throw error
  }
}

/** All that can be read. @param warn is told of the others */
export const listCniLists = (warn: (message: string) => void, folder = CNI_CONFIGURATIONS): CniList[] => {
  const found = new Map<string, CniList>()
  for (const path of files(folder)) {
    try {
      const list = parseCniList(readFileSync(path, 'utf8'), path)
      if (!found.has(list.name)) found.set(list.name, list)
    } catch (error) {
      if (!(error instanceof WherryError) && !isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error
      warn((error as Error).message)
    }
  }
  return [...found.values()]
}

/** Undefined where none has the name. Throws `invalid-argument` for one that has it and is broken. */
export const findCniList = (name: string, folder = CNI_CONFIGURATIONS): CniList | undefined => {
  for (const path of files(folder)) {
    const text = readFileSync(path, 'utf8')
    if (!text.includes(name)) continue
    let list: CniList
    try {
      list = parseCniList(text, path)
    } catch (error) {
      // broken, and it may be the one
      if (error instanceof WherryError && text.includes(`"${name}"`)) throw error
      continue
    }
    if (list.name === name) return list
  }
  return undefined
}

export const CNI_NEWEST = NEWEST
