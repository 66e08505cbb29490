import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { basicLogin } from '../../support/registry/login.ts'
import { certificates } from '../../support/registry/certificates.ts'
import { cutAfter, stallAfter } from '../../support/registry/misbehave.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

const INSECURE = '--tls-verify=false'
const USER = { username: 'someone', password: 'secret-word' }

describe('wherry pull', { skip: requires('root') }, () => {
  let images: CliImages
  let registry: TestRegistry
  let wherry: Wherry
  let at: (name: string) => string

  before(async () => {
    images = await makeCliImages()
    registry = await startRegistry()
    registry.contents.add('team/base', images.base, '1', 'latest')
    registry.contents.add('team/app', images.app, '2')
    registry.contents.add('team/many', images.index, 'latest')
    at = (name) => `${registry.host}/${name}`
    wherry = new Wherry()
  })
  after(async () => {
    await registry.close()
    await wherry.close()
  })

  const ids = async (): Promise<string[]> => (await wherry.ok('images', '-q', '--no-trunc')).trim().split('\n').filter(Boolean)
  const clear = async (): Promise<void> => {
    for (const id of await ids()) await wherry.ok('rmi', '-f', id)
    registry.behave()
  }

  test('prints the name, and on stderr what happens', async () => {
    const { status, stdout, stderr } = await wherry.run(['pull', INSECURE, at('team/base')])
    assert.equal(status, 0, stderr)
    assert.equal(stdout, `${at('team/base:latest')}\n`)
    const layer = images.base.layers[0]!.descriptor.digest.slice(7, 19)
    assert.match(stderr, new RegExp(`^Pulling ${at('team/base:latest')}\n`))
    assert.match(stderr, new RegExp(`^${layer}: done$`, 'm'))
    assert.match(stderr, new RegExp(`^Digest: ${images.base.document.digest}\nStatus: Downloaded newer image for `, 'm'))
    assert.doesNotMatch(stderr, /\x1b/, 'this is no terminal')
    const layers = readdirSync(`${wherry.root}/layers/sha256`)
    assert.deepEqual(layers, [images.base.layers[0]!.diffID.slice(7)])
    assert.equal(statSync(`${wherry.root}/layers/sha256/${layers[0]}/root/tmp`).mode & 0o7777, 0o1777)
  })

  test('fetches nothing again, and says so', async () => {
    registry.behave()
    const { stderr } = await wherry.run(['pull', INSECURE, at('team/base')])
    assert.match(stderr, /^Status: Image is up to date for /m)
    assert.deepEqual(registry.log(/blobs/), [])
  })

  test('-q prints the digest and nothing else', async () => {
    const { stdout, stderr } = await wherry.run(['image', 'pull', '-q', INSECURE, at('team/app:2')])
    assert.deepEqual([stdout, stderr], [`${images.app.document.digest}\n`, ''])
  })

  test('takes a digest', async () => {
    const name = at(`team/base@${images.base.document.digest}`)
    assert.equal(await wherry.ok('pull', INSECURE, name), `${name}\n`)
  })

  test('--platform takes the image for another machine, and its lack names what there is', async () => {
    await clear()
    await wherry.ok('pull', INSECURE, '--platform', 'linux/s390x', at('team/many'))
    assert.deepEqual(await ids(), [images.other.config.descriptor.digest])
    await wherry.ok('pull', INSECURE, at('team/many'))
    assert.ok((await ids()).includes(images.base.config.descriptor.digest))
    assert.match(
      await wherry.fails(['pull', INSECURE, '--platform', 'linux/mips', at('team/many')]),
      /linux\/mips.*linux\/amd64|linux\/mips.*linux\/s390x/s,
    )
    assert.match(await wherry.fails(['pull', '--platform', 'x', at('team/many')]), /platform "x": /)
  })

  test('--all-tags takes all tags, from several pages', async () => {
    await clear()
    await wherry.ok('pull', INSECURE, '-a', at('team/base'))
    assert.deepEqual((await wherry.ok('images', '--format', '{{.Tag}}')).trim().split('\n').sort(), ['1', 'latest'])
    assert.match(await wherry.fails(['pull', '-a', at('team/base:1')]), /--all-tags: a repository without tag/)
  })

  test('several images: one that is not there does not keep the others away', async () => {
    await clear()
    const stderr = await wherry.fails(['pull', '-q', INSECURE, at('team/nope'), at('team/app:2')])
    assert.match(stderr, new RegExp(`^wherry: ${registry.host}/team/nope: .*(?:not found|unknown|does not)`, 'mi'))
    assert.deepEqual(await ids(), [images.app.config.descriptor.digest])
  })

  test('an image that is not there: registry, repository and tag are named', async () => {
    const stderr = await wherry.fails(['pull', INSECURE, at('team/base:9')])
    assert.match(stderr, new RegExp(`${registry.host}.*team/base.*9`))
    assert.ok(!existsSync(`${wherry.root}/ingest`) || readdirSync(`${wherry.root}/ingest`).length === 0)
  })

  test('plain http is refused without --tls-verify=false', async () => {
    assert.match(await wherry.fails(['pull', at('team/base')]), new RegExp(`${registry.host}`))
    assert.match(await wherry.fails(['pull', '--tls-verify=maybe', at('team/base')]), /--tls-verify: "maybe" is not true or false/)
  })

  test('--limit stops what is too large, and names what to raise', async () => {
    await clear()
    const stderr = await wherry.fails(['pull', INSECURE, '--limit', 'layer.bytes=100k', at('team/base')])
    assert.match(stderr, /layer\.bytes/)
    assert.deepEqual(await ids(), [])
    await wherry.ok('pull', INSECURE, '--limit', 'layer.bytes=10m', at('team/base'))
    assert.match(
      await wherry.fails(['pull', '--limit', 'layer.byte=1', at('team/base')]),
      /there is no limit "layer\.byte": did you mean layer\.bytes\?/,
    )
    assert.match(await wherry.fails(['pull', '--limit', 'layer.bytes=x', at('team/base')]), /"x" is not a size/)
  })

  test('limits stand in the configuration too', async () => {
    await clear()
    const config = wherry.file('wherry.toml', '[layer]\nbytes = "100k"\n')
    assert.match(await wherry.fails(['--config', config, 'pull', INSECURE, at('team/base')]), /layer\.bytes/)
    assert.match(await wherry.fails(['pull', INSECURE, at('team/base')], 1, { env: { WHERRY_LAYER_BYTES: '100k' } }), /layer\.bytes/)
    assert.deepEqual(await ids(), [])
  })

  test('of a layout, an archive, a folder', async () => {
    await clear()
    const layout = wherry.path('layout')
    writeLayout(layout, { 'x:1': images.base, 'y:2': images.app })
    assert.equal(await wherry.ok('pull', `oci:${layout}:y:2`), 'docker.io/library/y:2\n')
    assert.deepEqual(await ids(), [images.app.config.descriptor.digest])
    assert.match(await wherry.fails(['pull', `oci:${layout}`]), /has 2 images, say which one/)
    assert.match(await wherry.fails(['pull', 'oci:/nowhere/at/all']), /there is no such file or folder/)
  })

  test('a short name is looked for where registries.conf says', async () => {
    await clear()
    const conf = wherry.file(
      'registries.conf',
      `unqualified-search-registries = ["${registry.host}"]\nshort-name-mode = "permissive"\n[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`,
    )
    const env = { CONTAINERS_REGISTRIES_CONF: conf }
    const { status, stdout, stderr } = await wherry.run(['pull', 'team/base:1'], { env })
    assert.equal(status, 0, stderr)
    assert.equal(stdout, `${at('team/base:1')}\n`)
  })

  test('Ctrl-C leaves what has come, and the next pull goes on with it', async () => {
    await clear()
    const { descriptor } = images.base.layers[0]!
    registry.on(`/blobs/${descriptor.digest}`, stallAfter(380_000))
    const partial = `${wherry.root}/ingest/sha256-${descriptor.digest.slice(7)}`
    const { status, stderr } = await wherry.run(['pull', INSECURE, at('team/base')], {
      started: (pid) => {
        const timer = setInterval(() => {
          if ((statSync(partial, { throwIfNoEntry: false })?.size ?? 0) < 100_000) return
          clearInterval(timer)
          process.kill(pid, 'SIGINT')
        }, 20)
      },
    })
    assert.equal(status, 130, stderr)
    assert.match(stderr, /^wherry: interrupted$/m)
    assert.ok(statSync(partial).size >= 100_000)
    registry.behave()
    await wherry.ok('pull', INSECURE, at('team/base'))
    const [request] = registry.requests.filter(({ url }) => url.includes(descriptor.digest))
    assert.match(String(request!.headers.range), /^bytes=[1-9]\d+-/)
  })

  test('a connection that breaks is made again', async () => {
    await clear()
    registry.on({ path: `/blobs/${images.base.layers[0]!.descriptor.digest}`, times: 1 }, cutAfter(100_000))
    await wherry.ok('pull', INSECURE, at('team/base'))
  })

  describe('of a registry with a login and a certificate of its own', () => {
    let closed: TestRegistry
    before(async () => {
      closed = await startRegistry({ tls: certificates().server, login: basicLogin(USER) })
      closed.contents.add('own/base', images.base, 'latest')
      await clear()
    })
    after(() => closed.close())

    test('--creds and --cert-dir', async () => {
      const folder = wherry.path('certs')
      mkdirSync(folder)
      writeFileSync(`${folder}/ca.crt`, certificates().authority.cert)
      const name = `${closed.host}/own/base`
      assert.match(await wherry.fails(['pull', name]), /certificate/)
      assert.match(await wherry.fails(['pull', '--cert-dir', folder, name]), /log ?in/)
      assert.match(await wherry.fails(['pull', '--cert-dir', folder, '--creds', 'someone:wrong', name]), /refused|denied|password|login/)
      await wherry.ok('pull', '--cert-dir', folder, '--creds', `${USER.username}:${USER.password}`, name)
      assert.match(await wherry.fails(['pull', '--cert-dir', '/nowhere', name]), /\/nowhere: there is no such folder/)
    })

    test('--authfile, and nothing of what is in it in the log', async () => {
      await clear()
      const auth = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
      const file = wherry.file('other-auth.json', JSON.stringify({ auths: { [closed.host]: { auth } } }))
      const { status, stderr } = await wherry.run(['--debug', 'pull', INSECURE, '--authfile', file, `${closed.host}/own/base`])
      assert.equal(status, 0, stderr)
      assert.match(stderr, /GET https:\/\/.*\/manifests\/latest/)
      assert.ok(!stderr.includes(USER.password) && !stderr.includes(auth), 'no secrets')
      assert.ok(!existsSync(wherry.auth), 'nothing is written')
    })
  })

  test('leaves a layout that others read', async () => {
    const index = JSON.parse(readFileSync(`${wherry.root}/index.json`, 'utf8')) as { schemaVersion: number }
    assert.equal(index.schemaVersion, 2)
    assert.match(await wherry.ok('system', 'check'), /^The store is whole: /m)
  })
})
