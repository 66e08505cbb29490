/** SCMP_ACT_NOTIFY: an agent gets the listener over linux.seccomp.listenerPath and decides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { syscallNumber } from '../../../runtime/sys/abi/syscalls.ts'
import { ARCH } from '../../../runtime/sys/syscall.ts'
import { Agent, type Answer, type Notified } from '../../support/agent.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import type { Config } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

type Context = Parameters<typeof bundle>[0]

const NATIVE = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }[ARCH]

/** busybox makes directories by the one or the other. */
const MKDIR = ['mkdir', 'mkdirat']

/** A container whose calls of `names` are notified, and its agent. */
const watched = (t: Context, names: string[], change: (config: Config) => void = () => {}): [Bundle, Agent] => {
  const box = bundle(t, ({ linux }, { folder }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: [NATIVE],
      listenerPath: `${folder}/agent.sock`,
      listenerMetadata: 'some metadata',
      syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
    }
  })
  change(box.config)
  const agent = new Agent(`${box.folder}/agent.sock`)
  t.after(() => agent.stop())
  return [box, agent]
}

const REFUSED = -125 // ECANCELED: nothing else answers so

test('the agent answers with an errno, a value, or lets the kernel carry on', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR)
  const answers: Answer[] = [REFUSED, 0, 'continue']
  const done = box.lines('exec 2>&1; mkdir /tmp/refused; mkdir /tmp/pretended; mkdir /tmp/made; ls /tmp')
  await agent.serve(() => answers.shift() ?? 'continue')
  assert.deepEqual(await done, ["mkdir: can't create directory '/tmp/refused': Operation canceled", 'made'])
  assert.equal(agent.calls.length, 3)
  assert.ok(agent.calls.every(({ nr, pid }) => pid > 0 && nr > 0))
})

test('the agent is told whose listener it is', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR)
  box.config.annotations = { 'org.example.key': 'value' }
  const up = box.up()
  await agent.serve(() => 'continue')
  const { pid } = await up
  const [state] = agent.states
  assert.deepEqual(state?.fds, ['seccompFd'])
  assert.equal(state?.metadata, 'some metadata')
  assert.match(state?.ociVersion ?? '', /^1\.2\./)
  assert.equal(state?.pid, pid)
  assert.equal(state?.state.id, box.id)
  assert.equal(state?.state.bundle, box.folder)
  assert.ok(['creating', 'created'].includes(state?.state.status ?? ''), state?.state.status)
})

test('with no_new_privs and as a user too', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR, ({ process }) => {
    process.noNewPrivileges = true
    process.user = { uid: 1000, gid: 1000 }
  })
  const done = box.probe('mkdir /tmp/a 2>&1; true')
  await agent.serve(() => REFUSED)
  assert.match(await done, /Operation canceled/)
})

test('exec has a listener of its own', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR)
  const up = box.up()
  await agent.serve(() => 'continue')
  const { pid } = await up
  const done = box.inside('echo $$; mkdir /tmp/a 2>&1; true')
  await agent.serve(() => REFUSED)
  assert.match(await done, /Operation canceled/)
  const [, state] = agent.states
  assert.equal(state?.state.id, box.id)
  assert.equal(state?.state.status, 'running')
  assert.equal(state?.state.pid, pid)
  assert.notEqual(state?.pid, pid)
})

test('calls that the start itself makes may be notified', { skip }, async (t) => {
  const [box, agent] = watched(t, ['execve', 'openat', 'openat2', 'read', 'close', 'fcntl', 'sendmsg', 'futex'])
  const done = box.lines('echo started; cat /etc/passwd | head -n 1')
  await agent.serve(() => 'continue')
  assert.deepEqual(await done, ['started', 'root:x:0:0:root:/root:/bin/sh'])
  assert.ok(
    agent.calls.some(({ nr }: Notified) => nr === syscallNumber('execve', ARCH)),
    'execve',
  )
})

test('an exec needs an agent that still listens', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR)
  const up = box.up()
  await agent.serve(() => 'continue')
  await up
  agent.stop()
  assert.match((await box.exec(['true'])).stderr, /seccomp agent|connect/)
})

test('the process has no descriptor of the listener', { skip }, async (t) => {
  const [box, agent] = watched(t, MKDIR)
  const done = box.probe('ls -l /proc/self/fd /proc/1/fd')
  await agent.serve(() => 'continue')
  assert.doesNotMatch(await done, /seccomp|socket/)
})

test('what cannot work is refused', { skip }, async (t) => {
  const nobody = bundle(t, ({ linux }, { folder }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: [NATIVE],
      listenerPath: `${folder}/nobody.sock`,
      syscalls: [{ names: MKDIR, action: 'SCMP_ACT_NOTIFY' }],
    }
  })
  await nobody.refused(/failed to connect with seccomp agent.*(ENOENT|no such file or directory)/i)
  delete nobody.config.linux.seccomp!.listenerPath
  await nobody.refused(/linux\.seccomp\.listenerPath/)
  nobody.config.linux.seccomp!.listenerPath = '@abstract'
  await nobody.refused(/linux\.seccomp\.listenerPath|seccomp agent/)
  nobody.config.linux.seccomp!.listenerPath = `${nobody.folder}/nobody.sock`
  nobody.config.linux.seccomp!.syscalls![0]!.names = ['write']
  await nobody.refused(/SCMP_ACT_NOTIFY cannot be used for the write syscall/)
  nobody.config.linux.seccomp!.syscalls![0]!.names = MKDIR
  nobody.config.linux.seccomp!.defaultAction = 'SCMP_ACT_NOTIFY'
  await nobody.refused(/SCMP_ACT_NOTIFY cannot be used as default action/)
})

test('a listener path without a rule that notifies is not connected to', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, { folder }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: [NATIVE],
      listenerPath: `${folder}/nobody.sock`,
      syscalls: [{ names: MKDIR, action: 'SCMP_ACT_ERRNO' }],
    }
  })
  assert.match(await box.probe('mkdir /tmp/a 2>&1; true'), /Operation not permitted/)
})
