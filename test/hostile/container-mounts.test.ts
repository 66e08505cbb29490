/**
 * Images and volumes that say, by links and odd paths, that mounts of a container are to be elsewhere (CVE-2022-23648, CVE-2021-30465, CVE-2024-45310):
 * what is mounted is in the container, and the machine is as it was.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Containers } from '../support/cli-containers.ts'
import { requires } from '../support/requires.ts'

describe('mounts that images and volumes want elsewhere', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers
  let canary: string

  before(async () => {
    wherry = await Containers.open()
    canary = wherry.path('canary')
    mkdirSync(canary)
    writeFileSync(`${canary}/of-the-machine`, 'untouched')
  })
  after(async () => {
    await wherry.close()
  })

  const untouched = (): void => assert.deepEqual(readdirSync(canary), ['of-the-machine'])

  /** An image whose root filesystem has these links besides. */
  const image = async (name: string, links: Readonly<Record<string, string>>, changes: readonly string[]): Promise<void> => {
    const root = wherry.path('image/bundle/rootfs')
    for (const [path, to] of Object.entries(links)) symlinkSync(to, `${root}${path}`)
    const archive = wherry.path(`${name}.tar`)
    execFileSync('tar', ['-C', root, '-cf', archive, '.'])
    execFileSync('rm', ['-f', ...Object.keys(links).map((path) => `${root}${path}`)])
    await wherry.ok('import', ...changes.flatMap((change) => ['--change', change]), archive, `${name}:latest`)
  }

  const run = (...argv: readonly string[]): Promise<string> => wherry.ok('run', '--rm', '--network', 'none', ...argv)

  test('volumes of an image that climb stay below its root', async () => {
    await image('climbing', {}, [`VOLUME /../../../..${canary}`])
    assert.equal(await run('climbing', 'sh', '-c', `echo x > ${canary}/new; ls ${canary}`), 'new\n')
    untouched()
  })

  test('links of an image in the way of mounts are followed in the container', async () => {
    await image('linked', { '/data': canary, '/up': `/../../../../../..${canary}`, '/proclink': '/proc/1/root' }, ['VOLUME /data'])
    // there is nothing in the image where the links lead: it is made there
    assert.equal(
      await run('-v', 'one:/up', '--tmpfs', '/data/t', 'linked', 'sh', '-c', `touch /up/x /data/y /data/t/z; ls ${canary}`),
      't\nx\ny\n',
    )
    untouched()
    const stderr = await wherry.fails(['run', '--rm', '--network', 'none', '-v', 'two:/proclink/new', 'linked', 'true'], 125)
    assert.match(stderr, /proc/)
    untouched()
  })

  test('a folder of a volume that is swapped for a link while it is mounted is never the machine’s', async () => {
    const swap = 'mkdir /v/real; while :; do mv -T /v/real /v/sub 2>/dev/null; mv -T /v/sub /v/real; ln -s / /v/sub; rm /v/sub; done'
    await wherry.startShell('swapper', swap, ['-v', 'raced:/v'])
    const host = wherry.folder
    const seen = new Set<string>()
    for (let attempt = 0; attempt < 12; attempt++) {
      const { status, stdout, stderr } = await wherry.run([
        ...['run', '--rm', '--network', 'none', '--mount', 'type=volume,src=raced,dst=/s,volume-subpath=sub'],
        ...['busybox', 'sh', '-c', `test -e /s${host} && echo machine || echo container`],
      ])
      seen.add(status === 0 ? stdout.trim() : /it has no sub/.test(stderr) ? 'nothing' : stderr)
    }
    await wherry.ok('rm', '-f', 'swapper')
    assert.deepEqual(
      [...seen].filter((what) => what !== 'container' && what !== 'nothing'),
      [],
    )
  })

  test('a link for the source of an image mount leads nowhere else', async () => {
    await image('links-below', { '/etc/outside': canary, '/etc/climb': `../../../../../..${canary}` }, [])
    for (const path of ['etc/outside', 'etc/climb'])
      assert.match(
        await wherry.fails(
          ['run', '--rm', '--network', 'none', '--mount', `type=image,src=links-below,dst=/i,subpath=${path}`, 'busybox', 'true'],
          125,
        ),
        /the image has no folder/,
      )
    untouched()
  })

  test('labels and annotations of an image are no annotations of the container', async () => {
    await image('labelled', {}, ['LABEL org.systemd.property.ExecStart="x" run.oci.hooks=1'])
    await wherry.ok('create', '--network', 'none', '--name', 'labelled', 'labelled', 'true')
    const [inspected] = JSON.parse(await wherry.ok('inspect', 'labelled')) as [{ HostConfig: { Annotations?: Record<string, string> } }]
    assert.deepEqual(inspected.HostConfig.Annotations ?? {}, {})
    assert.equal(existsSync(`${canary}/new`), false)
  })
})
