/**
 * Every call of the programs of a container and of an exec fails once. Whichever it is, the error names it, and nothing of the
 * container is left, or nothing of the process in a container that runs on.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { CreateOptions, Engine } from '../../runtime/container/types.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { CGROUP, shell, SYS } from '../support/config.ts'
import { failAt, lastProgram, replaceLinker } from '../support/faulty-link.ts'
import { callsOf } from '../support/inject.ts'
import { adoptOrphans, orphans, orphansEnd } from '../support/orphans.ts'
import { requires } from '../support/requires.ts'
import { wherryOnly } from '../support/runtime.ts'

replaceLinker()
const { create } = await import('../../runtime/container/create.ts')
const { start } = await import('../../runtime/container/start.ts')
const { exec } = await import('../../runtime/container/exec.ts')
const { deleteContainer } = await import('../../runtime/container/delete.ts')

const skip = requires('root', 'busybox') || wherryOnly('failures of its programs')

const container = (t: TestContext): Bundle =>
  bundle(t, (config, { folder }) => {
    config.process.args = shell('exec sleep 100000')
    config.process.rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }]
    config.process.oomScoreAdj = 100
    config.hostname = 'faulty'
    config.root.readonly = true
    config.mounts.push(structuredClone(SYS), structuredClone(CGROUP))
    config.mounts.push({ destination: '/made/for/it', type: 'bind', source: folder, options: ['rbind', 'ro', 'rprivate'] })
    config.mounts.push({ destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] })
    config.linux.resources = { pids: { limit: 50 } }
    config.linux.sysctl = { 'net.ipv4.ip_forward': '1' }
    config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['keyctl'], action: 'SCMP_ACT_ERRNO' }] }
    config.linux.maskedPaths = ['/proc/kcore', '/sys/firmware']
    config.linux.readonlyPaths = ['/proc/sys']
  })

const engineOf = (box: Bundle): Engine => ({ root: box.root, systemdCgroup: false, warn: () => {} })
const optionsOf = (box: Bundle): CreateOptions => ({ id: box.id, bundle: box.folder, noPivot: false, noNewKeyring: false, preserveFds: 0 })

/** Runs `body` while children that it does not wait for are reaped. */
const reaping = async <T>(body: () => Promise<T>): Promise<T> => {
  const reaper = setInterval(orphans, 10)
  try {
    return await body()
  } finally {
    clearInterval(reaper)
  }
}

const remove = (box: Bundle): Promise<void> => reaping(() => deleteContainer(engineOf(box), box.id, { force: true }))

/** What `body` throws, if it does: it must be the failure of `call`. */
const failureOf = async (call: string, body: () => Promise<unknown>): Promise<boolean> => {
  try {
    await body()
    return false
  } catch (error) {
    assert.ok(error instanceof SyscallError, `${String(error)} is no failure of a call`)
    assert.equal(error.syscall, call)
    assert.match(error.message, /: EIO/)
    return true
  }
}

/** Fails each call in turn; names of the calls whose failure was one of the whole. */
const failEach = async (each: (call: string) => Promise<boolean>): Promise<Set<string>> => {
  const { ops } = lastProgram()
  const failed = new Set<string>()
  for (const index of callsOf(lastProgram())) {
    const { call, during } = ops[index]!
    if (index === 0 || call === 'exit_group') continue // the first one maps the page that failures are told in
    const named = call === 'statx' && during?.startsWith('exec: ') === true ? 'faccessat2' : call // the lookup has one failure in the end
    failAt(index)
    try {
      if (await each(named)) failed.add(call)
    } catch (error) {
      throw new Error(`op ${index}, ${during ?? ''} ${call}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    } finally {
      failAt(undefined)
    }
  }
  return failed
}

describe('a call of a program fails', { skip }, () => {
  before(adoptOrphans)
  after(() => failAt(undefined))

  test('in the program of a container', async (t) => {
    const box = container(t)
    box.write()
    const make = async () => {
      rmSync(box.in('/made'), { recursive: true, force: true }) // what is made in the root filesystem stays
      await create(engineOf(box), optionsOf(box))
    }
    await make()
    await remove(box)
    const failed = await failEach(async (call) => {
      const failing = await failureOf(call, async () => {
        await make()
        await start(engineOf(box), box.id)
      })
      if (box.known.length > 0) await remove(box) // it failed after it was created, or not at all
      await orphansEnd()
      box.assertNothingLeft()
      return failing
    })
    const expected =
      'clone3 setsid mount open_tree move_mount pivot_root umount2 fsopen fsconfig fsmount mount_setattr openat2 mknodat symlinkat mkdirat sethostname prlimit64 prctl setresuid setresgid setgroups capset chdir getcwd close_range accept4 seccomp execve'
    assert.deepEqual(
      expected.split(' ').filter((call) => !failed.has(call)),
      [],
    )
  })

  test('in the program of an exec', async (t) => {
    const box = container(t)
    box.write()
    await create(engineOf(box), optionsOf(box))
    await start(engineOf(box), box.id)
    const process = { args: ['sleep', '100000'], cwd: '/', env: ['PATH=/bin'], user: { uid: 1000, gid: 1000 } }
    const run = () => exec(engineOf(box), { id: box.id, process, preserveFds: 0, cgroups: {}, ignorePaused: false })
    for (const _ of [1, 2]) await run() // the first one makes the standard streams the user’s
    const failed = await failEach(async (call) => {
      const before = orphans().length
      const failing = await failureOf(call, run)
      if (failing) assert.equal(orphans().length, before)
      return failing
    })
    const expected = 'setns clone3 setsid prctl setresuid setresgid setgroups capset chdir getcwd close_range seccomp execve'
    assert.deepEqual(
      expected.split(' ').filter((call) => !failed.has(call)),
      [],
    )
    await remove(box)
    await orphansEnd()
  })
})
