/** ImageService, against a registry in this process. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { AuthConfigSchema, Image } from '../../../cri/api/api_pb.js'
import type { Container } from '../../../cri/state/types.ts'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { bootId } from '../../../runtime/boot.ts'
import { failsWith } from '../../support/cri/client.ts'
import { BUSYBOX } from '../../support/cri/images.ts'
import { TestServer } from '../../support/cri/server.ts'
import { imageOf, layerOf, noise, type TestImage } from '../../support/images.ts'
import { hangUp, stallAfter } from '../../support/registry/misbehave.ts'
import { basicLogin, type Login } from '../../support/registry/login.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'
import { useImage } from '../../support/store.ts'

const USER = { username: 'someone', password: 'secret:word' }
const BEARER = 'a.registry.token'

const CANCELLED = 1
const UNKNOWN = 2
const INVALID = 3
const NOT_FOUND = 5
const DENIED = 7
const PRECONDITION = 9

/** Basic, or the bearer token. */
const login: Login = async (exchange, origin) =>
  exchange.request.headers.authorization === `Bearer ${BEARER}` ? undefined : basicLogin(USER)(exchange, origin)

/** A registry that takes bearer tokens wants to be asked for one first. */
const bearerOnly: Login = async ({ request }) =>
  request.headers.authorization === `Bearer ${BEARER}`
    ? undefined
    : {
        status: 401,
        headers: { 'WWW-Authenticate': 'Bearer realm="http://127.0.0.1:1/token",service="x"' },
        body: Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}'),
      }

describe('images by CRI', { skip: requires('root', 'busybox') }, () => {
  let registry: TestRegistry
  let locked: TestRegistry
  let bearer: TestRegistry
  let server: TestServer
  let one: TestImage
  let other: TestImage
  let large: TestImage
  const id = (image: TestImage): string => image.config.descriptor.digest
  const at = (name: string): string => `${registry.host}/${name}`
  const pull = async (name: string): Promise<string> => (await server.client.pullImage({ image: { image: name } })).imageRef
  const status = async (name: string): Promise<Image | undefined> => (await server.client.imageStatus({ image: { image: name } })).image
  const list = async (): Promise<string[]> => (await server.client.listImages()).images.map((image) => image.id).sort()

  /** For images without their server. */
  const imagesNode = (containers: readonly Partial<Container>[]) =>
    ({
      config: server.config,
      log: { enabled: () => false, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      store: server.store,
      containers: { get: (key: string) => containers.find((one) => one.id === key), list: () => containers },
    }) as unknown as Parameters<typeof import('../../../cri/images/images.ts').openImages>[0]

  before(async () => {
    const base = await layerOf([
      { name: 'etc/' },
      { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
      { name: 'data', content: noise(50_000) },
    ])
    one = await imageOf({ layers: [base, [{ name: 'one', content: 'one' }]], config: { User: '1002:3', Cmd: ['x'], Labels: { a: 'b' } } })
    other = await imageOf({ layers: [base, [{ name: 'other', content: 'other' }]], config: { User: 'www-data:www-data' } })
    large = await imageOf({ layers: [[{ name: 'noise', content: noise(3_000_000, 7) }]] })
    ;[registry, locked, bearer] = await Promise.all([startRegistry(), startRegistry({ login }), startRegistry({ login: bearerOnly })])
    registry.contents.add('team/one', one, 'latest', 'v1')
    registry.contents.add('team/two', one, 'latest')
    registry.contents.add('team/other', other, 'latest')
    registry.contents.add('mirror/team/other', other, 'latest')
    registry.contents.add('team/large', large, 'latest')
    locked.contents.add('team/one', one, 'latest')
    bearer.contents.add('team/one', one, 'latest')
    server = await TestServer.open({
      config: {
        pinnedImages: ['registry.test/pinned'],
        parallelPulls: 1,
        registryLimits: { tries: 1, firstWait: 1, answer: 1000, document: 1000, stall: { bytes: 1000, milliseconds: 200 } },
      },
    })
    const conf = `${server.folder}/registries.conf`
    writeFileSync(
      conf,
      `unqualified-search-registries = ["${registry.host}"]
${[registry, locked, bearer].map(({ host }) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`).join('')}
[[registry]]
prefix = "mirrored.test"
location = "127.0.0.1:9"
insecure = true
[[registry.mirror]]
location = "${registry.host}/mirror"
insecure = true
[[registry]]
prefix = "blocked.test"
location = "blocked.test"
blocked = true
[[registry]]
location = "127.0.0.1:9"
insecure = true
`,
    )
    process.env['CONTAINERS_REGISTRIES_CONF'] = conf
  })
  after(async () => {
    delete process.env['CONTAINERS_REGISTRIES_CONF']
    await Promise.all([registry, locked, bearer].map((each) => each.close()))
    await server.close()
  })
  afterEach(async () => {
    registry.behave()
    for (const image of [one, other, large]) await server.client.removeImage({ image: { image: id(image) } })
  })

  test('an image is pulled, known by all its names, and removed', async () => {
    assert.equal(await status(at('team/one')), undefined, 'unknown: no image, and no error')
    assert.equal(await pull(at('team/one')), id(one))
    for (const name of [
      at('team/one'),
      at('team/one:latest'),
      at(`team/one@${one.document.digest}`),
      id(one),
      id(one).slice(7),
      id(one).slice(7, 20),
    ])
      assert.equal((await status(name))?.id, id(one), name)
    const image = (await status(at('team/one')))!
    assert.deepEqual(image.repoTags, [at('team/one:latest')])
    assert.deepEqual(image.repoDigests, [at(`team/one@${one.document.digest}`)])
    assert.equal(image.uid?.value, 1002n)
    assert.equal(image.username, '')
    assert.ok(image.size > 50_000n && image.size < 60_000n, `size ${image.size}`)
    assert.equal(image.pinned, false)
    assert.ok((await list()).includes(id(one)))
    await server.client.removeImage({ image: { image: at('team/one') } })
    assert.equal(await status(id(one)), undefined)
    const layer = one.layers[1]!.diffID.slice(7)
    assert.ok(!existsSync(`${server.config.root}/layers/sha256/${layer}`), 'its layer is collected')
  })

  test('an image may have several names: by a name one goes, by the id all', async () => {
    for (const name of ['team/one:v1', 'team/one', 'team/two']) assert.equal(await pull(at(name)), id(one))
    assert.deepEqual((await status(id(one)))!.repoTags, [at('team/one:latest'), at('team/one:v1'), at('team/two:latest')])
    assert.deepEqual((await status(id(one)))!.repoDigests, [at(`team/one@${one.document.digest}`), at(`team/two@${one.document.digest}`)])
    assert.deepEqual(
      (await server.client.listImages({ filter: { image: { image: at('team/two') } } })).images.map((image) => image.id),
      [id(one)],
    )
    await server.client.removeImage({ image: { image: at('team/one') } })
    assert.deepEqual((await status(id(one)))!.repoTags, [at('team/one:v1'), at('team/two:latest')])
    assert.equal(await status(at('team/one')), undefined)
    await server.client.removeImage({ image: { image: id(one) } })
    assert.equal(await status(at('team/two')), undefined)
    await server.client.removeImage({ image: { image: id(one) } })
  })

  test('by digest it has no tag', async () => {
    const name = at(`team/other@${other.document.digest}`)
    assert.equal(await pull(name), id(other))
    const image = (await status(name))!
    assert.deepEqual([image.repoTags, image.repoDigests], [[], [name]])
    assert.equal(image.username, 'www-data')
    assert.equal(image.uid, undefined)
    assert.equal((await status(at(`team/other:some@${other.document.digest}`)))?.id, id(other), 'a tag beside the digest is of no account')
  })

  test('a short name is looked for where registries.conf says', async () => {
    assert.equal(await pull('team/other'), id(other))
    assert.deepEqual((await status('team/other'))!.repoTags, [at('team/other:latest')])
    await server.client.removeImage({ image: { image: 'team/other' } })
    assert.equal(await status('team/other'), undefined)
  })

  test('mirrors are asked first', async () => {
    assert.equal(await pull('mirrored.test/team/other'), id(other))
    assert.deepEqual((await status(id(other)))!.repoTags, ['mirrored.test/team/other:latest'])
  })

  test('lists stream, verbose tells of the config', async () => {
    await pull(at('team/one'))
    const streamed: string[] = []
    for await (const { images } of server.client.streamImages()) streamed.push(...images.map((image) => image.id))
    assert.deepEqual(streamed.sort(), await list())
    const { info } = await server.client.imageStatus({ image: { image: id(one) }, verbose: true })
    assert.deepEqual(JSON.parse(info['info']!).imageSpec.config.Labels, { a: 'b' })
  })

  test('what is wrong is said by code and words that kubelet understands', async () => {
    await assert.rejects(pull(at('team/none')), failsWith(NOT_FOUND, /there is no manifest latest/))
    await assert.rejects(pull(`${locked.host}/team/one`), failsWith(DENIED, /log in/))
    await assert.rejects(pull('blocked.test/x'), failsWith(DENIED, /blocked/))
    await assert.rejects(pull('127.0.0.1:9/x'), failsWith(UNKNOWN, /^RegistryUnavailable: .*ECONNREFUSED/))
    await assert.rejects(pull(''), failsWith(INVALID, /image\.image/))
    await assert.rejects(pull('Not/Valid:'), failsWith(INVALID, /Not\/Valid/))
    await assert.rejects(pull(id(one)), failsWith(INVALID, /is an id/))
    await assert.rejects(status(''), failsWith(INVALID, /image\.image/))
    registry.on('/v2/team/one/manifests/latest', hangUp)
    await assert.rejects(pull(at('team/one')), failsWith(UNKNOWN, /^RegistryUnavailable: /))
  })

  test('the login of the call is used, in all its forms, and nobody else’s', async () => {
    const name = `${locked.host}/team/one`
    const ask = (auth: MessageInitShape<typeof AuthConfigSchema>, image = name) => server.client.pullImage({ image: { image }, auth })
    assert.equal((await ask({ ...USER })).imageRef, id(one))
    const encoded = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
    assert.equal((await ask({ auth: encoded })).imageRef, id(one))
    assert.equal((await ask({ ...USER, serverAddress: `http://${locked.host}/v2/` })).imageRef, id(one))
    await assert.rejects(ask({ ...USER, serverAddress: 'elsewhere.test' }), failsWith(DENIED, /log in/))
    await assert.rejects(ask({ ...USER, password: 'wrong' }), failsWith(DENIED, /refused/))
    await assert.rejects(ask({}), failsWith(DENIED, /log in/))
    await assert.rejects(ask({ auth: 'bm9jb2xvbg==' }), failsWith(INVALID, /auth\.auth/))
    await assert.rejects(ask({ registryToken: 'line\nbreak' }), failsWith(INVALID, /auth\.registry_token/))
    assert.equal((await ask({ registryToken: BEARER }, `${bearer.host}/team/one`)).imageRef, id(one))
    await assert.rejects(ask({ registryToken: 'other' }, `${bearer.host}/team/one`), failsWith(DENIED, /refused/))
    assert.ok(!server.log.some(({ message, fields }) => `${message}${JSON.stringify(fields)}`.includes('secret')), 'no secret is logged')
  })

  test('equal calls share the work; who leaves leaves the others alone; the last one who leaves ends it', async () => {
    const name = at('team/large')
    registry.on('/blobs/', stallAfter(1000))
    const leave = new AbortController()
    const calls = [1, 2].map((which) => server.client.pullImage({ image: { image: name } }, which === 1 ? { signal: leave.signal } : {}))
    const [first, second] = calls.map((call) =>
      call.then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    while (!registry.log(/blobs/).length) await setTimeout(5)
    leave.abort()
    assert.equal(((await first) as { code: number }).code, CANCELLED)
    // the registry stalls on: the pull fails by itself
    const failure = (await second) as { code: number; details: string }
    assert.equal(failure.code, UNKNOWN)
    assert.match(failure.details, /^RegistryUnavailable: /)
    assert.equal(registry.log(/manifests/).length, 1, 'asked for once')
    registry.behave()
    assert.equal(await pull(name), id(large), 'and may be tried again')
  })

  test('a pull that is cancelled, or whose deadline is over, ends', async () => {
    registry.on('/blobs/', stallAfter(1000))
    await assert.rejects(server.client.pullImage({ image: { image: at('team/large') } }, { timeout: 100 }), failsWith(4, /deadline/i))
    // one pull at a time here: the next one gets its turn
    registry.behave()
    assert.equal(await pull(at('team/one')), id(one))
  })

  test('pinned images stay', async () => {
    const { store } = server
    const image = store.images.find(BUSYBOX)!
    await store.images.put('registry.test/pinned:latest', image.descriptor)
    const shown = (await status('registry.test/pinned'))!
    assert.equal(shown.pinned, true)
    await assert.rejects(server.client.removeImage({ image: { image: shown.id } }), failsWith(PRECONDITION, /is pinned/))
    await server.client.removeImage({ image: { image: 'registry.test/pinned' } })
    assert.equal((await status(BUSYBOX))!.pinned, false)
  })

  test('images of others’ containers are pinned, and not removed', async () => {
    await pull(at('team/one'))
    await useImage(server.store, at('team/one'), 'container:abc')
    assert.equal((await status(id(one)))!.pinned, true)
    await assert.rejects(server.client.removeImage({ image: { image: id(one) } }), failsWith(PRECONDITION, /wherry run/))
    await server.store.release('container:abc')
    assert.equal((await status(id(one)))!.pinned, false)
  })

  test('ImageFsInfo says what images take', async () => {
    const before = await server.client.imageFsInfo()
    await pull(at('team/large'))
    const { imageFilesystems, containerFilesystems } = await server.client.imageFsInfo()
    const [images] = imageFilesystems
    assert.equal(images!.fsId!.mountpoint, server.config.root)
    const [grown, more] = [
      images!.usedBytes!.value - before.imageFilesystems[0]!.usedBytes!.value,
      images!.inodesUsed!.value - before.imageFilesystems[0]!.inodesUsed!.value,
    ]
    // the blob and the folder
    assert.ok(grown >= 6_000_000n && grown < 6_200_000n, `${grown}`)
    assert.ok(more >= 5n && more < 12n, `${more}`)
    assert.equal(containerFilesystems.length, 1)
    assert.equal(containerFilesystems[0]!.usedBytes!.value, 0n)
    await server.client.removeImage({ image: { image: id(large) } })
    assert.equal((await server.client.imageFsInfo()).imageFilesystems[0]!.usedBytes!.value, before.imageFilesystems[0]!.usedBytes!.value)
  })

  test('a container keeps what it is of; its names may go', async () => {
    const { openImages } = await import('../../../cri/images/images.ts')
    const node = imagesNode([{ id: 'c1', boot: bootId() }])
    await pull(at('team/one'))
    const images = await openImages(node)
    const used = await images.use(at('team/one'), 'cri:c1')
    assert.equal(used.id, id(one))
    assert.equal(used.ref, at(`team/one@${one.document.digest}`))
    assert.deepEqual(
      used.layers,
      one.layers.map(({ diffID }) => diffID),
    )
    assert.deepEqual(readdirSync(used.lowers[1]!), ['one'])
    assert.equal(used.config.config.User, '1002:3')
    await images.remove(id(one))
    assert.equal(images.status(id(one)), undefined)
    assert.ok(existsSync(used.lowers[1]!), 'the container has its layers')
    await images.release('cri:c1')
    for (let tries = 0; existsSync(used.lowers[1]!) && tries < 400; tries++) await setTimeout(10)
    assert.ok(!existsSync(used.lowers[1]!), 'and nobody else wants them')
    await assert.rejects(images.use(at('team/one'), 'cri:c2'), /is not on this node/)
  })

  test('what other tools have put into the store is unpacked when it is used', async () => {
    const node = imagesNode([])
    const { openImages } = await import('../../../cri/images/images.ts')
    await pull(at('team/other'))
    const folder = `${server.config.root}/layers/sha256/${other.layers[1]!.diffID.slice(7)}`
    await removeTree(folder)
    const images = await openImages(node)
    const used = await images.use(id(other), 'cri:c1')
    assert.deepEqual(readdirSync(used.lowers[1]!), ['other'])
    await images.release('cri:c1')
  })

  test('after a restart of the machine its containers keep nothing', async () => {
    const { openImages } = await import('../../../cri/images/images.ts')
    const { create } = await import('@bufbuild/protobuf')
    const { ContainerConfigSchema } = await import('../../../cri/api/api_pb.js')
    const config = create(ContainerConfigSchema, { mounts: [{ containerPath: '/x' }, { containerPath: '/y', image: { image: 'x' } }] })
    const node = imagesNode([
      { id: 'now', boot: bootId(), config },
      { id: 'then', boot: 'another', config },
    ])
    await pull(at('team/other'))
    for (const owner of ['cri:now', 'cri:then', 'cri:then:1']) await useImage(server.store, at('team/other'), owner)
    // as a power cut leaves it
    writeFileSync(`${server.config.root}/leases/kept-cri:then`, '')
    await openImages(node)
    assert.deepEqual(
      server.store.kept().map(({ owner }) => owner),
      ['cri:now'],
    )
    await server.store.release('cri:now')
  })
})
