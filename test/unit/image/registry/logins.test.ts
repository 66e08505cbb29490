import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { checkLogin } from '../../../../image/registry/login.ts'
import type { Credentials } from '../../../../image/registry/options.ts'
import { blobOf, imageOf, noise } from '../../../support/images.ts'
import { collect, IMPATIENT, type Options, refused, sourceOf, targetOf, tracing } from '../../../support/registry/client.ts'
import { basicLogin, startTokenServer } from '../../../support/registry/login.ts'
import { answerWith, cutAfter, fail, garble, hangUp, silence } from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const user = { username: 'anna', password: 'pass:wörd "quoted"' }
const wrong = { username: 'anna', password: 'wrong-password' }
const SECRETS = [user.password, wrong.password, 'refresh-me', Buffer.from(`anna:${user.password}`).toString('base64')]

const image = await imageOf({ layers: [[{ name: 'a', content: noise(100_000) }]] })
const layer = image.layers[0]!

const tokens = await startTokenServer({ user, identityToken: 'refresh-me', public: ['public/image'] })
const registry = await startRegistry({ login: tokens.login })
const basic = await startRegistry({ login: basicLogin(user) })
for (const { contents } of [registry, basic])
  for (const name of ['private/image', 'public/image', 'private/other']) contents.add(name, image, 'latest')
after(() => Promise.all([registry.close(), basic.close(), tokens.close()]))
afterEach(() => {
  registry.behave()
  basic.behave()
  tokens.behave()
  tokens.withdraw()
})

const knowing =
  (credentials: Credentials, asked: string[] = []) =>
  async (repository: string): Promise<Credentials> => {
    asked.push(repository)
    return credentials
  }

const unspoken = (text: string): void => {
  for (const secret of SECRETS) assert.ok(!text.includes(secret), `a secret in: ${text}`)
}

describe('basic', () => {
  test('is given when it is asked for, once, and then with every request', async () => {
    const asked: string[] = []
    const { events, onTrace } = tracing()
    const source = sourceOf(`${basic.host}/private/image`, { credentials: knowing(user, asked), onTrace })
    assert.equal((await source.document()).digest, image.document.digest)
    assert.ok((await collect(source.blob(layer.descriptor))).equals(layer.bytes))
    await source.close()
    assert.deepEqual(asked, [`${basic.host}/private/image`])
    assert.deepEqual(
      basic.requests.map(({ status, headers }) => [status, headers.authorization !== undefined]),
      [
        [401, false],
        [200, true],
        [200, true],
      ],
    )
    unspoken(JSON.stringify(events))
  })

  test('without a login it is said how to log in', async () => {
    const source = sourceOf(`${basic.host}/private/image`)
    await refused(
      source.document(),
      'permission-denied',
      '401 UNAUTHORIZED ("authentication required")',
      `log in with "wherry login ${basic.host}"`,
    )
    await source.close()
    assert.equal(basic.requests.length, 1)
  })

  test('with a wrong one it is said that it is refused', async () => {
    const source = sourceOf(`${basic.host}/private/image`, { credentials: knowing(wrong) })
    const { message } = await refused(source.document(), 'permission-denied', '401 UNAUTHORIZED', 'the login is refused')
    unspoken(message)
    await source.close()
    assert.equal(basic.requests.length, 2)
  })

  test('a token for OAuth2 is no password', async () => {
    const source = sourceOf(`${basic.host}/private/image`, { credentials: knowing({ identityToken: 'refresh-me' }) })
    await refused(source.document(), 'permission-denied', '401')
    await source.close()
    assert.equal(basic.requests.length, 1)
  })

  test('credentials that cannot be looked up are no refusal of the registry’s', async () => {
    const source = sourceOf(`${basic.host}/private/image`, { credentials: () => Promise.reject(new Error('helper broke')) })
    await assert.rejects(source.document(), { message: 'helper broke' })
    await source.close()
  })
})

describe('bearer tokens', () => {
  const reading = async (name: string, options: Options = {}): Promise<void> => {
    const source = sourceOf(`${registry.host}/${name}`, options)
    try {
      assert.equal((await source.document()).digest, image.document.digest)
      assert.ok((await collect(source.blob(layer.descriptor))).equals(layer.bytes))
    } finally {
      await source.close()
    }
  }

  test('for nobody in particular', async () => {
    const before = tokens.issued
    await reading('public/image')
    assert.equal(tokens.issued, before + 1, 'one token does for all')
    const [request] = tokens.server.requests
    const query = new URL(request!.url, 'http://x').searchParams
    assert.equal(query.get('scope'), 'repository:public/image:pull')
    assert.equal(query.get('service'), 'test registry, with a comma')
    assert.equal(request!.headers.authorization, undefined)
  })

  test('for a user, whose password goes to the token server alone', async () => {
    const { events, onTrace } = tracing()
    await reading('private/image', { credentials: knowing(user), onTrace })
    assert.match(tokens.server.requests[0]!.headers.authorization ?? '', /^Basic /)
    assert.equal(new URL(tokens.server.requests[0]!.url, 'http://x').searchParams.get('account'), 'anna')
    for (const { headers } of registry.requests) assert.doesNotMatch(headers.authorization ?? '', /^Basic /)
    unspoken(JSON.stringify(events))
  })

  test('for an identity token, by POST', async () => {
    const { events, onTrace } = tracing()
    await reading('private/image', { credentials: knowing({ identityToken: 'refresh-me' }), onTrace })
    assert.deepEqual(
      tokens.server.requests.map(({ method, url }) => [method, url]),
      [['POST', '/token']],
    )
    unspoken(JSON.stringify(events))
  })

  test('requests at the same time share one question', async () => {
    const source = sourceOf(`${registry.host}/private/image`, { credentials: knowing(user) })
    const before = tokens.issued
    await Promise.all(Array.from({ length: 8 }, () => collect(source.blob(layer.descriptor))))
    await source.close()
    assert.equal(tokens.issued, before + 1)
  })

  test('one who cancels does not take the token from the others', async () => {
    const source = sourceOf(`${registry.host}/private/image`, { credentials: knowing(user) })
    tokens.on(async (_, normal) => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      return normal()
    }, 1)
    const cancelled = collect(source.blob(layer.descriptor, { signal: AbortSignal.timeout(100) }))
    const other = collect(source.blob(layer.descriptor))
    await refused(cancelled, 'cancelled')
    assert.ok((await other).equals(layer.bytes))
    await source.close()
  })

  test('a token that has run out in the middle is renewed', async () => {
    const source = sourceOf(`${registry.host}/private/image`, { credentials: knowing(user) })
    await source.document()
    tokens.withdraw()
    const before = tokens.issued
    await Promise.all([collect(source.blob(layer.descriptor)), collect(source.blob(layer.descriptor)), source.document()])
    assert.equal(tokens.issued, before + 1)
    registry.on({ path: '/blobs/', times: 1 }, async (exchange, normal) => {
      const answer = await cutAfter(1000)(exchange, normal)
      tokens.withdraw()
      return answer
    })
    assert.ok((await collect(source.blob(layer.descriptor))).equals(layer.bytes))
    await source.close()
  })

  test('a token is not used when its time is over', async () => {
    const brief = await startTokenServer({ user, lifetime: 1 })
    const other = await startRegistry({ login: brief.login, contents: registry.contents })
    const realNow = performance.now.bind(performance)
    const source = sourceOf(`${other.host}/private/image`, { credentials: knowing(user) })
    try {
      await source.document()
      await source.document()
      assert.equal(brief.issued, 1, 'the least that is believed is 10 s')
      performance.now = () => realNow() + 10_000
      await source.document()
      assert.equal(brief.issued, 2)
      assert.deepEqual(other.log(/401/).length, 1, 'and was not tried')
    } finally {
      performance.now = realNow
      await source.close()
      await other.close()
      await brief.close()
    }
  })

  test('without the right to it', async () => {
    const source = sourceOf(`${registry.host}/private/image`)
    await refused(
      source.document(),
      'permission-denied',
      `${registry.host}/private/image: manifest latest`,
      '401 UNAUTHORIZED',
      `log in with "wherry login ${registry.host}"`,
      'check the name',
    )
    await source.close()
    assert.equal(tokens.server.requests.length, 1)
    assert.equal(registry.requests.length, 2)
  })

  test('with a wrong password', async () => {
    const source = sourceOf(`${registry.host}/private/image`, { credentials: knowing(wrong) })
    const { message } = await refused(
      source.document(),
      'permission-denied',
      `the token server ${tokens.server.url}/token answered 401 UNAUTHORIZED ("incorrect username or password")`,
      `log in again with "wherry login ${registry.host}"`,
    )
    unspoken(message)
    await source.close()
    assert.equal(tokens.server.requests.length, 1)
  })

  test('with an identity token that is used up', async () => {
    const source = sourceOf(`${registry.host}/private/image`, { credentials: knowing({ identityToken: 'old' }) })
    await refused(source.document(), 'permission-denied', '400 invalid_grant ("the refresh token is used up")', 'log in again')
    await source.close()
  })

  for (const [status, kind, tries] of [
    [403, 'permission-denied', 1],
    [404, 'unavailable', 1],
    [429, 'resource-exhausted', 4],
    [500, 'unavailable', 4],
    [503, 'unavailable', 4],
  ] as const)
    test(`a token server that answers ${status}`, async () => {
      tokens.on(fail(status, 'CODE', 'words'))
      const source = sourceOf(`${registry.host}/public/image`)
      await refused(source.document(), kind, `the token server ${tokens.server.url}/token answered ${status} CODE ("words")`)
      await source.close()
      assert.equal(tokens.server.requests.length, tries)
    })

  test('a token server that fails at first', async () => {
    tokens.on(fail(503, 'CODE', 'words', { 'Retry-After': '0' }), 1)
    await reading('public/image')
    tokens.withdraw()
    tokens.behave()
    tokens.on(hangUp, 1)
    await reading('public/image')
    tokens.withdraw()
    tokens.behave()
    tokens.on(cutAfter(5), 1)
    await reading('public/image')
  })

  test('a token server that is silent', async () => {
    tokens.on(silence)
    const source = sourceOf(`${registry.host}/public/image`, { limits: { answer: 100, tries: 2 } })
    await refused(source.document(), 'unavailable', `no token of ${tokens.server.url}/token`, 'no answer within 0.1 s')
    await source.close()
  })

  for (const [name, body] of [
    ['no JSON', 'token'],
    ['none', '{}'],
    ['of a wrong type', '{"token":7}'],
    ['a header of its own', '{"token":"x\\r\\nX-Evil: 1"}'],
    ['too much', JSON.stringify({ token: 'x'.repeat(2_000_000) })],
  ] as const)
    test(`a token server whose token is ${name}`, async () => {
      tokens.on(answerWith({ status: 200, body: Buffer.from(body) }))
      const source = sourceOf(`${registry.host}/public/image`)
      await refused(source.document(), 'unavailable', 'without a token that can be used')
      await source.close()
    })

  test('access_token will do', async () => {
    tokens.on(async (_, normal) => {
      const { token } = JSON.parse(Buffer.from((await normal()).body as Uint8Array).toString())
      return { status: 200, body: Buffer.from(JSON.stringify({ access_token: token })) }
    })
    await reading('public/image')
  })

  test('what a registry asks for that it does not say how to get', async () => {
    for (const header of ['Digest realm="x", nonce="y"', 'Negotiate', 'Bearer service="x"', '']) {
      registry.behave()
      registry.on(/./, fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': header }))
      const source = sourceOf(`${registry.host}/public/image`, { credentials: knowing(user) })
      await refused(source.document(), 'permission-denied', '401 UNAUTHORIZED')
      await source.close()
      assert.equal(registry.requests.length, 1)
    }
  })

  test('pushing asks for the right to push', async () => {
    const target = targetOf(`${registry.host}/private/new:1`, { credentials: knowing(user), mountFrom: () => ['private/image'] })
    const fresh = blobOf(noise(1000, 9), 'x/y')
    assert.equal(await target.hasBlob(layer.descriptor), true, 'mounted')
    assert.equal(await target.hasBlob(fresh.descriptor), false)
    await target.putBlob(fresh.descriptor, async function* () {
      yield fresh.bytes
    })
    await target.close()
    const asked = tokens.server.requests.map(({ url }) => new URL(url, 'http://x').searchParams.getAll('scope'))
    assert.deepEqual(asked, [['repository:private/new:pull,push'], ['repository:private/new:pull,push', 'repository:private/image:pull']])
    assert.equal(registry.uploads, 0)
  })
})

describe('checkLogin', () => {
  const check = (host: string, credentials: Credentials, onTrace?: Options['onTrace']): Promise<boolean> =>
    checkLogin(
      { endpoint: { registry: host, insecure: true }, env: {}, limits: IMPATIENT, ...(onTrace === undefined ? {} : { onTrace }) },
      credentials,
    )

  test('a right one', async () => {
    const { events, onTrace } = tracing()
    assert.equal(await check(basic.host, user, onTrace), true)
    assert.equal(await check(registry.host, user, onTrace), true)
    assert.equal(await check(registry.host, { identityToken: 'refresh-me' }, onTrace), true)
    unspoken(JSON.stringify(events))
    assert.deepEqual(registry.log()[0], 'GET /v2/ 401')
  })

  test('a wrong one', async () => {
    unspoken(
      (await refused(check(basic.host, wrong), 'permission-denied', `${basic.host}: the login is refused: check user and password`))
        .message,
    )
    unspoken(
      (await refused(check(registry.host, wrong), 'permission-denied', '401 UNAUTHORIZED ("incorrect username or password")')).message,
    )
  })

  test('none is wanted', async () => {
    const open = await startRegistry()
    assert.equal(await check(open.host, user), false)
    assert.equal(open.requests.filter(({ headers }) => headers.authorization !== undefined).length, 0)
    await open.close()
  })

  test('no registry', async () => {
    basic.on('/v2/', answerWith({ status: 404, body: Buffer.from('<html>') }))
    await refused(check(basic.host, user), 'not-found', `${basic.host}: login: ${basic.host} answered 404`)
    basic.on('/v2/', garble('220 mail ESMTP\r\n'))
    await refused(check(basic.host, user), 'unavailable', 'not HTTP')
    basic.on('/v2/', fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': 'Negotiate' }))
    await refused(check(basic.host, user), 'unsupported', '"negotiate"; basic and bearer are supported')
  })
})
