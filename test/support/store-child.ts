/** Works on a store in a process of its own: `store-child.ts VERB ROOT`. What it prints, a test waits for. */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { openStore } from '../../image/store/store.ts'
import { descriptorOf, layerOf, noise } from './images.ts'
import { ALPINE, FACTS, identitiesOf, putBlob, putImage, smallImage, useImage } from './store.ts'

const [verb = '', root = ''] = process.argv.slice(2)

/** Never ends, and keeps the process from ending. */
const forever = (): Promise<never> => new Promise(() => setInterval(() => {}, 1 << 30))

const VERBS: Readonly<Record<string, () => Promise<void>>> = {
  async pull() {
    await putImage(openStore(root), ALPINE, await smallImage('one', ['one']))
  },

  async use() {
    await useImage(openStore(root), ALPINE, 'container:child')
  },

  async remove() {
    const store = openStore(root)
    const { released } = await store.images.remove(ALPINE)
    await store.collect({ released, age: 0 })
  },

  async release() {
    const store = openStore(root)
    await store.release('container:child')
    await store.collect({ age: 0 })
  },

  async repair() {
    const store = openStore(root)
    const image = await smallImage('one', ['one'])
    await store.check({
      repair: true,
      fetch: async ({ digest }) => {
        for (const blob of image.blobs) if (blob.descriptor.digest === digest) await putBlob(store, blob)
        if (digest === image.document.digest) await store.blobs.put(image.document.bytes, digest)
      },
    })
  },

  /** Holds a blob of which half is there, and the layer of it. */
  async hold() {
    const store = openStore(root)
    const layer = await layerOf(noise(1 << 20), { compression: 'none' })
    const ingest = (await store.blobs.ingest(layer.descriptor))!
    writeSync(ingest.fd, layer.bytes.subarray(0, 1 << 19))
    const [identity] = identitiesOf({ layers: [layer] } as never)
    const unpacking = (await store.layers.begin(identity!))!
    writeFileSync(`${unpacking.folder}/root/half`, 'half')
    const lease = await store.lease()
    await lease.add(layer.descriptor.digest)
    console.log('held')
    await forever()
  },

  /** Pulls, moves tags and removes without end; tells what is durable: `+ NAME DIGEST` and, before it is done, `- NAME`. */
  async work() {
    const store = openStore(root)
    const say = (line: string) => writeSync(1, `${line}\n`)
    for (let round = 0; ; round++) {
      const image = await smallImage(`round ${round}`, [`base ${round % 3}`, `one ${round}`])
      const name = `docker.io/library/work:${round % 7}`
      say(`- ${name}`)
      const lease = await store.lease()
      for (const blob of image.blobs) await putBlob(store, blob)
      await store.blobs.put(image.document.bytes, image.document.digest)
      for (const identity of identitiesOf(image)) {
        const ingest = await store.layers.begin(identity)
        if (ingest === undefined) continue
        for (let folder = 0; folder < 3; folder++) {
          mkdirSync(`${ingest.folder}/root/${folder}`)
          for (let file = 0; file < 10; file++)
            writeFileSync(`${ingest.folder}/root/${folder}/${file}`, noise(1 + ((file * 977) % 9000), file + 1))
        }
        await ingest.commit(FACTS)
      }
      await store.images.put(name, descriptorOf(image.document))
      await lease.end()
      say(`+ ${name} ${image.document.digest}`)
      if (round % 5 === 4) {
        const { released } = await store.images.prune()
        await store.collect({ released })
      }
    }
  },
}

const work = VERBS[verb]
if (work === undefined) throw new Error(`no verb ${verb}`)
await work()
