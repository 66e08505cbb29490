import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseContentRange } from '../../../../image/registry/blob.ts'
import { connectionError } from '../../../../image/registry/exchange.ts'
import { answered, errorOf } from '../../../../image/registry/failure.ts'
import { clean, duration, redact } from '../../../../image/registry/words.ts'

test('words of strangers are one line, bounded, and cannot drive a terminal', () => {
  assert.equal(clean('a\r\n\u001b[31mb\u0000c\u202ed\u2028e'), 'a [31mb c d e')
  assert.equal(clean('x'.repeat(1000), 10), `${'x'.repeat(10)}…`)
  assert.equal(clean('😀'.repeat(20), 5), `${'😀'.repeat(5)}…`)
})

test('addresses lose what may be secret', () => {
  assert.equal(redact(new URL('https://user:secret@h:5000/p/q?X-Amz-Signature=secret#secret')), 'https://h:5000/p/q?…')
  assert.equal(redact(new URL('https://h/p')), 'https://h/p')
  assert.equal(clean('see "https://user:secret@h/p?token=secret" and HTTP://h/?a=secret.'), 'see "https://h/p?…" and http://h/?…')
  assert.equal(clean('http://[broken?secret'), '(address)')
})

test('durations are read by people', () => {
  assert.deepEqual([50, 500, 1500, 119_000, 150_000].map(duration), ['0.1 s', '0.5 s', '1.5 s', '119 s', '3 min'])
})

test('errors of registries and of token servers', () => {
  assert.deepEqual(errorOf('{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}'), { code: 'DENIED', message: 'no' })
  assert.deepEqual(errorOf('{"error":"invalid_grant","error_description":"no"}'), { code: 'invalid_grant', message: 'no' })
  assert.deepEqual(errorOf('{"details":"incorrect username or password"}'), { code: undefined, message: 'incorrect username or password' })
  assert.deepEqual(errorOf('{"errors":[{"code":7,"message":["x"]}]}'), { code: undefined, message: undefined })
  for (const other of ['', '<html>', 'null', '[]', '"x"', '{"errors":{}}', '{"errors":[null]}'])
    assert.deepEqual({ ...errorOf(other) }.code, undefined, other)
  assert.equal(answered(403, { code: 'DENIED', message: 'say "no"\n' }), '403 DENIED ("say \\"no\\"")')
  assert.equal(answered(500, {}), '500')
})

test('Content-Range', () => {
  assert.deepEqual(parseContentRange('bytes 5-9/10'), { first: 5, last: 9, size: 10 })
  assert.deepEqual(parseContentRange('Bytes 5-9/*'), { first: 5, last: 9 })
  assert.deepEqual(parseContentRange('bytes */10'), { size: 10 })
  for (const wrong of [
    null,
    '',
    'bytes',
    'bytes 9-5/10',
    'bytes=5-9/10',
    'items 1-2/3',
    'bytes 5-9',
    'bytes -1-2/3',
    `bytes 0-${'9'.repeat(20)}/5`,
    'bytes 1-2/3, bytes 5-6/7',
  ])
    assert.equal(parseContentRange(wrong), undefined, String(wrong))
})

test('broken connections are told in words, with what to do', () => {
  const url = new URL('https://registry.example/v2/?token=secret')
  const of = (code: string, message = ''): { message: string; transient: boolean } =>
    connectionError(Object.assign(new Error(message), { code }), url)
  for (const [code, transient, word] of [
    ['ECONNREFUSED', true, 'refused'],
    ['ECONNRESET', true, 'broke'],
    ['ENOTFOUND', false, 'no host of this name'],
    ['EAI_AGAIN', true, 'looked up'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false, 'not trusted'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false, 'not trusted'],
    ['CERT_HAS_EXPIRED', false, 'not trusted'],
    ['HPE_INVALID_CONSTANT', false, 'not HTTP'],
    ['HPE_HEADER_OVERFLOW', false, '16 KiB'],
  ] as const) {
    const { message, transient: actual } = of(code)
    assert.ok(message.startsWith('registry.example: ') && message.includes(word) && message.endsWith(`(${code})`), message)
    assert.equal(actual, transient, code)
  }
  const openssl = 'write EPROTO 40FD:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../x.c:77:'
  assert.match(of('EPROTO', openssl).message, /^registry\.example: no TLS connection: wrong version number: if the registry has plain http/)
  assert.equal(
    of('', 'request to https://h/?token=secret failed, reason: odd https://h/?token=secret').message,
    'registry.example: odd https://h/?…',
  )
})
