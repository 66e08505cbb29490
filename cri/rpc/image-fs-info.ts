import type { MessageInitShape } from '@bufbuild/protobuf'
import { realtime } from '../../runtime/sys/realtime.ts'
import type { FilesystemUsageSchema, ImageFsInfoRequestSchema, ImageFsInfoResponseSchema } from '../api/api_pb.js'
import { statsOf } from '../stats/stats.ts'
import type { Unary } from './types.ts'

interface Used {
  readonly at: bigint
  readonly bytes: number
  readonly inodes: number
}

/** A folder names its file system: kubelet asks the machine for what is free there. */
const usage = (mountpoint: string, { at, bytes, inodes }: Used): MessageInitShape<typeof FilesystemUsageSchema> => ({
  timestamp: at,
  fsId: { mountpoint },
  usedBytes: { value: BigInt(bytes) },
  inodesUsed: { value: BigInt(inodes) },
})

/** Images, and what containers have written. Both are below one folder. */
export const imageFsInfo: Unary<typeof ImageFsInfoRequestSchema, typeof ImageFsInfoResponseSchema> = async (cri) => {
  const { config, store, containers } = cri
  const stats = statsOf(cri)
  const now = realtime()
  const all = containers.list()
  await stats.prepare(all)
  const written = { at: now, bytes: 0, inodes: 0 }
  for (const { id } of all) {
    const layer = stats.layers.usage(id, stats.upper(id))
    if (layer === undefined) continue
    // as old as its oldest part
    if (layer.at < written.at) written.at = layer.at
    written.bytes += layer.bytes
    written.inodes += layer.inodes
  }
  return {
    imageFilesystems: [usage(config.root, { at: now, ...store.space() })],
    containerFilesystems: [usage(config.root, written)],
  }
}
