/**
 * For the demo: makes an image of three layers out of the machine's busybox and serves it from this process. Prints the registry's address and stays
 * until it is ended.
 */
import { readFileSync } from 'node:fs'
import { imageOf, layerOf, type TarEntry } from '../test/support/images.ts'
import { startRegistry } from '../test/support/registry/server.ts'

const APPLETS = ['sh', 'cat', 'echo', 'head', 'hostname', 'httpd', 'id', 'ls', 'ps', 'sleep', 'true', 'vi', 'wget']

const link = (name: string): TarEntry => ({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' })

const system = await layerOf([
  ...['bin/', 'dev/', 'etc/', 'proc/', 'root/', 'sys/', 'tmp/'].map((name) => ({ name, mode: name === 'tmp/' ? 0o1777 : 0o755 })),
  { name: 'bin/busybox', mode: 0o755, content: readFileSync(process.argv[2] ?? '/bin/busybox') },
  ...APPLETS.map(link),
  { name: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\nwww:x:80:80:www:/www:/bin/false\n' },
  { name: 'etc/group', content: 'root:x:0:\nwww:x:80:\n' },
])
const site = await layerOf([
  { name: 'www/' },
  { name: 'www/index.html', content: '<h1>draft</h1>\n' },
  { name: 'www/notes.txt', content: `${'to be removed\n'.repeat(4000)}` },
])
const release = await layerOf([
  { name: 'www/index.html', content: '<h1>Hello from a container</h1>\n' },
  { name: 'www/.wh.notes.txt', content: '' },
  { name: 'bin/.wh.vi', content: '' },
])

const said = (created_by: string) => ({ created: '2024-01-01T00:00:00Z', created_by })
const image = await imageOf({
  layers: [system, site, release],
  config: {
    Cmd: ['httpd', '-f', '-vv', '-p', '80', '-h', '/www'],
    Env: ['PATH=/bin'],
    ExposedPorts: { '80/tcp': {} },
    Labels: { 'org.opencontainers.image.title': 'hello' },
  },
  history: [said('ADD busybox /'), said('COPY www/ /www/'), said('RUN release')],
  rest: { created: '2024-01-01T00:00:00Z' },
})

const registry = await startRegistry()
registry.contents.add('hello', image, 'latest')
console.log(registry.host)
