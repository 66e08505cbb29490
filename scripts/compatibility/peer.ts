/** What docker and podman take, as their help says: kept as data (docker.json, podman.json), so that the table is the same everywhere. */
import { spawnSync } from 'node:child_process'

export interface Peer {
  readonly version: string
  /** First words, in one line. */
  readonly commands: string
  /** By verb: the long names of its flags in one line, the letter before a stroke: `a/attach add-host`. */
  readonly verbs: Readonly<Record<string, string>>
}

/** Long names and letters; the empty string where there is none. */
export const flagsOf = ({ verbs }: Peer, verb: string): ReadonlyMap<string, string> =>
  new Map(
    (verbs[verb] ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map((word): [string, string] => (word[1] === '/' ? [word.slice(2), word[0]!] : [word, ''])),
  )

/** Verbs that are compared, as docker spells them. */
export const COMPARED: readonly string[] = [
  ...['run', 'create', 'exec', 'update', 'start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'wait', 'rm', 'ps', 'attach', 'logs'],
  ...['events', 'stats', 'top', 'inspect', 'port', 'rename', 'cp', 'diff', 'commit', 'export', 'container prune'],
  ...['network create', 'network ls', 'network inspect', 'network connect', 'network disconnect', 'network rm', 'network prune'],
  ...['volume create', 'volume ls', 'volume inspect', 'volume rm', 'volume prune'],
  ...['images', 'image inspect', 'image prune', 'history', 'rmi', 'tag', 'save', 'load', 'import', 'pull', 'push', 'login', 'logout'],
  ...['info', 'version', 'system df', 'system prune'],
]

const help = (program: string, words: readonly string[]): string => {
  const { stdout, stderr, status, error } = spawnSync(program, [...words, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  })
  if (error !== undefined || status !== 0) throw new Error(`${program} ${words.join(' ')} --help: ${error?.message ?? stderr}`)
  return stdout
}

export const flagsIn = (text: string): string =>
  [...text.matchAll(/^ +(?:-(\w), +)?--([a-z][a-z0-9-]*)/gm)]
    .filter(([, , name]) => name !== 'help')
    .map(([, letter, name]) => (letter === undefined ? name! : `${letter}/${name}`))
    .join(' ')

const commandsIn = (text: string): string =>
  [...text.matchAll(/^ {2}([a-z][a-z-]*)\*? {2,}[A-Za-z]/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help')
    .sort()
    .join(' ')

/** `Docker version 28.2.2, build …` */
export const versionOf = (program: string): string | undefined =>
  /version (\d+\.\d+\.\d+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]

/** Of the program that is installed. */
export const readPeer = (program: string): Peer => ({
  version: versionOf(program)!,
  commands: commandsIn(help(program, [])),
  verbs: Object.fromEntries(COMPARED.map((verb) => [verb, flagsIn(help(program, verb.split(' ')))])),
})
