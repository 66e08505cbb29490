import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { cells, Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

interface Inspected {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Config: Readonly<Record<string, unknown>>
  readonly RootFS: { readonly Type: string; readonly Layers: readonly string[] }
  readonly Size: number
}

describe('looking into images', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry
  let registry: TestRegistry

  before(async () => {
    images = await makeCliImages()
    registry = await startRegistry()
    registry.contents.add('team/app', images.app, '2')
    registry.contents.add('team/many', images.index, 'latest')
    wherry = new Wherry()
    writeLayout(wherry.path('layout'), { 'base:1': images.base, 'app:2': images.app })
    await wherry.ok('load', '-q', '-i', wherry.path('layout'))
    await wherry.ok('tag', 'app:2', 'localhost/app:x')
  })
  after(async () => {
    await registry.close()
    await wherry.close()
  })

  describe('image inspect', () => {
    test('is docker’s JSON', async () => {
      const [inspected] = JSON.parse(await wherry.ok('image', 'inspect', 'app:2')) as Inspected[]
      assert.equal(inspected!.Id, images.app.config.descriptor.digest)
      assert.deepEqual([...inspected!.RepoTags].sort(), ['app:2', 'localhost/app:x'])
      assert.deepEqual(inspected!.RootFS, { Type: 'layers', Layers: images.app.layers.map(({ diffID }) => diffID) })
      assert.deepEqual(inspected!.Config['Entrypoint'], ['/app/bundle.js'])
      assert.deepEqual(inspected!.Config['ExposedPorts'], { '80/tcp': {} })
      assert.equal(inspected!.Size, 580_082)
    })

    test('--format', async () => {
      const format = async (template: string): Promise<string> => wherry.ok('image', 'inspect', '-f', template, 'app:2')
      assert.equal(await format('{{.Architecture}} {{.Os}}'), `${images.app.platform.architecture} linux\n`)
      assert.equal(
        await format('{{range .RootFS.Layers}}{{.}} {{end}}'),
        `${images.app.layers.map(({ diffID }) => `${diffID} `).join('')}\n`,
      )
      assert.equal(await format('{{index .Config.Labels "org.x"}}{{.Config.Labels.nope}}'), 'y<no value>\n')
      assert.equal(await format('{{json .Config.Env}}'), '["PATH=/usr/bin","A=1"]\n')
      assert.equal(await format('{{.Config.Cmd}}'), '<no value>\n', 'a field that docker’s config has')
      assert.equal((JSON.parse(await format('json')) as Inspected).Id, images.app.config.descriptor.digest)
      assert.match(await wherry.fails(['image', 'inspect', '-f', '{{.Id', 'app:2']), /template 1:1: this \{\{ has no \}\}/)
    })

    test('several, one of which is not there', async () => {
      const { status, stdout, stderr } = await wherry.run(['image', 'inspect', 'nope', 'base:1'])
      assert.equal(status, 1)
      assert.equal((JSON.parse(stdout) as Inspected[]).length, 1)
      assert.match(stderr, /^wherry: image nope is not in the store/)
    })
  })

  test('image history', async () => {
    const [titles, ...rows] = cells(await wherry.ok('image', 'history', 'app:2'))
    assert.deepEqual(titles, ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'])
    assert.equal(rows.length, 3)
    assert.equal(rows[0]![0], images.app.config.descriptor.digest.slice(7, 19))
    assert.match(rows[0]![2]!, /^RUN \/bin\/sh -c node build\.js && rm main\.js #…$/)
    assert.deepEqual(
      rows.slice(1).map(([id, , , size]) => [id, size]),
      [
        ['<missing>', '120kB'],
        ['<missing>', '400kB'],
      ],
    )
    assert.match(await wherry.ok('history', '--no-trunc', 'app:2'), /rm main\.js # buildkit/)
    assert.equal(await wherry.ok('history', '-q', 'base:1'), `${images.base.config.descriptor.digest.slice(7, 19)}\n`)
    assert.match(
      await wherry.ok('history', '--human=false', '--format', '{{.Size}} {{.CreatedAt}}', 'base:1'),
      /^400026 2024-01-01T00:00:00Z\n$/,
    )
    assert.equal((await wherry.ok('history', '--format', 'json', 'app:2')).trim().split('\n').length, 3)
  })

  test('image tree', async () => {
    const tree = await wherry.ok('image', 'tree')
    assert.match(
      tree,
      /^400kB in 1 layer {2}base:1 \([0-9a-f]{12}\)\n└─ \+180kB in 2 layers = 580kB {2}app:2, localhost\/app:x \([0-9a-f]{12}\)\n\n2 images, 580kB; without sharing 980kB\n$/,
    )
    assert.match(
      await wherry.ok('image', 'tree', 'base:1', 'app:2'),
      /^in common, as the base of both +1 layer {2}400kB\nonly base:1 +0 layers {2}0B\nonly app:2 +2 layers {2}180kB\n$/m,
    )
    const json = JSON.parse(await wherry.ok('image', 'tree', '--json')) as { roots: { children: unknown[] }[] }
    assert.deepEqual([json.roots.length, json.roots[0]!.children.length], [1, 1])
    assert.match(await wherry.fails(['image', 'tree', 'app:2', 'localhost/app:x']), /are the same image/)
  })

  describe('image layers', () => {
    test('a row per layer, and totals', async () => {
      const lines = (await wherry.ok('image', 'layers', 'app:2')).split('\n')
      assert.match(lines[0]!, /^# +LAYER +PACKED +SIZE +ADDED +CHANGED +REMOVED +COMMAND$/)
      assert.match(lines[1]!, /^1 +[0-9a-f]{12} +40[01]kB +400kB +\+7 +ADD file:37a76ec18f98 in \/ +█+/)
      assert.match(lines[2]!, /^2 .* \+2 +~1 +COPY main\.js \/app\/ +░+$/)
      assert.match(lines[3]!, /^3 .* \+2 +-1 +RUN node build\.js && rm main\.js +█+$/)
      assert.match(lines.slice(4).join('\n'), /^Wasted: +120kB \(20\.6 %\)\nEfficiency: 79\.\d %/m)
    })

    test('--files of a layer by number and by digest', async () => {
      const files = await wherry.ok('image', 'layers', '--files', '3', 'app:2')
      assert.match(files, /^A -rw-r--r-- 0:0 +60kB +bundle\.js$/m)
      assert.match(files, /^D -rw-r--r-- 0:0 +120kB +main\.js$/m)
      assert.match(files, /^A lrwx.* link -> tool$/m)
      assert.equal(await wherry.ok('image', 'layers', 'app:2', '--files', images.app.layers[2]!.descriptor.digest.slice(7, 15)), files)
      assert.match(await wherry.fails(['image', 'layers', '--files', '9', 'app:2']), /--files "9": there is no such layer: 1 to 3/)
    })

    test('--path', async () => {
      const touched = await wherry.ok('image', 'layers', '--path', '/etc/passwd', 'app:2')
      assert.match(
        touched,
        /^\/etc\/passwd {2}-rw-r--r-- 0:0 .*\n {2}A layer 1: added .*ADD file.*\n {2}C layer 2: changed \(.*size.*\).*COPY main\.js/,
      )
      assert.match(
        await wherry.ok('image', 'layers', '--path', 'app/*.js', 'app:2'),
        /^\/app\/bundle\.js.*^\/app\/main\.js {2}not in the image/ms,
      )
      assert.equal(await wherry.ok('image', 'layers', '--path', '/nope', 'app:2'), 'No layer touches /nope.\n')
    })

    test('--wasted', async () => {
      const [titles, ...rows] = cells(await wherry.ok('image', 'layers', '--wasted', 'app:2'))
      assert.deepEqual(titles, ['WASTED', 'LAYERS', 'PATH'])
      assert.deepEqual(
        rows.map((row) => row.filter(Boolean).map((cell) => cell.trim())),
        [
          ['120kB', '2', '/app/main.js', '(removed later)'],
          ['26B', '1', '/etc/passwd', '(2 versions)'],
        ],
      )
      assert.equal(cells(await wherry.ok('image', 'layers', '--wasted', '--top', '1', 'app:2')).length, 2)
      assert.equal(await wherry.ok('image', 'layers', '--wasted', 'base:1'), 'Nothing is wasted.\n')
    })

    test('--diff', async () => {
      const diff = await wherry.ok('image', 'layers', '--diff', 'base:1', 'app:2')
      assert.match(diff, /^A \/app\/$/m)
      assert.match(diff, /^A \/app\/bundle\.js {2}\(60kB\)$/m)
      assert.match(diff, /^C \/etc\/passwd {2}\(size 26B -> 56B.*\)$/m)
      assert.doesNotMatch(diff, /main\.js|tool$/m)
      assert.equal(
        await wherry.ok('image', 'layers', '--diff', 'app:2', `oci:${wherry.path('layout')}:app:2`),
        '',
        'the same image, unpacked and not',
      )
      const json = JSON.parse(await wherry.ok('image', 'layers', '--diff', '--json', 'app:2', 'base:1')) as {
        path: string
        change: string
      }[]
      assert.ok(json.some(({ path, change }) => path === 'app/bundle.js' && change === 'removed'))
      assert.match(await wherry.fails(['image', 'layers', '--diff', 'app:2']), /--diff takes two images/)
      assert.match(await wherry.fails(['image', 'layers', 'app:2', 'base:1']), /one image is wanted/)
    })

    test('--json has everything', async () => {
      const all = JSON.parse(await wherry.ok('image', 'layers', '--json', 'app:2')) as {
        wasted: number
        wastedFiles: { path: string }[]
        layers: { command: string; files: { path: string; marker: string }[] }[]
      }
      assert.equal(all.layers.length, 3)
      assert.deepEqual(
        all.wastedFiles.map(({ path }) => path),
        ['app/main.js', 'etc/passwd'],
      )
      assert.ok(all.layers[2]!.files.some(({ path, marker }) => path === 'app/main.js' && marker === 'D'))
      for (const mode of [['--files', '1'], ['--path', 'etc/passwd'], ['--wasted']])
        JSON.parse(await wherry.ok('image', 'layers', '--json', ...mode, 'app:2'))
      assert.match(await wherry.fails(['image', 'layers', '--wasted', '--files', '1', 'app:2']), /--files and --wasted: one of them/)
    })

    test('--remote reads the layers of a registry, and keeps nothing', async () => {
      const before = await wherry.ok('system', 'df', '--format', 'json')
      const remote = await wherry.ok('image', 'layers', '--remote', '--tls-verify=false', `${registry.host}/team/app:2`)
      assert.equal(remote, await wherry.ok('image', 'layers', 'app:2'))
      assert.equal(await wherry.ok('image', 'layers', '--tls-verify=false', `docker://${registry.host}/team/app:2`), remote)
      const other = await wherry.ok(
        'image',
        'layers',
        '--remote',
        '--platform',
        'linux/s390x',
        '--tls-verify=false',
        '--json',
        `${registry.host}/team/many`,
      )
      assert.equal((JSON.parse(other) as { id: string }).id, images.other.config.descriptor.digest)
      assert.equal(await wherry.ok('system', 'df', '--format', 'json'), before)
      assert.match(await wherry.fails(['image', 'layers', '--platform', 'linux/s390x', 'app:2']), /give --remote too/)
    })
  })
})
