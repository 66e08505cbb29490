import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostsText, mergeHosts } from '../../../../cli/containers/network/hosts.ts'
import { wantedPorts } from '../../../../cli/containers/network/publish.ts'
import { parseResolver } from '../../../../cli/containers/network/resolver.ts'
import { backingOf } from '../../../../cli/containers/volumes/options.ts'
import { parseCniList } from '../../../../runtime/network/cni/conflist.ts'
import type { NetworkRequest } from '../../../../cli/containers/request.ts'

test('what somebody added to a hosts file stays, what was ours goes', () => {
  const before = hostsText([{ address: '10.0.0.1', names: ['one', 'one', 'alias'] }])
  assert.equal(before, '10.0.0.1\tone alias\n')
  const now = hostsText([{ address: '10.0.0.2', names: ['two'] }])
  assert.equal(mergeHosts(`${before}1.2.3.4 mine\n\n`, before, now), '10.0.0.2\ttwo\n1.2.3.4 mine\n')
  assert.equal(mergeHosts(before, before, now), now)
  assert.equal(mergeHosts('', before, now), now)
})

test('resolv.conf(5): of several search lines the last counts, comments do not', () => {
  const text = '# first\nnameserver 10.0.0.1 ; mine\nsearch a b\nnameserver fe80::1%eth0\ndomain c\noptions ndots:2 rotate\noptions edns0\n'
  assert.deepEqual(parseResolver(text), { servers: ['10.0.0.1', 'fe80::1%eth0'], search: ['c'], options: ['ndots:2', 'rotate', 'edns0'] })
})

test('--publish-all adds what is exposed and not published', () => {
  const request = { ports: [{ protocol: 'tcp', hostPort: 8080, port: 80 }], publishAll: true } as unknown as NetworkRequest
  assert.deepEqual(wantedPorts(request, ['80/tcp', '80/udp', '90-91/tcp']), [
    { protocol: 'tcp', hostPort: 8080, port: 80 },
    { protocol: 'udp', port: 80 },
    { protocol: 'tcp', port: 90 },
    { protocol: 'tcp', port: 91 },
  ])
  assert.equal(wantedPorts({ ...request, publishAll: false }, ['90/tcp']).length, 1)
})

test('options of volumes', () => {
  assert.deepEqual(backingOf({}), { kind: 'folder' })
  assert.deepEqual(backingOf({ type: 'none', o: 'rbind', device: '/a' }), { kind: 'bind', path: '/a' })
  assert.deepEqual(backingOf({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m,nosuid,uid=3' }), {
    kind: 'mount',
    type: 'tmpfs',
    device: 'tmpfs',
    flags: 2,
    data: 'size=1m,uid=3',
  })
})

test('CNI configurations: the newest version that both know, and a lone plugin', () => {
  const list = parseCniList('{"name":"n","cniVersion":"1.0.0","cniVersions":["0.4.0","1.1.0","9.0.0"],"plugins":[{"type":"a"}]}', 'f')
  assert.equal(list.cniVersion, '1.1.0')
  assert.deepEqual(parseCniList('{"name":"n","cniVersion":"0.4.0","type":"a","x":1}', 'f').plugins[0], {
    name: 'n',
    cniVersion: '0.4.0',
    type: 'a',
    x: 1,
  })
  for (const [text, reason] of [
    ['{', /no JSON/],
    ['{"name":"../x","cniVersion":"1.0.0","plugins":[{"type":"a"}]}', /network name/],
    ['{"name":"n","cniVersion":"1.0.0","plugins":[]}', /one or more/],
    ['{"name":"n","cniVersion":"1.0.0","plugins":[{"type":"a/b"}]}', /no name of a plugin/],
  ] as const)
    assert.throws(() => parseCniList(text, 'f'), { kind: 'invalid-argument', message: reason })
})
