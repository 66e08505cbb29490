/** A disk that is full in the middle of a pull: in a mount namespace of the test's own, a small tmpfs and a small ext4. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { imageOf, layerOf } from '../../support/images.ts'
import { bulk, serve, withRegistry } from '../../support/pull.ts'
import { requires } from '../../support/requires.ts'
import { tools } from '../../support/tools.ts'

const CHILD = `${import.meta.dirname}/../../support/pull-child.ts`
const skip = requires('root')

/** Pull, check, more room, pull, check: what each prints at last. */
const SCRIPT = `
child() { "$NODE" "$CHILD" "$@" | tail -n 1; }
mount -t tmpfs -o size="$SMALL" store "$DISK" || exit
child pull "$DISK/store" "$TEXT"
child check "$DISK/store"
mount -o remount,size=100m "$DISK" || exit
child pull "$DISK/store" "$TEXT"
child check "$DISK/store"
umount "$DISK"
`

interface Failed {
  readonly kind: string
  readonly message: string
}

describe('a disk that is full', { skip }, () => {
  for (const [what, size] of [
    ['while blobs come', 1_500_000],
    ['while layers are unpacked', 3_600_000],
    ['before anything has come', 60_000],
  ] as const)
    test(`${what}: told so, the store is whole, and goes on when there is room`, (t) =>
      withRegistry(async (registry) => {
        const disk = tools(t).path('disk')
        mkdirSync(disk)
        // what compresses well is small as a blob and large unpacked
        const flat = Array.from({ length: 60 }, (_, index) => ({ name: `flat-${index}`, content: Buffer.alloc(50_000, index) }))
        const image = await imageOf({ layers: [await layerOf(bulk('a', 2_000_000)), await layerOf([{ name: './' }, ...flat])] })
        const text = serve(registry, image, 'one')
        const child = spawn('unshare', ['--mount', '--propagation', 'private', 'bash', '-c', SCRIPT], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, NODE: process.execPath, CHILD, DISK: disk, TEXT: text, SMALL: String(size) },
        })
        let said = ''
        child.stdout.on('data', (chunk) => (said += String(chunk)))
        await once(child, 'close')
        const [failed, whole, done, after] = said
          .trimEnd()
          .split('\n')
          .map((line): unknown => JSON.parse(line))
        const { kind, message } = failed as Failed
        assert.equal(kind, 'resource-exhausted', message)
        assert.match(message, /full|space/)
        assert.deepEqual(whole, { findings: [], whole: true })
        assert.deepEqual(done, { id: image.config.descriptor.digest, fresh: true, layers: 2 })
        assert.deepEqual(after, { findings: [], whole: true })
      }))
})
