import assert from 'node:assert/strict'
import { test } from 'node:test'
import { change, parse, type Refusal, refuses, validConfig, accepts } from './table.ts'

const S = 'linux.seccomp'
const profile = (fields: object) => ({ defaultAction: 'SCMP_ACT_ALLOW', ...fields })
const rule = (fields: object) => profile({ syscalls: [{ names: ['read', 'mkdir'], action: 'SCMP_ACT_ERRNO', ...fields }] })
const argument = (fields: object) => rule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...fields }] })
const row = (value: unknown, path: string, says: string): Refusal => [S, value, `${S}.${path}`, says]

const notify = { names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }

refuses([
  [S, [], '', 'must be an object'],
  row({ defaultAction: 'SCMP_ACT_DENY' }, 'defaultAction', 'must be one of SCMP_ACT_ALLOW'),
  row({ syscalls: [{ names: ['read'], action: 'SCMP_ACT_LOG' }] }, 'defaultAction', 'is missing'),
  row({ defaultAction: 'SCMP_ACT_NOTIFY' }, 'defaultAction', 'SCMP_ACT_NOTIFY cannot be used as default action'),
  row({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 4096 }, 'defaultErrnoRet', 'from 0 to 4095'),
  row({ defaultAction: 'SCMP_ACT_TRACE', defaultErrnoRet: 65536 }, 'defaultErrnoRet', 'from 0 to 65535'),
  row(profile({ defaultErrnoRet: 1 }), 'defaultErrnoRet', 'is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, the action is SCMP_ACT_ALLOW'),
  row(profile({ architectures: ['x86'] }), 'architectures[0]', 'must be one of SCMP_ARCH_AARCH64'),
  row(profile({ architectures: 'SCMP_ARCH_X86' }), 'architectures', 'must be a list'),
  row(profile({ flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] }), 'flags[0]', 'must be one of SECCOMP_FILTER_FLAG_TSYNC'),
  row(profile({ listenerMetadata: 'x' }), 'listenerMetadata', 'must not be there without listenerPath'),
  row(profile({ listenerPath: 7 }), 'listenerPath', 'must be a string'),
  row(profile({ syscalls: {} }), 'syscalls', 'must be a list'),
  row(profile({ syscalls: ['read'] }), 'syscalls[0]', 'must be an object'),
  row(rule({ names: [] }), 'syscalls[0].names', 'must have at least one entry'),
  row(rule({ names: undefined }), 'syscalls[0].names', 'is missing'),
  row(rule({ names: ['read', ''] }), 'syscalls[0].names[1]', 'must not be empty'),
  row(rule({ action: undefined }), 'syscalls[0].action', 'is missing'),
  row(rule({ action: 'SCMP_ACT_NONE' }), 'syscalls[0].action', 'must be one of'),
  row(rule({ errnoRet: -1 }), 'syscalls[0].errnoRet', 'from 0 to 4095'),
  row(rule({ errnoRet: 'EPERM' }), 'syscalls[0].errnoRet', 'whole number'),
  row(rule({ action: 'SCMP_ACT_LOG', errnoRet: 5 }), 'syscalls[0].errnoRet', 'the action is SCMP_ACT_LOG'),
  row(rule({ args: {} }), 'syscalls[0].args', 'must be a list'),
  row(argument({ index: 6 }), 'syscalls[0].args[0].index', 'from 0 to 5'),
  row(argument({ index: undefined }), 'syscalls[0].args[0].index', 'is missing'),
  row(argument({ value: undefined }), 'syscalls[0].args[0].value', 'is missing'),
  row(argument({ value: -1 }), 'syscalls[0].args[0].value', 'from 0 to 18446744073709551615'),
  row(argument({ valueTwo: 2n ** 64n }), 'syscalls[0].args[0].valueTwo', 'from 0 to 18446744073709551615'),
  row(argument({ op: 'SCMP_CMP_IN' }), 'syscalls[0].args[0].op', 'must be one of SCMP_CMP_EQ'),
  row(argument({ op: undefined }), 'syscalls[0].args[0].op', 'is missing'),

  row(profile({ syscalls: [notify] }), 'listenerPath', 'the absolute path of a unix socket, because SCMP_ACT_NOTIFY is used, is missing'),
  row(profile({ syscalls: [notify], listenerPath: '@abstract' }), 'listenerPath', 'the absolute path of a unix socket'),
  row(profile({ syscalls: [notify], listenerPath: `/${'s'.repeat(107)}` }), 'listenerPath', 'must be shorter than 108 bytes'),
  row(
    profile({ syscalls: [{ ...notify, names: ['mkdir', 'write'] }], listenerPath: '/s' }),
    'syscalls[0].names[1]',
    'SCMP_ACT_NOTIFY cannot be used for the write syscall',
  ),
])

accepts([
  [S, {}, undefined],
  [S, { defaultAction: '', syscalls: [] }, undefined],
  [S, profile({}), { defaultAction: 'SCMP_ACT_ALLOW' }],
  [S, profile({ flags: [] }), profile({ flags: [] })],
  [S, profile({ defaultErrnoRet: null, listenerPath: '@unused' }), profile({ listenerPath: '@unused' })],
  [S, { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 }, { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 }],
  [
    S,
    profile({ syscalls: [notify], listenerPath: `/${'s'.repeat(106)}`, listenerMetadata: 'x' }),
    profile({ syscalls: [notify], listenerPath: `/${'s'.repeat(106)}`, listenerMetadata: 'x' }),
  ],
  [S, argument({ value: 2n ** 64n - 1n, valueTwo: 0 }), argument({ value: 2n ** 64n - 1n, valueTwo: 0n })],
])

test('keeps the difference between no flags and an empty list of them', () => {
  assert.equal(parse(change(validConfig(), S, profile({}))).linux.seccomp?.flags, undefined)
  assert.deepEqual(parse(change(validConfig(), S, profile({ flags: [] }))).linux.seccomp?.flags, [])
})
