import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Containers } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

describe('wherry stats and top', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers
  let id: string

  before(async () => {
    wherry = await Containers.open()
    id = await wherry.startShell('busy', 'while :; do :; done', ['-m', '64m'])
    await wherry.startShell('large', 'head -c 20000000 /dev/zero | tail -c 20000000 | sleep 1000')
    await wherry.start('ended', ['true'])
    await wherry.ok('wait', 'ended')
  })
  after(() => wherry.close())

  interface Shown {
    readonly Name: string
    readonly CPUPerc: string
    readonly MemUsage: string
    readonly MemPerc: string
    readonly PIDs: string
    readonly ID: string
  }

  const stats = async (...argv: string[]): Promise<readonly Shown[]> =>
    (await wherry.ok('stats', '--no-stream', '--format', 'json', ...argv))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Shown)

  test('what those that run use, and whose limit it is', async () => {
    const all = await stats()
    assert.deepEqual(all.map(({ Name }) => Name).sort(), ['busy', 'large'])
    const busy = all.find(({ Name }) => Name === 'busy')!
    assert.equal(busy.ID, id.slice(0, 12))
    assert.ok(Number.parseFloat(busy.CPUPerc) > 1, busy.CPUPerc)
    assert.match(busy.MemUsage, /^[\d.]+[KM]iB \/ 64MiB$/)
    assert.equal(busy.PIDs, '1')
    const large = all.find(({ Name }) => Name === 'large')!
    assert.match(large.MemUsage, /GiB$/, 'the machine’s memory')
    assert.ok(Number.parseFloat(large.CPUPerc) < Number.parseFloat(busy.CPUPerc))
    assert.deepEqual((await stats('--all')).map(({ Name }) => Name).sort(), ['busy', 'ended', 'large'])
    const [ended] = await stats('ended')
    assert.deepEqual([ended!.CPUPerc, ended!.MemUsage, ended!.PIDs], ['0.00%', '0B / 0B', '0'])
  })

  test('the table has docker’s columns', async () => {
    const [head, line] = (await wherry.ok('stats', '--no-stream', '--no-trunc', 'busy')).split('\n')
    assert.match(head!, /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/)
    assert.match(line!, new RegExp(`^${id} +busy +[\\d.]+% +[\\d.]+[KM]iB / 64MiB +[\\d.]+% +0B / 0B +\\S+ / \\S+ +1$`))
    assert.equal(await wherry.ok('stats', '--no-stream', '--format', '{{.Name}}:{{.PIDs}}', 'busy'), 'busy:1\n')
    assert.match(await wherry.fails(['stats', '--no-stream', 'nothing']), /there is no container "nothing"/)
  })

  test('on a terminal it is drawn again and again, until it is interrupted', async () => {
    const { terminal, ended } = wherry.onTerminal(['stats'], { columns: 60 })
    for (let round = 0; round < 2; round++) {
      const frame = await terminal.until(/\x1b\[H.*CONTAINER ID[\s\S]*?\x1b\[J/)
      for (const line of frame.split('\r\n')) assert.ok(line.replace(/\x1b\[\d*\w/g, '').length <= 60, line)
    }
    terminal.write('\x03')
    assert.equal(await ended, 0)
    terminal.close()
  })

  test('top shows what ps would, from outside', async () => {
    const [head, line] = (await wherry.ok('top', 'busy')).split('\n')
    assert.deepEqual(head!.split(/\s+/), ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
    assert.match(line!, /^root +\d+ +\d+ +\d+ +\d\d:\d\d +\? +00:\d\d:\d\d +sh -c while :; do :; done$/)
    const chosen = await wherry.ok('top', 'large', '-eo', 'comm,user,args=WHAT')
    assert.match(chosen, /^COMMAND +USER +WHAT\n(.*\n)*sleep +root +sleep 1000\n/)
    assert.match(await wherry.ok('top', 'busy', 'aux'), /^USER +PID +%CPU +%MEM +VSZ +RSS +TTY +STAT +START +TIME +COMMAND\n/)
    assert.match(await wherry.fails(['top', 'busy', '-o', 'colour']), /there is no column "colour": there are /)
    assert.match(await wherry.fails(['top', 'busy', '--forest']), /the option "--forest" of ps is not known here/)
    assert.match(await wherry.fails(['top', 'ended']), /container ended is not running/)
  })

  test('hostile: a command line that would move the cursor is written out', async () => {
    await wherry.startShell('evil', 'sleep 1000; : \u001b[2J')
    const shown = await wherry.ok('top', 'evil')
    assert.match(shown, /\\x1b\[2J/)
    assert.doesNotMatch(shown, /\x1b/)
  })
})
