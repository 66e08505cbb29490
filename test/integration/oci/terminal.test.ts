/** process.terminal and process.consoleSize, with a console socket and in the foreground. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle, succeeded } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { command, OURS, RUNTIME } from '../../support/runtime.ts'
import { DescriptorSocket, Terminal } from '../../support/terminal.ts'

const skip = requires('root', 'busybox')

type Context = Parameters<typeof bundle>[0]

const socketOf = (t: Context, box: Bundle): DescriptorSocket => {
  const socket = new DescriptorSocket(`${box.folder}/console.sock`)
  t.after(() => socket.close())
  return socket
}

const terminalOf = async (t: Context, socket: DescriptorSocket): Promise<Terminal> => {
  const terminal = new Terminal((await socket.receive()).fd)
  t.after(() => terminal.close())
  return terminal
}

/** A container with a terminal, running. */
const interactive = async (t: Context, script: string, change: Parameters<typeof bundle>[1] = () => {}): Promise<[Bundle, Terminal]> => {
  const box = bundle(t, (config, made) => {
    config.process.terminal = true
    config.process.args = shell(script)
    change(config, made)
  })
  const socket = socketOf(t, box)
  await box.create('--console-socket', socket.path)
  const terminal = await terminalOf(t, socket)
  await box.must('start', box.id)
  return [box, terminal]
}

test('the process has a terminal of its devpts, which is its console', { skip }, async (t) => {
  const [, terminal] = await interactive(
    t,
    "tty; stat -c %t,%T /dev/pts/0 /dev/console; for f in 0 1 2; do readlink /proc/self/fd/$f; done; stty -a 2> /dev/null | grep -o -- '-\\?onlcr'; ps -o tty | tail -n 1; echo end",
    ({ mounts }) => mounts[2]!.options!.push('gid=5'),
  )
  assert.equal(
    await terminal.until(/end\r\n/),
    ['/dev/pts/0', '88,0', '88,0', '/dev/pts/0', '/dev/pts/0', '/dev/pts/0', 'onlcr', '136,0', 'end', ''].join('\r\n'),
  )
})

test('it has the size of the config, and can be resized by the caller', { skip }, async (t) => {
  const [, terminal] = await interactive(t, 'stty size', ({ process }) => {
    process.consoleSize = { height: 10, width: 110 }
  })
  assert.equal(await terminal.rest(), '10 110\r\n')
})

test('it is owned by the user of the process', { skip }, async (t) => {
  const [, terminal] = await interactive(t, 'id -u; stat -c %u /dev/pts/0; echo works > /dev/tty', ({ process }) => {
    process.user = { uid: 1000, gid: 1000 }
  })
  assert.equal(await terminal.rest(), '1000\r\n1000\r\nworks\r\n')
})

test('input arrives, and keys signal the foreground: it is the controlling terminal', { skip }, async (t) => {
  const [, terminal] = await interactive(t, "trap 'echo interrupted' INT; echo ready; read line; echo got $line; cat")
  await terminal.until(/ready\r\n/)
  terminal.write('some words\n')
  await terminal.until(/got some words\r\n/)
  terminal.write('\x03')
  await terminal.until(/interrupted\r\n/)
})

test('a container whose terminal hangs up ends', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.terminal = true
    process.args = shell('exec cat') // reads until the end of its input
  })
  const socket = new DescriptorSocket(`${box.folder}/console.sock`)
  t.after(() => socket.close())
  await box.create('--console-socket', socket.path)
  const terminal = new Terminal((await socket.receive()).fd)
  await box.must('start', box.id)
  terminal.close()
  await box.becomes('stopped')
})

test('exec gives its process a terminal of its own', { skip }, async (t) => {
  const [box, first] = await interactive(t, 'echo ready; exec sleep 100000')
  await first.until(/ready\r\n/)
  const socket = new DescriptorSocket(`${box.folder}/exec.sock`)
  t.after(() => socket.close())
  const argv = ['exec', '--tty', '--detach', '--console-socket', socket.path, box.id]
  await box.must(...argv, 'sh', '-c', 'tty; test -c /dev/tty && echo > /dev/tty; stty -a 2> /dev/null | grep -o onlcr')
  assert.equal(await (await terminalOf(t, socket)).rest(), '/dev/pts/1\r\n\r\nonlcr\r\n')
  const process = { ...box.config.process, consoleSize: { height: 3, width: 33 }, args: ['stty', 'size'] }
  writeFileSync(`${box.folder}/process.json`, JSON.stringify(process))
  await box.must('exec', '--detach', '--console-socket', socket.path, '--process', `${box.folder}/process.json`, box.id)
  assert.equal(await (await terminalOf(t, socket)).rest(), '3 33\r\n')
})

test('in the foreground the output is passed on, and the end of stdin ends nothing', {
  skip: skip || (OURS ? false : 'runc wants a terminal of its own'),
}, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.terminal = true
  })
  const result = await box.run(shell('echo out; echo err >&2; sleep 1; seq 1 2000 | tail -n 1; exit 7'))
  assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'out\nerr\n2000\n', ''])
  const other = bundle(t)
  await other.up()
  assert.deepEqual((await other.exec(['sh', '-c', 'tty; exit 3'], { flags: ['--tty'] })).stdout, '/dev/pts/0\n')
})

test("in the foreground on a terminal, input and size are those of the caller's", { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.terminal = true
    process.args = shell('stty size; tty; read a; echo [$a]')
  })
  box.write()
  writeFileSync(`${box.folder}/input`, 'typed\n')
  const run = `stty rows 21 cols 43; ${RUNTIME} --root ${box.root} run --bundle ${box.folder} ${box.id} < /dev/tty`
  const result = await command(['script', '-qefc', run, '/dev/null'], box.folder, { stdin: `${box.folder}/input` })
  succeeded(result, 'script')
  // the echo of what is typed may come anywhere between
  for (const line of ['21 43', '/dev/pts/0', '[typed]']) assert.ok(result.stdout.split('\r\n').includes(line), result.stdout)
})

test('a terminal needs somebody to serve it', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.terminal = true
  })
  box.write()
  box.assertRefusal(await box.runtime(['create', '--bundle', box.folder, box.id]), /cannot allocate tty if (the )?(runc|runtime|container)/)
  box.assertRefusal(
    await box.runtime(['create', '--bundle', box.folder, '--console-socket', `${box.folder}/none.sock`, box.id]),
    /none\.sock.*no such file or directory/,
  )
  box.config.process.terminal = false
  box.write()
  const socket = socketOf(t, box)
  box.assertRefusal(
    await box.runtime(['create', '--bundle', box.folder, '--console-socket', socket.path, box.id]),
    /cannot use console socket/,
  )
})

test('a terminal needs a devpts', { skip: skip || (OURS ? false : 'runc opens /dev/ptmx of the image') }, async (t) => {
  const box = bundle(t, ({ process, mounts }) => {
    process.terminal = true
    mounts.splice(2, 1)
  })
  await box.refused(/process\.terminal.*dev\/pts\/ptmx.*no such file or directory/)
})
