/**
 * A created container waits for its start among processes of another, whose pid namespace it shares: they look at it, and at the
 * runtime's process that makes it, before it is confined.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { shell } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { requires } from '../support/requires.ts'
import { wherryOnly } from '../support/runtime.ts'

const skip = requires('root', 'busybox') || wherryOnly('the names of its processes')

/** Tries everything on whatever is not of the container itself; what has become an ordinary process meanwhile does not count. */
const WATCH = (host: string): string => `
exec >/tmp/report 2>/dev/null
tell() { read -r name <$p/comm || return; case $name in wherry:*) echo "$1 of $name" ;; esac; }
echo ready
while ! [ -e /tmp/stop ]; do
  for p in /proc/[0-9]*; do
    read -r name <$p/comm || continue
    case $name in wherry:*) seen=yes ;; *) continue ;; esac
    [ -n "$(readlink $p/exe)" ] && tell "READ exe"
    [ -n "$(readlink $p/cwd)" ] && tell "READ cwd"
    [ -n "$(cat $p/root${host} $p/cwd/${host} $p/fd/*${host})" ] && tell "READ canary"
    [ -n "$(readlink -f $p/fd/0 | grep -v ^/proc)" ] && tell "READ fd"
    [ -n "$(cat $p/environ)" ] && tell "READ environ"
    (exec 4<>$p/mem) && tell "OPENED mem"
    (exec 4<>$p/exe) && tell "OPENED exe"
  done
done
echo seen=$seen; echo end; exec sleep 100000`

const watched = async (t: TestContext, change: (watcher: Bundle) => void = () => {}): Promise<string> => {
  const secret = canary(t)
  const watcher = bundle(t)
  change(watcher)
  const { pid } = await watcher.up(WATCH(secret.file))
  const report = () => readFileSync(watcher.in('/tmp/report'), 'utf8')
  await eventually('the attacker is ready', () => report().includes('ready\n'))
  for (let round = 0; round < 5; round += 1) {
    const other = bundle(t, ({ linux, process }) => {
      const shared = watcher.config.linux.namespaces.some(({ type }) => type === 'user') ? ['pid', 'user'] : ['pid']
      linux.namespaces = linux.namespaces.filter(({ type }) => !shared.includes(type))
      for (const type of shared) linux.namespaces.push({ type, path: `/proc/${pid}/ns/${type}` })
      process.args = shell('exec sleep 100000')
    })
    if (watcher.config.linux.namespaces.some(({ type }) => type === 'user')) other.own(100_000)
    await other.create()
    await setTimeout(50)
    await other.must('start', other.id)
    await other.must('delete', '--force', other.id)
  }
  await watcher.inside('touch /tmp/stop')
  await eventually('the attacker has ended', () => report().includes('end\n'))
  assert.match(report(), /^seen=yes$/m)
  return report()
}

test('processes with the usual capabilities', { skip }, async (t) => {
  assert.doesNotMatch(await watched(t), /READ|OPENED/)
})

test('processes with all capabilities in the user namespace that both share', { skip }, async (t) => {
  const report = await watched(t, (watcher) => {
    watcher.config.linux.namespaces.push({ type: 'user' })
    watcher.config.linux.uidMappings = watcher.config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65536 }]
    watcher.own(100_000)
    const all = ['CAP_SYS_PTRACE', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SETUID', 'CAP_SETGID']
    watcher.config.process.capabilities = { bounding: all, effective: all, permitted: all }
  })
  assert.doesNotMatch(report, /READ|OPENED/)
})
