/** What is handed on: --preserve-fds, LISTEN_FDS, NOTIFY_SOCKET, --pid-file, --pidfd-socket; and that nothing else is. */
import assert from 'node:assert/strict'
import { chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { PR_SET_CHILD_SUBREAPER } from '../../../runtime/sys/abi/prctl.ts'
import { AF_UNIX, SOCK_DGRAM } from '../../../runtime/sys/abi/socket.ts'
import { receiveFds } from '../../../runtime/sys/scm.ts'
import { ARCH, syscall } from '../../../runtime/sys/syscall.ts'
import { unixListen } from '../../../runtime/sys/unix.ts'
import { type Bundle, bundle, succeeded } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { command, OURS, PATIENCE, RUNTIME, wherryOnly } from '../../support/runtime.ts'
import { DescriptorSocket, readiness } from '../../support/terminal.ts'

const skip = requires('root', 'busybox')

/** Descriptors of this file, open for the length of a test. */
const opened = (t: Parameters<typeof bundle>[0], box: Bundle, count: number): number[] =>
  Array.from({ length: count }, (_, index) => {
    writeFileSync(`${box.folder}/file${index}`, `file ${index}\n`)
    const fd = openSync(`${box.folder}/file${index}`, 'r')
    t.after(() => closeSync(fd))
    return fd
  })

test('a process has the standard streams and nothing else', { skip }, async (t) => {
  const box = bundle(t)
  const fds = opened(t, box, 6)
  // 3 is ls's own
  assert.equal((await box.run(shell('ls /proc/self/fd | xargs'), { fds })).stdout, '0 1 2 3\n')
  box.config.process.args = ['sleep', '100000']
  box.write()
  assert.equal((await box.runtime(['run', '-d', '--bundle', box.folder, box.id], { fds })).status, 0)
  const { pid } = await box.state()
  assert.deepEqual(readdirSync(`/proc/${pid}/fd`), ['0', '1', '2'])
  assert.equal((await box.exec(shell('ls /proc/self/fd | xargs'), { fds })).stdout, '0 1 2 3\n')
})

test('a created init holds nothing of the host', { skip }, async (t) => {
  const box = bundle(t)
  const fds = opened(t, box, 3)
  box.write()
  assert.equal((await box.runtime(['create', '--bundle', box.folder, box.id], { fds })).status, 0)
  const { pid } = await box.state()
  const others = readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => Number(fd) > 2)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  const harmless = /^(socket:|pipe:|anon_inode:|\/memfd:runc_cloned|\/runc|\/$|\/proc|\/1\/task|.*\/exec\.fifo)/
  assert.deepEqual(
    others.filter((target) => !harmless.test(target)),
    [],
  )
})

test("stdin from /dev/null is the container's, not the host's", { skip: skip || wherryOnly('streams that lead nowhere') }, async (t) => {
  const [inside, device] = await bundle(t).lines('stat -L -c %d /proc/self/fd/0; stat -c %d /dev/null')
  assert.equal(inside, device)
})

test('--preserve-fds passes on as many as it says, for run and exec', { skip }, async (t) => {
  const box = bundle(t)
  const fds = opened(t, box, 3)
  const print = 'cat <&3; cat <&4; ls /proc/self/fd | xargs'
  assert.equal(await box.probe(print, { fds, flags: ['--preserve-fds', '2'] }), 'file 0\nfile 1\n0 1 2 3 4 5')
  const [again] = [opened(t, box, 3)]
  await box.up()
  assert.equal((await box.exec(shell(print), { fds: again, flags: ['--preserve-fds=2'] })).stdout, 'file 0\nfile 1\n0 1 2 3 4 5\n')
})

test('descriptors that are not there cannot be preserved', { skip: skip || wherryOnly('a check of --preserve-fds') }, async (t) => {
  const box = bundle(t)
  const result = await box.run(['true'], { fds: opened(t, box, 1), flags: ['--preserve-fds', '3'] })
  box.assertRefusal(result, /--preserve-fds=3: descriptor 4 is not open/)
})

test('LISTEN_FDS are passed on to process 1 of the container, before those of --preserve-fds', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = shell('echo $LISTEN_FDS $LISTEN_PID $$; cat <&3; cat <&4; ls /proc/self/fd | xargs')
  box.write()
  const start = (count: number, flags: string) =>
    command(
      ['sh', '-c', `LISTEN_PID=$$ LISTEN_FDS=${count} exec ${RUNTIME} --root ${box.root} run ${flags} --bundle ${box.folder} ${box.id}`],
      box.folder,
      { fds: opened(t, box, 3) },
    )
  assert.equal(succeeded(await start(2, ''), 'run').stdout, '2 1 1\nfile 0\nfile 1\n0 1 2 3 4 5\n')
  assert.equal(succeeded(await start(1, '--preserve-fds 1'), 'run').stdout, '1 1 1\nfile 0\nfile 1\n0 1 2 3 4 5\n')
})

test('LISTEN_FDS of somebody else are not', { skip }, async (t) => {
  const box = bundle(t)
  const result = await box.run(shell('echo "[$LISTEN_FDS]"; ls /proc/self/fd | xargs'), {
    fds: opened(t, box, 2),
    env: { LISTEN_FDS: '2', LISTEN_PID: '1' },
  })
  assert.equal(result.stdout, '[]\n0 1 2 3\n')
})

/** An executable that says READY=1 to /run/notify/notify.sock and ends; sd_notify(3) without a library. */
const notifier = (): Buffer => {
  const p = new Program(ARCH)
  const address = Buffer.alloc(110)
  address.writeUInt16LE(AF_UNIX, 0)
  address.write('/run/notify/notify.sock', 2)
  const socket = p.call('socket', [AF_UNIX, SOCK_DGRAM, 0])
  p.call('sendto', [socket, 'READY=1\nSTATUS=ready\n', 21, 0, p.bytes(address), address.length])
  p.exit(0)
  return Buffer.from(link(p).elf)
}

/** A notify socket of the host, and what it is told up to the barrier. */
const listenForNotices = (t: Parameters<typeof bundle>[0], box: Bundle): { path: string; told: () => Promise<string[]> } => {
  const path = `${box.folder}/host-notify.sock`
  const socket = unixListen(path, { type: SOCK_DGRAM })
  t.after(() => closeSync(socket))
  const told = async (): Promise<string[]> => {
    const lines: string[] = []
    for (;;) {
      while (readiness(socket) === 0) await setTimeout(5)
      const { payload, fds } = receiveFds(socket, { timeout: PATIENCE })
      for (const fd of fds) closeSync(fd)
      const text = Buffer.from(payload).toString().trim()
      if (text === 'BARRIER=1') return lines
      lines.push(text)
    }
  }
  return { path, told }
}

test('NOTIFY_SOCKET: the container is told of its own, and what it says is passed on', { skip }, async (t) => {
  const box = bundle(t, (_, made) => {
    writeFileSync(made.in('/ready'), notifier())
    chmodSync(made.in('/ready'), 0o755)
  })
  const { path, told } = listenForNotices(t, box)
  box.config.process.args = shell('echo $NOTIFY_SOCKET > /tmp/path; /ready; exec sleep 100000')
  box.write()
  const env = { NOTIFY_SOCKET: path }
  const [lines] = await Promise.all([
    told(),
    box.runtime(['run', '--detach', '--bundle', box.folder, box.id], { env }).then((result) => succeeded(result, 'run')),
  ])
  const { pid } = await box.state()
  assert.deepEqual(lines, ['READY=1', `MAINPID=${pid}`])
  assert.equal(readFileSync(box.in('/tmp/path'), 'utf8'), '/run/notify/notify.sock\n')
  assert.match(
    await box.inside('grep /run/notify /proc/mounts; touch /run/notify/x 2>&1; true'),
    / ro,nosuid,nodev,noexec[^\n]*\ntouch: .*Read-only file system/,
  )
  await box.must('delete', '--force', box.id)
  // create does not listen, start does
  assert.equal((await box.runtime(['create', '--bundle', box.folder, box.id], { env })).status, 0)
  const [again] = await Promise.all([told(), box.runtime(['start', box.id], { env }).then((result) => succeeded(result, 'start'))])
  assert.deepEqual(again, ['READY=1', `MAINPID=${(await box.state()).pid}`])
})

test('NOTIFY_SOCKET: a container that ends without a word ends the wait', { skip: skip || wherryOnly('an end of the wait') }, async (t) => {
  const box = bundle(t)
  const { path } = listenForNotices(t, box)
  box.config.process.args = ['true']
  box.write()
  const result = await box.runtime(['run', '--detach', '--bundle', box.folder, box.id], { env: { NOTIFY_SOCKET: path } })
  assert.equal(result.status, 0, result.stderr)
  await box.becomes('stopped')
})

test('--pid-file holds the pid of init, relative to the caller', { skip }, async (t) => {
  const box = bundle(t)
  box.write()
  const place = `${box.folder}/elsewhere`
  await command(['mkdir', place], box.folder)
  succeeded(await box.runtime(['create', '--bundle', box.folder, '--pid-file', 'pid', box.id], { cwd: place }), 'create')
  assert.equal(readFileSync(`${place}/pid`, 'utf8').trim(), String((await box.state()).pid))
  await box.must('delete', '--force', box.id)
  rmSync(place, { recursive: true })
  const bad = await box.runtime(['create', '--bundle', box.folder, '--pid-file', `${place}/pid`, box.id])
  box.assertRefusal(bad, /elsewhere\/pid.*(ENOENT|no such file)/)
})

test('--pid-file is not written where the creation fails', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' }))
  await box.refused(/nosuchfs/, ['true'], ['--pid-file', `${box.folder}/pid`])
  assert.ok(!existsSync(`${box.folder}/pid`))
})

test('--pidfd-socket gets a pidfd of init, and of an exec', { skip }, async (t) => {
  const box = bundle(t)
  box.write()
  const socket = new DescriptorSocket(`${box.folder}/pidfd.sock`)
  t.after(() => socket.close())
  const pidOf = async (): Promise<number> => {
    const { fd } = await socket.receive()
    const pid = Number(/^Pid:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1])
    closeSync(fd)
    return pid
  }
  await box.up('exec sleep 100000', ['--pidfd-socket', socket.path])
  assert.equal(await pidOf(), (await box.state()).pid)
  await box.must('exec', '--detach', '--pid-file', `${box.folder}/pid`, '--pidfd-socket', socket.path, box.id, 'sleep', '100000')
  assert.equal(await pidOf(), Number(readFileSync(`${box.folder}/pid`, 'utf8')))
  await box.must('delete', '--force', box.id)
  if (!OURS) return
  const nobody = await box.runtime(['create', '--bundle', box.folder, '--pidfd-socket', `${box.folder}/nobody`, box.id])
  box.assertRefusal(nobody, /nobody.*(ENOENT|no such file|ECONNREFUSED)/)
})

test("init is a child of the caller's reaper, which learns its status", { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = shell('exit 7')
  box.write()
  // as a monitor does it
  const result = syscall('prctl', [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0])
  assert.equal(result, 0)
  try {
    const { pid } = await box.create()
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^PPid:\t${process.pid}$`, 'm'))
    await box.must('start', box.id)
    await box.becomes('stopped')
    const status = Buffer.alloc(4)
    assert.equal(syscall('wait4', [pid, status, 0, 0]), pid)
    assert.equal(status.readInt32LE(), 7 << 8)
  } finally {
    syscall('prctl', [PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0])
  }
})
