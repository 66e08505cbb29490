/** What nobody asks for: starts by restart policies, and when the machine has started. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, processesOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

describe('restart policies', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  interface State {
    readonly phase: string
    readonly restarts: number
    readonly restartAt?: string
    readonly backoff?: number
    readonly exitCode?: number
    boot?: string
  }

  const stateFile = (id: string): string => wherry.path(`root/containers/${id}/state.json`)
  const stateOf = (id: string): State => JSON.parse(readFileSync(stateFile(id), 'utf8')) as State
  const lines = async (name: string): Promise<number> => (await wherry.ok('logs', name)).split('\n').length - 1

  test('on-failure:2 starts it twice more, each time after a longer wait, and no more', async () => {
    const id = await wherry.startShell('fails', 'echo run; exit 3', ['--restart', 'on-failure:2'])
    await eventually('it has been started for the last time', () => stateOf(id).restarts === 2 && stateOf(id).phase === 'exited')
    await eventually('nothing waits', () => stateOf(id).restartAt === undefined)
    await sleep(300)
    assert.deepEqual([stateOf(id).restarts, stateOf(id).exitCode, await lines('fails')], [2, 3, 3])
    assert.equal(stateOf(id).backoff, 200)
    assert.equal((await wherry.ok('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'fails')).trim(), '2 exited')
  })

  test('on-failure leaves one alone that has ended well', async () => {
    const id = await wherry.startShell('well', 'exit 0', ['--restart', 'on-failure'])
    await wherry.ok('wait', 'well')
    await eventually('it has been cleaned up', () => stateOf(id).phase === 'exited')
    assert.equal(stateOf(id).restartAt, undefined)
  })

  test('always starts it again until it is stopped', async () => {
    const id = await wherry.startShell('always', 'echo run; sleep 0.05', ['--restart', 'always'])
    await eventually('it has been started again', () => stateOf(id).restarts >= 2)
    await wherry.ok('stop', '-t', '0', 'always')
    assert.deepEqual([stateOf(id).phase, stateOf(id).restartAt], ['exited', undefined])
    const before = await lines('always')
    await sleep(1000)
    assert.equal(await lines('always'), before, 'stopped')
  })

  test('one that waits is shown, and can be removed', async () => {
    const id = await wherry.startShell('waits', 'exit 1', ['--restart', 'always'])
    await eventually('it waits for long', () => (stateOf(id).backoff ?? 0) >= 800 && stateOf(id).restartAt !== undefined)
    assert.match(await wherry.ok('ps', '--filter', 'name=waits'), /Restarting \(1\) /)
    await wherry.ok('rm', '-f', 'waits')
    await eventually('nothing of it runs', () => processesOf(id).length === 0)
  })

  test('kill is what the user wants, and no failure', async () => {
    const id = await wherry.start('killed', ['sleep', '1000'], ['--restart', 'always'])
    await wherry.ok('kill', 'killed')
    await wherry.ok('wait', 'killed')
    await eventually('it has been cleaned up', () => stateOf(id).phase === 'exited')
    assert.equal(stateOf(id).restartAt, undefined)
  })

  describe('after the machine has started', () => {
    /** All processes end with the machine, and what was below /run is gone; the state says which start of the machine it was. */
    const restartMachine = async (ids: readonly string[]): Promise<void> => {
      for (const id of ids) {
        const folder = wherry.path(`run/containers/${id}`)
        const keeper = readdirSync(folder).includes('keeper') ? readFileSync(`${folder}/keeper/keeper`).readUInt32LE(24) : undefined
        const running = readdirSync(folder).includes('running.json')
          ? (JSON.parse(readFileSync(`${folder}/running.json`, 'utf8')) as { init: { pid: number } }).init.pid
          : undefined
        for (const pid of [keeper, running]) if (pid !== undefined) process.kill(pid, 'SIGKILL')
      }
      for (const id of ids) {
        const state = stateOf(id)
        if (state.boot !== undefined) writeFileSync(stateFile(id), JSON.stringify({ ...state, boot: 'an earlier one' }))
      }
      await eventually('all have ended', () => ids.every((id) => processesOf(id).length === 0))
      for (const id of ids) for (const folder of cgroupsOf(id)) removeCgroup(folder)
      rmSync(wherry.path('run'), { recursive: true, force: true })
    }

    test('--boot brings back what should be up, and nothing else', async () => {
      const ids = [
        await wherry.start('b-always', ['sleep', '1000'], ['--restart', 'always']),
        await wherry.start('b-unless', ['sleep', '1000'], ['--restart', 'unless-stopped']),
        await wherry.start('b-stopped', ['sleep', '1000'], ['--restart', 'unless-stopped']),
        await wherry.start('b-always-stopped', ['sleep', '1000'], ['--restart', 'always']),
        await wherry.start('b-failure', ['sleep', '1000'], ['--restart', 'on-failure']),
        await wherry.start('b-no', ['sleep', '1000']),
        await wherry.start('b-rm', ['sleep', '1000'], ['--rm']),
      ]
      await wherry.ok('create', '--network', 'none', '--name', 'b-never', '--restart', 'always', IMAGE, 'sleep', '1000')
      await wherry.ok('stop', '-t', '0', 'b-stopped', 'b-always-stopped')
      await restartMachine(ids.filter((id) => readdirSync(wherry.path('run/engine')).includes(id)))
      for (const id of ids.slice(2, 4)) writeFileSync(stateFile(id), JSON.stringify({ ...stateOf(id), boot: 'an earlier one' }))
      const started = (await wherry.ok('start', '--boot')).trim().split('\n').sort()
      assert.deepEqual(started, ['b-always', 'b-always-stopped', 'b-unless'])
      const rows = (await wherry.ok('ps', '-a', '--filter', 'name=^b-', '--format', '{{.Names}} {{.State}} {{.ExitCode}}'))
        .trim()
        .split('\n')
        .sort()
      assert.deepEqual(rows, [
        'b-always running 0',
        'b-always-stopped running 0',
        'b-failure exited 255',
        'b-never created 0',
        'b-no exited 255',
        'b-stopped exited 137',
        'b-unless running 0',
      ])
      assert.equal(await wherry.ok('start', '--boot'), '', 'they are up')
    })
  })
})
