/** Kernel surface that has been a way out before: keyrings, io_uring, AF_ALG, user namespaces. The default seccomp profile refuses it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultProfile } from '../../runtime/seccomp/default-profile.ts'
import { AT_FDCWD } from '../../runtime/sys/abi/fcntl.ts'
import { CLONE_NEWNS, CLONE_NEWUSER } from '../../runtime/sys/abi/sched.ts'
import { AF_ALG, AF_INET, AF_VSOCK, SOCK_STREAM } from '../../runtime/sys/abi/socket.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { type Attempt, outcomes, writePayload } from '../support/attack.ts'
import { bundle, succeeded } from '../support/bundle.ts'
import { CAPABILITIES, type SeccompConfig } from '../support/config.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

/** As numbers of any size in config.json; to be used for the bundle's config only. */
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint) {
    return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(this))
  },
})

const profile = (capabilities: readonly string[]): SeccompConfig =>
  defaultProfile({ capabilities: new Set(capabilities), arch: ARCH, kernel: [6, 1] }) as unknown as SeccompConfig

const KEY_SPEC_SESSION_KEYRING = -3

const REFUSED: readonly (Attempt & { readonly name: string })[] = [
  { name: 'add_key', call: 'add_key', args: () => ['user', 'name', 'value', 5, KEY_SPEC_SESSION_KEYRING] },
  { name: 'request_key', call: 'request_key', args: () => ['user', 'name', 0, 0] },
  { name: 'keyctl', call: 'keyctl', args: () => [0, KEY_SPEC_SESSION_KEYRING, 0, 0, 0] },
  { name: 'io_uring_setup', call: 'io_uring_setup', args: (p) => [8, p.buffer(120)] },
  { name: 'io_uring_enter', call: 'io_uring_enter', args: () => [0, 0, 0, 0, 0, 0] },
  { name: 'io_uring_register', call: 'io_uring_register', args: () => [0, 0, 0, 0] },
  { name: 'AF_ALG', call: 'socket', args: () => [AF_ALG, 5, 0] },
  { name: 'AF_VSOCK', call: 'socket', args: () => [AF_VSOCK, SOCK_STREAM, 0] },
  { name: 'userfaultfd', call: 'userfaultfd', args: () => [0] },
  { name: 'bpf', call: 'bpf', args: (p) => [0, p.buffer(128), 128] },
  { name: 'perf_event_open', call: 'perf_event_open', args: (p) => [p.buffer(128), 0, -1, -1, 0] },
  { name: 'a user namespace', call: 'unshare', args: () => [CLONE_NEWUSER] },
  { name: 'a mount namespace', call: 'unshare', args: () => [CLONE_NEWNS] },
  { name: 'clone of a user namespace', call: 'clone', args: () => [CLONE_NEWUSER | 17, 0, 0, 0, 0] },
  { name: 'mount', call: 'mount', args: () => ['none', '/mnt', 'tmpfs', 0, ''] },
  { name: 'move_mount', call: 'move_mount', args: () => [AT_FDCWD, '/mnt', AT_FDCWD, '/tmp', 0] },
  { name: 'fsopen', call: 'fsopen', args: () => ['tmpfs', 0] },
  { name: 'open_by_handle_at', call: 'open_by_handle_at', args: (p) => [AT_FDCWD, p.buffer(32), 0] },
  { name: 'kexec_load', call: 'kexec_load', args: () => [0, 0, 0, 0] },
  { name: 'init_module', call: 'init_module', args: (p) => [p.buffer(8), 8, ''] },
  { name: 'swapon', call: 'swapon', args: () => ['/mnt', 0] },
  { name: 'reboot', call: 'reboot', args: () => [0, 0, 0, 0] },
  { name: 'settimeofday', call: 'settimeofday', args: (p) => [p.buffer(16), 0] },
]

test('the default profile', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile(CAPABILITIES)
  })
  writePayload(box, '/bin/payload', [
    ...REFUSED,
    { call: 'socket', args: () => [AF_INET, SOCK_STREAM, 0] },
    { call: 'getpid', args: () => [] },
  ])
  succeeded(await box.run(['/bin/payload']), 'run')
  const results = outcomes(box)
  assert.deepEqual(
    REFUSED.flatMap(({ name }, index) => (/^(EPERM|ENOSYS|EAFNOSUPPORT)$/.test(results[index]!) ? [] : [`${name}: ${results[index]}`])),
    [],
  )
  assert.deepEqual(results.slice(REFUSED.length), ['ok', 'ok'])
})

test('no capability of the container opens keyrings or io_uring', { skip }, async (t) => {
  const all = ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_NICE', 'CAP_IPC_LOCK', 'CAP_BPF', 'CAP_PERFMON', ...CAPABILITIES]
  const box = bundle(t, ({ linux, process }) => {
    linux.seccomp = profile(all)
    process.capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES }
  })
  const tried = REFUSED.filter(({ name }) => /key|io_uring|AF_ALG|userfaultfd/.test(name))
  writePayload(box, '/bin/payload', tried)
  succeeded(await box.run(['/bin/payload']), 'run')
  assert.deepEqual(
    outcomes(box).filter((outcome) => !/^(EPERM|ENOSYS|EAFNOSUPPORT)$/.test(outcome)),
    [],
  )
})

test('a session keyring of its own: the caller’s keys are out of reach', { skip }, async (t) => {
  const box = bundle(t)
  writePayload(box, '/bin/payload', [{ call: 'request_key', args: () => ['user', `${box.id}-secret`, 0, KEY_SPEC_SESSION_KEYRING] }])
  succeeded(await box.run(['/bin/payload']), 'run')
  assert.deepEqual(outcomes(box), ['ENOKEY'])
})
