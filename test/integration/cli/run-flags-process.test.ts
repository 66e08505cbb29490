/** Flags of run about what is executed, asserted by what it finds. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { WHERRY } from '../../support/cli.ts'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

/** Asks until that is the answer. */
const settles = async (ask: () => Promise<string>, wanted: string): Promise<void> => {
  for (let attempt = 0; attempt < 200 && (await ask()) !== wanted; attempt++) await setTimeout(50)
  assert.equal(await ask(), wanted)
}

describe('flags of wherry run: the process', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const shell = (flags: readonly string[], script: string): Promise<string> =>
    wherry.ok('run', '--rm', '--network', 'none', ...flags, IMAGE, 'sh', '-c', script)

  test('--env, --env-file, --env-host and --unsetenv', async () => {
    const file = wherry.file('variables', '# a comment\nA=file\nB=file\nOUTER\n')
    const { stdout } = await wherry.run(
      [
        'run',
        '--rm',
        '--network',
        'none',
        '--env-file',
        file,
        '-e',
        'A=flag',
        '-e',
        'FROM_OUTSIDE',
        '--unsetenv',
        'PATH',
        IMAGE,
        '/bin/env',
      ],
      { env: { FROM_OUTSIDE: 'yes', OUTER: 'too' } },
    )
    const env = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    assert.deepEqual(
      ['A', 'B', 'OUTER', 'FROM_OUTSIDE', 'PATH'].map((name) => env.get(name)),
      ['flag', 'file', 'too', 'yes', undefined],
    )
    const host = await wherry.run(['run', '--rm', '--network', 'none', '--env-host', IMAGE, 'env'], { env: { FROM_OUTSIDE: 'all' } })
    assert.match(host.stdout, /^FROM_OUTSIDE=all$/m)
  })

  test('--user, --group-add, --workdir, --umask', async () => {
    const said = await shell(
      ['-u', '1234:99', '--group-add', '77', '-w', '/new/folder', '--umask', '027'],
      'id -u; id -g; id -G; pwd; umask',
    )
    assert.deepEqual(said.trim().split('\n'), ['1234', '99', '99 77', '/new/folder', '0027'])
    assert.match(
      await wherry.fails(['run', '--rm', '--network', 'none', '-u', 'nobody-here', IMAGE, 'true'], 125),
      /has no user of that name/,
    )
  })

  test('--hostname and --domainname', async () => {
    const said = await shell(
      ['--hostname', 'my-box', '--domainname', 'my.domain'],
      'hostname; cat /proc/sys/kernel/domainname /etc/hostname; echo $HOSTNAME',
    )
    assert.deepEqual(said.trim().split('\n'), ['my-box', 'my.domain', 'my-box', 'my-box'])
  })

  test('--entrypoint', async () => {
    const run = (entrypoint: string, ...argv: string[]) =>
      wherry.ok('run', '--rm', '--network', 'none', '--entrypoint', entrypoint, IMAGE, ...argv)
    assert.equal(await run('echo', 'a'), 'a\n')
    assert.equal(await run('["echo","b c"]', 'd'), 'b c d\n')
    assert.equal(await run('', 'echo', 'e'), 'e\n')
    assert.match(
      await wherry.fails(['run', '--rm', '--network', 'none', '--entrypoint', 'true', '--entrypoint', '/nowhere', IMAGE], 127),
      /\/nowhere/,
    )
  })

  test('--init passes signals on, reaps, and ends as the process does', async () => {
    // an orphan that its first process, which waits for nobody, gets
    const orphan = 'sh -c "sleep 0.05 &"; exec sleep 1000'
    for (const [name, flags, left] of [
      ['without', [], '1\n'],
      ['with', ['--init'], '0\n'],
    ] as const) {
      await wherry.startShell(name, orphan, flags)
      await settles(
        () => wherry.ok('exec', name, 'sh', '-c', 'grep -h "^Name:.*sleep" /proc/[0-9]*/status | wc -l'),
        left === '1\n' ? '2\n' : '1\n',
      )
      assert.equal(await wherry.ok('exec', name, 'sh', '-c', 'grep -h "^State:.*Z" /proc/[0-9]*/status | wc -l'), left, name)
      await wherry.ok('rm', '-f', name)
    }
    assert.equal(await shell(['--init'], 'readlink /proc/self/exe; echo $$'), '/bin/busybox\n2\n')
    for (const [script, status] of [
      ['exit 7', 7],
      ['kill -9 $$', 137],
    ] as const)
      assert.equal((await wherry.run(['run', '--rm', '--init', '--network', 'none', IMAGE, 'sh', '-c', script])).status, status, script)
    assert.equal((await wherry.run(['run', '--rm', '--init', '--network', 'none', IMAGE, '/etc/passwd'])).status, 126)
    await wherry.startShell('init', 'trap "echo asked; exit 3" USR1; echo ready; while :; do sleep 0.05; done', [
      '--init',
      '--stop-signal',
      'USR1',
    ])
    await settles(() => wherry.ok('logs', 'init'), 'ready\n')
    await wherry.ok('stop', 'init')
    assert.equal(await wherry.ok('logs', 'init'), 'ready\nasked\n')
    assert.equal(await wherry.ok('wait', 'init'), '3\n')
  })

  test('the first process of --init has hardly any power', async () => {
    const said = await shell(
      ['--init', '-u', '1234'],
      'grep -E "^(CapEff|CapPrm|Uid|Name)" /proc/1/status; ls -l /proc/1/fd 2>&1 | grep -c denied',
    )
    assert.deepEqual(
      said
        .trim()
        .split('\n')
        .map((line) => line.replaceAll(/\s+/g, ' ')),
      ['Name: wherry:reaper', 'Uid: 1234 1234 1234 1234', 'CapPrm: 0000000000000020', 'CapEff: 0000000000000020', '1'],
    )
  })

  test('--tty, --interactive, --attach', async () => {
    const input = wherry.file('input', 'typed\n')
    assert.equal((await wherry.run(['run', '--rm', '-i', '--network', 'none', IMAGE, 'cat'], { stdin: input })).stdout, 'typed\n')
    assert.equal((await wherry.run(['run', '--rm', '--network', 'none', IMAGE, 'cat'], { stdin: input })).stdout, '')
    assert.equal((await wherry.run(['run', '--rm', '-t', '--network', 'none', IMAGE, 'tty'])).stdout.trim(), '/dev/pts/0')
    const { stdout, stderr } = await wherry.run([
      'run',
      '--rm',
      '-a',
      'stderr',
      '--network',
      'none',
      IMAGE,
      'sh',
      '-c',
      'echo out; echo err >&2',
    ])
    assert.deepEqual([stdout, stderr], ['', 'err\n'])
  })

  test('--cidfile, --pidfile, --name, --detach', async () => {
    const [cidfile, pidfile] = [wherry.path('cid'), wherry.path('pid')]
    const id = await wherry.start('named', ['sleep', '1000'], ['--cidfile', cidfile, '--pidfile', pidfile])
    assert.equal(readFileSync(cidfile, 'utf8'), id)
    assert.match(readFileSync(`/proc/${readFileSync(pidfile, 'utf8').trim()}/cmdline`, 'utf8'), /^sleep\0/)
    assert.match(
      await wherry.fails(['run', '--rm', '--network', 'none', '--cidfile', cidfile, IMAGE, 'true'], 125),
      /--cidfile: .* is there/,
    )
    assert.match(
      await wherry.fails(['run', '--rm', '--network', 'none', '--name', 'named', IMAGE, 'true'], 125),
      /the name named is in use by container/,
    )
    await wherry.ok('rm', '-f', 'named')
    const failed = wherry.path('cid-of-a-failure')
    await wherry.fails(['run', '--network', 'none', '--cidfile', failed, IMAGE, '/nowhere'], 127)
    assert.equal(existsSync(failed), false)
  })

  test('--preserve-fds', async () => {
    const program = `exec 3<"$1"; shift; exec "$@"`
    const file = wherry.file('preserved', 'from descriptor 3')
    const { stdout, stderr } = spawnSync(
      'sh',
      [
        '-c',
        program,
        'sh',
        file,
        ...[WHERRY, 'run', '--rm', '--network', 'none', '--preserve-fds', '1', IMAGE, 'sh', '-c', 'cat <&3; ls /proc/self/fd | wc -l'],
      ],
      { encoding: 'utf8', env: { ...process.env, ...wherry.env } },
    )
    assert.equal(stdout, 'from descriptor 35\n', stderr)
  })

  test('--label, --label-file and --annotation', async () => {
    const file = wherry.file('labels', 'from=file\nboth=file\n')
    await wherry.ok(
      'run',
      '--network',
      'none',
      '--name',
      'labelled',
      '--label-file',
      file,
      '-l',
      'both=flag',
      '-l',
      'bare',
      '--annotation',
      'note=x',
      IMAGE,
      'true',
    )
    const [inspected] = JSON.parse(await wherry.ok('inspect', 'labelled')) as [{ Config: { Labels: Record<string, string> } }]
    const { from, both, bare } = inspected.Config.Labels
    assert.deepEqual([from, both, bare], ['file', 'flag', ''])
    assert.match(JSON.stringify(inspected), /"note":"x"/)
  })

  test('--stop-timeout and --timeout', async () => {
    await wherry.startShell('deaf', 'trap "" TERM; while :; do sleep 1; done', ['--stop-timeout', '0'])
    await wherry.ok('stop', 'deaf')
    assert.equal(await wherry.ok('wait', 'deaf'), '137\n')
    assert.equal((await wherry.run(['run', '--rm', '--network', 'none', '--timeout', '1', IMAGE, 'sleep', '1000'])).status, 137)
  })

  test('--rootfs', async () => {
    const folder = wherry.path('image/bundle/rootfs')
    assert.equal(
      await wherry.ok(
        'run',
        '--rm',
        '--network',
        'none',
        '--rootfs',
        folder,
        'sh',
        '-c',
        'echo written > /from-container; cat /from-container',
      ),
      'written\n',
    )
    assert.ok(existsSync(`${folder}/from-container`))
    assert.match(
      await wherry.fails(['run', '--rm', '--network', 'none', '--rootfs', folder], 125),
      /no command: with --rootfs there is no image that names one/,
    )
  })

  test('--pull, --quiet and --platform', async () => {
    const never = await wherry.fails(['run', '--rm', '--pull', 'never', '-q', 'not-here:1', 'true'], 125)
    assert.match(never, /not-here:1/)
    assert.match(await wherry.fails(['run', '--rm', '--pull', 'never', '--platform', 'linux/s390x', IMAGE, 'true'], 125), /s390x/)
  })

  test('--log-driver and --log-opt', async () => {
    await wherry.ok(
      'run',
      '--network',
      'none',
      '--name',
      'spooled',
      '--log-driver',
      'json-file',
      '--log-opt',
      'max-size=64k',
      '--log-opt',
      'max-file=2',
      IMAGE,
      'sh',
      '-c',
      'seq 1 40000',
    )
    const lines = (await wherry.ok('logs', 'spooled')).trim().split('\n')
    assert.equal(lines.at(-1), '40000')
    assert.ok(lines.length < 40_000, `${lines.length} lines are kept in 128 KiB`)
  })

  test('--explain prints the program and runs nothing', async () => {
    const missing = wherry.path('not-made')
    const program = await wherry.ok(
      'run',
      '--explain',
      '--init',
      '-it',
      '-v',
      `${missing}:/m`,
      '-v',
      'no-volume:/v',
      IMAGE,
      'never-run',
      'at-all',
    )
    assert.match(program, /# system calls and computations for/)
    assert.match(program, /execve\(.*"never-run"|exec never-run/)
    assert.equal(existsSync(missing), false)
    assert.equal((await wherry.ok('volume', 'ls', '-q')).includes('no-volume'), false)
    const elf = wherry.path('program.elf')
    assert.equal(await wherry.ok('run', '--explain=elf', elf, IMAGE, 'true'), '')
    assert.equal(readFileSync(elf).subarray(0, 4).toString('latin1'), '\x7fELF')
    assert.equal(statSync(elf).mode & 0o777, 0o755)
    assert.match(await wherry.fails(['run', '--explain=elf'], 125), /--explain=elf needs a file, and then the image/)
  })

  test('--storage-opt size limits what is written, or says what the file system lacks', async () => {
    const { status, stderr } = await wherry.run([
      'run',
      '--rm',
      '--network',
      'none',
      '--storage-opt',
      'size=1m',
      IMAGE,
      'sh',
      '-c',
      'head -c 4000000 /dev/zero > /new',
    ])
    assert.ok(
      status === 125 ? /project quotas|prjquota/.test(stderr) : /No space left|Disk quota exceeded/.test(stderr),
      `${status}: ${stderr}`,
    )
  })

  test('--oom-score-adj and --ulimit', async () => {
    const said = await shell(
      ['--oom-score-adj', '321', '--ulimit', 'nofile=123:456', '--ulimit', 'core=0'],
      'cat /proc/self/oom_score_adj; ulimit -Sn; ulimit -Hn; ulimit -c',
    )
    assert.deepEqual(said.trim().split('\n'), ['321', '123', '456', '0'])
  })

  test('nothing is made for a line that is wrong', async () => {
    const before = await wherry.ok('ps', '--all', '--quiet')
    assert.match(await wherry.fails(['run', '--memory', 'lots', IMAGE, 'true'], 125), /--memory: "lots" is no size/)
    assert.match(
      await wherry.fails(['run', '--rm', '--restart', 'always', IMAGE, 'true'], 125),
      /--rm and --restart always exclude each other/,
    )
    assert.match(await wherry.fails(['run', '--memroy', '1g', IMAGE, 'true'], 125), /unknown flag --memroy \(did you mean --memory\?\)/)
    assert.equal(await wherry.ok('ps', '--all', '--quiet'), before)
  })
})
