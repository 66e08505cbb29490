/** Ranges of /etc/subuid, and the mappings made of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hindrance, refusal } from '../../../runtime/rootless/hindrances.ts'
import { mapAbove } from '../../../runtime/rootless/mappings.ts'
import { parseRanges } from '../../../runtime/rootless/subordinate.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'

const FILE = `
# a comment
alice:100000:65536
bob:165536:65536
1000:300000:10
alice:400000:1
alice:x:5
alice:5
alice:4294967290:100
alice:-1:5
alice:7:0
`

test('by name and by number, in their order; what is no range is passed over', () => {
  assert.deepEqual(parseRanges(FILE, 'alice', 1000), [
    { first: 100_000, count: 65_536 },
    { first: 300_000, count: 10 },
    { first: 400_000, count: 1 },
  ])
  assert.deepEqual(parseRanges(FILE, undefined, 1000), [{ first: 300_000, count: 10 }])
  assert.deepEqual(parseRanges(FILE, 'carol', 1001), [])
  assert.deepEqual(parseRanges('', 'alice', 1), [])
})

test('the own id is root, ranges follow from 1 on without a gap', () => {
  assert.deepEqual(mapAbove(1000, []), [{ containerID: 0, hostID: 1000, size: 1 }])
  assert.deepEqual(
    mapAbove(1000, [
      { first: 5000, count: 10 },
      { first: 9000, count: 5 },
    ]),
    [
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 5000, size: 10 },
      { containerID: 11, hostID: 9000, size: 5 },
    ],
  )
})

const sysctls = (values: Readonly<Record<string, string>>) => (name: string) => values[name]

test('what turns user namespaces off is named with the command that mends it', () => {
  assert.equal(hindrance(sysctls({ 'user/max_user_namespaces': '100' })), undefined)
  assert.match(hindrance(sysctls({ 'user/max_user_namespaces': '0' }))!.message, /sysctl -w user\.max_user_namespaces=28633/)
  assert.match(hindrance(sysctls({ 'kernel/unprivileged_userns_clone': '0' }))!.message, /sysctl -w kernel\.unprivileged_userns_clone=1/)
})

test('a refusal is told with its likely reason', () => {
  const denied = new SyscallError('unshare', ERRNO.EPERM, { args: ['CLONE_NEWNS'] })
  const apparmor = refusal(denied, sysctls({ 'kernel/apparmor_restrict_unprivileged_userns': '1' }))
  assert.match(apparmor.message, /AppArmor .*unshare CLONE_NEWNS: EPERM.*sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/)
  assert.equal(apparmor.cause, denied)
  assert.match(refusal(denied, sysctls({})).message, /seccomp filter or security module/)
  const full = refusal(
    new SyscallError('unshare', ERRNO.ENOSPC, { args: ['CLONE_NEWUSER'] }),
    sysctls({ 'user/max_user_namespaces': '50' }),
  )
  assert.match(full.message, /no more user namespaces .*sysctl -w user\.max_user_namespaces=100/)
  const other = new SyscallError('mount', ERRNO.EINVAL)
  assert.equal(refusal(other, sysctls({})), other)
})
