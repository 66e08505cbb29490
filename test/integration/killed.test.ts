/**
 * Whatever the runtime was doing when it was killed: the next command undoes it or adopts it, and nothing is left of a container
 * that is deleted.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { before, describe, test, type TestContext } from 'node:test'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { list } from '../../runtime/container/state.ts'
import type { Engine } from '../../runtime/container/types.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { inUserNamespace, mapTo, shell } from '../support/config.ts'
import { adoptOrphans, orphans, orphansEnd } from '../support/orphans.ts'
import { requires } from '../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../support/runtime.ts'
import { killedAt, type Step, stepsOf } from '../support/steps.ts'

const skip = requires('root', 'busybox', 'strace') || wherryOnly('what it does when it is killed')

/** A container with something of everything that the engine makes. */
const container = (t: TestContext): Bundle =>
  bundle(t, (config) => {
    config.process.args = shell('exec sleep 100000')
    config.linux.resources = { pids: { limit: 50 }, cpu: { shares: 512 } }
    config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['keyctl'], action: 'SCMP_ACT_ERRNO' }] }
    config.linux.maskedPaths = ['/proc/kcore']
  })

const isProgram = (name: string): boolean => name.startsWith('wherry:')

const engineOf = (box: Bundle): Engine => ({ root: box.root, systemdCgroup: false, warn: () => {} })

/** The next command, at once; what is there then is deleted. Returns the states that the next command found. */
const settle = async (box: Bundle): Promise<string[]> => {
  const states = await list(engineOf(box))
  const reaper = setInterval(orphans, 10) // pid 1 of a namespace does not end before all of it are reaped
  try {
    for (const { id } of states) await deleteContainer(engineOf(box), id, { force: true })
  } finally {
    clearInterval(reaper)
  }
  return states.map(({ status }) => status)
}

const assertClean = async (box: Bundle): Promise<void> => {
  await orphansEnd()
  box.assertNothingLeft()
  const left = existsSync(box.root) ? readdirSync(box.root).filter((name) => name !== '@cache' && name !== '@journal') : []
  assert.deepEqual(left, [])
  const cache = existsSync(`${box.root}/@cache`) ? readdirSync(`${box.root}/@cache`) : []
  assert.deepEqual(
    cache.filter((name) => name.includes('.new') || name.includes('.tmp')),
    [],
  )
  const files = readdirSync(box.folder).filter((name) => !['config.json', 'data', 'init.pid', 'rootfs', 'state'].includes(name))
  assert.deepEqual(files, [])
  rmSync(box.root, { recursive: true, force: true }) // the next one makes all of it again, the cache too
}

/** The pid file is the caller's, of a container that is there. */
const forgetPidFile = (box: Bundle): void => rmSync(`${box.folder}/pid`, { force: true })

/** Runs `each` for the steps; a failure names its step. */
const atEach = async (steps: readonly Step[], killed: (step: Step) => Promise<boolean>): Promise<void> => {
  let count = 0
  for (const step of steps) {
    try {
      if (await killed(step)) count += 1
    } catch (error) {
      throw new Error(`killed at ${step.line}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
  // waits differ from run to run; the others do not
  assert.ok(count >= steps.length * 0.9, `only ${count} of ${steps.length} kills hit`)
}

const wasKilled = ({ signal, status }: { signal: string | null; status: number | null }): boolean => signal === 'SIGKILL' || status === 137

describe('the runtime is killed', { skip }, () => {
  before(adoptOrphans)

  test('at each step of create', async (t) => {
    const box = container(t)
    box.write()
    const args = ['create', '--bundle', box.folder, '--pid-file', `${box.folder}/pid`, box.id]
    const steps = await stepsOf(box, args)
    assert.deepEqual(await settle(box), ['created'])
    forgetPidFile(box)
    await assertClean(box)
    await atEach(steps, async (step) => {
      const result = await killedAt(box, args, step)
      const states = await settle(box)
      for (const state of states) assert.match(state, /^(created|stopped)$/)
      if (states.length > 0) forgetPidFile(box)
      await assertClean(box)
      return wasKilled(result)
    })
  })

  test('at steps of create with a user namespace, an idmapped mount and hooks', async (t) => {
    const box = container(t)
    inUserNamespace(box.config)
    box.own(100_000)
    chmodSync(box.folder, 0o755)
    mkdirSync(`${box.folder}/data`)
    const maps = mapTo(200_000)
    box.config.mounts.push({
      destination: '/data',
      type: 'bind',
      source: `${box.folder}/data`,
      options: ['bind'],
      uidMappings: maps,
      gidMappings: maps,
    })
    const hook = { path: '/bin/sh', args: ['sh', '-c', 'cat >/dev/null'] }
    box.config.hooks = { prestart: [hook], createRuntime: [hook], createContainer: [hook] }
    box.write()
    const args = ['create', '--bundle', box.folder, box.id]
    const steps = await stepsOf(box, args)
    await settle(box)
    await assertClean(box)
    // a hook is waited for in an event loop, whose steps are as they come
    await atEach(
      steps.filter((_, index) => index % 3 === 0),
      async (step) => {
        await killedAt(box, args, step)
        await settle(box)
        await assertClean(box)
        return true
      },
    )
  })

  test('at each step of delete', async (t) => {
    const box = container(t)
    const args = ['delete', '--force', box.id]
    const start = async () => {
      await box.must('run', '--detach', '--bundle', box.folder, box.id)
    }
    box.write()
    await start()
    const steps = await stepsOf(box, args)
    await assertClean(box)
    await atEach(steps, async (step) => {
      await start()
      const result = await killedAt(box, args, step)
      await settle(box)
      await assertClean(box)
      return wasKilled(result)
    })
  })

  test('at each step of start', async (t) => {
    const box = container(t)
    const args = ['start', box.id]
    await box.create()
    const steps = await stepsOf(box, args)
    await settle(box)
    await assertClean(box)
    await atEach(steps, async (step) => {
      await box.create()
      const result = await killedAt(box, args, step)
      const [state, ...others] = await settle(box)
      assert.match(state!, /^(created|running)$/)
      assert.deepEqual(others, [])
      await assertClean(box)
      return wasKilled(result)
    })
  })

  test('at each step of exec', async (t) => {
    const box = container(t)
    const args = ['exec', '--detach', '--pid-file', `${box.folder}/pid`, box.id, 'sleep', '100000']
    await box.up()
    const steps = await stepsOf(box, args)
    await atEach(steps, async (step) => {
      const result = await killedAt(box, args, step)
      await orphansEnd(isProgram)
      forgetPidFile(box)
      const [{ status } = { status: '' }] = await list(engineOf(box))
      assert.equal(status, 'running')
      return wasKilled(result)
    })
    await settle(box)
    await assertClean(box)
  })

  test('at steps of run', async (t) => {
    const box = container(t)
    box.write()
    const args = ['run', '--detach', '--bundle', box.folder, box.id]
    const steps = await stepsOf(box, args)
    await settle(box)
    await assertClean(box)
    await atEach(
      steps.filter((_, index) => index % 4 === 0),
      async (step) => {
        const result = await killedAt(box, args, step)
        await settle(box)
        await assertClean(box)
        return wasKilled(result)
      },
    )
  })

  /** Runs a verb whose programs, not itself, get a SIGKILL at their first `call`. */
  const withDeadProgram = (box: Bundle, call: string, args: readonly string[]) =>
    command(
      [
        'strace',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        `trace=${call}`,
        '-e',
        `inject=${call}:signal=KILL:when=1`,
        RUNTIME,
        '--root',
        box.root,
        ...args,
      ],
      box.folder,
    )

  test('the program that makes a container, or joins one, is killed', async (t) => {
    const box = container(t)
    box.write()
    for (const call of ['setsid', 'pivot_root', 'accept4']) {
      const { status, stderr } = await withDeadProgram(box, call, ['run', '--detach', '--bundle', box.folder, box.id])
      assert.equal(status, 1, call)
      assert.match(stderr, call === 'accept4' ? /ended/ : /was ended by SIGKILL/, call)
      await assertClean(box)
    }
    await box.up()
    for (const call of ['setns', 'setsid']) {
      const { status, stderr } = await withDeadProgram(box, call, ['exec', box.id, 'true'])
      assert.equal(status, 255, call)
      assert.match(stderr, /was ended by SIGKILL/, call)
      await orphansEnd(isProgram)
    }
    await settle(box)
    await assertClean(box)
  })
})
