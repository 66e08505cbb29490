import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepts, change, parse, refuses, validConfig, withoutNamespace } from './table.ts'

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size })
const bind = (fields: object = {}) => ({ destination: '/data', source: '/srv', options: ['bind'], ...fields })

refuses([
  ['mounts[0]', 'proc', '', 'must be an object'],
  ['mounts[0].destination', undefined, '', 'must be a string, is missing'],
  ['mounts[0].destination', '', '', 'must not be empty'],
  ['mounts[0].destination', '/a\0', '', 'NUL'],
  ['mounts[0].type', 7, '', 'must be a string'],
  ['mounts[0].type', 'proc\0', '', 'NUL'],
  ['mounts[0].type', undefined, '', 'must be a file system type, unless options have "bind" or "rbind"'],
  ['mounts[0].source', {}, '', 'must be a string, is an object'],
  ['mounts[0].source', 'a\0', '', 'NUL'],
  ['mounts[0].options', 'ro,nosuid', '', 'must be a list'],
  ['mounts[1].options', ['rbind', 7], 'mounts[1].options[1]', 'must be a string'],
  ['mounts[1].options', ['rbind', ''], 'mounts[1].options[1]', 'must not be empty'],
  ['mounts[1].options', ['rbind', 'ro\0'], 'mounts[1].options[1]', 'NUL'],
  ['mounts[1].source', undefined, '', 'must be a path for a bind mount, is missing'],
  ['mounts[1].source', '', '', 'must be a path for a bind mount'],
  ['mounts[1]', { destination: '/a', type: 'bind', source: '/b' }, 'mounts[1].options', 'must have "bind" or "rbind"'],

  ['mounts[1]', bind({ uidMappings: [map(0, 1, 1)] }), 'mounts[1].gidMappings', 'must have at least one entry'],
  ['mounts[1]', bind({ gidMappings: [map(0, 1, 1)] }), 'mounts[1].uidMappings', 'must have at least one entry'],
  ['mounts[1]', bind({ uidMappings: [], gidMappings: [map(0, 1, 1)] }), 'mounts[1].uidMappings', 'must have at least one entry'],
  ['mounts[1]', bind({ uidMappings: [map(0, 1, 0)] }), 'mounts[1].uidMappings[0].size', 'from 1 to 4294967295'],
  [
    'mounts[1]',
    bind({ uidMappings: [map(0, 1, 1)], gidMappings: [map(0, 1, 9), map(5, 20, 1)] }),
    'mounts[1].gidMappings[1].containerID',
    'overlaps mounts[1].gidMappings[0]',
  ],
  [
    'mounts[0]',
    { destination: '/t', type: 'tmpfs', uidMappings: [map(0, 1, 1)], gidMappings: [map(0, 1, 1)] },
    '',
    'id-mapped mounts are only supported for bind-mounts',
  ],
  ['mounts[0]', { destination: '/t', type: 'tmpfs', options: ['idmap'] }, '', 'id-mapped mounts are only supported for bind-mounts'],
])

refuses(
  [
    ['mounts[1]', bind({ options: ['bind', 'idmap'] }), 'mounts[1].uidMappings', 'option idmap has no user namespace'],
    ['mounts[1]', bind({ options: ['rbind', 'ridmap'] }), 'mounts[1].uidMappings', 'option ridmap has no user namespace'],
  ],
  () => change(change(withoutNamespace('user'), 'linux.uidMappings', undefined), 'linux.gidMappings', undefined),
)

const both = { uidMappings: [map(0, 1, 1)], gidMappings: [map(0, 2, 1)] }

accepts([
  ['mounts[0]', { destination: '/p', type: 'proc', source: '', options: null }, { destination: '/p', type: 'proc' }],
  ['mounts[0]', { destination: '/p', options: ['remount', 'ro'] }, { destination: '/p', options: ['remount', 'ro'] }],
  ['mounts[1].source', '.', '/bundles/one'],
  ['mounts[1].source', 'source-1/', '/bundles/one/source-1'],
  ['mounts[1].source', '/srv/../etc/', '/srv/../etc/'],
  ['mounts[0].source', 'proc', 'proc'],
  ['mounts[1]', bind({ type: 'bind' }), bind({ type: 'bind' })],
  ['mounts[1]', bind(both), bind(both)],
  ['mounts[1]', bind({ options: ['bind', 'idmap'] }), bind({ options: ['bind', 'idmap'] })],
])

test('a relative destination is one below / and warned about', () => {
  const warnings: string[] = []
  const config = change(validConfig(), 'mounts[0].destination', 'tmp/mount-1')
  assert.equal(parse(config, (message) => warnings.push(message)).mounts?.[0]?.destination, '/tmp/mount-1')
  assert.deepEqual(warnings, ['mounts[0].destination: "tmp/mount-1" is not absolute, taken as relative to /: this is deprecated'])
})

test('file system options of a bind mount are ignored with a warning', () => {
  const warnings: string[] = []
  const config = change(validConfig(), 'mounts[1].options', ['mode=755', 'rbind', 'strictatime', 'size=1k', 'shared'])
  assert.deepEqual(parse(config, (message) => warnings.push(message)).mounts?.[1]?.options, ['rbind', 'strictatime', 'shared'])
  assert.deepEqual(warnings, ['mounts[1].options: ignoring "mode=755", "size=1k": bind mounts have no file system options of their own'])
})
