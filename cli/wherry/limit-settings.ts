/** What pulling and unpacking may cost. The defaults are those of image/layer/limits.ts and image/registry/options.ts. */
import type { Setting } from './setting.ts'

const limit = <const T extends 'integer' | 'size' | 'duration'>(type: T, key: string, usual: string, help: string) =>
  ({
    type,
    help,
    default: usual,
    env: `WHERRY_${key.toUpperCase().replaceAll(/[.-]/g, '_')}`,
    key,
    flagless: true,
  }) as const satisfies Setting

/** By the names that messages about a limit call it by. */
export const LIMIT_SETTINGS = {
  'pull.downloads': limit('integer', 'pull.downloads', '4', 'blobs that are downloaded at a time'),
  'layer.bytes': limit('size', 'layer.bytes', '256g', 'uncompressed bytes of a layer'),
  'layer.ratio': limit('integer', 'layer.ratio', '500', 'uncompressed bytes for each compressed one, of a layer of more than 1 GiB'),
  'layer.entries': limit('integer', 'layer.entries', '4000000', 'entries of a layer'),
  'layer.fileBytes': limit('size', 'layer.file_bytes', '256g', 'bytes of one file in a layer'),
  'layer.pathBytes': limit('integer', 'layer.path_bytes', '4095', 'bytes of a path in a layer'),
  'layer.depth': limit('integer', 'layer.depth', '1024', 'folders within each other in a layer'),
  'layer.xattrs': limit('integer', 'layer.xattrs', '256', 'extended attributes of a file in a layer'),
  'layer.xattrBytes': limit('size', 'layer.xattr_bytes', '256k', 'bytes of the extended attributes of a file in a layer'),
  'layer.remembered': limit(
    'integer',
    'layer.remembered',
    '100000',
    'folders of a layer without an entry of their own, and links into lower layers',
  ),
  'registry.connect': limit('duration', 'registry.connect', '20s', 'until a connection to a registry is there'),
  'registry.answer': limit('duration', 'registry.answer', '60s', 'until a registry begins to answer'),
  'registry.stall-bytes': limit(
    'size',
    'registry.stall_bytes',
    '32k',
    'a connection that brings fewer bytes than this in registry.stall_time is dropped, and made again',
  ),
  'registry.stall-time': limit('duration', 'registry.stall_time', '30s', 'see registry.stall_bytes'),
  'registry.tries': limit('integer', 'registry.tries', '6', 'failures in a row after which a registry is given up'),
  'registry.longest-retry-after': limit(
    'duration',
    'registry.longest_retry_after',
    '2m',
    'a registry that asks to wait longer is given up',
  ),
  'registry.chunk': limit('size', 'registry.chunk', '32m', 'bytes of a blob that are sent in one request'),
} as const
