import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../cli/oci/main.ts', import.meta.url))

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'wherry-door-'))
})
after(() => rmSync(folder, { recursive: true }))

const door = (...argv: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...argv], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: process.env['PATH'], WHERRY_ARGV0: '/usr/local/bin/runc' },
  })
  return { status, stdout, stderr }
}
const state = () => join(folder, 'state')

describe('wherry-oci', () => {
  test('goes by the name it is called by', () => {
    assert.match(door('--version').stdout, /^runc version \d+\.\d+\.\d+\ncommit: \S+\nspec: 1\.2\.\d+\n/)
    assert.match(door('-v').stdout, /^runc version /)
    for (const argv of [[], ['-h'], ['--help'], ['help']]) {
      const { status, stdout } = door(...argv)
      assert.equal(status, 0)
      assert.match(stdout, /^NAME:\n {3}runc - Open Container Initiative runtime\n/)
    }
  })

  test('has help for every verb of runc, and for its own', () => {
    const { stdout } = door('help')
    for (const verb of 'checkpoint create delete events exec features kill list pause ps restore resume run spec start state update explain'.split(
      ' ',
    ))
      assert.match(stdout, new RegExp(`^ {3}${verb} +\\S`, 'm'))
    assert.match(door('exec', '--help').stdout, /^NAME:\n {3}runc exec - .*\n[\s\S]*--user UID\[:GID\], -u UID\[:GID\] /)
    assert.equal(door('help', 'kill').stdout, door('kill', '-h').stdout)
  })

  test('refuses unknown verbs with status 3 and the nearest', () => {
    const { status, stderr } = door('foo', '-h')
    assert.equal(status, 3)
    assert.match(stderr, /level=error msg="No help topic for 'foo'"\n$/)
    assert.match(door('strat').stderr, /did you mean 'start'\?/)
  })

  test('logs errors to the file and to stderr', () => {
    const log = join(folder, 'log.json')
    const { status, stdout, stderr } = door('--log', log, '--log-format', 'json', '--root', state(), 'state', 'nope')
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /^container does not exist/)
    const line = JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>
    assert.deepEqual(Object.keys(line), ['level', 'msg', 'time'])
    assert.equal(line['level'], 'error')
    assert.equal(line['msg'], stderr.trimEnd())
  })

  test('fails with 1, and with 255 where exec cannot start its process', () => {
    assert.equal(door('--root', state(), 'exec', 'nope', 'true').status, 255)
    assert.equal(door('--root', state(), 'exec', '--zzz').status, 1)
    assert.equal(door('--root', state(), 'kill', 'nope').status, 1)
    assert.equal(door('--root', state(), 'delete', 'nope').status, 1)
    assert.equal(door('--root', state(), 'delete', '--force', 'nope').status, 0)
  })

  test('refuses a wrong command line before it does anything', () => {
    for (const [message, ...argv] of [
      ['--root argument should not be set to /', '--root', '/', 'list'],
      ['--root argument should not be set to /', '--root', '', 'list'],
      ['invalid log-format: xml', '--log-format', 'xml', 'list'],
      ['--rootless: "maybe"', '--rootless', 'maybe', 'list'],
      ['unknown flag --zzz', '--zzz', 'list'],
      ['list takes exactly 0 arguments, not 1', 'list', 'x'],
      ['state takes exactly 1 argument, not 0', 'state'],
      ['invalid format option "xml"', 'list', '-f', 'xml'],
      ['duration interval must be greater than 0', 'events', '--interval', '0', 'x'],
      ['unknown signal "FOO"', 'kill', 'x', 'FOO'],
      ['checkpoint is not supported', 'checkpoint', '--leave-running', 'x'],
      ['restore is not supported', 'restore', '-d', '-b', '.', 'x'],
    ] as const) {
      const { status, stderr } = door(...argv)
      assert.equal(status, 1, argv.join(' '))
      assert.ok(stderr.replaceAll('\\"', '"').includes(message), `${argv.join(' ')}: ${stderr}`)
    }
  })

  test('lists nothing below a root that does not exist', () => {
    const { status, stdout } = door('--root', state(), 'list', '-q')
    assert.deepEqual([status, stdout], [0, ''])
    assert.equal(door('--root', state(), 'list', '--format=json').stdout, 'null\n')
  })

  test('spec writes a config once', () => {
    assert.equal(door('spec').status, 0)
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { process: { args: string[] } }
    assert.deepEqual(config.process.args, ['sh'])
    const again = door('spec')
    assert.equal(again.status, 1)
    assert.match(again.stderr, /file config.json exists: remove it first/)
  })

  test('features is JSON of the runtime-spec', () => {
    const features = JSON.parse(door('features').stdout) as { ociVersionMax: string; linux: { seccomp: object }; annotations: object }
    assert.match(features.ociVersionMax, /^1\.2\./)
    assert.ok('org.opencontainers.runc.version' in features.annotations)
  })

  test('the completion script is bash, and completes verbs, flags and words', () => {
    const script = join(folder, 'completion')
    writeFileSync(script, door('completion', 'bash').stdout)
    const complete = (...words: string[]): string[] => {
      const { stdout, stderr } = spawnSync(
        'bash',
        ['-c', `. "${script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _runc; printf '%s\\n' "\${COMPREPLY[@]}"`, 'bash', ...words],
        {
          encoding: 'utf8',
        },
      )
      assert.equal(stderr, '')
      return stdout.trim().split('\n')
    }
    assert.deepEqual(complete('runc', 'st'), ['start', 'state'])
    assert.deepEqual(complete('runc', '--root', '/x', 'exec', '--us'), ['--user'])
    assert.deepEqual(complete('runc', 'list', '--format', ''), ['table', 'json'])
    assert.deepEqual(complete('runc', '--log-format', 'j'), ['json'])
  })
})
