/** How failed system calls are told. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { isErrno, SyscallError } from '../../../runtime/sys/error.ts'
import { syscall, trySyscall } from '../../../runtime/sys/syscall.ts'

test('call, arguments, errno and what to do', () => {
  const error = new SyscallError('mount', 1, { during: 'mounts[3]', args: ['src=proc', 'dst=/proc', 'flags=MS_NOSUID'], hint: 'be root' })
  assert.equal(error.message, 'mounts[3]: mount src=proc dst=/proc flags=MS_NOSUID: EPERM (be root)')
  assert.equal(error.name, 'SyscallError')
  assert.deepEqual([error.syscall, error.errno, error.code, error.hint], ['mount', 1, 'EPERM', 'be root'])
  assert.deepEqual(error.args, ['src=proc', 'dst=/proc', 'flags=MS_NOSUID'])
})

test('nothing but the call and the errno', () => {
  assert.equal(new SyscallError('sync', 5).message, 'sync: EIO')
  assert.equal(new SyscallError('sync', 4095).message, 'sync: errno 4095')
  assert.equal(new SyscallError('sync', 5).hint, undefined)
})

test('the hint is found by call and errno, and by what an argument says', () => {
  assert.match(new SyscallError('open_tree', 28).message, /fs\.mount-max/)
  assert.match(new SyscallError('clone3', 1, { args: ['cl_args={flags=CLONE_NEWUSER}'] }).message, /unprivileged_userns_clone/)
  assert.match(new SyscallError('clone3', 1, { args: ['cl_args={flags=CLONE_NEWNS}'] }).message, /CAP_SYS_ADMIN/)
  assert.match(new SyscallError('write', 1, { args: ['fd=</proc/self/uid_map>', 'buf=0 0 1'] }).message, /\/etc\/subuid/)
  assert.equal(new SyscallError('write', 1, { args: ['fd=5'] }).hint, undefined)
})

test('a cause is kept', () => {
  const cause = new Error('first')
  assert.equal(new SyscallError('read', 5, { cause }).cause, cause)
})

test('errors are known by their code, those of node:fs too', () => {
  const own = new SyscallError('mount', 1)
  assert.ok(isErrno(own, 'ENOENT', 'EPERM'))
  assert.ok(!isErrno(own, 'ENOENT'))
  assert.throws(
    () => readFileSync('/nonexistent'),
    (error) => isErrno(error, 'ENOENT'),
  )
  for (const other of [new Error('ENOENT'), undefined, null, 'ENOENT', { code: 'ENOENT' }]) assert.ok(!isErrno(other, 'ENOENT'))
})

test('a failing call shows its arguments', () => {
  assert.throws(() => syscall('openat', [-100, '/nonexistent', 0, 0]), {
    name: 'SyscallError',
    code: 'ENOENT',
    message: 'openat -100 "/nonexistent" 0 0: ENOENT',
  })
  assert.throws(() => syscall('write', [-1, Buffer.from('secret'), 6]), { code: 'EBADF', message: 'write -1 [6 bytes] 6: EBADF' })
  assert.throws(() => syscall('close', [-1], { during: 'clean-up', args: ['fd=pipe'] }), { message: 'clean-up: close fd=pipe: EBADF' })
  assert.equal(trySyscall('close', -1), -9)
})
