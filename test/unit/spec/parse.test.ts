import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidField } from '../../../runtime/errors.ts'
import { parseSpec } from '../../../runtime/spec/parse.ts'
import { accepts, change, parse, refuses, validConfig, withoutNamespace } from './table.ts'

for (const json of [null, [], 'config', 7, undefined])
  test(`refuses ${JSON.stringify(json)} as a config`, () => {
    assert.throws(
      () => parseSpec(json, '/b', assert.fail),
      (error) => error instanceof InvalidField && error.message.startsWith('config.json: must be an object, is '),
    )
  })

refuses([
  ['ociVersion', undefined, '', 'must be a version 1.x.y of the runtime-spec (such as 1.2.1), is missing'],
  ['ociVersion', 'invalid', '', 'is "invalid"'],
  ['ociVersion', '0.9.0', '', '1.x.y'],
  ['ociVersion', '2.0.0', '', '1.x.y'],
  ['ociVersion', '1.2.1 ', '', '1.x.y'],
  ['ociVersion', '', '', '1.x.y'],
  ['ociVersion', 1.2, '', '1.x.y'],

  ['root', undefined, '', 'must be an object, is missing'],
  ['root', null, '', 'must be an object, is missing'],
  ['root', [], '', 'must be an object, is a list'],
  ['root.path', undefined, '', 'must be a string, is missing'],
  ['root.path', '', '', 'must not be empty'],
  ['root.path', 'root\0fs', '', 'NUL'],
  ['root.path', 3, '', 'must be a string, is 3'],
  ['root.readonly', 'yes', '', 'must be true or false, is "yes"'],
  ['root.readonly', 1, '', 'must be true or false'],

  ['process', [], '', 'must be an object, is a list'],

  ['hostname', 7, '', 'must be a string'],
  ['hostname', 'a\nb', '', 'control characters'],
  ['hostname', 'h'.repeat(65), '', 'at most 64 bytes'],
  ['hostname', 'ü'.repeat(33), '', 'at most 64 bytes'],
  ['domainname', 'd'.repeat(65), '', 'at most 64 bytes'],
  ['domainname', ['d'], '', 'must be a string, is a list'],

  ['mounts', {}, '', 'must be a list, is an object'],
  ['hooks', [], '', 'must be an object'],
  ['linux', 'linux', '', 'must be an object, is "linux"'],

  ['annotations', ['a=b'], '', 'must be an object'],
  ['annotations', { 'org.example.key': 7 }, 'annotations["org.example.key"]', 'must be a string, is 7'],
  ['annotations', { plain: null }, 'annotations.plain', 'must be a string, is null'],
  ['annotations', { a: 'b\0' }, 'annotations.a', 'NUL'],
  ['annotations', { '': 'b' }, '', 'empty key'],
])

refuses(
  [
    ['hostname', 'box', '', 'needs a namespace of its own: add {"type": "uts"} to linux.namespaces'],
    ['domainname', 'net', '', 'needs a namespace of its own'],
  ],
  () => change(withoutNamespace('uts'), 'hostname', undefined),
)

accepts([
  ...['1.0.0', '1.0.2-dev', '1.0', '1.1.0', '1.1.0+dev', '1.1.0-rc.3', '1.2.0', '1.2.1', '1.3.0', '1.3.0-dev+x'].map(
    (version) => ['ociVersion', version, version] as const,
  ),
  ['root.path', 'rootfs', '/bundles/one/rootfs'],
  ['root.path', '.', '/bundles/one'],
  ['root.path', '/srv/root', '/srv/root'],
  ['root.readonly', null, undefined],
  ['hostname', '', undefined],
  ['hostname', null, undefined],
  ['domainname', 'd'.repeat(64), 'd'.repeat(64)],
  ['mounts', null, undefined],
  ['mounts', [], []],
  ['hooks', null, undefined],
  ['annotations', { 'org.example': '', constructor: 'x' }, { 'org.example': '', constructor: 'x' }],
])

test('a config without a process can be parsed, and has nothing to run', () => {
  assert.deepEqual(parse(change(validConfig(), 'process', undefined)).process, { user: { uid: 0, gid: 0 }, args: [], cwd: '/' })
})

test('a config without linux has an empty one', () => {
  const config = validConfig()
  delete config['linux']
  delete config['hostname']
  assert.deepEqual(parse(config).linux, {})
})

test('ignores unknown fields everywhere', () => {
  const config = validConfig()
  for (const path of ['unknown', 'process.unknown', 'process.user.username', 'root.unknown', 'linux.unknown', 'mounts[0].unknown'])
    change(config, path, { any: ['thing'] })
  change(config, 'windows', { layerFolders: [] })
  assert.equal('unknown' in parse(config), false)
})

test('a map may have keys that objects inherit', () => {
  const config = validConfig()
  config['annotations'] = JSON.parse('{"__proto__": "x", "toString": "y"}')
  const annotations = parse(config).annotations ?? {}
  assert.deepEqual(Object.entries(annotations), [
    ['__proto__', 'x'],
    ['toString', 'y'],
  ])
})

test('shows long values cut, and says nothing of their rest', () => {
  const config = change(validConfig(), 'process.cwd', 'x'.repeat(5000))
  assert.throws(
    () => parse(config),
    (error) => error instanceof InvalidField && error.message.length < 200,
  )
})
