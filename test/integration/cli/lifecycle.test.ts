/** The life of containers that outlive a command: each verb by what it does to them. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { cells } from '../../support/cli.ts'
import { eventually } from '../../support/eventually.ts'
import { requiresController } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'

describe('containers', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())
  afterEach(async () => {
    const ids = (await wherry.ok('ps', '-aq')).trim()
    if (ids !== '') await wherry.ok('rm', '-f', ...ids.split('\n'))
  })

  const field = async (name: string, template: string): Promise<string> => (await wherry.ok('inspect', '-f', template, name)).trim()
  const status = (name: string): Promise<string> => field(name, '{{.State.Status}}')
  const state = (name: string): Promise<string> => field(name, '{{.State.Status}} {{.State.ExitCode}}')

  test('one that was created runs when it is started, and again', async () => {
    const id = (await wherry.ok('create', '--name', 'one', '--network', 'none', IMAGE, 'sh', '-c', 'echo run; exit 4')).trim()
    assert.equal(await state('one'), 'created 0')
    assert.equal((await wherry.run(['start', '--attach', 'one'])).stdout, 'run\n')
    assert.equal(await state('one'), 'exited 4')
    assert.equal((await wherry.run(['start', '-a', id.slice(0, 10)])).status, 4)
    assert.equal((await wherry.run(['logs', 'one'])).stdout, 'run\nrun\n')
  })

  test('what it writes is there at the next start', async () => {
    await wherry.ok('create', '--name', 'keeps', '--network', 'none', IMAGE, 'sh', '-c', 'cat /kept 2>/dev/null; echo x >> /kept')
    assert.equal((await wherry.run(['start', '-a', 'keeps'])).stdout, '')
    assert.equal((await wherry.run(['start', '-a', 'keeps'])).stdout, 'x\n')
  })

  test('stop sends its signal, and kills what does not heed it', async () => {
    await wherry.startShell('polite', 'trap "exit 5" TERM; while :; do sleep 0.05; done')
    await wherry.startShell('deaf', 'trap "" TERM INT; while :; do sleep 0.05; done')
    await wherry.startShell('int', 'trap "exit 6" INT; while :; do sleep 0.05; done', ['--stop-signal', 'SIGINT'])
    assert.equal(await wherry.ok('stop', 'polite', 'int'), 'polite\nint\n')
    await wherry.ok('stop', '--timeout', '0', 'deaf')
    assert.deepEqual([await state('polite'), await state('int'), await state('deaf')], ['exited 5', 'exited 6', 'exited 137'])
    assert.equal(await wherry.ok('stop', 'polite'), 'polite\n', 'one that does not run is no error')
  })

  test('kill, and a signal that ends nothing', async () => {
    await wherry.startShell('one', 'trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done')
    await eventually('it is ready', () => readySync('one'))
    await wherry.ok('kill', '--signal', 'HUP', 'one')
    assert.equal(await status('one'), 'running')
    await wherry.ok('kill', 'one')
    await wherry.ok('wait', 'one')
    assert.equal(await state('one'), 'exited 137')
    assert.match(await wherry.ok('logs', 'one'), /hup/)
    assert.match(await wherry.fails(['kill', 'one']), /container one is not running \(exited\)/)
  })

  /** Whether it has written something, without a program that takes its time. */
  const readySync = (name: string): boolean => {
    const id = readFileSync(wherry.path(`root/names/${name}`), 'utf8')
    return (
      existsSync(wherry.path(`root/containers/${id}/spool/log.0`)) &&
      readFileSync(wherry.path(`root/containers/${id}/spool/log.0`), 'latin1').includes('ready')
    )
  }

  test('pause keeps its processes where they are', async () => {
    await wherry.start('still', ['sleep', '1000'])
    await wherry.ok('pause', 'still')
    assert.equal(await status('still'), 'paused')
    assert.match((await wherry.ok('ps')).split('\n')[1]!, /Up .* \(Paused\)/)
    assert.match(await wherry.fails(['pause', 'still']), /is paused already/)
    await wherry.ok('unpause', 'still')
    assert.equal(await status('still'), 'running')
    assert.match(await wherry.fails(['unpause', 'still']), /is not paused/)
    await wherry.ok('pause', 'still')
    await wherry.ok('stop', '-t', '0', 'still')
    assert.equal(await status('still'), 'exited')
  })

  test('rm refuses one that runs, and takes all of it with --force', async () => {
    const id = await wherry.start('up', ['sleep', '1000'], ['-v', '/anonymous'])
    assert.match(
      await wherry.fails(['rm', 'up']),
      /container up \([0-9a-f]{12}\) is running: stop it first \(wherry stop up\), or use --force/,
    )
    assert.equal((await wherry.ok('volume', 'ls', '-q')).trim().split('\n').length, 1)
    await wherry.ok('rm', '-f', '-v', 'up')
    assert.equal(await wherry.ok('volume', 'ls', '-q'), '')
    assert.equal(existsSync(wherry.path(`root/containers/${id}`)), false)
    assert.match(await wherry.fails(['rm', 'up']), /there is no container "up": `wherry ps --all` lists/)
    assert.equal(await wherry.ok('rm', '-f', 'up'), '')
  })

  test('rename gives one name up for the other', async () => {
    await wherry.start('old', ['sleep', '1000'])
    await wherry.start('other', ['sleep', '1000'])
    await wherry.ok('rename', 'old', 'new')
    assert.match(await wherry.fails(['inspect', 'old']), /there is no container/)
    assert.equal(await field('new', '{{.Name}}'), '/new')
    assert.match(await wherry.fails(['rename', 'new', 'other']), /the name other is in use by container/)
    assert.match(await wherry.fails(['rename', 'new', 'bad/name']), /letters, digits/)
    await wherry.start('old', ['sleep', '1000'])
  })

  test('wait tells the statuses in order, and waits for what is asked', async () => {
    await wherry.startShell('slow', 'sleep 1; exit 3')
    await wherry.startShell('quick', 'exit 2')
    assert.equal(await wherry.ok('wait', 'slow', 'quick'), '3\n2\n')
    await wherry.startShell('short', 'sleep 1; exit 9', ['--rm'])
    assert.equal(await wherry.ok('wait', '--condition', 'removed', 'short'), '9\n')
    assert.match(await wherry.fails(['wait', 'short']), /there is no container/)
  })

  test('names, ids and their beginnings; an ambiguous one names the candidates', async () => {
    const ids: string[] = []
    // seventeen containers have two ids that begin with the same digit
    for (let index = 0; index < 17; index++)
      ids.push((await wherry.ok('create', '--network', 'none', '--name', `many${index}`, IMAGE, 'true')).trim())
    const digit = [...'0123456789abcdef'].find((one) => ids.filter((id) => id.startsWith(one)).length > 1)!
    assert.match(
      await wherry.fails(['inspect', '--type', 'container', digit]),
      new RegExp(`container ${digit} is ambiguous: ${digit}[0-9a-f]{11} \\(many\\d+\\)`),
    )
    assert.equal(await field(ids[3]!.slice(0, 20), '{{.Name}}'), '/many3')
    assert.equal(
      (await wherry.ok('ps', '-aq', '-n', '2')).trim(),
      ids
        .slice(-2)
        .toReversed()
        .map((id) => id.slice(0, 12))
        .join('\n'),
    )
  })

  test('ps: columns, filters, formats', async () => {
    await wherry.start('up', ['sleep', '1000'], ['--label', 'tier=web'])
    await wherry.startShell('down', 'exit 3')
    await wherry.ok('wait', 'down')
    const [titles, row, ...more] = cells(await wherry.ok('ps'))
    assert.deepEqual(titles, ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'])
    assert.deepEqual([row!.slice(1, 3), row!.at(-1), more], [[`${IMAGE}:latest`, '"sleep 1000"'], 'up', []])
    assert.match(row![4]!, /^Up (Less than a second|\d+ seconds?)$/)
    const names = async (...flags: readonly string[]): Promise<string> =>
      (await wherry.ok('ps', '--format', '{{.Names}}', ...flags)).trim().split('\n').sort().join(' ')
    assert.equal(await names('-a'), 'down up')
    assert.equal(await names('-a', '--filter', 'status=exited'), 'down')
    assert.equal(await names('--filter', 'exited=3'), 'down')
    assert.equal(await names('--filter', 'exited=0'), '')
    assert.equal(await names('-a', '--filter', 'label=tier=web'), 'up')
    assert.equal(await names('-a', '--filter', 'name=^do'), 'down')
    assert.equal(await names('-a', '--filter', `ancestor=${IMAGE}`), 'down up')
    assert.equal(await names('-a', '--filter', 'since=up'), 'down')
    assert.equal(await names('-a', '--filter', 'before=down'), 'up')
    assert.equal(await names('--latest'), 'down')
    assert.match(await wherry.ok('ps', '-a', '--filter', 'status=exited'), /Exited \(3\) /)
    const json = JSON.parse((await wherry.ok('ps', '--format', 'json')).trim()) as Record<string, unknown>
    assert.deepEqual([json['Names'], json['State'], json['Labels']], ['up', 'running', 'tier=web'])
    assert.match(await wherry.fails(['ps', '--filter', 'nme=x']), /there is no filter "nme": did you mean name\?/)
  })

  test('prune takes those that do not run', async () => {
    await wherry.start('up', ['sleep', '1000'])
    await wherry.startShell('down', 'true')
    await wherry.startShell('spared', 'true', ['--label', 'keep'])
    await wherry.ok('wait', 'down', 'spared')
    assert.match(
      await wherry.ok('container', 'prune', '-f', '--filter', 'label!=keep'),
      /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /,
    )
    assert.deepEqual((await wherry.ok('ps', '-a', '--format', '{{.Names}}')).trim().split('\n').sort(), ['spared', 'up'])
  })

  test('update changes limits at once', { skip: requiresController('memory', 'pids') }, async () => {
    await wherry.start('limited', ['sleep', '1000'], ['-m', '64m', '--pids-limit', '20'])
    await wherry.ok('update', '-m', '128m', '--pids-limit', '30', '--restart', 'on-failure:2', 'limited')
    const limits = JSON.parse(await field('limited', '{{json .Effective.Limits}}')) as Record<string, string>
    assert.equal(limits['memory.max'] ?? limits['memory.limit_in_bytes'], String(128 * 1024 * 1024))
    assert.equal(limits['pids.max'], '30')
    assert.equal(
      await field('limited', '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}'),
      'on-failure 2',
    )
    assert.match(await wherry.fails(['update', 'limited']), /nothing is to be changed/)
  })

  test('inspect shows what the kernel says', async () => {
    await wherry.start(
      'seen',
      ['sleep', '1000'],
      ['--cap-drop', 'ALL', '--cap-add', 'CHOWN', '-e', 'A=b', '--tmpfs', '/scratch', '--label', 'x=y'],
    )
    const [seen] = JSON.parse(await wherry.ok('inspect', 'seen')) as [
      {
        readonly State: { readonly Pid: number }
        readonly Config: { readonly Env: readonly string[]; readonly Labels: object; readonly Cmd: readonly string[] }
        readonly Effective: {
          readonly Pids: readonly number[]
          readonly Capabilities: { readonly Effective: readonly string[] }
          readonly Mounts: readonly { readonly Target: string; readonly Type: string }[]
          readonly Namespaces: Readonly<Record<string, { readonly Host: boolean }>>
          readonly Seccomp: string
        }
      },
    ]
    assert.deepEqual(seen.Effective.Capabilities.Effective, ['CAP_CHOWN'])
    assert.deepEqual(seen.Effective.Pids, [seen.State.Pid])
    assert.ok(seen.Effective.Mounts.some(({ Target, Type }) => Target === '/scratch' && Type === 'tmpfs'))
    assert.deepEqual([seen.Effective.Namespaces['net']?.Host, seen.Effective.Namespaces['pid']?.Host], [false, false])
    assert.equal(seen.Effective.Seccomp, 'filter')
    assert.ok(seen.Config.Env.includes('A=b'))
    assert.deepEqual([seen.Config.Cmd, seen.Config.Labels], [['sleep', '1000'], { x: 'y' }])
    assert.match(await wherry.fails(['inspect', 'nothing']), /there is no container, image, volume, network "nothing"/)
  })
})
