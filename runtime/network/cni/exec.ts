/** Executing a plugin, spec 1.1 "Execution Protocol": parameters in the environment, configuration on stdin, result or error on stdout. */
import { existsSync } from 'node:fs'
import { WherryError } from '../../errors.ts'
import { CNI_PLUGINS } from './conflist.ts'
import { type Ended, execute } from './process.ts'
import type { CniList, CniPlugin, CniResult, RuntimeConfig } from './types.ts'

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION'

/** 11: try again later. */
export const TRY_AGAIN = 11

/** A plugin's own words: its code and message, spec 1.1 "Error". */
export class CniError extends WherryError {
  readonly code: number

  constructor(code: number, message: string) {
    super(code === TRY_AGAIN ? 'unavailable' : 'failed-precondition', message)
    this.code = code
  }
}

export interface CniCall {
  readonly command: CniCommand
  readonly container?: string
  readonly netns?: string
  readonly interface?: string
  readonly args?: string
  /** Folders of plugins. */
  readonly paths?: readonly string[]
}

/** Path of a plugin. Throws `failed-precondition` where it is not installed. */
export const findPlugin = (type: string, paths: readonly string[] = CNI_PLUGINS): string => {
  const found = paths.map((folder) => `${folder}/${type}`).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new WherryError(
    'failed-precondition',
    `there is no CNI plugin ${type} in ${paths.join(', ')}: install it (Debian's package containernetworking-plugins has the usual ones)`,
  )
}

const wordsOf = (text: string): string => text.trim().split('\n', 5).join('; ').slice(0, 1000)

const failureOf = (plugin: string, { command }: CniCall, { status, signal, stdout, stderr }: Ended): CniError => {
  const where = `CNI plugin ${plugin}, ${command}`
  try {
    const value = JSON.parse(stdout) as { readonly code?: unknown; readonly msg?: unknown; readonly details?: unknown }
    if (typeof value.msg === 'string') {
      const details = typeof value.details === 'string' && value.details !== '' ? ` (${wordsOf(value.details)})` : ''
      return new CniError(typeof value.code === 'number' ? value.code : 0, `${where}: ${wordsOf(value.msg)}${details}`)
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  const how = signal === undefined ? `exited with ${status}` : `was ended by ${signal}`
  const words = wordsOf(stderr) || wordsOf(stdout)
  return new CniError(0, `${where}: it ${how}${words === '' ? ' without a word' : `: ${words}`}`)
}

/** The plugin's result, as it wrote it; undefined where it wrote nothing. Throws CniError with the plugin's own message. */
export const callPlugin = async (type: string, call: CniCall, configuration: unknown): Promise<unknown> => {
  const paths = call.paths ?? CNI_PLUGINS
  const path = findPlugin(type, paths)
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    CNI_COMMAND: call.command,
    CNI_PATH: paths.join(':'),
    ...(call.container === undefined ? {} : { CNI_CONTAINERID: call.container }),
    ...(call.netns === undefined ? {} : { CNI_NETNS: call.netns }),
    ...(call.interface === undefined ? {} : { CNI_IFNAME: call.interface }),
    ...(call.args === undefined || call.args === '' ? {} : { CNI_ARGS: call.args }),
  }
  const ended = await execute(path, env, JSON.stringify(configuration))
  if (ended.status !== 0 || ended.signal !== undefined) throw failureOf(type, call, ended)
  if (ended.stdout.trim() === '') return undefined
  try {
    return JSON.parse(ended.stdout)
  } catch (cause) {
    throw new WherryError('failed-precondition', `CNI plugin ${type}, ${call.command}: its result is no JSON: ${wordsOf(ended.stdout)}`, {
      cause,
    })
  }
}

/** What a plugin is given, "Deriving execution configuration from plugin configuration". */
export const configurationOf = (
  { cniVersion, name }: Pick<CniList, 'cniVersion' | 'name'>,
  plugin: CniPlugin,
  runtimeConfig: RuntimeConfig,
  previous: CniResult | undefined,
): Readonly<Record<string, unknown>> => {
  const { capabilities, ...rest } = plugin
  const told = Object.fromEntries(
    Object.entries(runtimeConfig).filter(([key, value]) => capabilities?.[key] === true && value !== undefined),
  )
  return {
    ...rest,
    cniVersion,
    name,
    ...(Object.keys(told).length === 0 ? {} : { runtimeConfig: told }),
    ...(previous === undefined ? {} : { prevResult: previous }),
  }
}

/** Versions of the spec that a plugin speaks, "VERSION: probe plugin version support". */
export const versionsOf = async (type: string, cniVersion: string, paths?: readonly string[]): Promise<readonly string[]> => {
  const call: CniCall = { command: 'VERSION', ...(paths === undefined ? {} : { paths }) }
  const answer = (await callPlugin(type, call, { cniVersion })) as { readonly supportedVersions?: unknown } | undefined
  return Array.isArray(answer?.supportedVersions) ? answer.supportedVersions.filter((one): one is string => typeof one === 'string') : []
}
