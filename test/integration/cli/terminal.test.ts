import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { resize, Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { imageOf, noise, type TestImage } from '../../support/images.ts'
import { trickle } from '../../support/registry/misbehave.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

describe('wherry on a terminal', { skip: requires('root') }, () => {
  let images: CliImages
  let large: TestImage
  let wherry: Wherry
  let registry: TestRegistry

  before(async () => {
    images = await makeCliImages()
    registry = await startRegistry()
    registry.contents.add('team/app', images.app, '2')
    large = await imageOf({ layers: [[{ name: 'large', content: noise(4_000_000) }]] })
    registry.contents.add('team/large', large, '1')
    wherry = new Wherry()
  })
  after(async () => {
    await registry.close()
    await wherry.close()
  })

  const pull = (): string[] => ['pull', '--tls-verify=false', `${registry.host}/team/app:2`]
  const forget = async (): Promise<void> => {
    registry.behave()
    await wherry.ok('rmi', '-f', `${registry.host}/team/app:2`)
  }

  test('a pull draws a bar per layer, and follows the terminal’s size', async () => {
    const [layer] = large.layers
    const name = `${registry.host}/team/large:1`
    registry.on(`/blobs/${layer!.descriptor.digest}`, trickle(50_000, 20))
    const { terminal, ended } = wherry.onTerminal(['pull', '--tls-verify=false', name], { columns: 100 })
    const short = layer!.descriptor.digest.slice(7, 19)
    await terminal.until(new RegExp(`${short} \\x1b\\[36mdownloading\\x1b\\[0m {2}\\x1b\\[36m━+`))
    resize(terminal.fd, 45, 24)
    await terminal.until(new RegExp(`\\r\\x1b\\[J(.|\\n)*${short} \\x1b\\[36mdownloading\\x1b\\[0m {2}[\\d.]+[kM]B`))
    const rest = await terminal.until(/Status: Downloaded newer image for [^\n]*\n/)
    assert.match(
      rest,
      new RegExp(`${short} \\x1b\\[32mdone +\\x1b\\[0m {2}4MB\\r\\n\\x1b\\[\\?7hDigest: ${large.document.digest}\\r\\nStatus: `),
    )
    assert.equal(await ended, 0)
    assert.equal(await terminal.rest(), `${name}\r\n`)
    terminal.close()
  })

  test('NO_COLOR, and a terminal that can do nothing', async () => {
    const plain = wherry.onTerminal(pull(), { env: { NO_COLOR: '1', LC_ALL: 'C' } })
    const text = await plain.terminal.until(/Status: [^\n]*\n/)
    assert.equal(await plain.ended, 0)
    plain.terminal.close()
    assert.doesNotMatch(text, /\x1b\[\d*m/)
    assert.doesNotMatch(text, /[^\x00-\x7f]/, 'the locale is ASCII')
    await forget()
    const dumb = wherry.onTerminal(pull(), { env: { TERM: 'dumb' } })
    const lines = await dumb.terminal.until(/Status: [^\n]*\n/)
    assert.equal(await dumb.ended, 0)
    dumb.terminal.close()
    assert.doesNotMatch(lines, /\x1b/)
  })

  test('Ctrl-C ends a pull with 130 and leaves the terminal as it was', async () => {
    await forget()
    registry.on(`/blobs/${images.app.layers[0]!.descriptor.digest}`, trickle(1000, 50))
    const { terminal, ended } = wherry.onTerminal(pull())
    await terminal.until(/downloading/)
    terminal.write('\x03')
    await terminal.until(/wherry: interrupted\r\n/)
    assert.equal(await ended, 130)
    terminal.close()
    registry.behave()
    await wherry.ok(...pull())
  })

  test('image layers fits and is coloured', async () => {
    for (const columns of [30, 60, 100]) {
      const { terminal, ended } = wherry.onTerminal(['image', 'layers', `${registry.host}/team/app:2`], { columns })
      const text = await terminal.until(/Efficiency: [^\n]*\n/)
      assert.equal(await ended, 0)
      terminal.close()
      const [table] = text.split('\r\n\r\n')
      for (const line of table!.split('\r\n')) assert.ok(line.replace(/\x1b\[[\d;]*m/g, '').length <= columns, `${columns}: ${line}`)
      assert.match(text, /\x1b\[1m#/)
    }
  })

  test('an archive does not go to a terminal, nor come from one', async () => {
    for (const [argv, pattern] of [
      [['save', `${registry.host}/team/app:2`], /stdout is a terminal, which an archive is not for: give --output FILE/],
      [['image', 'export', `${registry.host}/team/app:2`], /stdout is a terminal/],
      [['load'], /stdin is a terminal, from which no archive comes: give --input FILE/],
    ] as const) {
      const { terminal, ended } = wherry.onTerminal(argv)
      await terminal.until(pattern)
      assert.equal(await ended, 1)
      terminal.close()
    }
  })
})
