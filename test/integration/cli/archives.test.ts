import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { tarOf, writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'

describe('archives of images', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry
  let other: Wherry

  before(async () => {
    images = await makeCliImages()
    wherry = new Wherry()
    other = new Wherry()
    writeLayout(wherry.path('layout'), { 'base:1': images.base, 'app:2': images.app })
    await wherry.ok('load', '-q', '-i', wherry.path('layout'))
  })
  after(async () => {
    await wherry.close()
    await other.close()
  })

  const names = async (door: Wherry): Promise<string[]> =>
    (await door.ok('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).trim().split('\n').filter(Boolean).sort()

  for (const format of ['docker-archive', 'oci-archive', 'oci-dir'])
    test(`save and load: ${format}`, async () => {
      const file = wherry.path(`saved-${format}`)
      assert.equal(await wherry.ok('save', '--format', format, '-o', file, 'base:1', 'app:2'), '')
      assert.ok(existsSync(file))
      const loaded = await other.ok('load', '-i', file)
      assert.deepEqual(loaded.trim().split('\n').sort(), ['Loaded image: app:2', 'Loaded image: base:1'])
      assert.deepEqual(await names(other), await names(wherry))
      assert.match(await other.ok('system', 'check', '--deep'), /^The store is whole/)
      await other.ok('rmi', 'app:2', 'base:1')
    })

  test('save to stdout, load from stdin, only what is named', async () => {
    const { status, stderr } = await wherry.run(['save', '-q', 'base:1', 'app:2'])
    assert.deepEqual([status, stderr], [0, ''])
    const file = wherry.path('piped.tar')
    execFileSync('sh', ['-c', 'exec "$0" save -q base:1 app:2 > "$1"', `${import.meta.dirname}/../../../bin/wherry`, file], {
      env: { ...process.env, ...wherry.env },
    })
    const { stdout } = await other.run(['load', '-q', 'app:2'], { stdin: file })
    assert.equal(stdout, 'Loaded image: app:2\n')
    assert.deepEqual((await names(other)).length, 1)
    await other.ok('rmi', 'app:2')
  })

  test('save docker-dir holds one image', async () => {
    const folder = wherry.path('one')
    await wherry.ok('save', '--format=docker-dir', '-o', folder, 'app:2')
    assert.equal(await other.ok('pull', '-q', `dir:${folder}`), `${images.app.document.digest}\n`)
    await other.ok('rmi', images.app.config.descriptor.digest)
    assert.match(
      await wherry.fails(['save', '--format=docker-dir', '-o', wherry.path('two'), 'app:2', 'base:1']),
      /docker-dir holds one image/,
    )
    assert.match(await wherry.fails(['save', '--format=zip', 'app:2']), /--format: "zip" is none of docker-archive, oci-archive/)
    assert.match(await wherry.fails(['save', '-o', wherry.path('x'), 'nope']), /nope: there is no such image/)
    assert.ok(!existsSync(wherry.path('x')))
  })

  test('push to an archive', async () => {
    const file = wherry.path('pushed.tar')
    await wherry.ok('push', '-q', 'app:2', `oci-archive:${file}:some/name:9`)
    assert.equal(await other.ok('load', '-q', '-i', file), 'Loaded image: some/name:9\n')
    await other.ok('rmi', 'some/name:9')
  })

  test('load says what is wrong with an archive', async () => {
    assert.match(await wherry.fails(['load', '-i', '/nowhere']), /\/nowhere: there is no such file or folder/)
    assert.match(await wherry.fails(['load', '-i', wherry.file('junk', 'junk'.repeat(1000))]), /junk: /)
    const rootfs = wherry.file('rootfs.tar', await tarOf([{ name: 'etc/' }]))
    assert.match(await wherry.fails(['load', '-i', rootfs]), /a root file system is for wherry image import/)
  })

  test('import makes an image of a root file system, with changes', async () => {
    const file = wherry.file('import.tar', await tarOf([{ name: 'bin/' }, { name: 'bin/sh', content: '#!', mode: 0o755 }]))
    const id = (
      await wherry.ok(
        'image',
        'import',
        '-c',
        'CMD ["/bin/sh"]',
        '--change',
        'ENV A=b',
        '-m',
        'made here',
        '--platform',
        'linux/arm/v7',
        file,
        'made:1',
      )
    ).trim()
    const [inspected] = JSON.parse(await wherry.ok('image', 'inspect', 'made:1')) as Readonly<Record<string, string>>[]
    assert.equal(inspected!['Id'], id)
    assert.deepEqual(
      await Promise.all(
        ['Cmd', 'Env'].map(
          async (field) => JSON.parse(await wherry.ok('image', 'inspect', '-f', `{{json .Config.${field}}}`, 'made:1')) as string[],
        ),
      ),
      [['/bin/sh'], ['A=b']],
    )
    assert.deepEqual([inspected!['Architecture'], inspected!['Variant'], inspected!['Comment']], ['arm', 'v7', 'made here'])
    const fd = openSync(file, 'r')
    const { stdout } = await wherry.run(['import', '-'], { stdin: fd })
    closeSync(fd)
    assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/)
    await wherry.ok('rmi', 'made:1', stdout.trim())
    assert.match(await wherry.fails(['image', 'import', '-c', 'RUN x', file]), /RUN/)
  })

  test('export is what a container would see', async () => {
    const file = wherry.path('exported.tar')
    await wherry.ok('image', 'export', '-o', file, 'app:2')
    const listed = execFileSync('tar', ['-tvf', file], { encoding: 'utf8' })
    assert.match(listed, /^-rwsr-xr-x 0\/0 +400000 .* usr\/bin\/tool$/m)
    assert.match(listed, /^drwxrwxrwt 0\/0 .* tmp\/$/m)
    assert.match(listed, /app\/bundle\.js$/m)
    assert.doesNotMatch(listed, /main\.js/)
    assert.match(listed, /usr\/bin\/link -> tool$/m)
    const passwd = execFileSync('tar', ['-xOf', file, 'etc/passwd'], { encoding: 'utf8' })
    assert.match(passwd, /^app:x:1000/m)
    const id = (await other.ok('image', 'import', file)).trim()
    assert.match(await other.ok('image', 'layers', id), /1 layer,/)
    await other.ok('rmi', id)
  })

  test('what is broken off leaves nothing', async () => {
    const target = wherry.path('full')
    writeFileSync(target, 'before')
    assert.match(await wherry.fails(['save', '-o', `${target}/x`, 'app:2']), /full\/x/)
    assert.equal(readFileSync(target, 'utf8'), 'before')
  })
})
