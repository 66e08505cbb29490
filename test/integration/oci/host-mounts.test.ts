/** While containers run, the host's mount table does not change: nothing of a container is ever in it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { bundle } from '../../support/bundle.ts'
import { CGROUP, inUserNamespace, shell, SYS } from '../../support/config.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../../support/runtime.ts'

const POLLPRI = 2

const skip = requires('root', 'busybox')

/** The table after each verb, in a mount namespace that nobody else changes; the root is shared, as under systemd. */
const VERBS = `
  mount --make-rshared /
  table() { cat /proc/self/mountinfo > "$BUNDLE/table.$1"; cmp "$BUNDLE/table.before" "$BUNDLE/table.$1" && echo "$1"; }
  cat /proc/self/mountinfo > "$BUNDLE/table.before"
  rt create --bundle "$BUNDLE" "$ID" < /dev/null > /dev/null; table create
  rt start "$ID"; table start
  rt exec "$ID" mount -t tmpfs inside /tmp; table exec
  rt pause "$ID"; rt resume "$ID"; table pause
  rt kill "$ID" KILL; table kill
  rt delete --force "$ID"; table delete
`

for (const userNamespace of [false, true])
  test(`no verb changes the host's mount table${userNamespace ? ', with a user namespace' : ''}`, { skip }, async (t) => {
    const box = bundle(t, (config, made) => {
      mkdirSync(`${made.folder}/source`)
      config.mounts.push(
        structuredClone(SYS),
        structuredClone(CGROUP),
        { destination: '/mnt', source: `${made.folder}/source`, options: ['rbind', 'ro', 'rslave'] },
        { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
      )
      config.linux.maskedPaths = ['/proc/kcore', '/proc/acpi', '/sys/firmware']
      config.linux.readonlyPaths = ['/proc/sys']
      config.process.args = shell('exec sleep 100000')
      const capabilities = ['CAP_SYS_ADMIN']
      config.process.capabilities = { bounding: capabilities, effective: capabilities, permitted: capabilities }
      if (!userNamespace) return
      inUserNamespace(config)
      made.own(100_000)
    })
    assert.deepEqual((await inPrivateMounts(box, VERBS)).split('\n'), ['create', 'start', 'exec', 'pause', 'kill', 'delete'])
  })

/** Whether the table of a mount namespace has changed since it was opened or last asked: proc_pid_mounts(5). */
const hasChanged = (mountinfo: number): boolean => {
  const poll = Buffer.alloc(8)
  poll.writeInt32LE(mountinfo, 0)
  poll.writeInt16LE(POLLPRI, 4)
  return syscall('ppoll', [poll, 1, Buffer.alloc(16), 0, 8]) === 1
}

test('nor does it change for a moment', { skip: skip || wherryOnly('a table that never changes') }, async (t) => {
  const box = bundle(t, ({ mounts, linux }, { folder }) => {
    mkdirSync(`${folder}/source`)
    linux.rootfsPropagation = 'shared'
    mounts.push(
      { destination: '/mnt', source: `${folder}/source`, options: ['rbind', 'rshared'] },
      structuredClone(SYS),
      structuredClone(CGROUP),
    )
    linux.maskedPaths = ['/proc/kcore', '/proc/acpi']
  })
  box.write()
  const holder = spawn('unshare', ['--mount', '--propagation', 'shared', 'sh', '-c', 'echo; exec sleep 100000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const mountinfo = openSync(`/proc/${holder.pid}/mountinfo`, 'r')
  try {
    const inside = (...argv: string[]) => command(['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, ...argv], box.folder)
    const rt = (...argv: string[]) => inside(RUNTIME, '--root', box.root, ...argv)
    readFileSync(mountinfo)
    assert.equal((await rt('run', '--bundle', box.folder, box.id)).status, 0)
    assert.ok(!hasChanged(mountinfo), 'run')
    box.config.mounts.push({ destination: '/bad', type: 'nosuchfs', source: 'x' })
    box.write()
    assert.match((await rt('run', '--bundle', box.folder, box.id)).stderr, /nosuchfs/)
    assert.ok(!hasChanged(mountinfo), 'a run that fails')
    assert.equal((await inside('mount', '--bind', box.rootfs, box.rootfs)).status, 0)
    assert.ok(hasChanged(mountinfo), 'a mount of the host is noticed')
  } finally {
    closeSync(mountinfo)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }
})
