import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseImageConfig, requireSameLayers } from '../../../../image/spec/config.ts'
import { formatImageConfig } from '../../../../image/spec/format.ts'
import { parseManifest } from '../../../../image/spec/manifest.ts'
import { printable } from '../../../../image/spec/printable.ts'
import { bytesOf, configJson, manifestJson } from '../../../support/documents.ts'

const FULL = {
  User: 'app:staff',
  ExposedPorts: { '80/tcp': {}, '53/udp': {} },
  Env: ['PATH=/bin', 'EMPTY=', 'LINES=a\nb\tc'],
  Entrypoint: ['/bin/sh', '-c', 'echo a\necho b'],
  Cmd: ['x'],
  Volumes: { '/data': {} },
  WorkingDir: '/srv',
  Labels: { 'org.example': 'a\nb' },
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'], Interval: 30_000_000_000, Retries: 3 },
  Shell: ['/bin/bash', '-c'],
  OnBuild: ['RUN x'],
}

test('a config', () => {
  const config = parseImageConfig(
    bytesOf(configJson(FULL, { author: 'a', created: '2024-01-01T00:00:00Z', variant: 'v2', 'os.version': '1' })),
  )
  assert.deepEqual(config.config, { ...FULL, ExposedPorts: ['80/tcp', '53/udp'], Volumes: ['/data'] })
  assert.equal(config.variant, 'v2')
  assert.equal(config.history.length, 2)
  assert.deepEqual(parseImageConfig(formatImageConfig(config)), config)
  requireSameLayers(parseManifest({ bytes: bytesOf(manifestJson()) }), config)
})

test('what Go and Docker leave out or write as null', () => {
  const config = parseImageConfig(
    bytesOf(
      configJson({ Env: null, Cmd: null, Entrypoint: null, Volumes: null, User: '', Labels: null }, { history: null, container_config: 5 }),
    ),
  )
  assert.deepEqual(config.config, {})
  assert.deepEqual(config.history, [])
  assert.deepEqual(
    parseImageConfig(bytesOf(configJson({}, { config: null, rootfs: { type: 'layers', diff_ids: null } }))).rootfs.diff_ids,
    [],
  )
})

for (const [name, config, message] of [
  ['a variable that is a number', { Env: [1] }, /c: config\.Env\[0\]: must be a string, is 1/],
  ['a variable without =', { Env: ['PATH'] }, /config\.Env\[0\]: must be NAME=value, is "PATH"/],
  ['a variable without a name', { Env: ['=x'] }, /config\.Env\[0\]: must be NAME=value/],
  ['a NUL in a variable', { Env: ['A=\0'] }, /config\.Env\[0\]: must not have a NUL/],
  ['an escape in a variable', { Env: ['A=\u001b[2J'] }, /config\.Env\[0\]: must not have control characters/],
  ['a line end in a name', { Env: ['A\nB=1'] }, /config\.Env\[0\]: must not have control characters/],
  ['a line end in HOME', { Env: ['HOME=/a\nroot::0:0::/:/bin/sh'] }, /config\.Env\[0\]: must not have control characters/],
  ['a line end in the user', { User: 'a\nroot' }, /config\.User: must not have control characters/],
  ['a user that is a number', { User: 0 }, /config\.User: must be a string, is 0/],
  ['a line end in the folder', { WorkingDir: '/a\n' }, /config\.WorkingDir: must not have control characters/],
  ['a folder too long', { WorkingDir: `/${'a'.repeat(4096)}` }, /config\.WorkingDir: must be shorter/],
  ['a line end in a label’s key', { Labels: { 'a\nb': 'c' } }, /config\.Labels\["a\\nb"\]/],
  ['a label that is a list', { Labels: { a: [] } }, /config\.Labels\["a"\]: must be a string, is a list/],
  ['a volume with an escape', { Volumes: { '/\u001b': {} } }, /config\.Volumes\[/],
  ['a command of one string', { Cmd: 'sh' }, /config\.Cmd: must be a list, is "sh"/],
  ['a command of objects', { Cmd: [{}] }, /config\.Cmd\[0\]: must be a string, is an object/],
  ['half a surrogate pair', { Cmd: ['\ud800'] }, /config\.Cmd\[0\]: must be well-formed/],
  ['ports that are a list', { ExposedPorts: ['80'] }, /config\.ExposedPorts: must be an object, is a list/],
  ['a negative interval', { Healthcheck: { Interval: -1 } }, /config\.Healthcheck\.Interval/],
  ['the same by another name', { User: 'a', USER: 'root' }, /config: has "USER", which some would read as "User"/],
] as const)
  test(`refused: ${name}`, () => {
    assert.throws(() => parseImageConfig(bytesOf(configJson(config)), 'c'), { kind: 'invalid-argument', message })
  })

for (const [name, change, message] of [
  ['no os', { os: undefined }, /c: os: must be a string, is missing/],
  ['no rootfs', { rootfs: undefined }, /c: rootfs: must be an object/],
  ['a rootfs of another type', { rootfs: { type: 'layers+base' } }, /c: rootfs\.type: must be "layers", is "layers\+base"/],
  ['a diff-id that is none', { rootfs: { type: 'layers', diff_ids: ['sha256:x'] } }, /c: rootfs\.diff_ids\[0\]/],
  ['a history that is text', { history: 'x' }, /c: history: must be a list/],
  ['a created with a line end', { created: 'x\ny' }, /c: created: must not/],
] as const)
  test(`refused: ${name}`, () => {
    assert.throws(() => parseImageConfig(bytesOf(configJson({}, change)), 'c'), { kind: 'invalid-argument', message })
  })

test('as many diff-ids as layers', () => {
  const config = parseImageConfig(bytesOf(configJson({}, { rootfs: { type: 'layers', diff_ids: [] } })))
  assert.throws(() => requireSameLayers(parseManifest({ bytes: bytesOf(manifestJson()) }), config, 'x'), {
    message: 'x: the manifest has 2 layers, the config has diff-ids of 0',
  })
})

test('an object’s own names only', () => {
  const { config } = parseImageConfig(
    bytesOf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers"},"config":{"Labels":{"__proto__":"x"}}}`),
  )
  assert.ok(Object.hasOwn(config.Labels!, '__proto__'))
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})

test('text before a person’s eyes', () => {
  assert.equal(printable('a\u001b[31m\tb\nc\u202ed\u{e0001}é'), 'a\\u001b[31m b\\nc\\u202ed\\u{e0001}é')
})
