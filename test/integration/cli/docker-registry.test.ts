/** The verbs of images against Debian's docker-registry: open, with a login by password, with a login by tokens. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { type DebianRegistry, startDebianRegistry, USER } from '../../support/registry/debian.ts'
import { requires } from '../../support/requires.ts'

const INSECURE = '--tls-verify=false'

describe('wherry and docker-registry', { skip: requires('root', 'docker-registry', 'openssl') }, () => {
  let images: CliImages
  let wherry: Wherry
  before(async () => {
    images = await makeCliImages()
    wherry = new Wherry()
    writeLayout(wherry.path('layout'), { base: images.base, app: images.app })
  })
  after(() => wherry.close())

  for (const login of ['none', 'basic', 'token'] as const)
    test(`pull, images, image layers, push, rmi: login ${login}`, async () => {
      const registry: DebianRegistry = await startDebianRegistry({ login })
      try {
        const name = (tag: string): string => `${registry.host}/team/app:${tag}`
        await wherry.ok('pull', `oci:${wherry.path('layout')}:app`)
        const id = images.app.config.descriptor.digest
        await wherry.ok('tag', id, name('1'))
        if (login !== 'none') {
          assert.match(await wherry.fails(['push', INSECURE, name('1')]), /log in|login/)
          assert.match(await wherry.fails(['pull', INSECURE, name('1')]), /log in|login/)
          await wherry.fails(['login', INSECURE, '-u', USER.username, '-p', 'wrong', registry.host])
          assert.ok(!existsSync(wherry.auth) || !readFileSync(wherry.auth, 'utf8').includes(registry.host))
          const { status, stdout, stderr } = await wherry.run(['login', INSECURE, '-u', USER.username, '--password-stdin', registry.host], {
            stdin: wherry.file('password', USER.password),
          })
          assert.deepEqual([status, stdout], [0, 'Login Succeeded\n'], stderr)
        }
        await wherry.ok('push', '-q', INSECURE, name('1'))
        await wherry.ok('rmi', '-f', id)
        assert.equal(await wherry.ok('images', '-q'), '')
        // of an image that is in the registry, without keeping it
        const remote = JSON.parse(await wherry.ok('image', 'layers', '--remote', '--json', INSECURE, name('1')))
        assert.equal(await wherry.ok('images', '-q'), '')
        assert.equal(await wherry.ok('pull', '-q', INSECURE, name('1')), `${images.app.document.digest}\n`)
        assert.equal(await wherry.ok('images', '--no-trunc', '-q'), `${id}\n`)
        assert.equal(
          await wherry.ok('images', '--format', '{{.Repository}} {{.Tag}} {{.Digest}}'),
          `${registry.host}/team/app 1 ${images.app.document.digest}\n`,
        )
        const local = JSON.parse(await wherry.ok('image', 'layers', '--json', name('1')))
        assert.equal(local.layers.length, images.app.layers.length)
        const facts = ({ layers }: { layers: readonly Record<string, unknown>[] }) =>
          layers.map(({ digest, size, added, changed, removed }) => ({ digest, size, added, changed, removed }))
        assert.deepEqual(facts(local), facts(remote))
        await wherry.ok('tag', name('1'), name('2'))
        await wherry.ok('push', '-q', INSECURE, name('2'))
        assert.deepEqual((await wherry.ok('rmi', name('1'))).trim(), `Untagged: ${name('1')}`)
        assert.match(await wherry.ok('rmi', name('2')), new RegExp(`^Untagged: ${name('2')}\nDeleted: ${id}$`, 'm'))
        assert.match(await wherry.ok('pull', INSECURE, name('2')), /:2\n$/)
        assert.match(await wherry.fails(['pull', INSECURE, name('nosuch')]), new RegExp(`${registry.host}/team/app.*nosuch`))
        await wherry.ok('rmi', '-f', id)
        assert.match(await wherry.ok('system', 'check'), /^The store is whole/)
        if (login !== 'none') {
          await wherry.ok('logout', registry.host)
          await wherry.fails(['pull', INSECURE, name('2')])
        }
        assert.doesNotMatch(registry.output(), /panic/)
      } finally {
        await registry.close()
      }
    })
})
