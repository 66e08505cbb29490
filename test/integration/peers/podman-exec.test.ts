/** podman exec with our runtime: more processes in a container that runs. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { requires } from '../../support/requires.ts'
import { Podman } from './podman.ts'

describe('podman: exec', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  let id: string
  before(async () => {
    podman = await Podman.open()
    id = podman.background(['--env=FROM=container', '--hostname=inside', '--memory=64m', '--user=0:0'], 'sleep', '600')
  })
  after(() => podman?.close())

  test('it passes output and the exit status on', () => {
    const { status, stdout, stderr } = podman.run('exec', id, 'sh', '-c', 'echo out; echo err >&2; exit 7')
    assert.deepEqual({ status, stdout, stderr }, { status: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('it reports the signal that ended the process', () => {
    assert.equal(podman.run('exec', id, 'sh', '-c', 'kill -9 $$').status, 137)
  })

  test('it passes its input on', () => {
    const { stdout } = podman.corner.run(podman.command(['exec', '-i', id, 'cat']), { env: podman.env, input: 'typed' })
    assert.equal(stdout, 'typed')
  })

  test('the process is in the namespaces and the cgroup of the container', () => {
    const script =
      'hostname; for n in cgroup ipc mnt net pid uts; do test "$(readlink /proc/1/ns/$n)" = "$(readlink /proc/self/ns/$n)" || echo $n; done; cmp /proc/1/cgroup /proc/self/cgroup'
    assert.deepEqual(podman.run('exec', id, 'sh', '-c', script), { status: 0, stdout: 'inside\n', stderr: '' })
  })

  test('environment, user, folder and privileges can be given', () => {
    assert.equal(podman.ok('exec', '--env=ADDED=exec', id, 'sh', '-c', 'echo $FROM $ADDED'), 'container exec\n')
    assert.equal(podman.ok('exec', '--user=user', id, 'id'), 'uid=1000(user) gid=1000(user)\n')
    assert.equal(
      podman.ok('exec', '--user=1000:100', id, 'sh', '-c', 'id; grep CapEff /proc/self/status'),
      'uid=1000(user) gid=100(users)\nCapEff:\t0000000000000000\n',
    )
    assert.equal(podman.ok('exec', '--workdir=/etc', id, 'pwd'), '/etc\n')
    const capabilities = podman.ok('exec', '--privileged', id, 'grep', 'CapEff', '/proc/self/status')
    assert.ok(BigInt(`0x${capabilities.trim().split('\t')[1]}`) & (1n << 21n), `${capabilities.trim()} has no CAP_SYS_ADMIN`)
  })

  test('-it gives the process a terminal', () => {
    const script = 'tty; until stty size | grep -q "^33 90$"; do sleep 0.1; done; exit 7'
    const { status, stdout } = podman.terminal('', 'exec', '-it', id, 'sh', '-c', script)
    assert.equal(status, 7)
    assert.match(stdout, /^\/dev\/pts\/\d+\r\n$/)
  })

  test('-it lets one type', () => {
    const { stdout } = podman.terminal('echo $((6 * 7))\nexit 3\n', 'exec', '-it', id, 'sh')
    assert.match(stdout, /\r\n42\r\n/)
  })

  test('--detach does not wait', () => {
    podman.ok('exec', '--detach', id, 'sh', '-c', 'echo done >/tmp/mark; sleep 600')
    podman.ok('exec', id, 'sh', '-c', 'until grep -q done /tmp/mark; do sleep 0.1; done')
  })

  test('what cannot be executed is told apart', () => {
    const missing = podman.run('exec', id, 'nothing-of-this-name')
    assert.equal(missing.status, 127)
    assert.match(missing.stderr, /executable file not found in \$PATH.*OCI runtime attempted to invoke a command that was not found/s)
    const folder = podman.run('exec', id, '/etc')
    assert.equal(folder.status, 126)
    assert.match(folder.stderr, /permission denied/i)
    const data = podman.run('exec', id, '/bin/data')
    assert.equal(data.status, 126)
    assert.match(data.stderr, /permission denied/i)
    const path = podman.run('exec', id, '/no/such/file')
    assert.equal(path.status, 127)
    assert.match(path.stderr, /no such file or directory/i)
    const user = podman.run('exec', '--user=nobody-here', id, 'true')
    assert.equal(user.status, 255)
    assert.match(user.stderr, /unable to find user nobody-here/)
    const cwd = podman.run('exec', '--workdir=/no/such/folder', id, 'true')
    assert.equal(cwd.status, 127)
    assert.match(cwd.stderr, /no such file or directory/)
  })

  test('the container goes on', () => {
    assert.equal(podman.inspect(id, '{{.State.Status}}'), 'running')
  })
})
