import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Flags } from '../../../cli/support/flags.ts'
import { checkCount, parseLine, UsageError } from '../../../cli/support/parse.ts'

const FLAGS = {
  bundle: { type: 'string', short: 'b', help: '' },
  detach: { type: 'boolean', short: 'd', help: '' },
  'pids-limit': { type: 'integer', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  gid: { type: 'integers', short: 'g', help: '' },
  interval: { type: 'duration', help: '' },
} as const satisfies Flags

const parse = (...argv: string[]) => parseLine('door verb', FLAGS, argv, false)
const parseLeading = (...argv: string[]) => parseLine('door verb', FLAGS, argv, true)
const usage = (message: RegExp) => (error: unknown) => error instanceof UsageError && message.test(error.message)

describe('parseLine', () => {
  test('takes long names with one dash or two, and values in both forms', () => {
    for (const argv of [['--bundle', 'x'], ['--bundle=x'], ['-bundle', 'x'], ['-bundle=x'], ['-b', 'x'], ['-b=x'], ['--b=x']])
      assert.deepEqual(parse(...argv), { flags: { bundle: 'x' }, args: [], help: false }, argv.join(' '))
  })

  test('reads every type', () => {
    const { flags } = parse('-d', '--pids-limit', '-1', '-e', 'A=1', '-e=B=2', '-g', '5', '-g', '0x10', '--interval', '1m30s')
    assert.deepEqual(flags, { detach: true, 'pids-limit': -1, env: ['A=1', 'B=2'], gid: [5, 16], interval: 90_000 })
  })

  test('a boolean takes a value only after =', () => {
    assert.deepEqual(parse('--detach=false', 'id'), { flags: { detach: false }, args: ['id'], help: false })
    assert.deepEqual(parse('--detach', 'false'), { flags: { detach: true }, args: ['false'], help: false })
  })

  test('a value may look like a flag', () => {
    assert.deepEqual(parse('-e', '--detach', 'id'), { flags: { env: ['--detach'] }, args: ['id'], help: false })
    assert.deepEqual(parse('-b', '--', 'id'), { flags: { bundle: '--' }, args: ['id'], help: false })
  })

  test('flags stand anywhere, the order of arguments stays', () => {
    assert.deepEqual(parse('id', '-d', 'KILL', '--bundle', 'x'), {
      flags: { detach: true, bundle: 'x' },
      args: ['id', 'KILL'],
      help: false,
    })
  })

  test('with leading flags the first argument ends them', () => {
    assert.deepEqual(parseLeading('-d', 'id', 'ls', '-b', '--', '-d'), {
      flags: { detach: true },
      args: ['id', 'ls', '-b', '--', '-d'],
      help: false,
    })
  })

  test('-- ends the flags, - is an argument', () => {
    assert.deepEqual(parse('-', '--', '-d'), { flags: {}, args: ['-', '-d'], help: false })
  })

  test('the last of a repeated flag counts', () => {
    assert.equal(parse('-b', '1', '--bundle', '2').flags.bundle, '2')
  })

  test('an unknown flag is named with the nearest', () => {
    assert.throws(() => parse('--bundel', 'x'), usage(/^unknown flag --bundel \(did you mean --bundle\?\): see door verb --help$/))
    assert.throws(() => parse('--zzz'), usage(/^unknown flag --zzz: see door verb --help$/))
    assert.throws(() => parse('id', '-9'), usage(/^unknown flag -9: /))
    assert.throws(() => parse('-de', 'x'), usage(/^unknown flag -de: /), 'letters are not bundled')
  })

  test('a missing or wrong value is refused', () => {
    assert.throws(() => parse('--bundle'), usage(/^--bundle needs a value/))
    assert.throws(() => parse('--pids-limit=x'), usage(/^--pids-limit: "x" is not a whole number/))
    assert.throws(() => parse('--pids-limit=99999999999999999999'), usage(/is not a whole number/))
    assert.throws(() => parse('--detach=maybe'), usage(/is not true or false/))
    assert.throws(() => parse('--interval=3'), usage(/is not a duration/))
  })

  test('names of Object.prototype are no flags', () => {
    assert.throws(() => parse('--constructor'), usage(/^unknown flag --constructor/))
    assert.throws(() => parse('--__proto__', 'x'), usage(/^unknown flag --__proto__/))
  })

  test('help wins over what is wrong behind it', () => {
    for (const flag of ['-h', '--help', '-help']) assert.equal(parse(flag, '--zzz').help, true)
    assert.equal(parseLeading('id', '-h').help, false, 'it belongs to the command in the container')
  })
})

test('checkCount says how many arguments there are to be', () => {
  checkCount('v', ['a'], [1, 1])
  checkCount('v', ['a', 'b', 'c'], [1, Number.POSITIVE_INFINITY])
  assert.throws(() => checkCount('v', [], [1, 1]), usage(/^v takes exactly 1 argument, not 0: see v --help$/))
  assert.throws(() => checkCount('v', ['a'], [0, 0]), usage(/exactly 0 arguments, not 1/))
  assert.throws(() => checkCount('v', [], [1, 2]), usage(/at least 1 argument, not 0/))
  assert.throws(() => checkCount('v', ['a', 'b', 'c'], [1, 2]), usage(/at most 2 arguments, not 3/))
})
