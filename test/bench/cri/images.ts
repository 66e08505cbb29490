/** What pods of the benchmark run: busybox, and for servers that need one a process that holds the pod’s namespaces. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodedOf } from '../../../image/digest.ts'
import { busyboxEntries } from '../../support/cri/images.ts'
import { imageOf, type TestImage, type TarEntry, tarOf } from '../../support/images.ts'
import { calls64 } from '../../support/tiny-elf.ts'

export const BUSYBOX = 'registry.test/busybox:latest'
export const PAUSE = 'registry.test/pause:latest'

const PAUSE_CALL = 34

export const busybox = (): Promise<TestImage> => imageOf({ flavour: 'docker', compression: 'none', layers: [busyboxEntries()] })

/** Its process is one system call: nothing of its memory counts against the server. */
export const pause = (folder: string): Promise<TestImage> => {
  const work = mkdtempSync(join(folder, 'pause-'))
  try {
    calls64(join(work, 'pause'), PAUSE_CALL)
    const entries = [{ name: 'pause', mode: 0o755, content: readFileSync(join(work, 'pause')) }]
    return imageOf({ flavour: 'docker', compression: 'none', layers: [entries], config: { Entrypoint: ['/pause'] } })
  } finally {
    rmSync(work, { recursive: true })
  }
}

/** As `docker save` writes them: everybody can import that. */
export const writeArchive = async (path: string, images: Readonly<Record<string, TestImage>>): Promise<void> => {
  const files = new Map<string, TarEntry>()
  const manifest = Object.entries(images).map(([name, { config, layers }]) => {
    const put = (file: string, content: Buffer): string => {
      files.set(file, { name: file, content })
      return file
    }
    return {
      Config: put(`${encodedOf(config.descriptor.digest)}.json`, config.bytes),
      RepoTags: [name],
      Layers: layers.map(({ diffID, tar }) => put(`${encodedOf(diffID)}.tar`, tar)),
    }
  })
  writeFileSync(path, await tarOf([...files.values(), { name: 'manifest.json', content: JSON.stringify(manifest) }]))
}
