/** The settings of the machine and the registry client together: registries.conf, auth.json and certs.d lead to Debian's docker-registry. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parseReference } from '../../../image/reference.ts'
import type { RegistryOptions, TraceEvent } from '../../../image/registry/options.ts'
import { registrySource } from '../../../image/registry/source.ts'
import { registryTarget } from '../../../image/registry/target.ts'
import { connectionFor } from '../../../image/settings/connection.ts'
import { readRegistries } from '../../../image/settings/registries.ts'
import type { Surroundings } from '../../../image/settings/surroundings.ts'
import { imageOf } from '../../support/images.ts'
import { certificates } from '../../support/registry/certificates.ts'
import { collect, refused } from '../../support/registry/client.ts'
import { startDebianRegistry, USER } from '../../support/registry/debian.ts'
import { startRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('docker-registry', 'openssl')
const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })

describe('settings', { skip }, async () => {
  const secure = skip === false ? await startDebianRegistry({ login: 'basic', tls: true }) : undefined
  const mirror = await startRegistry()
  const folder = mkdtempSync(join(tmpdir(), 'wherry-settings-'))
  after(async () => {
    await secure?.close()
    await mirror.close()
    rmSync(folder, { recursive: true })
  })
  const host = secure?.host ?? ''
  const home = join(folder, 'home')
  const etc = join(folder, 'etc')
  const around: Surroundings = { env: { XDG_RUNTIME_DIR: join(folder, 'run') }, uid: 1000, home, etc, run: join(folder, 'run') }
  const write = (path: string, text: string): void => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text, { mode: 0o600 })
  }
  const auth = (password: string): void => {
    const entry = Buffer.from(`${USER.username}:${password}`).toString('base64')
    write(join(folder, 'run/containers/auth.json'), JSON.stringify({ auths: { [`${host}/private`]: { auth: entry } } }))
  }
  const options = (name: string, direction: 'pull' | 'push' = 'pull', events: TraceEvent[] = []): RegistryOptions => ({
    ...connectionFor(parseReference(name), { around, registries: readRegistries(around), direction }),
    env: {},
    onTrace: (event) => void events.push(event),
  })

  test('certs.d makes the registry trusted, auth.json logs in', async () => {
    const name = `${host}/private/image:1`
    const untrusted = registrySource(parseReference(name), options(name))
    await refused(untrusted.document(), 'unavailable', 'its certificate is not trusted')
    await untrusted.close()
    write(join(etc, 'containers/certs.d', host, 'ca.crt'), certificates().authority.cert)
    const unknown = registrySource(parseReference(name), options(name))
    await refused(unknown.document(), 'permission-denied', `log in with "wherry login ${host}"`)
    await unknown.close()
    auth('wrong')
    const wrong = registrySource(parseReference(name), options(name))
    await refused(wrong.document(), 'permission-denied', 'the login is refused')
    await wrong.close()
    auth(USER.password)
    const target = registryTarget(parseReference(name), options(name, 'push'))
    for (const { descriptor, bytes } of image.blobs)
      await target.putBlob(descriptor, async function* () {
        yield bytes
      })
    await target.putDocument(image.document, true)
    await target.commit()
    await target.close()
    const source = registrySource(parseReference(name), options(name))
    assert.equal((await source.document()).digest, image.document.digest)
    await source.close()
  })

  test('auth.json’s login for a namespace is for no other', async () => {
    const name = `${host}/other/image:1`
    const source = registrySource(parseReference(name), options(name))
    await refused(source.document(), 'permission-denied', '401', `log in with "wherry login ${host}"`)
    await source.close()
  })

  test('registries.conf’s mirror is asked first, and the registry for what it has not', async () => {
    const name = `${host}/private/image:1`
    const mirrors = `[[registry.mirror]]\nlocation = "${mirror.host}/copies"\ninsecure = true\n`
    write(join(etc, 'containers/registries.conf'), `[[registry]]\nprefix = "${host}/private"\nlocation = "${host}/private"\n${mirrors}`)
    mirror.contents.addDocument('copies/image', image.document, '1')
    const events: TraceEvent[] = []
    const source = registrySource(parseReference(name), options(name, 'pull', events))
    assert.equal((await source.document()).digest, image.document.digest)
    assert.ok((await collect(source.blob(image.config.descriptor))).equals(image.config.bytes))
    await source.close()
    assert.deepEqual(
      mirror.requests.map(({ url, status, headers }) => [url, status, headers.authorization]),
      [
        ['/v2/copies/image/manifests/1', 200, undefined],
        [`/v2/copies/image/blobs/${image.config.descriptor.digest}`, 404, undefined],
      ],
    )
    assert.ok(events.some(({ url, status }) => url.startsWith(`https://${host}/`) && status === 200))
    assert.ok(!JSON.stringify(events).includes(USER.password))
  })

  test('registries.conf’s insecure, and blocked', async () => {
    const name = `${mirror.host}/copies/image:1`
    write(join(etc, 'containers/registries.conf'), `[[registry]]\nlocation = "${mirror.host}"\ninsecure = true\n`)
    const source = registrySource(parseReference(name), options(name))
    assert.equal((await source.document()).digest, image.document.digest)
    await source.close()
    write(join(etc, 'containers/registries.conf'), `[[registry]]\nlocation = "${mirror.host}"\nblocked = true\n`)
    assert.throws(() => options(name), { kind: 'permission-denied', message: /is blocked in/ })
  })
})
