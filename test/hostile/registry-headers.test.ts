/** Answers with headers and bodies made by chance: whatever comes, it is the right bytes, or an error of ours that is fit to be printed. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { WherryError } from '../../runtime/errors.ts'
import { imageOf, noise } from '../support/images.ts'
import { collect, sourceOf, targetOf, tracing } from '../support/registry/client.ts'
import { startRegistry } from '../support/registry/server.ts'

/** $WHERRY_FUZZ_ROUNDS asks for more, $WHERRY_FUZZ_SEED for others. */
const ROUNDS = Number(process.env['WHERRY_FUZZ_ROUNDS'] ?? 400)
const SEED = Number(process.env['WHERRY_FUZZ_SEED'] ?? 1)

const registry = await startRegistry()
after(() => registry.close())
const image = await imageOf({ layers: [[{ name: 'a', content: noise(20_000) }]] })
const layer = image.layers[0]!
registry.contents.add('a/b', image, 'latest')
const SIZE = layer.bytes.length

let state = SEED >>> 0
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const pick = <T>(from: readonly T[]): T => from[random(from.length)]!

const NUMBERS = [
  '0',
  '1',
  '-1',
  '5',
  `${SIZE}`,
  `${SIZE - 1}`,
  `${SIZE + 1}`,
  '9007199254740993',
  '1e3',
  '0x10',
  '',
  ' ',
  'NaN',
  '99999999999999999999999',
]
const range = (): string =>
  pick([
    `bytes ${pick(NUMBERS)}-${pick(NUMBERS)}/${pick(NUMBERS)}`,
    `bytes */${pick(NUMBERS)}`,
    `bytes 5-${SIZE - 1}/${SIZE}`,
    pick(NUMBERS),
  ])
const text = (): string =>
  Array.from({ length: random(60) }, () => String.fromCharCode(pick([9, 32, 34, 44, 61, 92, 47, 58, 65, 97, 128, 255]))).join('')
const location = (): string =>
  pick([
    '/v2/a/b/manifests/latest',
    `/v2/a/b/blobs/${layer.descriptor.digest}`,
    '/v2/',
    '//[',
    'http://',
    'http://127.0.0.1:1/secret?token=canary',
    `http://user:canary@${registry.host}/`,
    'gopher://x/canary',
    `http://${registry.host}/?x=canary#${text()}`,
    text(),
  ])
const HEADERS: Readonly<Record<string, () => string>> = {
  'Content-Type': () => pick(['', 'text/html', 'application/json', ';;;', 'application/vnd.oci.image.manifest.v1+json;charset="x', text()]),
  'Content-Length': () => pick(NUMBERS),
  'Content-Range': range,
  'Content-Encoding': () => pick(['gzip', 'identity', '', text()]),
  'Transfer-Encoding': () => pick(['chunked', 'gzip', 'chunked, chunked', 'identity', text()]),
  'Docker-Content-Digest': () =>
    pick([image.document.digest, layer.descriptor.digest, 'sha256:', 'sha256:../../x', `sha512:${'0'.repeat(128)}`, text()]),
  'WWW-Authenticate': () =>
    pick(['Basic realm="x"', `Bearer realm="${location()}",scope="${text()}"`, text(), `${text()} ${text()}="${text()}"`]),
  'Retry-After': () => pick(['0', '1e9', '-5', 'Thu, 01 Jan 1970 00:00:00 GMT', '86400', text()]),
  Location: location,
  Range: () => pick(['0-0', `0-${pick(NUMBERS)}`, 'bytes=0-5', text()]),
  'OCI-Chunk-Min-Length': () => pick(NUMBERS),
  Connection: () => pick(['close', 'keep-alive', 'upgrade', text()]),
  Link: () => `<${location()}>; rel="next"`,
}
const STATUSES = [
  100, 101, 103, 200, 200, 200, 201, 202, 204, 206, 206, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 401, 403, 404, 407, 416,
  418, 429, 500, 503, 600, 999,
]
const BODIES = [
  image.document.bytes,
  layer.bytes,
  layer.bytes.subarray(5),
  Buffer.from('{"token":"x"}'),
  Buffer.from('{}'),
  Buffer.alloc(0),
  noise(3000),
  Buffer.from('5\r\nhello\r\n0\r\n\r\n'),
]

const strange = (): Buffer => {
  const names = Object.keys(HEADERS)
  const lines = Array.from({ length: random(6) }, () => {
    const name = pick(names)
    return `${name}: ${HEADERS[name]!()}`
  })
  const body = pick(BODIES)
  if (random(3) > 0) lines.push(`Content-Length: ${random(4) === 0 ? random(SIZE * 2) : body.length}`)
  const head = Buffer.from(`HTTP/1.1 ${pick(STATUSES)} ${pick(['OK', '', text()])}\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const bytes = Buffer.concat([head, body])
  if (random(5) === 0) for (let flips = 0; flips < 3; flips++) bytes[random(head.length)] = random(256)
  return bytes
}

const limits = {
  answer: 200,
  document: 300,
  commit: 200,
  tries: 2,
  stall: { bytes: 100, milliseconds: 100 },
  firstWait: 1,
  longestWait: 1,
  longestRetryAfter: 10,
}

test(`${ROUNDS} strange answers, seed ${SEED}`, async () => {
  const { events, onTrace } = tracing()
  const credentials = async () => ({ username: 'me', password: 'canary' })
  const outcomes = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const at = state
    registry.behave()
    // sometimes the first request or the second is answered well
    registry.on({ path: /./, after: random(3), times: 1 + random(3) }, () => {
      const bytes = strange()
      return { status: 0, deliver: (response) => void response.socket?.end(bytes) }
    })
    const options = { limits, credentials, onTrace }
    const source = sourceOf(`${registry.host}/a/b`, options)
    const target = targetOf(`${registry.host}/a/c:1`, options)
    const work = pick([
      async () => assert.equal((await source.document(image.document.digest)).digest, image.document.digest),
      async () => void (await source.document()),
      async () => void (await source.resolve()),
      async () => assert.ok((await collect(source.blob(layer.descriptor, { offset: 5 }))).length === SIZE - 5),
      async () => assert.ok((await collect(source.blob(layer.descriptor))).length === SIZE),
      async () => void (await target.hasBlob(layer.descriptor)),
      async () =>
        target.putBlob(layer.descriptor, async function* () {
          yield layer.bytes
        }),
    ])
    try {
      await work()
      outcomes.set('well', (outcomes.get('well') ?? 0) + 1)
    } catch (error) {
      assert.ok(error instanceof WherryError, `seed ${at}: ${error instanceof Error ? error.stack : String(error)}`)
      assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u, `seed ${at}`)
      assert.ok(error.message.length < 1500, `seed ${at}: ${error.message}`)
      assert.ok(!error.message.includes('canary'), `seed ${at}: ${error.message}`)
      assert.ok(error.kind !== 'internal' && error.kind !== 'cancelled', `seed ${at}: ${error.kind}`)
      outcomes.set(error.kind, (outcomes.get(error.kind) ?? 0) + 1)
    } finally {
      await source.close()
      await target.close()
    }
  }
  assert.ok(!JSON.stringify(events).includes('canary'))
  assert.ok(outcomes.size > 3, 'it comes to something')
})
