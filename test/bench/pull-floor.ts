/**
 * The least that a pull costs with Node's own zlib: gzipped blobs, given as files, are read, hashed, inflated in chunks of 256 KiB and
 * hashed again, on two threads; nothing is fetched or written.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { createGunzip } from 'node:zlib'

const CHUNK = 256 * 1024
const THREADS = 2

const hashed = (hash: Hash) =>
  async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      hash.update(chunk)
      yield chunk
    }
  }

const work = async (file: string): Promise<void> => {
  const [blob, layer] = [createHash('sha256'), createHash('sha256')]
  await pipeline(createReadStream(file, { highWaterMark: CHUNK }), hashed(blob), createGunzip({ chunkSize: CHUNK }), async (source) => {
    for await (const chunk of source) layer.update(chunk as Uint8Array)
  })
  console.log(`${blob.digest('hex')} ${layer.digest('hex')}`)
}

if (isMainThread) {
  const files = process.argv.slice(2).sort((a, b) => statSync(b).size - statSync(a).size)
  const shared = new Int32Array(new SharedArrayBuffer(4))
  for (let thread = 0; thread < THREADS; thread += 1) new Worker(fileURLToPath(import.meta.url), { workerData: { files, shared } })
} else {
  const { files, shared } = workerData as { files: string[]; shared: Int32Array }
  for (;;) {
    const file = files[Atomics.add(shared, 0, 1)]
    if (file === undefined) break
    await work(file)
  }
}
