/** All flags that mount something. */
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import type { MountRequest } from '../request.ts'
import { bad, halves, sizeText } from './bad.ts'
import { readMount } from './mount.ts'
import type { Surroundings } from './surroundings.ts'
import { readTmpfs } from './tmpfs.ts'
import { readVolume } from './volume.ts'

export const MOUNT_FLAGS = {
  volume: { type: 'list', short: 'v', value: '[SOURCE:]TARGET[:OPTIONS]', help: 'mount a path of the machine, or a volume' },
  mount: { type: 'list', value: 'type=TYPE,…', help: 'mount something: type=bind, volume, tmpfs or image' },
  tmpfs: { type: 'list', value: 'TARGET[:OPTIONS]', help: 'mount an empty file system in memory' },
  'volumes-from': {
    type: 'list',
    value: 'CONTAINER[:ro|rw]',
    help: 'mount what another container has mounted from the machine and from volumes',
  },
  'read-only': { type: 'boolean', help: 'the root filesystem cannot be written to' },
  'read-only-tmpfs': { type: 'boolean', help: 'with --read-only: have a tmpfs on /run, /tmp and /var/tmp (default true)' },
  'shm-size': { type: 'string', value: 'SIZE', help: 'size of /dev/shm (default 64m)' },
} as const satisfies Flags

const SHM = String(64 * 1024 * 1024)

const FROM_OPTIONS: readonly (string | undefined)[] = [undefined, 'ro', 'rw', 'z', 'Z']

const volumesFrom = (text: string, surroundings: Surroundings): readonly MountRequest[] => {
  const [name, option] = halves(text, ':')
  if (name === '') throw bad('volumes-from', text, 'names no container')
  if (!FROM_OPTIONS.includes(option))
    throw bad('volumes-from', text, `has the unknown option ${JSON.stringify(option)}; there are ro and rw`)
  return surroundings
    .container(name)
    .request.mounts.filter(({ type }) => type === 'bind' || type === 'volume')
    .map(({ noCopy: _, ...mount }) => (option === 'ro' || option === 'rw' ? { ...mount, readonly: option === 'ro' } : mount))
}

const WHICH: Readonly<Record<MountRequest['type'], string>> = {
  bind: 'a bind mount',
  volume: 'a volume',
  tmpfs: 'a tmpfs',
  image: 'an image',
}

const refuseTwice = (mounts: readonly MountRequest[]): void => {
  const seen = new Map<string, MountRequest>()
  for (const mount of mounts) {
    const other = seen.get(mount.target)
    if (other !== undefined)
      throw new UsageError(`${mount.target} in the container is the target of two mounts: ${WHICH[other.type]} and ${WHICH[mount.type]}`)
    seen.set(mount.target, mount)
  }
}

/** What is mounted for itself counts before what comes from other containers; of those the first. */
export const readMounts = (flags: Values<typeof MOUNT_FLAGS>, surroundings: Surroundings): readonly MountRequest[] => {
  const { cwd } = surroundings
  const own = [
    ...(flags.volume ?? []).map((text) => readVolume(text, cwd)),
    ...(flags.mount ?? []).map((text) => readMount(text, cwd)),
    ...(flags.tmpfs ?? []).map(readTmpfs),
  ]
  refuseTwice(own)
  const targets = new Set(own.map(({ target }) => target))
  const others: MountRequest[] = []
  for (const mount of (flags['volumes-from'] ?? []).flatMap((text) => volumesFrom(text, surroundings))) {
    if (targets.has(mount.target)) continue
    targets.add(mount.target)
    others.push(mount)
  }
  return [...own, ...others]
}

export const readShmSize = (text: string | undefined): string => {
  if (text === undefined) return SHM
  const size = sizeText('shm-size', text)
  if (size === '0') throw bad('shm-size', text, 'is nothing: a size like 64m is wanted')
  return size
}
