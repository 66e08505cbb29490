/** Pulling from Debian's docker-registry, what other tools have pushed there. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { encodedOf } from '../../../image/digest.ts'
import { imageOf, indexOf, layerOf, writeLayout } from '../../support/images.ts'
import { assertWhole, bulk, bulkImage, contentsOf, pullInto } from '../../support/pull.ts'
import { refused } from '../../support/registry/client.ts'
import { startDebianRegistry, USER } from '../../support/registry/debian.ts'
import { requires } from '../../support/requires.ts'
import { withStore } from '../../support/store.ts'
import { tools } from '../../support/tools.ts'

const skip = requires('root', 'docker-registry', 'skopeo')
const LOGINS = ['none', 'basic', 'token'] as const

describe('docker-registry', { skip }, () => {
  for (const login of LOGINS)
    test(`login ${login}: an image and an index that skopeo pushed are pulled, again, and by digest`, async (t) => {
      const registry = await startDebianRegistry({ login })
      t.after(() => registry.close())
      const { folder, skopeo } = tools(t)
      const kinds = ['gzip', 'zstd', 'none'] as const
      const image = await imageOf({
        layers: await Promise.all(kinds.map((compression) => layerOf(bulk(compression, 400_000), { compression }))),
      })
      const index = indexOf([
        await bulkImage([1000]),
        await imageOf({ layers: [bulk('s', 10)], platform: { os: 'linux', architecture: 's390x' } }),
      ])
      writeLayout(`${folder}/layout`, { image, index })
      const repository = `${registry.host}/team/app`
      for (const name of ['image', 'index'])
        await skopeo(
          ...['copy', '--quiet', '--all', '--preserve-digests', '--dest-tls-verify=false'],
          ...(login === 'none' ? [] : ['--dest-creds', `${USER.username}:${USER.password}`]),
          ...[`oci:${folder}/layout:${name}`, `docker://${repository}:${name}`],
        )
      const client = login === 'none' ? {} : { credentials: async () => USER }
      await withStore(async (store) => {
        const pulled = await pullInto(store, `${repository}:image`, { client })
        assert.deepEqual([pulled.digest, pulled.fresh, pulled.layers.length], [image.document.digest, true, 3])
        assert.equal((await pullInto(store, `${repository}:image`, { client })).fresh, false)
        assert.equal((await pullInto(store, `${repository}:index`, { client })).digest, index.document.digest)
        const s390x = { platform: { os: 'linux', architecture: 's390x' } }
        const other = await pullInto(store, `${repository}@${index.document.digest}`, { client, ...s390x })
        assert.equal(other.id, index.images[1]!.config.descriptor.digest)
        await assertWhole(store)
        // the store is a layout that skopeo reads
        const raw = await skopeo('inspect', '--raw', `oci:${store.root}:${repository}:image`)
        assert.equal(raw.trimEnd(), Buffer.from(image.document.bytes).toString())
        await refused(pullInto(store, `${repository}:none`, { client }), 'not-found', `${repository}`, 'none')
        if (login !== 'none') await refused(pullInto(store, `${repository}:image`), 'permission-denied', registry.host)
      })
    })

  test('a registry whose storage has lost or altered a blob is told so, by name', async (t) => {
    const registry = await startDebianRegistry()
    t.after(() => registry.close())
    const { folder, skopeo } = tools(t)
    const image = await bulkImage([50_000, 60_000])
    writeLayout(`${folder}/layout`, { image })
    const text = `${registry.host}/team/app:one`
    await skopeo('copy', '--quiet', '--dest-tls-verify=false', `oci:${folder}/layout:image`, `docker://${text}`)
    const { digest } = image.layers[1]!.descriptor
    const data = `${registry.folder}/docker/registry/v2/blobs/sha256/${encodedOf(digest).slice(0, 2)}/${encodedOf(digest)}/data`
    await withStore(async (store) => {
      const bytes = readFileSync(data)
      execFileSync('sh', ['-c', 'tr "\\000-\\377" "\\001-\\377\\000" <"$0" >"$0.new" && mv "$0.new" "$0"', data])
      await refused(pullInto(store, text), 'data-loss', `${registry.host}/team/app`, digest, 'pull again')
      execFileSync('rm', [data])
      await refused(pullInto(store, text), 'not-found', `${registry.host}/team/app`, digest)
      execFileSync('tee', [data], { input: bytes, stdio: ['pipe', 'ignore', 'inherit'] })
      assert.deepEqual(store.images.list(), [])
      await pullInto(store, text)
      assert.deepEqual([...contentsOf(store).partial], [])
      await assertWhole(store)
    })
  })
})
