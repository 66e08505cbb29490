/** Whose settings are read: the places that containers’ and docker’s man pages call /etc, $HOME, $XDG_…. */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly uid: number
  readonly home: string
  readonly etc: string
  readonly run: string
}

export const surroundings = (): Surroundings => ({
  env: process.env,
  uid: process.geteuid?.() ?? 0,
  home: homedir(),
  etc: '/etc',
  run: '/run',
})

/** The variable if it has a value. */
export const variable = ({ env }: Surroundings, name: string): string | undefined => env[name] || undefined

/** XDG base directory specification: a relative path is to be ignored. */
const folder = (around: Surroundings, name: string): string | undefined => {
  const value = variable(around, name)
  return value !== undefined && isAbsolute(value) ? value : undefined
}

export const configHome = (around: Surroundings): string => folder(around, 'XDG_CONFIG_HOME') ?? join(around.home, '.config')
export const runtimeDir = (around: Surroundings): string | undefined => folder(around, 'XDG_RUNTIME_DIR')
export const dockerHome = (around: Surroundings): string => variable(around, 'DOCKER_CONFIG') ?? join(around.home, '.docker')
