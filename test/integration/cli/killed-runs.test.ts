/** wherry, killed at any moment while it runs a container: later commands list or remove what there is, and nothing else is left. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WHERRY } from '../../support/cli.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountTable } from '../../support/leftovers.ts'
import { NetworkedWherry } from '../../support/private-network.ts'
import { requires } from '../../support/requires.ts'

/** Milliseconds that a run takes here, about; found out first. */
const LEAST = 100
const RUNS = 50

describe('a run that is killed', { skip: requires('root', 'libnftables', 'busybox') }, () => {
  let wherry: NetworkedWherry

  before(() => {
    wherry = new NetworkedWherry()
  })
  after(() => wherry.close())

  const filesIn = (folder: string): string[] =>
    existsSync(wherry.path(folder)) ? readdirSync(wherry.path(folder)).filter((name) => !name.startsWith('@') && name !== 'lock') : []

  /** Its end may come before ours. */
  const killedAfter = (milliseconds: number, argv: readonly string[]): Promise<{ readonly stdout: string; readonly killed: boolean }> =>
    new Promise((resolve) => {
      const child = spawn('nsenter', [`--net=/proc/${process.pid}/fd/${wherry.machine}`, WHERRY, ...argv], {
        env: { ...process.env, ...wherry.env },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let stdout = ''
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString()
      })
      const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
      child.once('close', (_, signal) => {
        clearTimeout(timer)
        resolve({ stdout, killed: signal === 'SIGKILL' })
      })
    })

  const run = (name: string, port: number): string[] => [
    ...['run', '-d', '--name', name, '-p', `${port}:80`, '-v', '/anonymous', '--rootfs', wherry.rootfs],
    ...['sleep', '1000'],
  ]

  const links = async (): Promise<string[]> => (await wherry.beside(['ip', '-o', 'link'])).match(/wh[0-9a-f]{12}/g) ?? []
  const rules = async (): Promise<string> => (await wherry.beside(['nft', 'list', 'ruleset'])).replace(/^.*(?:wherry0|masquerade).*$/gm, '')

  test('at fifty moments leaves only what ps lists, and nothing after rm', async () => {
    const begun = performance.now()
    await wherry.ok(...run('whole', 7999))
    const takes = Math.max(performance.now() - begun, LEAST)
    await wherry.ok('rm', '-f', '-v', 'whole')
    const mounts = mountTable()
    const cleanRules = await rules()
    let [killed, whole] = [0, 0]
    for (let index = 0; index < RUNS; index++) {
      const result = await killedAfter((takes * 1.1 * (index + 1)) / RUNS, run(`run${index}`, 8000 + index))
      if (result.killed) killed++
      else whole++
    }
    assert.ok(killed > RUNS / 4, `${killed} were killed, ${whole} were not`)
    await sleep(500)
    const listed = (await wherry.ok('ps', '--all', '--quiet', '--no-trunc')).split('\n').filter(Boolean)
    assert.deepEqual(filesIn('root/containers').sort(), listed.toSorted(), 'what there is is listed')
    assert.equal(filesIn('root/names').length, listed.length)
    if (listed.length > 0) await wherry.ok('rm', '-f', '-v', ...listed)
    for (const folder of ['root/containers', 'root/names', 'root/volumes', 'run/containers', 'run/engine', 'run/networks/bridge'])
      assert.deepEqual(filesIn(folder), [], folder)
    await eventually('keepers and relays have gone', () => processesWithRoot(wherry.folder).length === 0)
    assert.deepEqual(await links(), [])
    assert.equal(await rules(), cleanRules)
    assert.deepEqual(mountTable(), mounts)
    for (const id of listed) assert.deepEqual(cgroupsOf(id), [])
    assert.equal(await wherry.ok('network', 'inspect', '-f', '{{len .Containers}}', 'bridge'), '0\n')
    // names and ports are free
    await wherry.ok(...run('run10', 8010))
    await wherry.ok('rm', '-f', '-v', 'run10')
  })

  /** Processes that have something of the folder open or in their arguments. */
  const processesWithRoot = (folder: string): string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => {
        try {
          return /^wherry:/.test(readFileSync(`/proc/${pid}/comm`, 'utf8')) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder)
        } catch {
          return false
        }
      })

  test('in the foreground: its keeper cleans up when the container ends', async () => {
    await killedAfter(1500, ['run', '--rm', '--name', 'left', '--rootfs', wherry.rootfs, 'sleep', '3'])
    await eventually('the container has gone', () => filesIn('root/containers').length === 0 && filesIn('run/containers').length === 0)
    assert.deepEqual(filesIn('root/names'), [])
    assert.deepEqual(await links(), [])
  })

  test('stop, rm and start that are killed are followed by the next', async () => {
    for (const verb of [['stop', '-t', '1'], ['rm', '-f', '-v'], ['restart', '-t', '0'], ['kill']] as const)
      for (let moment = 40; moment < 400; moment += 60) {
        await wherry.ok(...run('one', 7000))
        await killedAfter(moment, [...verb, 'one'])
        await wherry.ok('rm', '-f', '-v', 'one')
        assert.deepEqual(
          [filesIn('root/containers'), filesIn('root/names'), filesIn('root/volumes')],
          [[], [], []],
          `${verb[0]} after ${moment} ms`,
        )
      }
    assert.deepEqual(await links(), [])
  })
})
