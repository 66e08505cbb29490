/** layer.json: what an unpacked layer is, beside its root/. */
import { lstatSync, readFileSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { descriptorFromJson, digestFromJson, isObject, listIn, parseObject } from './json.ts'
import { type Layout, layerPath } from './layout.ts'
import type { Census } from './census.ts'
import type { Layer, LayerFacts } from './types.ts'

const VERSION = 1

export interface LayerRecord extends Layer {
  /** What was in root/ when it was committed. */
  readonly census: Census
}

export const writeRecord = ({ key, kind, diffID, chainID, facts, blob, census }: Omit<LayerRecord, 'root'>): Uint8Array =>
  Buffer.from(`${JSON.stringify({ version: VERSION, key, kind, diffID, chainID, blob, facts, census })}\n`)

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const strings = (values: readonly unknown[]): string[] => values.filter((value): value is string => typeof value === 'string')

const parseFacts = (value: unknown): LayerFacts | undefined => {
  if (!isObject(value)) return undefined
  const { size, entries, xattrs } = value
  if (!isCount(size) || !isCount(entries) || (xattrs !== 'trusted' && xattrs !== 'user')) return undefined
  return { size, entries, implied: strings(listIn(value, 'implied')), links: strings(listIn(value, 'links')), xattrs }
}

const parseCensus = (value: unknown): Census | undefined => {
  if (!isObject(value)) return undefined
  const { entries, bytes, disk } = value
  return isCount(entries) && isCount(bytes) && isCount(disk) ? { entries, bytes, disk } : undefined
}

const parseRecord = (text: string, key: Digest, root: string, where: string): LayerRecord | string => {
  const value = parseObject(text)
  if (value === undefined) return 'is no JSON object'
  const version = value['version']
  if (typeof version === 'number' && version > VERSION)
    throw new WherryError('failed-precondition', `${where} is of version ${version}, this program knows ${VERSION}: use the newer program`)
  const [diffID, chainID] = [digestFromJson(value['diffID']), digestFromJson(value['chainID'])]
  const { kind } = value
  const [facts, census] = [parseFacts(value['facts']), parseCensus(value['census'])]
  const blob = descriptorFromJson(value['blob'])
  if (diffID === undefined || chainID === undefined || facts === undefined || census === undefined) return 'lacks fields'
  if (kind !== 'diff' && kind !== 'chain') return 'has no kind'
  if (key !== (kind === 'diff' ? diffID : chainID)) return `is of another layer, ${kind === 'diff' ? diffID : chainID}`
  return { key, kind, diffID, chainID, root, facts, census, ...(blob === undefined ? {} : { blob }) }
}

/** Undefined if there is no such layer; a text that says what is wrong with it if it is damaged. */
export const readRecord = (layout: Layout, key: Digest): LayerRecord | string | undefined => {
  const folder = layerPath(layout, key)
  let text: string
  try {
    text = readFileSync(`${folder}/layer.json`, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return lstatSync(folder, { throwIfNoEntry: false }) === undefined ? undefined : 'has no layer.json'
    if (isErrno(error, 'ENOTDIR', 'EISDIR', 'ELOOP')) return 'is no folder'
    throw error
  }
  return parseRecord(text, key, `${folder}/root`, `${folder}/layer.json`)
}
