/** The beginning of a container: its id, its name, its config and its hold on the image's layers. */
import { readFileSync } from 'node:fs'
import type { PulledImage } from '../../image/pull/types.ts'
import type { Store } from '../../image/store/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { ContainerConfig, ContainerImage, ContainerState } from './config.ts'
import { type Home, leaseOwner } from './home.ts'
import { randomBytes } from '../../runtime/sys/random.ts'
import { newId, shortId } from './ids.ts'
import { lock, tryLock, unlock } from './lock.ts'
import { checkName, releaseName, reserveName } from './names.ts'
import { randomName } from './random-name.ts'
import type { ContainerRequest, MountRequest } from './request.ts'
import { resolveProcess } from './resolve-process.ts'
import { settle } from './settle.ts'
import { makeFolder, readConfig, readContainer, writeConfig } from './store.ts'
import { timeNow } from './times.ts'
import { destroy } from './destroy.ts'

/** An image whose layers are all unpacked; what ensureImage gives, with what it is called. */
export type BaseImage = Pick<PulledImage, 'id' | 'digest' | 'layers' | 'config' | 'manifest' | 'descriptor'> & { readonly name: string }

/** What a container is made of. */
export interface Bases {
  /** Of the images; absent where there are none. */
  readonly store?: Store
  /** Absent with --rootfs. */
  readonly image?: BaseImage
  /** Images that are mounted in it, by what the request calls them. */
  readonly mounted?: ReadonlyMap<string, BaseImage>
}

export interface Allocated {
  readonly config: ContainerConfig
  readonly state: ContainerState
  /** Held: for `unlock`. */
  readonly lock: number
}

export const NEW_STATE: ContainerState = { version: 1, phase: 'created', restarts: 0, stoppedByUser: false }

/** Of the machine, uname(2). */
const hostName = (): string => readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()

/** Who has a name, once he is in order; undefined where nobody has it any more. */
const rightfulHolder = async (home: Home, name: string, id: string): Promise<string | undefined> => {
  const fd = tryLock(home, id)
  // somebody is at work on it: it is being made, or taken away
  if (fd === undefined) return id
  try {
    const container = await settle(home, id)
    if (container?.config.name === name) return id
    releaseName(home, name, id)
    return undefined
  } finally {
    unlock(fd)
  }
}

/** Throws `already-exists`, naming who has it. */
export const takeName = async (home: Home, name: string, id: string): Promise<void> => {
  for (;;) {
    const holder = reserveName(home, name, id)
    if (holder === undefined || holder === id) return
    const owner = await rightfulHolder(home, name, holder)
    if (owner === undefined) continue
    const there = readContainer(home, owner)
    const what = there === undefined ? `container ${shortId(owner)}, which is being made or removed` : `container ${shortId(owner)}`
    throw new WherryError(
      'already-exists',
      `the name ${name} is in use by ${what}: remove it (wherry rm ${name}), rename it, or choose another name`,
    )
  }
}

/** Takes the wanted name, or one that is free; the config is written with it before, so that whoever undoes us knows it. */
const name = async (home: Home, config: ContainerConfig, wanted: string | undefined): Promise<ContainerConfig> => {
  if (wanted !== undefined) {
    writeConfig(home, config)
    await takeName(home, wanted, config.id)
    return config
  }
  for (let attempt = 0; ; attempt++) {
    const named = { ...config, name: randomName(attempt) }
    writeConfig(home, named)
    if (reserveName(home, named.name, config.id) === undefined) return named
  }
}

/** Volumes of the image that have no mount, and volumes without a name, get names of their own. */
const nameVolumes = (mounts: readonly MountRequest[], volumes: readonly string[]): { mounts: MountRequest[]; anonymous: string[] } => {
  const anonymous: string[] = []
  const fresh = (): string => {
    const made = randomBytes(32).toString('hex')
    anonymous.push(made)
    return made
  }
  return {
    mounts: [
      ...mounts.map((mount) => (mount.type === 'volume' && mount.source === undefined ? { ...mount, source: fresh() } : mount)),
      ...volumes.map((target): MountRequest => ({ type: 'volume', source: fresh(), target, readonly: false, options: [] })),
    ],
    anonymous,
  }
}

/** What must stay in the store for as long as the container is there. */
const keepImages = async (store: Store, id: string, images: readonly BaseImage[], durable: boolean): Promise<void> => {
  const digests = images.flatMap(({ descriptor, digest, id: config, manifest, layers }) => [
    descriptor.digest,
    digest,
    config,
    ...manifest.layers.map((layer) => layer.digest),
    ...layers.flatMap(({ key, diffID, chainID }) => [key, diffID, chainID]),
  ])
  await store.keep(leaseOwner(id), [...new Set(digests)], { durable })
  for (const { name: image, layers } of images)
    for (const { key } of layers)
      if (store.layers.find({ diffID: key, chainID: key }) === undefined)
        throw new WherryError('unavailable', `layer ${key} of image ${image} was removed just now: try again`)
}

const imageOf = ({ name: image, id, digest, layers }: BaseImage): ContainerImage => ({
  name: image,
  id,
  digest,
  layers: layers.map(({ key }) => key),
})

/** What the container would be; nothing is made. Its name is empty where the user gave none. */
export const configOf = (request: ContainerRequest, { image, mounted }: Bases, id: string): ContainerConfig => {
  const { process, applied } = resolveProcess(request, image?.config.config, id, hostName)
  const { mounts, anonymous } = nameVolumes(request.mounts, process.volumes)
  return {
    version: 1,
    id,
    name: request.name ?? '',
    created: timeNow(),
    request: { ...request, mounts },
    ...(image === undefined ? {} : { image: imageOf(image) }),
    ...(mounted === undefined || mounted.size === 0
      ? {}
      : { mountedImages: Object.fromEntries([...mounted].map(([source, base]) => [source, imageOf(base)])) }),
    process,
    anonymousVolumes: anonymous,
    labels: applied.labels,
  }
}

/**
 * Makes the container’s folder with its config, takes its name and keeps the image. It does not exist before its state is
 * written, which is the caller's to do, with the lock that is returned; if he dies, it is undone by whoever meets it. Throws
 * `invalid-argument`, `already-exists` (the name); then nothing is left.
 */
export const allocate = async (home: Home, request: ContainerRequest, bases: Bases): Promise<Allocated> => {
  if (request.name !== undefined) checkName(request.name)
  const id = newId()
  const wanted = configOf(request, bases, id)
  const images = [...(bases.image === undefined ? [] : [bases.image]), ...(bases.mounted?.values() ?? [])]
  const fd = await lock(home, id)
  try {
    makeFolder(home, id)
    const config = await name(home, wanted, request.name)
    if (images.length > 0) await keepImages(bases.store!, id, images, !request.autoRemove)
    return { config, state: NEW_STATE, lock: fd }
  } catch (error) {
    await destroy(home, id, { config: readConfig(home, id), volumes: true })
    unlock(fd)
    throw error
  }
}

/** Takes back what `allocate` made, and all that came of it; the lock is released. */
export const abandon = async (home: Home, { config, lock: fd }: Allocated): Promise<void> => {
  try {
    await destroy(home, config.id, { config, volumes: true })
  } finally {
    unlock(fd)
  }
}
