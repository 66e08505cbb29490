/**
 * Registries, and hosts that they point to, which are after a login (CVE-2020-15157 and the like): what they have heard at the end is the
 * canary.
 */
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { blobOf, imageOf, noise } from '../support/images.ts'
import { certificates } from '../support/registry/certificates.ts'
import { collect, type Options, refused, sourceOf, targetOf, tracing } from '../support/registry/client.ts'
import { basicLogin, startTokenServer } from '../support/registry/login.ts'
import { answerWith, fail, redirectTo } from '../support/registry/misbehave.ts'
import { startRegistry } from '../support/registry/server.ts'
import { requires } from '../support/requires.ts'

const user = { username: 'victim', password: 'canary-password' }
const CANARIES = ['canary', Buffer.from('victim:canary-password').toString('base64'), 'Basic ', 'Bearer ']
const credentials = async () => user

const image = await imageOf({ layers: [[{ name: 'a', content: noise(50_000) }]] })
const layer = image.layers[0]!

const skip = requires('openssl')
const made = skip === false ? certificates() : undefined
const tls = made === undefined ? {} : { tls: made.server }
const ca = made === undefined ? [] : [made.authority.cert]

/** What the attacker hears. */
const thief = await startRegistry()
const secureThief = await startRegistry({ contents: thief.contents, ...tls })
/** Where the user has a login, by password. */
const registry = await startRegistry({ login: basicLogin(user) })
const secure = await startRegistry({ login: basicLogin(user), contents: registry.contents, ...tls })
registry.contents.add('a/b', image, 'latest')
thief.contents.add('a/b', image, 'latest')
const servers = [thief, secureThief, registry, secure]
after(() => Promise.all(servers.map((server) => server.close())))
afterEach(() => {
  for (const server of servers) server.behave()
})

const heardNothing = (): void => {
  for (const { requests } of [thief, secureThief])
    for (const { url, headers } of requests) {
      const heard = `${decodeURIComponent(url)} ${JSON.stringify(headers)}`
      for (const canary of CANARIES) assert.ok(!heard.includes(canary), `the thief heard ${heard}`)
    }
}

const attack = async (host: string, options: Options, use: (source: ReturnType<typeof sourceOf>) => Promise<unknown>): Promise<void> => {
  const { events, onTrace } = tracing()
  const source = sourceOf(`${host}/a/b`, { credentials, onTrace, ...options })
  try {
    await use(source)
  } finally {
    await source.close()
  }
  heardNothing()
  assert.ok(!JSON.stringify(events).includes('canary'))
}

const https: Options = { endpoint: { insecure: false, tls: { ca } } }
const challenge = (realm: string, more = ''): ReturnType<typeof fail> =>
  fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': `Bearer realm="${realm}",service="s"${more}` })

describe('redirects', () => {
  test('a blob’s to another host goes without the login', async () => {
    registry.on('/blobs/', async (exchange, normal) => {
      const answer = await normal()
      return answer.status === 200 ? redirectTo((url) => `${thief.url}${url}`)(exchange, normal) : answer
    })
    await attack(registry.host, {}, (source) => collect(source.blob(layer.descriptor)))
    assert.equal(thief.requests.length, 1)
  })

  test('to another port of the same host goes without it too, and back again with it', async () => {
    registry.on(
      { path: '/manifests/', after: 1, times: 1 },
      redirectTo((url) => `${thief.url}${url}`),
    )
    thief.on(
      '/manifests/',
      redirectTo((url) => `${registry.url}${url}`),
    )
    await attack(registry.host, {}, async (source) => assert.equal((await source.document()).digest, image.document.digest))
    assert.equal(thief.requests.length, 1)
  })

  test('who is redirected to and wants a login gets none (CVE-2020-15157)', async () => {
    for (const realm of [`${thief.url}/token`, `${secureThief.url}/token`, `${registry.url}/token`]) {
      registry.on('/blobs/', async (exchange, normal) => {
        const answer = await normal()
        return answer.status === 200 ? redirectTo((url) => `${thief.url}${url}`)(exchange, normal) : answer
      })
      thief.on('/blobs/', challenge(realm))
      await attack(registry.host, {}, (source) =>
        refused(collect(source.blob(layer.descriptor)), 'unavailable', `${thief.host}, where it redirects to, answered 401`),
      )
      thief.on('/blobs/', fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': 'Basic realm="x"' }))
      await attack(registry.host, {}, (source) => refused(collect(source.blob(layer.descriptor)), 'unavailable', 'answered 401'))
      assert.equal(thief.log(/token/).length, 0)
    }
  })

  test('a user in an address is not taken for a login', async () => {
    registry.on('/manifests/', redirectTo(`http://victim:x@${thief.host}/v2/a/b/manifests/latest`))
    await attack(registry.host, {}, (source) => refused(source.document(), 'unavailable', 'with a user in it'))
    assert.equal(thief.requests.length, 0)
  })

  test('from https to plain text are not followed', { skip }, async () => {
    secure.on({ path: '/manifests/' }, redirectTo(`${thief.url}/v2/a/b/manifests/latest`))
    await attack(secure.host, https, (source) => refused(source.document(), 'unavailable', 'from https to http'))
    assert.equal(thief.requests.length, 0)
  })
})

describe('token realms', () => {
  test('in plain text are not gone to from https', { skip }, async () => {
    secure.on(/./, challenge(`${thief.url}/token`))
    await attack(secure.host, https, (source) =>
      refused(source.document(), 'permission-denied', `wants a token of http://${thief.host}/token`, 'from https to http'),
    )
    assert.equal(thief.requests.length, 0)
  })

  test('in plain text at another host get no login, even where the registry is insecure', async () => {
    registry.on(/./, challenge(`http://localhost:${thief.host.split(':')[1]}/token`))
    await attack(registry.host, {}, (source) =>
      refused(source.document(), 'permission-denied', 'credentials are sent to another host by https only'),
    )
    assert.equal(thief.requests.length, 0)
  })

  for (const realm of ['file:///etc/passwd', 'http://victim@127.0.0.1/token', 'javascript:alert(1)', '/../..', 'http://[x', ''])
    test(`that is no place to go to: ${realm}`, async () => {
      registry.on(/./, challenge(realm))
      await attack(registry.host, {}, async (source) => {
        const { kind, message } = await refused(source.document(), 'permission-denied')
        assert.equal(kind, 'permission-denied', message)
      })
    })

  test('a token server that redirects elsewhere does not take the login along', async () => {
    const tokens = await startTokenServer({ user, identityToken: 'canary-token' })
    const guarded = await startRegistry({ login: tokens.login, contents: registry.contents })
    tokens.on(redirectTo(`${thief.url}/token`))
    thief.on('/token', fail(401, 'UNAUTHORIZED', 'come in', { 'WWW-Authenticate': 'Basic realm="x"' }))
    await attack(guarded.host, {}, (source) => refused(source.document(), 'permission-denied', 'the token server', '401'))
    assert.equal(thief.requests.length, 1)
    await guarded.close()
    await tokens.close()
  })

  test('a refresh token is not posted on by a redirect that keeps the body', async () => {
    const tokens = await startTokenServer({ user, identityToken: 'canary-token' })
    const guarded = await startRegistry({ login: tokens.login, contents: registry.contents })
    for (const status of [301, 302, 303, 307, 308]) {
      tokens.behave()
      tokens.on(redirectTo(`${thief.url}/token`, status))
      const bodies: string[] = []
      thief.on('/token', async (exchange) => {
        bodies.push((await exchange.body()).toString())
        return { status: 200, body: Buffer.from('{"token":"x"}') }
      })
      const options = { credentials: async () => ({ identityToken: 'canary-token' }) }
      await attack(guarded.host, options, (source) => refused(source.document(), 'unavailable', /redirects|answered 30/))
      assert.deepEqual(
        bodies.filter((body) => body.includes('canary')),
        [],
        `status ${status}`,
      )
    }
    await guarded.close()
    await tokens.close()
  })

  test('a token goes to the registry that asked for it, and to no mirror or redirect', async () => {
    const tokens = await startTokenServer({ user })
    const guarded = await startRegistry({ login: tokens.login, contents: registry.contents })
    guarded.on('/blobs/', async (exchange, normal) => {
      const answer = await normal()
      return answer.status === 200 ? redirectTo((url) => `${thief.url}${url}`)(exchange, normal) : answer
    })
    await attack(guarded.host, {}, (source) => collect(source.blob(layer.descriptor)))
    assert.equal(thief.requests.length, 1)
    await guarded.close()
    await tokens.close()
  })
})

describe('mirrors', () => {
  test('one that asks for a login gets that of another host no more than its own', async () => {
    const asked: string[] = []
    thief.on(/./, fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': 'Basic realm="registry"' }))
    const endpoints = [
      { registry: thief.host, repository: 'a/b', insecure: true, mirror: true },
      { registry: registry.host, repository: 'a/b', insecure: true },
    ]
    const options: Options = {
      endpoints,
      credentials: async (repository) => {
        asked.push(repository)
        return repository.startsWith(`${registry.host}/`) ? user : undefined
      },
    }
    await attack(registry.host, options, async (source) => assert.equal((await source.document()).digest, image.document.digest))
    assert.deepEqual(asked, [`${thief.host}/a/b`, `${registry.host}/a/b`])
  })
})

describe('uploads', () => {
  test('to an address elsewhere go without the login', async () => {
    const { bytes, descriptor } = blobOf(noise(10_000), 'x/y')
    registry.on({ method: 'POST', path: '/uploads/' }, async (_, normal) => {
      const answer = await normal()
      return answer.status === 202 ? { ...answer, headers: { Location: `${thief.url}/take/it?x=y` } } : answer
    })
    thief.on('/take/it', answerWith({ status: 201 }))
    const target = targetOf(`${registry.host}/a/b:1`, { credentials })
    await target.putBlob(descriptor, async function* () {
      yield bytes
    })
    await target.close()
    assert.equal(thief.requests.length, 1)
    heardNothing()
  })
})

describe('foreign layers', () => {
  test('nothing is fetched from the addresses in a descriptor', async () => {
    const foreign = {
      ...layer.descriptor,
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      urls: [`${thief.url}/v2/a/b/blobs/${layer.descriptor.digest}`],
    }
    registry.on('/blobs/', async (exchange, normal) => {
      const answer = await normal()
      return answer.status === 200 ? fail(404, 'BLOB_UNKNOWN', 'unknown')(exchange, normal) : answer
    })
    await attack(registry.host, {}, (source) =>
      refused(collect(source.blob(foreign)), 'not-found', '404 BLOB_UNKNOWN', 'foreign', 'from which nothing is fetched'),
    )
    assert.equal(thief.requests.length, 0)
  })
})
