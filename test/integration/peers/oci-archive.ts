/** An OCI image layout with one layer, as a tar archive: image-spec, "Image Layout". */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const MEDIA = 'application/vnd.oci.image'

/** Packs `rootfs` into an archive at `archive`, whose image is called `name`. */
export const makeOciArchive = (rootfs: string, archive: string, name: string): void => {
  const layout = `${archive}.layout`
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const blob = (mediaType: string, content: Buffer): Descriptor => {
    const hash = createHash('sha256').update(content).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hash), content)
    return { mediaType, digest: `sha256:${hash}`, size: content.length }
  }
  const json = (mediaType: string, value: unknown) => blob(mediaType, Buffer.from(JSON.stringify(value)))
  execFileSync('tar', ['-C', rootfs, '-cf', `${layout}/layer.tar`, '.'])
  const layer = blob(`${MEDIA}.layer.v1.tar`, readFileSync(`${layout}/layer.tar`))
  const config = json(`${MEDIA}.config.v1+json`, {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = json(`${MEDIA}.manifest.v1+json`, { schemaVersion: 2, mediaType: `${MEDIA}.manifest.v1+json`, config, layers: [layer] })
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1) }
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }))
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  execFileSync('tar', ['-C', layout, '-cf', archive, 'oci-layout', 'index.json', 'blobs'])
}
