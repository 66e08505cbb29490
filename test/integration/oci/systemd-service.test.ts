/** What systemd hands to services reaches containers: LISTEN_FDS, NOTIFY_SOCKET. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle, succeeded } from '../../support/bundle.ts'
import { inUserNamespace, shell } from '../../support/config.ts'
import { ServiceManager, writeNotifier } from '../../support/notify.ts'
import { requires } from '../../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

type Context = Parameters<typeof bundle>[0]

const openFiles = (t: Context, box: Bundle, ...names: string[]): number[] =>
  names.map((name) => {
    writeFileSync(`${box.folder}/${name}`, `${name}\n`)
    const fd = openSync(`${box.folder}/${name}`, 'r')
    t.after(() => closeSync(fd))
    return fd
  })

const PRINT = 'for fd in 3 4 5; do cat <&$fd; done 2> /dev/null; echo fds=$LISTEN_FDS pid=$LISTEN_PID'

/** `verb` of the runtime, called by a shell that says LISTEN_PID as systemd does: the pid stays the same through exec. */
const listening = (box: Bundle, fds: readonly number[], args: readonly string[], listenPid = '$$') =>
  command(['sh', '-c', `LISTEN_PID=${listenPid} exec "$0" "$@"`, RUNTIME, '--root', box.root, ...args], box.folder, {
    fds,
    env: { WHERRY_TEST: box.id, LISTEN_FDS: '2' },
  })

test('run passes sockets of systemd on and tells the process of them', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.args = shell(PRINT)
    process.env.push('LISTEN_FDS=9') // of the image: ours counts
  })
  box.write()
  const fds = openFiles(t, box, 'first', 'second', 'third')
  const result = await listening(box, fds, ['run', '--bundle', box.folder, box.id])
  assert.equal(succeeded(result, 'run').stdout, 'first\nsecond\nfds=2 pid=1\n')
})

test('preserved descriptors come behind them and are not counted', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.args = shell(`{ ${PRINT}; } > /tmp/out; exec sleep 100000`)
  })
  box.write()
  const fds = openFiles(t, box, 'first', 'second', 'third')
  succeeded(await listening(box, fds, ['create', '--bundle', box.folder, '--preserve-fds=1', box.id]), 'create')
  await box.must('start', box.id)
  const waits = 'until grep -q fds= /tmp/out; do usleep 5000; done; cat /tmp/out; echo exec=$LISTEN_FDS'
  assert.equal(await box.inside(waits), 'first\nsecond\nthird\nfds=2 pid=1\nexec=')
})

test('sockets for another process are not ours to pass on', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.args = shell(PRINT)
  })
  box.write()
  const result = await listening(box, openFiles(t, box, 'first', 'second'), ['run', '--bundle', box.folder, box.id], '1')
  assert.equal(succeeded(result, 'run').stdout, 'fds= pid=\n')
})

const MESSAGE = 'READY=1\nSTATUS=up\n'

/** A bundle whose process may say that it is ready: /bin/ready does. */
const service = (t: Context, script: string, { abstract = false, change = () => {} }: Options = {}): [Bundle, ServiceManager] => {
  const box = bundle(t, (config, made) => {
    config.process.args = shell(script)
    change(made)
  })
  box.write()
  writeNotifier(box.in('/bin/ready'), '/run/notify/notify.sock', MESSAGE)
  const manager = new ServiceManager(abstract ? `@${box.id}` : `${box.folder}/manager.sock`)
  t.after(() => manager.close())
  return [box, manager]
}

interface Options {
  readonly abstract?: boolean
  readonly change?: (box: Bundle) => void
}

const SHOW = 'echo $NOTIFY_SOCKET; stat -c %a /run/notify /run/notify/notify.sock; touch /run/notify/new 2>&1 | sed "s/.*: //"'

test('start returns when the process is ready, and tells the manager its pid', { skip }, async (t) => {
  const [box, manager] = service(t, `{ ${SHOW}; } > /tmp/out; ready; exec sleep 100000`)
  const env = { NOTIFY_SOCKET: manager.name }
  succeeded(await box.runtime(['create', '--bundle', box.folder, box.id], { env }), 'create')
  const { pid } = await box.state()
  const [messages, result] = await Promise.all([manager.untilBarrier(), box.runtime(['start', box.id], { env })])
  succeeded(result, 'start')
  assert.deepEqual(messages, ['READY=1\n', `MAINPID=${pid}\n`, 'BARRIER=1'])
  assert.equal(await box.inside('cat /tmp/out'), '/run/notify/notify.sock\n755\n777\nRead-only file system')
})

test('run --detach does so too, with a name in the abstract namespace and a user namespace', { skip }, async (t) => {
  const [box, manager] = service(t, 'ready; exec sleep 100000', {
    abstract: true,
    change: (made) => {
      inUserNamespace(made.config)
      made.config.process.user = { uid: 1000, gid: 1000 }
    },
  })
  box.own(100_000)
  const run = box.runtime(['run', '--detach', '--bundle', box.folder, box.id], { env: { NOTIFY_SOCKET: manager.name } })
  const [messages, result] = await Promise.all([manager.untilBarrier(), run])
  succeeded(result, 'run')
  assert.deepEqual(messages, ['READY=1\n', `MAINPID=${(await box.state()).pid}\n`, 'BARRIER=1'])
})

test('in the foreground the runtime is the main process', { skip }, async (t) => {
  const [box, manager] = service(t, 'ready; exit 7')
  let pid: number | undefined
  const run = box.runtime(['run', '--bundle', box.folder, box.id], {
    env: { NOTIFY_SOCKET: manager.name },
    started: (started) => {
      pid = started
    },
  })
  const [messages, result] = await Promise.all([manager.untilBarrier(), run])
  assert.equal(result.status, 7, result.stderr)
  assert.deepEqual(messages, ['READY=1\n', `MAINPID=${pid}\n`, 'BARRIER=1'])
})

test('a container that ends without being ready ends the wait', { skip: skip || wherryOnly('run would wait for ever') }, async (t) => {
  const [box, manager] = service(t, 'sleep 0.2; exit 7')
  const env = { NOTIFY_SOCKET: manager.name }
  assert.equal((await box.runtime(['run', '--bundle', box.folder, box.id], { env })).status, 7)
  succeeded(await box.runtime(['run', '--detach', '--bundle', box.folder, box.id], { env }), 'run --detach')
  await box.becomes('stopped')
  assert.equal(manager.hasMail, false)
})

test('a manager that is not there is a warning', { skip: skip || wherryOnly('of no interest to others') }, async (t) => {
  const [box] = service(t, 'ready; exit 7')
  const result = await box.runtime(['run', '--bundle', box.folder, box.id], { env: { NOTIFY_SOCKET: `${box.folder}/none` } })
  assert.equal(result.status, 7)
  assert.match(result.stderr, /level=warning msg="NOTIFY_SOCKET=.*none is not told that the container is ready: .*no such file/)
})

test('start listens only where create was asked for it', { skip: skip || wherryOnly('runc fails') }, async (t) => {
  const [box, manager] = service(t, 'test -z "$NOTIFY_SOCKET" && ! test -e /run/notify && exec sleep 100000')
  await box.create()
  succeeded(await box.runtime(['start', box.id], { env: { NOTIFY_SOCKET: manager.name } }), 'start')
  assert.equal((await box.state()).status, 'running')
  assert.equal(existsSync(`${box.root}/${box.id}/notify`), false)
  assert.equal(manager.hasMail, false)
})
