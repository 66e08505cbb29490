import assert from 'node:assert/strict'
import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { cells, Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

describe('wherry system', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry
  let registry: TestRegistry

  before(async () => {
    images = await makeCliImages()
    registry = await startRegistry()
    registry.contents.add('team/base', images.base, '1')
    registry.contents.add('team/app', images.app, '2')
    wherry = new Wherry()
    for (const name of ['team/base:1', 'team/app:2']) await wherry.ok('pull', '-q', '--tls-verify=false', `${registry.host}/${name}`)
  })
  after(async () => {
    await registry.close()
    await wherry.close()
  })

  const blob = (digest: string): string => `${wherry.root}/blobs/sha256/${digest.slice(7)}`

  test('df, and image by image', async () => {
    const [titles, row] = cells(await wherry.ok('system', 'df'))
    assert.deepEqual(titles, ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'])
    assert.deepEqual(row!.slice(0, 3), ['Images', '2', '0'])
    assert.match(row![4]!, /\(100%\)$/)
    const verbose = await wherry.ok('system', 'df', '-v')
    assert.match(verbose, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$/m)
    assert.match(verbose, new RegExp(`^${registry.host}/team/app +2 +\\S+ .* [\\d.]+MB +[\\d.]+kB +[\\d.]+kB +0$`, 'm'))
    assert.equal(
      await wherry.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}'),
      'Images 2\nContainers 0\nLocal Volumes 0\nUnfinished -\n',
    )
    const json = JSON.parse(await wherry.ok('system', 'df', '-v', '--format', 'json')) as { Images: unknown[] }
    assert.equal(json.Images.length, 2)
  })

  test('check finds what is broken, --repair fetches it again', async () => {
    assert.match(await wherry.ok('system', 'check'), /^The store is whole: 2 images, 7 blobs, 3 layers\.\n$/)
    appendFileSync(blob(images.app.layers[1]!.descriptor.digest), 'rubbish')
    rmSync(blob(images.base.config.descriptor.digest))
    const broken = await wherry.run(['system', 'check'])
    assert.equal(broken.status, 1)
    assert.match(
      broken.stdout,
      new RegExp(`^blob: .*${images.app.layers[1]!.descriptor.digest}.*\\(of ${registry.host}/team/app:2\\)`, 'm'),
    )
    assert.match(broken.stdout, /^The store is not whole: .* Mend it with --repair\.$/m)
    const { status, stdout } = await wherry.run(['system', 'check', '--repair', '--tls-verify=false'])
    assert.equal(status, 0, stdout)
    assert.match(stdout, /: fetched$/m)
    assert.match(await wherry.ok('system', 'check', '--deep'), /^The store is whole/)
    assert.equal(await wherry.ok('system', 'check', '-q'), '')
  })

  test('check --deep finds files that were changed under our hands', async () => {
    const file = `${wherry.root}/layers/sha256/${images.base.layers[0]!.diffID.slice(7)}/root/etc/passwd`
    writeFileSync(file, 'root::0:0::/root:/bin/sh\n\n')
    const deep = await wherry.run(['system', 'check', '--deep', '--json'])
    assert.equal(deep.status, 1)
    const { findings } = JSON.parse(deep.stdout) as { findings: { kind: string; problem: string }[] }
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['layer'],
    )
    assert.match(findings[0]!.problem, /etc\/passwd/)
    await wherry.run(['system', 'check', '--deep', '--repair', '--tls-verify=false'])
    await wherry.ok('pull', '-q', '--tls-verify=false', `${registry.host}/team/base:1`)
    assert.match(await wherry.ok('system', 'check', '--deep'), /^The store is whole/)
  })

  test('info and version', async () => {
    assert.match(await wherry.ok('info'), new RegExp(`^Images: +2\nRoot: +${wherry.root}\n`, 'm'))
    assert.equal(await wherry.ok('system', 'info', '-f', '{{.Images}} {{.KernelVersion}}'), `2 ${release()}\n`)
    assert.equal((JSON.parse(await wherry.ok('info', '--format', 'json')) as { DockerRootDir: string }).DockerRootDir, wherry.root)
    assert.match(await wherry.ok('version'), /^Version: +\d+\.\d+\.\d+\n/)
    assert.match(await wherry.ok('version', '--format', '{{.Server.Version}} {{.Arch}}'), /^\d+\.\d+\.\d+ (amd64|arm64)\n$/)
    assert.match(await wherry.ok('--version'), /^wherry version \d+\.\d+\.\d+, build \S+\n$/)
  })

  test('prune asks, and without anybody to ask wants --force', async () => {
    assert.match(await wherry.fails(['system', 'prune', '--all']), /nobody can be asked, because stdin is no terminal: give --force/)
    const asked = wherry.onTerminal(['system', 'prune', '-a'])
    await asked.terminal.until(/Are you sure you want to continue\? \[y\/N\] /)
    asked.terminal.write('n\n')
    assert.equal(await asked.ended, 0)
    asked.terminal.close()
    assert.equal((await wherry.ok('images', '-q')).trim().split('\n').length, 2)
    const again = wherry.onTerminal(['system', 'prune', '-a'])
    await again.terminal.until(/\[y\/N\] /)
    again.terminal.write('y\n')
    await again.terminal.until(/Total reclaimed space: /)
    assert.equal(await again.ended, 0)
    again.terminal.close()
    assert.equal(await wherry.ok('images', '-q'), '')
    assert.ok(!existsSync(blob(images.base.config.descriptor.digest)))
  })
})
