import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUN_FLAGS } from '../../../../cli/containers/flags/run-flags.ts'
import { parseFlags } from '../../../../cli/support/commander.ts'
import type { Flags } from '../../../../cli/support/flags.ts'
import { parsePlain } from '../../../../cli/support/plain.ts'

const FLAGS = {
  interactive: { type: 'boolean', short: 'i', help: '' },
  tty: { type: 'boolean', short: 't', help: '' },
  name: { type: 'string', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  memory: { type: 'size', short: 'm', help: '' },
  timeout: { type: 'duration', help: '' },
  gid: { type: 'integers', short: 'g', help: '' },
  'no-trunc': { type: 'boolean', help: '' },
  explain: { type: 'optional', value: 'WHAT', choices: ['elf', 'text'], help: '' },
  pull: { type: 'string', choices: ['always', 'never'], help: '' },
  rm: { type: 'boolean', help: '', conflicts: ['keep'] },
  keep: { type: 'boolean', help: '' },
} as const satisfies Flags

test('reads what most command lines are', () => {
  const line = ['--rm', '-it', '-e', 'A=1', '--env=B=2', '--name', '--x', '--network', 'none', 'image', '--', '-x']
  const { flags, args } = parsePlain(RUN_FLAGS, line, true)!
  assert.deepEqual(flags, { rm: true, interactive: true, tty: true, env: ['A=1', 'B=2'], name: '--x', network: ['none'] })
  assert.deepEqual(args, ['image', '--', '-x'])
  assert.deepEqual(parsePlain(FLAGS, [], false), { flags: {}, args: [], help: false })
})

test('leaves to commander what it complains of, guesses or splits', () => {
  for (const line of [
    ['--help'],
    ['-h'],
    ['--nam', 'x'],
    ['--name'],
    ['-m512m'],
    ['--'],
    ['-'],
    ['--rm', '--keep'],
    ['-x'],
    ['--pull', 'x'],
    ['--rm=x'],
    ['-5'],
  ])
    assert.equal(parsePlain(FLAGS, line, true), undefined, line.join(' '))
})

/** Numerical Recipes' generator: the same lines in every run. */
const random = (() => {
  let state = 1
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
})()

test('reads as commander does', () => {
  const words = Object.keys(FLAGS).flatMap((name) => [`--${name}`, `--${name}=`, `--${name}=1`, `--${name}=true`, `--${name}=elf`])
  const others = [
    '-i',
    '-it',
    '-ti',
    '-e',
    '-ie',
    '-m',
    '-g',
    '-g1',
    '-',
    '--',
    '-5',
    '',
    'image',
    '3',
    '64k',
    '5s',
    'never',
    '--no-rm',
    '-ix',
    '-e=1',
  ]
  const all = [...words, ...others]
  let read = 0
  for (let round = 0; round < 20_000; round++) {
    const line = Array.from({ length: random(5) }, () => all[random(all.length)]!)
    const leading = random(2) === 0
    const plain = parsePlain(FLAGS, line, leading)
    if (plain === undefined) continue
    read += 1
    assert.deepEqual(plain, parseFlags('wherry run', FLAGS, line, leading), line.join(' '))
  }
  assert.ok(read > 2000, `${read} lines`)
})
