import assert from 'node:assert/strict'
import test from 'node:test'
import { WherryError } from '../../../runtime/errors.ts'
import { PAGE_WORDS } from '../../../runtime/keeper/layout.ts'
import { encodePage, MAPPED_SIZE, type ParameterName, type Parameters, parameterAddress } from '../../../runtime/keeper/parameters.ts'
import { PAGE, PAGE_SIZE } from '../../../runtime/program/layout.ts'
import { MESSAGE_OFFSET, MESSAGE_SIZE } from '../../../runtime/program/page.ts'

const PARAMETERS: Parameters = {
  children: 3,
  argv: ['wherry:stage', 'ü'],
  env: [],
  pidOffset: undefined,
  slots: 3,
  sequence: 7n,
  offset: 40,
  limit: 8192,
  id: 1n,
  hardFileSize: 0xffff_ffff_ffff_ffffn,
  consumed: false,
  uid: 0,
  durable: false,
  stdinOnce: false,
  stdin: false,
  memory: false,
  cleanup: { path: '/bin/true', argv: ['true', 'ID'], env: ['A=b'] },
  drain: 2500,
  acknowledge: 0,
}

/** What the program would find. */
const text = (page: Uint8Array, address: bigint): string => {
  const at = Number(address) - PAGE
  return Buffer.from(page).toString('utf8', at, page.indexOf(0, at))
}
const word = (page: Uint8Array, name: ParameterName): bigint => Buffer.from(page).readBigUInt64LE(parameterAddress(name).offset)

test('strings and arrays are where the words say', () => {
  const page = encodePage(PARAMETERS)
  assert.equal(page.length, PAGE_SIZE)
  const argv = Number(word(page, 'argv')) - PAGE
  const pointers = [0, 8, 16].map((offset) => Buffer.from(page).readBigUInt64LE(argv + offset))
  assert.deepEqual(
    pointers.slice(0, 2).map((address) => text(page, address)),
    ['wherry:stage', 'ü'],
  )
  assert.equal(pointers[2], 0n)
  assert.equal(text(page, word(page, 'cleanup')), '/bin/true')
  assert.equal(text(page, word(page, 'path')), '/proc/self/fd/35')
  const names = word(page, 'names')
  assert.deepEqual(
    [0n, 16n, 32n].map((offset) => text(page, names + offset)),
    ['log.0', 'log.1', 'log.2'],
  )
  assert.equal(word(page, 'slot'), 1n)
  assert.deepEqual([word(page, 'stdinWriter'), word(page, 'memory')], [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn])
})

test('times are struct itimerspec, and never 0, which would never expire', () => {
  const page = Buffer.from(encodePage(PARAMETERS))
  const timer = (name: 'drain' | 'acknowledge') =>
    [0, 8, 16, 24].map((offset) => Number(page.readBigUInt64LE(parameterAddress(name).offset + offset)))
  assert.deepEqual(timer('drain'), [0, 0, 2, 500_000_000])
  assert.deepEqual(timer('acknowledge'), [0, 0, 0, 1])
})

test('nothing lies where a failure’s message or the exit record is', () => {
  const page = encodePage(PARAMETERS)
  assert.ok(page.subarray(MESSAGE_OFFSET, MESSAGE_OFFSET + MESSAGE_SIZE).every((byte) => byte === 0))
  assert.ok(page.subarray(0, 16).every((byte) => byte === 0))
  assert.equal(Buffer.from(page).toString('latin1', PAGE_WORDS.magic, PAGE_WORDS.magic + 8), 'WHKEEP\0\x01')
})

test('a long environment takes more pages, up to 64 KiB', () => {
  const env = Array.from({ length: 400 }, (_, index) => `NAME_${index}=${'v'.repeat(100)}`)
  const page = encodePage({ ...PARAMETERS, env })
  assert.ok(page.length > PAGE_SIZE && page.length <= MAPPED_SIZE)
  assert.throws(
    () => encodePage({ ...PARAMETERS, env: [...env, 'x'.repeat(20_000)] }),
    (error) => error instanceof WherryError && error.kind === 'invalid-argument',
  )
  assert.throws(() => encodePage({ ...PARAMETERS, argv: ['a\0b'] }), TypeError)
})
