/** containerd with our runtime under its shim, driven by ctr. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'
import { Containerd } from './containerd.ts'

describe('containerd', { skip: requires('root', 'containerd', 'busybox') }, () => {
  let containerd: Containerd
  before(async () => {
    containerd = await Containerd.open()
  })
  after(() => containerd?.close())

  const run = (id: string, options: readonly string[], ...command: string[]) =>
    containerd.run(...containerd.container(id, options, ...command))
  /** Starts a container in the background, runs `body`, ends it. */
  const withContainer = (id: string, options: readonly string[], command: readonly string[], body: () => void): void => {
    containerd.ok(...containerd.container(id, ['--detach', ...options], ...command))
    try {
      body()
    } finally {
      if (containerd.task(id) !== undefined) containerd.ok('task', 'rm', '--force', id)
      containerd.ok('container', 'rm', id)
    }
  }
  /** Runs ctr on a terminal. */
  const terminal = (...args: string[]) => {
    const words = containerd.command(args).map((word) => `'${word}'`)
    return containerd.corner.run(['script', '--quiet', '--return', '--command', words.join(' '), '/dev/null'], { input: '' })
  }

  test('run passes output and the exit status on', () => {
    const { status, stdout, stderr } = run('first', ['--rm'], 'sh', '-c', 'echo out; echo err >&2; exit 7')
    assert.deepEqual({ status, stdout }, { status: 7, stdout: 'out\n' }, stderr)
    assert.match(stderr, /^err\n/)
  })

  test('run --tty gives the process a terminal', () => {
    const { status, stdout } = terminal(...containerd.container('tty', ['--rm', '--tty'], 'sh', '-c', 'tty; exit 5'))
    assert.match(stdout, /\/dev\/pts\/0\r+\n/)
    assert.equal(status, 5)
  })

  test('exec: output, exit status, user, folder, terminal', () => {
    withContainer('exec', ['--env=FROM=container'], ['sleep', '600'], () => {
      assert.equal(containerd.task('exec')?.status, 'RUNNING')
      const { status, stdout } = containerd.run('task', 'exec', '--exec-id=a', 'exec', 'sh', '-c', 'echo $FROM; exit 9')
      assert.deepEqual({ status, stdout }, { status: 9, stdout: 'container\n' })
      assert.equal(
        containerd.ok('task', 'exec', '--exec-id=b', '--user=1000:100', '--cwd=/etc', 'exec', 'sh', '-c', 'id; pwd'),
        'uid=1000(user) gid=100(users) groups=100(users)\n/etc\n',
      )
      assert.match(containerd.run('task', 'exec', '--exec-id=c', 'exec', 'nothing').stderr, /executable file not found in \$PATH/)
      assert.match(terminal('task', 'exec', '--exec-id=d', '--tty', 'exec', 'tty').stdout, /\/dev\/pts\/0\r+\n/)
    })
  })

  test('exec in the background', () => {
    withContainer('execd', [], ['sleep', '600'], () => {
      containerd.ok('task', 'exec', '--exec-id=bg', '--detach', 'execd', 'sh', '-c', 'echo $$ >/tmp/mark; sleep 600')
      containerd.ok('task', 'exec', '--exec-id=look', 'execd', 'sh', '-c', 'until test -s /tmp/mark; do sleep 0.1; done')
      assert.match(containerd.ok('task', 'ps', 'execd'), /bg/)
    })
  })

  /** Runs a container in the foreground while `body` acts on it; its exit status. */
  const attached = async (id: string, command: readonly string[], body: () => void): Promise<number | null> => {
    const ctr = containerd.corner.start(containerd.command(containerd.container(id, ['--rm'], ...command)))
    const ended = once(ctr, 'exit')
    await eventually('the task runs', () => containerd.task(id)?.status === 'RUNNING')
    body()
    const [status] = (await ended) as [number | null]
    return status
  }

  test('kill ends the process with its signal', async () => {
    let pid = 0
    const status = await attached('kill', ['sleep', '600'], () => {
      pid = containerd.task('kill')!.pid
      containerd.ok('task', 'kill', '--signal=SIGKILL', 'kill')
    })
    assert.equal(status, 137)
    assert.ok(!existsSync(`/proc/${pid}`))
  })

  test('kill of a signal that is handled', async () => {
    const script = 'trap "exit 11" TERM; touch /tmp/ready; while :; do sleep 0.1; done'
    const status = await attached('trap', ['sh', '-c', script], () => {
      containerd.ok('task', 'exec', '--exec-id=wait', 'trap', 'sh', '-c', 'until test -e /tmp/ready; do sleep 0.1; done')
      containerd.ok('task', 'kill', '--signal=SIGTERM', 'trap')
    })
    assert.equal(status, 11)
  })

  test('a container starts again', () => {
    withContainer('again', [], ['sleep', '600'], () => {
      containerd.ok('task', 'rm', '--force', 'again')
      assert.equal(containerd.task('again'), undefined)
      containerd.ok('task', 'start', '--detach', 'again')
      assert.equal(containerd.task('again')?.status, 'RUNNING')
    })
  })

  test('pause and resume', () => {
    withContainer('pause', [], ['sleep', '600'], () => {
      containerd.ok('task', 'pause', 'pause')
      assert.equal(containerd.task('pause')?.status, 'PAUSED')
      containerd.ok('task', 'resume', 'pause')
      assert.equal(containerd.task('pause')?.status, 'RUNNING')
    })
  })

  test('metrics and limits', () => {
    withContainer('metrics', ['--memory-limit=67108864', '--cpus=0.5'], ['sleep', '600'], () => {
      assert.match(containerd.ok('task', 'metrics', 'metrics'), /memory\.usage_in_bytes\s+[1-9]\d*|memory\.current\s+[1-9]\d*/)
      const memory = readFileSync(`/proc/${containerd.task('metrics')!.pid}/cgroup`, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
        .find(([, names]) => names === 'memory' || names === '')!
      const file = memory[1] === '' ? `/sys/fs/cgroup${memory[2]}/memory.max` : `/sys/fs/cgroup/memory${memory[2]}/memory.limit_in_bytes`
      assert.equal(readFileSync(file, 'utf8'), '67108864\n')
    })
  })

  test('options of ctr run: read-only root, mounts, user namespace, privileges', () => {
    assert.match(run('ro', ['--rm', '--read-only'], 'touch', '/file').stderr, /Read-only file system/)
    assert.equal(
      run('mnt', ['--rm', '--mount=type=bind,src=/etc/hostname,dst=/mnt/name,options=rbind:ro'], 'cat', '/mnt/name').stdout,
      readFileSync('/etc/hostname', 'utf8'),
    )
    assert.match(run('priv', ['--rm', '--privileged'], 'grep', 'CapEff', '/proc/self/status').stdout, /CapEff:\t0000/)
    assert.equal(run('seccomp', ['--rm', '--seccomp'], 'grep', 'Seccomp:', '/proc/self/status').stdout, 'Seccomp:\t2\n')
    const mapped = run(
      'userns',
      ['--rm', '--uidmap=0:200000:65536', '--gidmap=0:200000:65536'],
      'sh',
      '-c',
      'id -u; tr -s " " </proc/self/uid_map',
    )
    assert.equal(mapped.stdout, '0\n 0 200000 65536\n', mapped.stderr)
  })

  test('what cannot be executed', () => {
    const missing = run('missing', [], 'nothing')
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /executable file not found in \$PATH/)
    containerd.ok('container', 'rm', 'missing')
    const data = run('data', [], '/bin/data')
    assert.match(data.stderr, /permission denied/)
    containerd.ok('container', 'rm', 'data')
  })

  test('nothing of the containers is left', () => {
    assert.equal(containerd.ok('container', 'ls', '--quiet'), '')
    assert.deepEqual(containerd.corner.cgroups(), [])
  })
})
