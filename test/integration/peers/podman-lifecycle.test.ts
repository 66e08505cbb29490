/** podman with our runtime: containers from their creation to their end. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'
import { IMAGE, Podman } from './podman.ts'

describe('podman: lifecycle', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  before(async () => {
    podman = await Podman.open()
  })
  after(() => podman?.close())

  test('run passes output and the exit status on', () => {
    const { status, stdout, stderr } = podman.container([], 'sh', '-c', 'echo out; echo err >&2; exit 7')
    assert.deepEqual({ status, stdout, stderr }, { status: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('run passes its input on', () => {
    const { stdout } = podman.corner.run(podman.command(['run', '--rm', '-i', ...podman.place, IMAGE, 'cat']), {
      env: podman.env,
      input: 'typed',
    })
    assert.equal(stdout, 'typed')
  })

  test('run -it gives the process a terminal of the size of ours', () => {
    // what is written just before the end podman's attach may lose, with any runtime
    const script = 'tty; test -c /dev/console || exit 1; until stty size | grep -q "^33 90$"; do sleep 0.1; done; sleep 0.5; exit 7'
    const { status, stdout } = podman.terminal('', 'run', '-it', '--rm', ...podman.place, IMAGE, 'sh', '-c', script)
    assert.deepEqual({ status, stdout }, { status: 7, stdout: '/dev/pts/0\r\n' })
  })

  test('run -it lets one type', () => {
    const { stdout } = podman.terminal('echo $((6 * 7))\nexit 3\n', 'run', '-it', '--rm', ...podman.place, IMAGE, 'sh')
    assert.match(stdout, /\r\n42\r\n/)
  })

  test('a container in the background is running, then exited with its status', () => {
    const id = podman.background([], 'sh', '-c', 'echo here; exec sleep 60')
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'running')
    const pid = Number(podman.inspect(id, '{{.State.Pid}}'))
    assert.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'sleep\n')
    assert.equal(podman.ok('logs', id), 'here\n')
    podman.ok('kill', '--signal=KILL', id)
    assert.equal(podman.ok('wait', id).trim(), '137')
    assert.equal(podman.inspect(id, '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'), 'exited 137 false')
    assert.ok(!existsSync(`/proc/${pid}`))
    podman.remove(id)
  })

  test('create and start are separate', () => {
    const id = podman.ok('create', ...podman.place, IMAGE, 'sh', '-c', 'echo started').trim()
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'created')
    assert.equal(podman.ok('start', '--attach', id), 'started\n')
    podman.remove(id)
  })

  test('a container is initialized without being started, and removed so', () => {
    const id = podman.ok('create', ...podman.place, IMAGE, 'sh', '-c', 'echo started').trim()
    podman.ok('init', id)
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'initialized')
    podman.ok('rm', id)
  })

  test('a container starts again', () => {
    const id = podman.background([], 'sh', '-c', 'echo again')
    podman.ok('wait', id)
    podman.ok('start', id)
    podman.ok('wait', id)
    assert.equal(podman.ok('logs', id), 'again\nagain\n')
    podman.ok('restart', '--time=0', id)
    podman.ok('wait', id)
    assert.equal(podman.ok('logs', id), 'again\nagain\nagain\n')
    podman.remove(id)
  })

  test('stop asks, and the process may end in its own way', async () => {
    const id = podman.background([], 'sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done')
    await eventually('it is ready', () => podman.ok('logs', id) === 'ready\n')
    podman.ok('stop', '--time=30', id)
    assert.equal(podman.inspect(id, '{{.State.ExitCode}}'), '9')
    podman.remove(id)
  })

  test('stop kills what does not end', () => {
    const id = podman.background([], 'sleep', '60')
    podman.ok('stop', '--time=1', id)
    assert.equal(podman.inspect(id, '{{.State.ExitCode}}'), '137')
    podman.remove(id)
  })

  test('kill sends the signal that it is given', async () => {
    const id = podman.background([], 'sh', '-c', 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.1; done')
    await eventually('it is ready', () => podman.ok('logs', id).includes('ready\n'))
    podman.ok('kill', '--signal=USR1', id)
    await eventually('the signal is handled', () => podman.ok('logs', id).includes('usr1\n'))
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'running')
    podman.remove(id)
  })

  test('pause stops all processes, unpause lets them go on', () => {
    const id = podman.background([], 'sleep', '60')
    podman.ok('pause', id)
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'paused')
    const refused = podman.run('exec', id, 'true')
    assert.equal(refused.status, 255)
    assert.match(refused.stderr, /container state improper/)
    podman.ok('unpause', id)
    assert.equal(podman.ok('exec', id, 'echo', 'awake'), 'awake\n')
    podman.remove(id)
  })

  test('rm refuses a container that runs', () => {
    const id = podman.background([], 'sleep', '60')
    const { status, stderr } = podman.run('rm', id)
    assert.equal(status, 2)
    assert.match(stderr, /container .* is running/)
    podman.remove(id)
  })

  test('top and stats see the processes', () => {
    const id = podman.background(['--memory=64m'], 'sleep', '60')
    assert.match(podman.ok('top', id, 'comm'), /sleep/)
    assert.match(podman.ok('stats', '--no-stream', '--format={{.MemUsage}} {{.PIDs}}', id), /\/ 67\.11MB 1\n/)
    podman.remove(id)
  })

  test('update changes limits of a container that runs', () => {
    const id = podman.background(['--cpus=0.5'], 'sleep', '60')
    const quota = () => podman.limit(id, { v1: 'cpu/cpu.cfs_quota_us', v2: 'cpu.max' }).split(' ')[0]
    assert.equal(quota(), '50000')
    podman.ok('update', '--cpus=0.25', id)
    assert.equal(quota(), '25000')
    podman.remove(id)
  })

  test('nothing of a container is left', () => {
    assert.equal(podman.ok('ps', '--all', '--quiet'), '')
    assert.deepEqual(
      podman.corner.cgroups().filter((name) => !name.endsWith('/conmon')),
      [],
    )
  })
})
