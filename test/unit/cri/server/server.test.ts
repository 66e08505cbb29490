/** Codes, calls that are under way, and activation. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openCalls } from '../../../../cri/server/calls.ts'
import { answerTo, CODE } from '../../../../cri/server/codes.ts'
import { takeActivation } from '../../../../cri/server/listen.ts'
import { SaidError } from '../../../../cri/rpc/said-error.ts'
import { InvalidField, WherryError } from '../../../../runtime/errors.ts'

describe('what a client is told of an error', () => {
  test('is its kind, and its message', () => {
    assert.deepEqual(answerTo(new WherryError('not-found', 'no such thing')), { code: CODE.NOT_FOUND, details: 'no such thing' })
    assert.deepEqual(answerTo(new InvalidField('config.metadata.name', 'is missing')), {
      code: CODE.INVALID_ARGUMENT,
      details: 'config.metadata.name: is missing',
    })
    assert.deepEqual(answerTo(new SaidError('RegistryUnavailable: x')), { code: CODE.UNKNOWN, details: 'RegistryUnavailable: x' })
    assert.deepEqual(answerTo('thrown'), { code: CODE.UNKNOWN, details: 'thrown' })
  })

  test('goes into a header: whole characters, 4 KiB of them', () => {
    const { details } = answerTo(new Error(`${'é'.repeat(3000)}`))
    assert.equal(details, `${'é'.repeat(2048)}…`)
    const { details: odd } = answerTo(new Error(`x${'é'.repeat(3000)}`))
    assert.equal(odd, `x${'é'.repeat(2047)}…`)
    assert.equal(answerTo(new Error('\ud800')).details, '\ufffd')
  })
})

describe('calls', () => {
  test('have a signal, also if they were aborted before they asked for it', () => {
    const calls = openCalls()
    const call = calls.begin(false)
    call.abort(new Error('first'))
    call.abort(new Error('second'))
    assert.equal(call.signal.aborted, true)
    assert.equal((call.signal.reason as Error).message, 'first')
  })

  test('are waited for; those without an end are ended', async () => {
    const calls = openCalls()
    const endless = calls.begin(true)
    const short = calls.begin(false)
    const finished = calls.finish(60_000)
    assert.match(endless.aborted!.message, /ending/)
    assert.equal(short.aborted, undefined)
    endless.end()
    short.end()
    await finished
    assert.match(calls.begin(false).aborted!.message, /ending/, 'late')
  })

  test('are aborted when patience ends', async () => {
    const calls = openCalls()
    const slow = calls.begin(false)
    slow.signal.addEventListener('abort', () => slow.end())
    await calls.finish(1)
    assert.match(slow.aborted!.message, /ending/)
  })
})

describe('a socket of systemd’s', () => {
  const own = String(process.pid)

  test('counts if it is for this process, and is nobody else’s', () => {
    const env: NodeJS.ProcessEnv = { LISTEN_PID: own, LISTEN_FDS: '1', LISTEN_FDNAMES: 'cri', PATH: 'x' }
    assert.equal(takeActivation(env), 3)
    assert.deepEqual(env, { PATH: 'x' })
    assert.equal(takeActivation({ LISTEN_PID: '1', LISTEN_FDS: '1' }), undefined)
    assert.equal(takeActivation({ LISTEN_FDS: '1' }), undefined)
    assert.equal(takeActivation({ LISTEN_PID: own, LISTEN_FDS: '0' }), undefined)
  })

  test('is one', () => assert.throws(() => takeActivation({ LISTEN_PID: own, LISTEN_FDS: '2' }), /one socket is wanted/))
})
