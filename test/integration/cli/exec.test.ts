import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { resize, WHERRY } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

describe('wherry exec', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers
  let id: string

  before(async () => {
    wherry = await Containers.open()
    id = await wherry.start('c', ['sleep', '1000'], ['--hostname', 'host-of-c', '-e', 'OWN=1', '-w', '/etc', '-m', '64m'])
  })
  after(() => wherry.close())

  test('joins all namespaces and the cgroup, with the environment and folder of the container', async () => {
    const script =
      'hostname; pwd; echo $OWN; readlink /proc/self/ns/* | sort | tr "\\n" " "; echo; readlink /proc/1/ns/* | sort | tr "\\n" " "'
    const lines = (await wherry.ok('exec', 'c', 'sh', '-c', script)).split('\n')
    assert.deepEqual(lines.slice(0, 3), ['host-of-c', '/etc', '1'])
    assert.equal(lines[3], lines[4])
    const both = 'cat /proc/self/cgroup; echo --; cat /proc/1/cgroup'
    const [own, init] = (await wherry.ok('exec', id.slice(0, 8), 'sh', '-c', both)).split('--\n')
    assert.equal(own, init)
  })

  test('keeps streams apart, and what was written just before the end', async () => {
    const { stdout, stderr, status } = await wherry.run(['exec', 'c', 'sh', '-c', 'echo out; echo err >&2; exit 7'])
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'out\n', stderr: 'err\n', status: 7 })
    for (let round = 0; round < 5; round++)
      assert.equal((await wherry.ok('exec', 'c', 'sh', '-c', 'head -c 200000 /dev/zero | tr "\\0" x; printf end')).length, 200_003)
  })

  test('passes stdin on, and its end', async () => {
    const file = wherry.file('input', 'x'.repeat(1_000_000))
    const { stdout, status } = await wherry.run(['exec', '-i', 'c', 'wc', '-c'], { stdin: file })
    assert.deepEqual({ stdout, status }, { stdout: '1000000\n', status: 0 })
    // without -i there is none
    assert.equal((await wherry.run(['exec', 'c', 'wc', '-c'], { stdin: file })).stdout, '0\n')
    // one that does not read all of it
    assert.equal((await wherry.run(['exec', '-i', 'c', 'head', '-c', '3'], { stdin: file })).stdout, 'xxx')
  })

  test('does not wait for what goes on in the background, nor for a flood of it', async () => {
    assert.equal(await wherry.ok('exec', 'c', 'sh', '-c', 'sleep 60 & echo done'), 'done\n')
    const { stdout, status } = await wherry.run(['exec', 'c', 'sh', '-c', 'yes & sleep 0.1; kill -9 $$'])
    assert.equal(status, 137)
    assert.match(stdout.slice(0, 4), /^(y\n)*$/)
    await wherry.ok('exec', 'c', 'sh', '-c', 'busybox killall -9 yes; true')
  })

  test('users, groups, environment and folder', async () => {
    const script = 'id -u; id -g; id -G; pwd; echo "$A-$B-$OWN-$HOME"'
    const file = wherry.file('variables', '# none\nA=file\nB=two words\n')
    const flags = ['-u', 'user', '-w', '/tmp', '--env-file', file, '-e', 'A=flag']
    const shown = await wherry.ok('exec', ...flags, 'c', 'sh', '-c', script)
    assert.equal(shown, '1000\n1000\n1000\n/tmp\nflag-two words-1-/home/user\n')
    assert.equal(await wherry.ok('exec', '-u', '77:88', 'c', 'sh', '-c', 'id -u; id -g'), '77\n88\n')
    // the container’s own database counts, as it is now
    await wherry.ok('exec', 'c', 'sh', '-c', 'echo late:x:4321:4322::/:/bin/sh >> /etc/passwd')
    assert.equal(await wherry.ok('exec', '-u', 'late', 'c', 'id', '-u'), '4321\n')
    assert.equal(await wherry.ok('exec', '-u', '1000', 'c', 'sh', '-c', 'echo again > /dev/stdout'), 'again\n')
  })

  test('--privileged gives all capabilities', async () => {
    const mask = async (...flags: string[]) =>
      (await wherry.ok('exec', ...flags, 'c', 'sh', '-c', 'grep CapEff /proc/self/status')).split(/\s+/)[1]!
    assert.notEqual(BigInt(`0x${await mask()}`) & (1n << 21n), 1n << 21n, 'CAP_SYS_ADMIN')
    assert.equal(BigInt(`0x${await mask('--privileged')}`) & (1n << 21n), 1n << 21n)
  })

  test('exit statuses say what could not be done', async () => {
    assert.match(await wherry.fails(['exec', 'c', 'no-such-command'], 127), /"no-such-command": executable file not found in \$PATH/)
    assert.match(await wherry.fails(['exec', 'c', '/etc/passwd'], 126), /permission denied/)
    assert.match(await wherry.fails(['exec', '-w', '/nowhere', 'c', 'true'], 126), /chdir path=\/nowhere: no such file/)
    assert.match(await wherry.fails(['exec', '-u', 'nobody-here', 'c', 'true'], 126), /user "nobody-here": .* has no user of that name/)
    assert.match(await wherry.fails(['exec', 'nothing', 'true'], 125), /there is no container "nothing"/)
    assert.match(await wherry.fails(['exec', '-w', 'relative', 'c', 'true'], 125), /--workdir "relative": an absolute path is wanted/)
    assert.match(await wherry.fails(['exec', 'c'], 125), /at least 2 arguments/)
    await wherry.start('ended', ['true'])
    await wherry.ok('wait', 'ended')
    assert.match(
      await wherry.fails(['exec', 'ended', 'true'], 125),
      /container ended is not running \(exited\): start it with `wherry start ended`/,
    )
    await wherry.ok('pause', 'c')
    assert.match(await wherry.fails(['exec', 'c', 'true'], 125), /container c is paused: .*`wherry unpause c`/)
    await wherry.ok('unpause', 'c')
  })

  test('signals are for the command', async () => {
    const script = 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
    const child = spawn(WHERRY, ['exec', 'c', 'sh', '-c', script], {
      env: { ...process.env, ...wherry.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let seen = ''
    child.stdout.on('data', (bytes: Buffer) => {
      seen += bytes
    })
    await eventually('it is ready', () => seen === 'ready\n')
    const ended = new Promise((done) => child.once('close', done))
    child.kill('SIGTERM')
    assert.equal(await ended, 3)
    assert.equal(seen, 'ready\ngot\n')
  })

  test('--detach leaves it to itself', async () => {
    assert.equal(await wherry.ok('exec', '-d', 'c', 'sh', '-c', 'echo lost; sleep 0.2; echo > /tmp/detached'), '')
    await wherry.ok('exec', 'c', 'sh', '-c', 'while [ ! -e /tmp/detached ]; do sleep 0.05; done')
    assert.match(await wherry.fails(['exec', '-d', 'c', 'no-such-command'], 127), /not found/)
  })

  const sessions = (): string[] => {
    const folder = wherry.path(`run/containers/${id}/exec`)
    return existsSync(folder) ? readdirSync(folder) : []
  }

  test('a terminal: its size follows, and its end', async () => {
    const { terminal, ended } = wherry.onTerminal(['exec', '-it', 'c', 'sh'], { columns: 91, rows: 33 })
    await terminal.until(/\/etc # /)
    terminal.write('tty; stty size; echo $TERM\r')
    await terminal.until(/\/dev\/pts\/\d+\r\n33 91\r\nxterm\r\n/)
    resize(terminal.fd, 70, 20)
    terminal.write('while [ "$(stty size)" != "20 70" ]; do sleep 0.05; done; echo now $?\r')
    await terminal.until(/now 0\r\n/)
    terminal.write('exit 5\r')
    assert.equal(await ended, 5)
    terminal.close()
    assert.deepEqual(sessions(), [])
  })

  test('nothing is lost of a short command on a terminal', async () => {
    for (let round = 0; round < 3; round++) {
      const { terminal, ended } = wherry.onTerminal([
        'exec',
        '-t',
        'c',
        'sh',
        '-c',
        'seq 1 2000 2>/dev/null || yes | head -2000; printf the-end',
      ])
      await terminal.until(/the-end/)
      assert.equal(await ended, 0)
      terminal.close()
    }
  })

  test('the keys to leave it by leave the command as it is', async () => {
    const { terminal, ended } = wherry.onTerminal([
      'exec',
      '-it',
      '--detach-keys',
      'ctrl-x,q',
      'c',
      'sh',
      '-c',
      'echo up; sleep 1; echo > /tmp/went-on',
    ])
    await terminal.until(/up\r\n/)
    terminal.write('\x18q')
    assert.equal(await ended, 0)
    terminal.close()
    await wherry.ok('exec', 'c', 'sh', '-c', 'while [ ! -e /tmp/went-on ]; do sleep 0.05; done')
    await eventually('its folder is removed', () => sessions().length === 0)
  })

  test('hostile: a flood is not kept in memory where nobody reads it', async () => {
    const child = spawn(WHERRY, ['exec', 'c', 'sh', '-c', 'exec yes'], {
      env: { ...process.env, ...wherry.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.stdout.pause()
    await new Promise((done) => child.stdout.once('readable', done))
    await setTimeout(300)
    const resident = Number(/VmRSS:\s+(\d+) kB/.exec((await import('node:fs')).readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
    assert.ok(resident < 200_000, `${resident} kB`)
    const ended = new Promise((done) => child.once('exit', (status, signal) => done(signal ?? status)))
    child.stdout.destroy()
    child.kill('SIGKILL')
    await ended
    await wherry.ok('exec', 'c', 'sh', '-c', 'busybox killall -9 yes; true')
  })

  test('hostile: what the container has made of its user database is refused in words', async () => {
    await wherry.start('bad', ['sleep', '1000'])
    writeFileSync(wherry.path('evil'), '')
    await wherry.ok('exec', 'bad', 'sh', '-c', 'rm /etc/passwd; mkfifo /etc/passwd')
    assert.match(await wherry.fails(['exec', '-u', 'user', 'bad', 'true'], 126), /user "user": /)
    await wherry.ok('exec', 'bad', 'sh', '-c', 'rm /etc/passwd; ln -s /proc/1/root/../../../etc/passwd /etc/passwd')
    assert.match(await wherry.fails(['exec', '-u', 'nobody-here', 'bad', 'true'], 126), /user "nobody-here": /)
  })
})
