/** A CNI plugin that writes down what it is called with, and does as the files beside it say. */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { TestServer } from './server.ts'

const SPY = `#!/bin/sh
here=$(dirname "$0")
stdin=$(cat)
netns=gone
[ -n "$CNI_NETNS" ] && netns=$(stat -f -c %T "$CNI_NETNS" 2>/dev/null || echo missing)
printf '%s\\n' "$CNI_COMMAND $CNI_CONTAINERID $netns \${CNI_NETNS:--} $CNI_IFNAME $CNI_ARGS $stdin" >>"$here/calls"
[ -e "$here/slow-$CNI_COMMAND" ] && sleep "$(cat "$here/slow-$CNI_COMMAND")"
if [ -e "$here/fail-$CNI_COMMAND" ]; then
  cat "$here/fail-$CNI_COMMAND"
  exit 1
fi
case $CNI_COMMAND in
ADD)
  touch "$here/lease-$CNI_CONTAINERID"
  if [ -e "$here/nothing" ]; then echo '{"cniVersion":"1.0.0"}'; exit 0; fi
  echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'"$CNI_NETNS"'"}],"ips":[{"interface":0,"address":"10.99.0.9/24"},{"interface":0,"address":"fd00:9::9/64"}]}'
  ;;
DEL) rm -f "$here/lease-$CNI_CONTAINERID" ;;
esac
exit 0
`

export interface SpyCall {
  readonly command: string
  readonly container: string
  /** Type of the file system of CNI_NETNS; `gone` where none was told. */
  readonly netns: string
  /** CNI_NETNS */
  readonly path: string
  readonly interface: string
  readonly args: string
  /** Empty where who called it was killed before it had said so. */
  readonly configuration: Readonly<Record<string, unknown>>
}

export class Spy {
  readonly #plugins: string
  readonly #conf: string

  constructor({ folder, config }: Pick<TestServer, 'folder' | 'config'>) {
    this.#plugins = `${folder}/plugins`
    this.#conf = config.cniConfig
    writeFileSync(`${this.#plugins}/spy`, SPY)
    chmodSync(`${this.#plugins}/spy`, 0o755)
  }

  /** @param file name of the configuration */
  configure({ file = '10-spy.conflist', version = '1.0.0', name = 'spied', plugin = {} } = {}): void {
    writeFileSync(
      `${this.#conf}/${file}`,
      JSON.stringify({
        cniVersion: version,
        name,
        plugins: [{ type: 'spy', capabilities: { portMappings: true, bandwidth: true, dns: true }, ...plugin }],
      }),
    )
  }

  /** What it answers from now on; undefined: success. */
  fail(command: string, answer: object | undefined): void {
    const path = `${this.#plugins}/fail-${command}`
    if (answer === undefined) rmSync(path, { force: true })
    else writeFileSync(path, JSON.stringify(answer))
  }

  /** Seconds that it takes. */
  slow(command: string, seconds: number): void {
    const path = `${this.#plugins}/slow-${command}`
    if (seconds === 0) rmSync(path, { force: true })
    else writeFileSync(path, String(seconds))
  }

  /** Whether it gives no address. */
  give(nothing: boolean): void {
    const path = `${this.#plugins}/nothing`
    if (nothing) writeFileSync(path, '')
    else rmSync(path, { force: true })
  }

  calls(container?: string): SpyCall[] {
    const path = `${this.#plugins}/calls`
    if (!existsSync(path)) return []
    return readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const [command = '', id = '', netns = '', path = '', name = '', args = ''] = line.split(' ')
        return { command, container: id, netns, path, interface: name, args, configuration: JSON.parse(/ (\{.*)/.exec(line)?.[1] ?? '{}') }
      })
      .filter((call) => container === undefined || call.container === container)
  }

  /** Files of namespaces that it was told of and that are there still. */
  namespaces(): string[] {
    return [...new Set(this.calls().map(({ path }) => path))].filter((path) => path.startsWith('/') && existsSync(path))
  }

  /** Whether it has given something to this pod that it did not get back. */
  hasLease(container: string): boolean {
    return existsSync(`${this.#plugins}/lease-${container}`)
  }
}
