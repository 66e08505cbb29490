import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { imageOf, noise } from '../../../support/images.ts'
import { certificates } from '../../../support/registry/certificates.ts'
import { collect, type Options, refused, sourceOf, tracing } from '../../../support/registry/client.ts'
import { basicLogin } from '../../../support/registry/login.ts'
import { redirectTo, silence } from '../../../support/registry/misbehave.ts'
import { startProxy } from '../../../support/registry/proxy.ts'
import { startRegistry } from '../../../support/registry/server.ts'
import { requires } from '../../../support/requires.ts'

const skip = requires('openssl')
const image = await imageOf({ layers: [[{ name: 'a', content: noise(100_000) }]] })
const layer = image.layers[0]!

const made = skip === false ? certificates() : undefined
const plain = await startRegistry()
const secure = await startRegistry({ contents: plain.contents, ...(made === undefined ? {} : { tls: made.server }) })
plain.contents.add('a/b', image, 'latest')
after(() => Promise.all([plain.close(), secure.close()]))
/** What a test has opened, to be closed also where it fails. */
const opened: { close(): Promise<void> }[] = []
const open = async <T extends { close(): Promise<void> }>(what: Promise<T>): Promise<T> => {
  opened.push(await what)
  return what
}
afterEach(async () => {
  plain.behave()
  secure.behave()
  for (const each of opened.splice(0)) await each.close()
})
const ca = made === undefined ? [] : [made.authority.cert]

const reads = async (host: string, options: Options): Promise<void> => {
  const source = sourceOf(`${host}/a/b`, options)
  try {
    assert.equal((await source.document()).digest, image.document.digest)
    assert.ok((await collect(source.blob(layer.descriptor))).equals(layer.bytes))
  } finally {
    await source.close()
  }
}
const fails = async (host: string, options: Options, ...words: readonly (string | RegExp)[]): Promise<void> => {
  const source = sourceOf(`${host}/a/b`, options)
  try {
    await refused(source.document(), 'unavailable', ...words)
  } finally {
    await source.close()
  }
}

describe('TLS', { skip }, () => {
  const strict = { insecure: false }

  test('an authority of the settings is trusted', async () => {
    await reads(secure.host, { endpoint: { ...strict, tls: { ca } } })
    assert.equal(secure.connections, 1, 'one connection does')
  })

  test('an authority of the system’s is trusted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-ca-'))
    try {
      writeFileSync(join(folder, 'ca.pem'), ca.join(''))
      await reads(secure.host, { endpoint: strict, env: { SSL_CERT_FILE: join(folder, 'ca.pem') } })
    } finally {
      rmSync(folder, { recursive: true })
    }
    const source = sourceOf(`${secure.host}/a/b`, { endpoint: strict, env: { SSL_CERT_FILE: '/not/there.pem' } })
    await refused(source.document(), 'not-found', '$SSL_CERT_FILE: /not/there.pem is not there')
    await source.close()
  })

  test('any other authority is not', async () => {
    await fails(
      secure.host,
      { endpoint: strict },
      `${secure.host}/a/b: manifest latest: ${secure.host}: its certificate is not trusted`,
      'insecure',
    )
    assert.deepEqual(secure.requests, [])
  })

  test('a certificate for another host is not', async () => {
    const stranger = await open(startRegistry({ tls: made!.stranger }))
    await fails(stranger.host, { endpoint: { ...strict, tls: { ca } } }, 'its certificate is not trusted', 'ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test('insecure takes any certificate, and plain http', async () => {
    await reads(secure.host, { endpoint: { insecure: true } })
    const { events, onTrace } = tracing()
    await reads(plain.host, { endpoint: { insecure: true }, onTrace })
    assert.deepEqual(
      events.map(({ url, status }) => [url.split(':')[0], status]),
      [
        ['https', undefined],
        ['http', 200],
        ['http', 200],
      ],
      'https is tried once',
    )
  })

  test('plain http is not taken without it', async () => {
    await fails(plain.host, { endpoint: strict }, 'no TLS connection: wrong version number', 'state that it is insecure')
    assert.deepEqual(plain.requests, [])
  })

  test('a client certificate is shown to its registry, and to nobody else', async () => {
    const asking = { ...made!.server, ca, requestCert: true }
    const closed = await open(startRegistry({ contents: plain.contents, tls: { ...asking, rejectUnauthorized: true } }))
    const other = await open(startRegistry({ contents: plain.contents, tls: { ...asking, rejectUnauthorized: false } }))
    const { cert, key } = made!.client
    try {
      await reads(closed.host, { endpoint: { ...strict, tls: { ca, cert, key } } })
      await fails(closed.host, { endpoint: { ...strict, tls: { ca } } }, /no TLS connection|the connection broke/)
      const shown: boolean[] = []
      closed.on(
        '/blobs/',
        redirectTo((url) => `${other.url}${url}`),
      )
      other.on('/blobs/', ({ request }, normal) => {
        shown.push(Object.keys((request.socket as unknown as { getPeerCertificate(): object }).getPeerCertificate()).length > 0)
        return normal()
      })
      await reads(closed.host, { endpoint: { ...strict, tls: { ca, cert, key } } })
      assert.deepEqual(shown, [false])
    } finally {
      await closed.close()
      await other.close()
    }
  })

  test('certificates that cannot be used are named', async () => {
    const source = sourceOf(`${secure.host}/a/b`, { endpoint: { ...strict, tls: { ca, cert: 'x', key: 'y' } } })
    await refused(source.document(), 'invalid-argument', `${secure.host}: its certificates or the key cannot be used`)
    await source.close()
  })
})

describe('time', () => {
  test('a host that takes the connection and says nothing', async () => {
    plain.on(/./, silence)
    await fails(plain.host, { limits: { answer: 100, tries: 2 } }, 'no answer within 0.1 s')
    assert.equal(plain.log().length, 2)
  })

  test('a host with which no connection comes about', async () => {
    const mute = createServer(() => {})
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    await fails(
      `127.0.0.1:${port}`,
      { endpoint: { insecure: false }, limits: { connect: 100, tries: 2 } },
      'no connection in time (ETIMEDOUT)',
    )
    mute.close()
  })
})

describe('IPv6', () => {
  test('a host in brackets', async () => {
    const six = await open(startRegistry({ host: '::1', contents: plain.contents }))
    await reads(six.host, {})
  })
})

describe('proxies', () => {
  test('HTTP_PROXY for http, with its login', async () => {
    const proxy = await open(startProxy())
    const { events, onTrace } = tracing()
    const env = { HTTP_PROXY: proxy.url.replace('//', '//me:proxy-secret@') }
    await reads(plain.host, { env, onTrace })
    assert.equal(proxy.requests.filter((line) => line.startsWith(`GET http://${plain.host}/v2/a/b/`)).length, 2)
    assert.equal(proxy.logins.at(-1), `Basic ${Buffer.from('me:proxy-secret').toString('base64')}`)
    assert.ok(!JSON.stringify(events).includes('proxy-secret'))
    assert.ok(plain.requests.every(({ headers }) => headers['proxy-authorization'] === undefined))
  })

  test('HTTPS_PROXY for https, by a tunnel', { skip }, async () => {
    const proxy = await open(startProxy())
    await reads(secure.host, { endpoint: { insecure: false, tls: { ca } }, env: { https_proxy: proxy.url } })
    assert.deepEqual(new Set(proxy.requests), new Set([`CONNECT ${secure.host}`]))
  })

  test('NO_PROXY', { skip }, async () => {
    const proxy = await open(startProxy())
    const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost,127.0.0.1' }
    await reads(secure.host, { endpoint: { insecure: false, tls: { ca } }, env })
    await reads(plain.host, { env })
    assert.deepEqual(proxy.requests, [])
  })

  test('a proxy that refuses is named, without its login', { skip }, async () => {
    const proxy = await open(startProxy({ refuse: 407 }))
    const source = sourceOf(`${secure.host}/a/b`, {
      endpoint: { insecure: false },
      env: { HTTPS_PROXY: proxy.url.replace('//', '//me:proxy-secret@') },
    })
    const { message } = await refused(source.document(), 'unavailable', 'the proxy of $HTTPS_PROXY', '407')
    assert.ok(!message.includes('proxy-secret'), message)
    await source.close()
  })

  test('what is no address of a proxy', async () => {
    const source = sourceOf(`${plain.host}/a/b`, {
      env: { HTTP_PROXY: 'http://[nonsense?proxy-secret', HTTPS_PROXY: 'http://[nonsense?proxy-secret' },
    })
    const { message } = await refused(source.document(), 'invalid-argument', '$HTTP_PROXY or $HTTPS_PROXY is no address of a proxy')
    assert.ok(!message.includes('proxy-secret'), message)
    await source.close()
  })
})

describe('redirects', () => {
  test('are followed, to another host without the login', async () => {
    const user = { username: 'u', password: 'p' }
    const registry = await open(startRegistry({ contents: plain.contents, login: basicLogin(user) }))
    for (const status of [301, 302, 303, 307, 308]) {
      registry.behave()
      plain.behave()
      registry.on({ path: '/blobs/' }, (exchange, normal) =>
        exchange.request.headers.authorization === undefined
          ? normal()
          : redirectTo((url) => `${plain.url}${url}?signature=x`, status)(exchange, normal),
      )
      await reads(registry.host, { credentials: async () => user })
      assert.deepEqual(
        plain.requests.map(({ headers }) => headers.authorization),
        [undefined],
      )
    }
  })

  test('keep the range that was asked for', async () => {
    plain.on(
      { path: /^\/v2\/a\/b\/blobs/ },
      redirectTo((url) => url.replace('/a/b/', '/a/c/')),
    )
    plain.contents.addBlob('a/c', layer.bytes)
    const source = sourceOf(`${plain.host}/a/b`)
    assert.ok((await collect(source.blob(layer.descriptor, { offset: 5000 }))).equals(layer.bytes.subarray(5000)))
    await source.close()
    assert.deepEqual(
      plain.requests.map(({ status, headers }) => [status, headers.range]),
      [
        [307, 'bytes=5000-'],
        [206, 'bytes=5000-'],
      ],
    )
  })

  test('in a circle come to an end', async () => {
    plain.on(
      '/manifests/',
      redirectTo((url) => url),
    )
    await fails(plain.host, {}, 'redirects more than 8 times', `last to http://${plain.host}/v2/a/b/manifests/latest`)
    assert.equal(plain.requests.length, 9)
  })

  for (const [name, location, words] of [
    ['a file', 'file:///etc/shadow', 'a file: address: only https'],
    ['data', 'data:,x', 'a data: address'],
    ['a user', 'http://user:secret@127.0.0.1/x', 'with a user in it'],
    ['no address', 'http://[x', 'no address'],
  ] as const)
    test(`to ${name} are not followed`, async () => {
      plain.on('/manifests/', redirectTo(location))
      await fails(plain.host, {}, `${plain.host} redirects to`, words)
      assert.equal(plain.requests.length, 1)
    })

  test('without an address are refusals', async () => {
    plain.on('/manifests/', () => ({ status: 302 }))
    const source = sourceOf(`${plain.host}/a/b`)
    await refused(source.document(), 'failed-precondition', 'answered 302')
    await source.close()
  })

  test('from https to http are followed for insecure registries alone', { skip }, async () => {
    secure.on(
      '/blobs/',
      redirectTo((url) => `${plain.url}${url}?signature=secret`),
    )
    await reads(secure.host, { endpoint: { insecure: true } })
    plain.behave()
    const source = sourceOf(`${secure.host}/a/b`, { endpoint: { insecure: false, tls: { ca } } })
    const { message } = await refused(
      collect(source.blob(layer.descriptor)),
      'unavailable',
      `redirects to http://${plain.host}/`,
      'from https to http',
    )
    assert.ok(!message.includes('secret'))
    await source.close()
    assert.deepEqual(plain.requests, [])
  })
})
