import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Layout } from '../../../runtime/cgroups/layout.ts'
import { cgroupPaths, cleanCgroupsPath } from '../../../runtime/cgroups/paths.ts'

test('.. cannot lead out', () => {
  for (const [path, clean] of [
    ['/a/b', '/a/b'],
    ['/a//b/', '/a/b'],
    ['/../../a', '/a'],
    ['/a/../../../b', '/b'],
    ['a', 'a'],
    ['../../a', 'a'],
    ['a/../../b/./c', 'b/c'],
  ] as const)
    assert.equal(cleanCgroupsPath(path), clean, path)
})

test('the root and names that the kernel refuses are refused by the name of the field', () => {
  for (const path of ['/', '.', '..', '/..', '/a/..', 'a\nb', 'a\0b'])
    assert.throws(
      () => cleanCgroupsPath(path),
      { name: 'WherryError', kind: 'invalid-argument', path: 'linux.cgroupsPath' },
      JSON.stringify(path),
    )
})

const v2 = (own: string): Layout => ({ kind: 'v2', hierarchies: new Map([['', { mountPoint: '/sys/fs/cgroup', root: '/', own }]]) })

test('v2: absolute below the mount, relative beside the cgroup of the caller', () => {
  const layout = v2('/sys/fs/cgroup/a.slice/session.scope')
  assert.deepEqual(cgroupPaths(layout, 'id', '/pod/c'), { '': '/sys/fs/cgroup/pod/c' })
  assert.deepEqual(cgroupPaths(layout, 'id', 'pod/c'), { '': '/sys/fs/cgroup/a.slice/pod/c' })
  assert.deepEqual(cgroupPaths(layout, 'id', undefined), { '': '/sys/fs/cgroup/a.slice/id' })
  assert.deepEqual(cgroupPaths(layout, 'id', ''), { '': '/sys/fs/cgroup/a.slice/id' })
})

test('v2: from the root itself the cgroup is below it', () => {
  assert.deepEqual(cgroupPaths(v2('/sys/fs/cgroup'), 'id', undefined), { '': '/sys/fs/cgroup/id' })
})

test('v1: relative is below the cgroup of the caller in each hierarchy', () => {
  const layout: Layout = {
    kind: 'hybrid',
    hierarchies: new Map([
      ['memory', { mountPoint: '/cg/memory', root: '/', own: '/cg/memory/mine' }],
      ['cpu', { mountPoint: '/cg/cpu,cpuacct', root: '/', own: '/cg/cpu,cpuacct' }],
      ['', { mountPoint: '/cg/unified', root: '/', own: '/cg/unified' }],
    ]),
  }
  assert.deepEqual(cgroupPaths(layout, 'id', undefined), { memory: '/cg/memory/mine/id', cpu: '/cg/cpu,cpuacct/id', '': '/cg/unified/id' })
  assert.deepEqual(cgroupPaths(layout, 'id', '/x'), { memory: '/cg/memory/x', cpu: '/cg/cpu,cpuacct/x', '': '/cg/unified/x' })
})
