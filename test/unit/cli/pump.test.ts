import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startPump } from '../../../cli/oci/foreground/pump.ts'
import { waitForExit } from '../../../cli/oci/foreground/reaper.ts'
import { ONLCR, TERMIOS, TIOCGPTN, TIOCGWINSZ, TIOCSPTLCK, TIOCSWINSZ } from '../../../runtime/sys/abi/ioctl.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { copyWindowSize, rawModes, setTerminalModes, terminalModes } from '../../../runtime/sys/tty.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'wherry-pump-'))
})
after(() => rmSync(folder, { recursive: true }))

const openPair = (): { master: number; slave: number } => {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY)
  const number = Buffer.alloc(4)
  syscall('ioctl', [master, TIOCSPTLCK, Buffer.alloc(4)])
  syscall('ioctl', [master, TIOCGPTN, number])
  return { master, slave: openSync(`/dev/pts/${number.readInt32LE()}`, constants.O_RDWR | constants.O_NOCTTY) }
}

/** Runs a shell command on a terminal that maps no newlines; resolves to what the pump passed on, once the command has ended. */
const shown = async (command: string, input = ''): Promise<string> => {
  const { master, slave } = openPair()
  const modes = Buffer.from(terminalModes(master)!)
  modes.writeUInt32LE(modes.readUInt32LE(TERMIOS.c_oflag) & ~ONLCR, TERMIOS.c_oflag)
  setTerminalModes(master, modes)
  const [from, to] = [join(folder, 'in'), join(folder, 'out')]
  writeFileSync(from, input)
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')]
  const child = spawn('sh', ['-c', command], { stdio: [slave, slave, slave] })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  closeSync(slave)
  const pump = await startPump(master, source, target)
  await ended
  await pump.finish()
  closeSync(target)
  return readFileSync(to, 'utf8')
}

describe('the pump between a terminal and our streams', () => {
  test('passes on output as it was written', async () => {
    assert.equal(await shown('printf "a\\nb\\n"'), 'a\nb\n')
  })

  test('loses nothing of much output written right before the end', async () => {
    const lines = await shown('seq 1 40000')
    assert.equal(lines.length, 228_894)
    assert.ok(lines.endsWith('\n39999\n40000\n'))
  })

  test('writes what it had read before the end once, however slow the reader', async () => {
    const { master, slave } = openPair()
    const [fifo, to] = [join(folder, 'slow'), join(folder, 'slow-out')]
    execFileSync('mkfifo', [fifo])
    const [source, target] = [openSync('/dev/null', 'r'), openSync(fifo, 'r+')]
    const child = spawn('sh', ['-c', 'stty -onlcr; seq 1 14000'], { stdio: [slave, slave, slave] })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    closeSync(slave)
    const pump = await startPump(master, source, target)
    await ended
    const finished = pump.finish()
    const reader = spawn('sh', ['-c', 'exec cat "$0" > "$1"', fifo, to], { stdio: 'ignore' })
    const read = new Promise((resolve) => reader.on('exit', resolve))
    await finished
    // the reader has to have its end open before ours is closed
    const opened = (fds: string): boolean => readdirSync(fds).some((fd) => readlinkSync(join(fds, fd)) === fifo)
    while (!opened(`/proc/${reader.pid}/fd`)) await setTimeout(5)
    closeSync(target)
    await read
    assert.equal(readFileSync(to, 'utf8'), Array.from({ length: 14_000 }, (_, index) => `${index + 1}\n`).join(''))
  })

  test('ends with the process, though another one keeps the terminal open', { timeout: 60_000 }, async () => {
    assert.equal(await shown('sleep 300 & echo $!').then((pid) => process.kill(Number(pid.trim()))), true)
  })

  test('feeds input, and the end of it ends nothing', async () => {
    assert.equal(
      await shown('stty -echo; read line; echo "got $line"; sleep 0.1; echo end', 'hello\n').then((text) => text.replace(/^hello\n/, '')),
      'got hello\nend\n',
    )
  })

  test('goes on where nobody reads the output', async () => {
    const { master, slave } = openPair()
    const [source, target] = [openSync('/dev/null', 'r'), openSync('/dev/full', 'w')]
    const child = spawn('sh', ['-c', 'seq 1 20000'], { stdio: [slave, slave, slave] })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    closeSync(slave)
    const pump = await startPump(master, source, target)
    assert.equal(await ended, 0, 'it was not blocked')
    await assert.rejects(pump.finish(), { code: 'ENOSPC' })
    closeSync(target)
  })
})

describe('terminals', () => {
  test('raw modes pass on every key and still map newlines', () => {
    const { master, slave } = openPair()
    const before = terminalModes(slave)!
    setTerminalModes(slave, rawModes(before))
    const stty = (modes: Uint8Array): number[] => [...new Uint32Array(modes.buffer.slice(modes.byteOffset, modes.byteOffset + 16))]
    const [iflag, oflag, , lflag] = stty(terminalModes(slave)!)
    assert.equal(iflag! & 0x5eb, 0, 'IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON')
    assert.equal(oflag! & 1, 1, 'OPOST')
    assert.equal(lflag! & 0x804b, 0, 'ISIG ICANON ECHO ECHONL IEXTEN')
    setTerminalModes(slave, before)
    assert.deepEqual(terminalModes(slave), before)
    closeSync(slave)
    closeSync(master)
  })

  test('a file has no modes', () => {
    const file = openSync('/dev/null', 'r')
    assert.equal(terminalModes(file), undefined)
    closeSync(file)
  })

  test('a size is copied', () => {
    const [one, other] = [openPair(), openPair()]
    const size = Buffer.from(Uint16Array.of(12, 34, 0, 0).buffer)
    syscall('ioctl', [one.slave, TIOCSWINSZ, size])
    copyWindowSize(one.slave, other.master)
    const copied = Buffer.alloc(8)
    syscall('ioctl', [other.slave, TIOCGWINSZ, copied])
    assert.deepEqual(copied, size)
    for (const fd of [one.master, one.slave, other.master, other.slave]) closeSync(fd)
  })
})

describe('the reaper', () => {
  test('tells the status of its child, and reaps the others', async () => {
    const { posixSpawn } = await import('../../../runtime/sys/spawn.ts')
    const shell = openSync('/bin/sh', 'r')
    const start = (command: string): number => posixSpawn(shell, ['sh', '-c', command], [])
    const seen: string[] = []
    start('exit 3')
    const killed = start('kill -TERM $$')
    assert.equal(await waitForExit(killed, (message) => seen.push(message)), 143)
    const last = start('sleep 0.2; exit 9')
    assert.equal(await waitForExit(last, (message) => seen.push(message)), 9)
    assert.ok(seen.some((message) => message.endsWith('status=3')))
    closeSync(shell)
  })
})
