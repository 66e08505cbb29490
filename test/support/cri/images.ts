/** Images for pods of tests, put into a store as a pull leaves them. */
import { readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { unpackImage } from '../../../image/pull/pull.ts'
import type { Store } from '../../../image/store/types.ts'
import { descriptorOf, imageOf, type ImageOptions, layerOf, type TarEntry, type TestImage } from '../images.ts'
import { putBlob } from '../store.ts'

/** Name of the image that a server of tests has. */
export const BUSYBOX = 'registry.test/busybox:latest'

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
alice:x:1000:1000:Alice:/home/alice:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`
const GROUP = `root:x:0:
daemon:x:1:
wheel:x:10:alice
alice:x:1000:
staff:x:50000:alice
nogroup:x:65534:
`

const FOLDERS = [
  'bin/',
  'dev/',
  'etc/',
  'home/',
  'home/alice/',
  'mnt/',
  'proc/',
  'root/',
  'run/',
  'sys/',
  'tmp/',
  'usr/',
  'var/',
  'var/log/',
  'www/',
]

/** A static busybox with all its applets, users, and the usual folders. */
export const busyboxEntries = (): TarEntry[] => {
  const list = spawnSync('busybox', ['--list'], { encoding: 'utf8' })
  if (list.status !== 0) throw new Error(`busybox --list: ${list.stderr}`)
  const applets = list.stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
  return [
    ...FOLDERS.map(
      (name): TarEntry => ({ name, mode: name === 'tmp/' ? 0o1777 : 0o755, ...(name === 'home/alice/' ? { uid: 1000, gid: 1000 } : {}) }),
    ),
    { name: 'bin/busybox', mode: 0o755, content: readFileSync('/usr/bin/busybox') },
    ...applets.map((name): TarEntry => ({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' })),
    { name: 'etc/passwd', content: PASSWD },
    { name: 'etc/group', content: GROUP },
    { name: 'www/index.html', content: 'hello from a pod\n' },
  ]
}

let layer: ReturnType<typeof layerOf> | undefined

/** busybox with what the test wants of its config, and upon it more layers. */
export const busyboxImage = async (options: Partial<ImageOptions> = {}): Promise<TestImage> => {
  layer ??= layerOf(busyboxEntries())
  return imageOf({ ...options, layers: [await layer, ...(options.layers ?? [])] })
}

/** As after a pull: named, and unpacked. */
export const putUnpacked = async (store: Store, name: string, image: TestImage): Promise<TestImage> => {
  const lease = await store.lease()
  try {
    await lease.add(image.document.digest, ...image.blobs.map(({ descriptor }) => descriptor.digest))
    for (const blob of image.blobs) await putBlob(store, blob)
    for (const { bytes, digest } of image.documents) await store.blobs.put(bytes, digest)
    await unpackImage(store, await store.images.put(name, descriptorOf(image.document)))
  } finally {
    await lease.end()
  }
  return image
}

export const putBusybox = async (store: Store, name = BUSYBOX, options: Partial<ImageOptions> = {}): Promise<TestImage> =>
  putUnpacked(store, name, await busyboxImage(options))
