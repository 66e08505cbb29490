/** Images that the tests of the command line have in their registry: small, with a history, sharing a layer. */
import { imageOf, indexOf, layerOf, noise, type TestImage, type TestIndex } from './images.ts'

export interface CliImages {
  /** One layer: a tool, a passwd, /tmp. */
  readonly base: TestImage
  /** Upon it: a file that is changed, one that is added and removed again. */
  readonly app: TestImage
  /** For another machine: the layers of app. */
  readonly other: TestImage
  /** base and other. */
  readonly index: TestIndex
}

const history = (...commands: readonly string[]) =>
  commands.map((created_by, index) => ({ created: `2024-0${index + 1}-01T00:00:00Z`, created_by }))

const ADD = '/bin/sh -c #(nop) ADD file:37a76ec18f98 in / '

export const makeCliImages = async (): Promise<CliImages> => {
  const first = await layerOf([
    { name: 'etc/' },
    { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
    { name: 'tmp/', mode: 0o1777 },
    { name: 'usr/' },
    { name: 'usr/bin/' },
    { name: 'usr/bin/tool', content: noise(400_000), mode: 0o4755 },
  ])
  const second = await layerOf([
    { name: 'app/' },
    { name: 'app/main.js', content: noise(120_000, 2) },
    { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n' },
  ])
  const third = await layerOf([
    { name: 'app/.wh.main.js' },
    { name: 'app/bundle.js', content: noise(60_000, 3) },
    { name: 'usr/bin/link', type: 'symlink', linkname: 'tool' },
  ])
  const base = await imageOf({
    layers: [first],
    config: { Cmd: ['sh'], Env: ['PATH=/usr/bin'], Labels: { tier: 'base' } },
    history: history(ADD),
    rest: { created: '2024-01-01T00:00:00Z' },
  })
  const app = await imageOf({
    layers: [first, second, third],
    config: {
      Entrypoint: ['/app/bundle.js'],
      Env: ['PATH=/usr/bin', 'A=1'],
      Labels: { tier: 'app', 'org.x': 'y' },
      ExposedPorts: { '80/tcp': {} },
    },
    history: history(ADD, 'COPY main.js /app/ # buildkit', 'RUN /bin/sh -c node build.js && rm main.js # buildkit'),
    rest: { created: '2024-03-01T00:00:00Z' },
  })
  const other = await imageOf({ layers: app.layers, platform: { os: 'linux', architecture: 's390x' } })
  const index = indexOf([base, other])
  return { base, app, other, index }
}
