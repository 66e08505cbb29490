/** Debian's docker-registry with the images, in a corner of its own. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Corner } from '../../integration/peers/corner.ts'
import { type BenchImage, CACHE } from './image.ts'

const HOST = '127.0.0.1:5000'

export interface Served {
  readonly pid: number
  close(): Promise<void>
}

/** Where an image is served. */
export const referenceOf = ({ layout }: BenchImage): string => `${HOST}/bench/${basename(layout)}:latest`

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

export const end = async (child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
  child.kill(signal)
  if (!ended(child)) await once(child, 'exit')
}

/** Serves these images; what the registry's storage, which is kept, does not have is put there. */
export const serve = async (corner: Corner, images: readonly BenchImage[]): Promise<Served> => {
  const storage = join(CACHE, 'registry')
  mkdirSync(storage, { recursive: true })
  const config = join(corner.folder, 'registry.yml')
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: {level: error, accesslog: {disabled: true}}',
      `http: {addr: "${HOST}"}`,
      `storage: {filesystem: {rootdirectory: ${storage}}}`,
    ].join('\n'),
  )
  const child = corner.start(['docker-registry', 'serve', config])
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said = (said + String(chunk)).slice(-4096)))
  try {
    const deadline = performance.now() + 20_000
    while (corner.run(['bash', '-c', `: </dev/tcp/${HOST.replace(':', '/')}`]).status !== 0) {
      if (ended(child) || performance.now() > deadline) throw new Error('it does not answer')
      await setTimeout(100)
    }
    for (const image of images) {
      const reference = referenceOf(image)
      if (corner.run(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${reference}`]).status === 0) continue
      const { status, stderr } = corner.run(
        ['nice', 'skopeo', 'copy', '--quiet', '--dest-tls-verify=false', `oci:${image.layout}:bench`, `docker://${reference}`],
        { timeout: 600_000 },
      )
      if (status !== 0) throw new Error(stderr)
    }
  } catch (error) {
    await end(child)
    throw new Error(`docker-registry: ${said}`, { cause: error })
  }
  return { pid: child.pid!, close: () => end(child) }
}
