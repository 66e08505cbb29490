import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { appendEvent, type Event } from '../../../cli/containers/events.ts'
import { WHERRY } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

describe('wherry events', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers
  let id: string

  before(async () => {
    wherry = await Containers.open()
    id = await wherry.startShell('first', 'exit 3', ['--label', 'color=red'])
    await wherry.ok('wait', 'first')
    await eventually('its end is written down', () => /"action":"die"/.test(wherry.eventsOf('first')))
  })
  after(() => wherry.close())

  const past = (...flags: string[]): Promise<string> => wherry.ok('events', '--since', '1h', '--until', '0s', ...flags)

  const follow = (...argv: string[]) => {
    const child = spawn(WHERRY, ['events', ...argv], { env: { ...process.env, ...wherry.env }, stdio: ['ignore', 'pipe', 'inherit'] })
    const seen = { text: '' }
    child.stdout.on('data', (bytes: Buffer) => {
      seen.text += bytes
    })
    return { child, seen, ended: new Promise((done) => child.once('close', done)) }
  }

  test('what has happened, in docker’s words', async () => {
    const lines = (await past()).trimEnd().split('\n')
    const pattern = new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{9}Z container (\\w+) ${id} \\((.*)\\)$`)
    const found = lines.map((line) => pattern.exec(line)!.slice(1))
    assert.deepEqual(
      found.map(([action]) => action),
      ['create', 'start', 'die'],
    )
    assert.equal(found[2]![1], 'color=red, exitCode=3, image=docker.io/library/busybox:latest, name=first')
  })

  test('JSON and templates', async () => {
    const [create] = (await past('--format', 'json')).split('\n')
    const { time, timeNano, Actor, ...rest } = JSON.parse(create!)
    assert.deepEqual(rest, {
      status: 'create',
      id,
      from: 'docker.io/library/busybox:latest',
      Type: 'container',
      Action: 'create',
      scope: 'local',
    })
    assert.equal(Actor.ID, id)
    assert.equal(Actor.Attributes.color, 'red')
    assert.equal(Math.floor(timeNano / 1e9), time)
    const format = '{{.Action}} {{.Actor.Attributes.name}} {{.Status}}'
    assert.equal(await past('--format', format, '-f', 'event=die'), 'die first die\n')
  })

  test('filters', async () => {
    const actions = async (...filters: string[]) =>
      (await past('--format', '{{.Action}}', ...filters.flatMap((filter) => ['-f', filter]))).trimEnd().split('\n').filter(Boolean)
    assert.deepEqual(await actions('event=start', 'event=die'), ['start', 'die'])
    assert.deepEqual(await actions('container=first', 'event=create'), ['create'])
    assert.deepEqual(await actions(`container=${id.slice(0, 10)}`, 'event=create'), ['create'])
    assert.deepEqual(await actions('container=other'), [])
    assert.deepEqual(await actions('label=color=red', 'image=busybox', 'type=container', 'event=die'), ['die'])
    assert.deepEqual(await actions('label=color=blue'), [])
    assert.deepEqual(await actions('type=network'), [])
    assert.match(await wherry.fails(['events', '-f', 'colour=red']), /there is no filter "colour"/)
    assert.match(await wherry.fails(['events', '-f', 'type=daemon']), /--filter type=daemon: there are container, image/)
    assert.match(await wherry.fails(['events', '--since', 'once']), /--since "once": a time like/)
  })

  test('follows, from now on or from then, until then or Ctrl-C', async () => {
    const now = follow('--format', '{{.Action}} {{.Actor.Attributes.name}}')
    const since = follow('--since', '1h', '--format', '{{.Action}} {{.Actor.Attributes.name}}', '--until', '-3s')
    await eventually('the past is shown', () => /die first/.test(since.seen.text))
    await wherry.start('second', ['sleep', '1000'])
    await wherry.ok('kill', 'second')
    await eventually('the present is shown', () => [now, since].every(({ seen }) => /die second/.test(seen.text)))
    assert.deepEqual(now.seen.text.split('\n').slice(0, 2), ['create second', 'start second'])
    now.child.kill('SIGINT')
    assert.equal(await now.ended, 130)
    assert.equal(await since.ended, 0)
  })

  test('none is dropped or doubled while the journal is put away, by several writers; what is kept is bounded', async () => {
    const { child, seen } = follow('--format', '{{.Actor.Attributes.number}}', '-f', 'type=volume')
    const writers = 2
    const each = 2500
    const script = `import { appendEvent } from ${JSON.stringify(new URL('../../../cli/containers/events.ts', import.meta.url).pathname)}
for (let i = 0; i < ${each}; i++) appendEvent(process.argv[2], { time: new Date().toISOString(), type: 'volume', action: 'create', id: 'v', attributes: { number: process.argv[3] + '-' + i, filler: 'x'.repeat(2000) } })`
    await eventually('it follows', () => {
      appendEvent(wherry.root, {
        time: new Date().toISOString(),
        type: 'volume',
        action: 'create',
        id: 'v',
        attributes: { number: 'begin' },
      } satisfies Event)
      return seen.text.includes('begin')
    })
    const file = wherry.file('writer.mts', script)
    const runs = Array.from({ length: writers }, (_, writer) =>
      spawn(process.execPath, [file, wherry.root, String(writer)], { stdio: 'inherit' }),
    )
    const statuses = await Promise.all(runs.map((run) => new Promise((done) => run.once('close', done))))
    assert.deepEqual(statuses, [0, 0])
    await eventually('all have come', () =>
      Array.from({ length: writers }, (_, writer) => `${writer}-${each - 1}\n`).every((last) => seen.text.includes(last)),
    )
    child.kill('SIGKILL')
    const numbers = seen.text.split('\n').filter((line) => line.includes('-'))
    assert.equal(new Set(numbers).size, writers * each)
    assert.equal(numbers.length, writers * each)
    for (let writer = 0; writer < writers; writer++) {
      const own = numbers.filter((number) => number.startsWith(`${writer}-`)).map((number) => Number(number.split('-')[1]))
      assert.deepEqual(
        own,
        [...own].sort((a, b) => a - b),
        'in their order',
      )
    }
    const folder = `${wherry.root}/events`
    assert.ok(existsSync(`${folder}/journal.1`))
    const size = readdirSync(folder).reduce((sum, name) => sum + statSync(`${folder}/${name}`).size, 0)
    assert.ok(size <= 5 * (4 * 1024 * 1024 + 64 * 1024), `${size} bytes`)
    // all of it is there for who asks later
    assert.equal(
      (await past('-f', 'type=volume', '--format', '{{.Actor.Attributes.number}}')).split('\n').filter((line) => line.includes('-')).length,
      writers * each,
    )
  })

  test('lines that are torn, or none, are passed over, and harm no other', async () => {
    const journal = `${wherry.root}/events/journal`
    writeFileSync(journal, '{"time":"2024-01-01T00:00:00Z","type":"con', { flag: 'a' })
    appendEvent(wherry.root, { time: new Date().toISOString(), type: 'network', action: 'create', id: 'after', attributes: {} })
    writeFileSync(journal, '\u0000\u0000\nnull\n[]\n{"time":1}\n', { flag: 'a' })
    assert.match(await past('-f', 'type=network'), /^\S+ network create after\n$/)
  })

  test('hostile: what would move the cursor is written out', async () => {
    await wherry.start('labelled', ['true'], ['--label', 'evil=\u001b[2J\u202e'])
    const text = await past('-f', 'container=labelled', '-f', 'event=create')
    assert.match(text, /evil=\\x1b\[2J\\u202e/)
  })
})
