import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseFlags } from '../../../../cli/support/commander.ts'
import type { Flags } from '../../../../cli/support/flags.ts'

const FLAGS = {
  interactive: { type: 'boolean', short: 'i', help: '' },
  tty: { type: 'boolean', short: 't', help: '' },
  name: { type: 'string', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  memory: { type: 'size', short: 'm', help: '' },
  timeout: { type: 'duration', help: '' },
  retries: { type: 'integer', help: '' },
  gid: { type: 'integers', short: 'g', help: '' },
  'no-trunc': { type: 'boolean', help: '' },
  explain: { type: 'optional', value: 'WHAT', choices: ['elf', 'text'], help: '' },
  rm: { type: 'boolean', help: '', conflicts: ['keep'] },
  keep: { type: 'boolean', help: '' },
  hostname: { type: 'string', short: 'h', help: '' },
} as const satisfies Flags

const parse = (...argv: string[]) => parseFlags('wherry run', FLAGS, argv, true)
const anywhere = (...argv: string[]) => parseFlags('wherry rmi', FLAGS, argv, false)

describe('flags by commander', () => {
  test('letters are bundled, with a value behind the last', () => {
    assert.deepEqual(parse('-it', '-eA=1', '-e', 'B=2', '-m512m', 'image').flags, {
      interactive: true,
      tty: true,
      env: ['A=1', 'B=2'],
      memory: 512 * 1024 * 1024,
    })
    assert.deepEqual(parse('-ite', 'X=y=z', '--env=W=', 'image').flags, { interactive: true, tty: true, env: ['X=y=z', 'W='] })
  })

  test('booleans may have a value, the last counts, and are absent where nobody gave them', () => {
    assert.deepEqual(parse('--rm', '--tty=false', '-i', '--interactive=0').flags, { rm: true, tty: false, interactive: false })
    assert.deepEqual(parse('--tty=false', '--tty').flags, { tty: true })
    assert.deepEqual(parse('--no-trunc').flags, { 'no-trunc': true })
    assert.deepEqual(parse('--no-trunc=false').flags, { 'no-trunc': false })
    assert.deepEqual(parse().flags, {})
    assert.throws(() => parse('--rm=perhaps'), /^WherryError: --rm: "perhaps" is not true or false: see wherry run --help$/)
    assert.throws(() => parse('--no-rm'), /unknown flag --no-rm/)
    assert.throws(() => parse('--trunc'), /unknown flag --trunc \(did you mean --no-trunc\?\)|unknown flag --trunc/)
  })

  test('a boolean does not eat the operand, and a value may look like a flag', () => {
    assert.deepEqual(parse('--rm', 'image', '--rm', '-x').args, ['image', '--rm', '-x'])
    assert.deepEqual(parse('--name', '--rm', 'image'), { flags: { name: '--rm' }, args: ['image'], help: false })
  })

  test('optional values stand behind =', () => {
    assert.deepEqual(parse('--explain', 'image'), { flags: { explain: '' }, args: ['image'], help: false })
    assert.deepEqual(parse('--explain=elf', 'image').flags, { explain: 'elf' })
    assert.throws(() => parse('--explain=x', 'image'), /--explain: "x" is none of elf, text/)
  })

  test('types', () => {
    assert.deepEqual(parse('--timeout=1m30s', '--retries', '-3', '-g1', '-g', '2', '-m', '1.5g').flags, {
      timeout: 90_000,
      retries: -3,
      gid: [1, 2],
      memory: 1.5 * 1024 ** 3,
    })
    assert.throws(() => parse('--retries', 'many'), /--retries: "many" is not a whole number/)
    assert.throws(() => parse('-m', 'lots'), /--memory: "lots" is not a size like 64k/)
    assert.throws(() => parse('--timeout', '5'), /--timeout: "5" is not a duration/)
  })

  test('where flags end', () => {
    assert.deepEqual(anywhere('a', '--rm', 'b', '--', '--rm').args, ['a', 'b', '--rm'])
    assert.deepEqual(parse('--', '--rm').args, ['--rm'])
    assert.deepEqual(anywhere('-').args, ['-'])
  })

  test('help, also beside what is wrong, and not where h is something else', () => {
    assert.equal(parse('--help').help, true)
    assert.equal(parse('--help', '--nope').help, true)
    assert.deepEqual(parse('-h', 'host').flags, { hostname: 'host' })
    assert.equal(parseFlags('wherry x', {}, ['-h'], false).help, true)
    assert.equal(parse('image', '--help').help, false, 'it belongs to the other program')
  })

  test('what is unknown, missing, or does not go together', () => {
    assert.throws(() => parse('--nmae', 'x'), /unknown flag --nmae \(did you mean --name\?\): see wherry run --help$/)
    assert.throws(() => parse('-z'), /unknown flag -z: see/)
    assert.throws(() => parse('--name'), /--name argument missing: see wherry run --help$/)
    assert.throws(() => parse('--rm', '--keep'), /--rm.*cannot be used with.*--keep/)
    assert.throws(
      () => parseFlags('wherry run', FLAGS, ['--root', 'x'], true, { root: { type: 'string', help: '' } }),
      /--root stands before the command: wherry --root …/,
    )
    assert.throws(() => parse('--__proto__'), /unknown flag --__proto__/)
    assert.throws(() => parse('--constructor'), /unknown flag --constructor/)
  })
})
