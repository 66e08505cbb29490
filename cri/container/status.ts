/** Containers as ContainerStatus and ListContainers say them. */
import { type MessageInitShape, toJson } from '@bufbuild/protobuf'
import { specOf } from '../../runtime/container/spec.ts'
import { Store } from '../../runtime/container/store.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import {
  type ContainerFilter,
  type ContainerSchema,
  ContainerConfigSchema,
  ContainerState,
  type ContainerStatusSchema,
  type Mount,
  Signal,
} from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Container, ContainerPhase } from '../state/types.ts'
import { stopSignalOf } from './spec/stop-signal.ts'

const STATES: Readonly<Record<ContainerPhase, ContainerState>> = {
  making: ContainerState.CONTAINER_UNKNOWN,
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
  removing: ContainerState.CONTAINER_EXITED,
}

/** What is being made is not there yet. */
export const isThere = ({ phase }: Container): boolean => phase !== 'making'

const common = ({ id, config, image, phase, created }: Container) => ({
  id,
  metadata: config.metadata!,
  imageRef: image.ref,
  imageId: image.id,
  state: STATES[phase],
  createdAt: created,
  labels: config.labels,
  annotations: config.annotations,
})

/** Records never change: the message of one is made once for all the lists that it is in. */
const items = new WeakMap<Container, MessageInitShape<typeof ContainerSchema>>()

const itemOf = (container: Container): MessageInitShape<typeof ContainerSchema> => {
  const known = items.get(container)
  if (known !== undefined) return known
  const { config, sandbox } = container
  const made = { ...common(container), podSandboxId: sandbox, ...(config.image === undefined ? {} : { image: config.image }) }
  items.set(container, made)
  return made
}

/** Those that the filter lets through; ids may be beginnings of one. */
export const listContainers = (
  { containers }: Pick<Cri, 'containers'>,
  filter: ContainerFilter | undefined,
): MessageInitShape<typeof ContainerSchema>[] => {
  const { id = '', podSandboxId = '', state, labelSelector = {} } = filter ?? {}
  const labels = Object.entries(labelSelector)
  return containers
    .list()
    .filter(
      (one) =>
        isThere(one) &&
        one.id.startsWith(id) &&
        one.sandbox.startsWith(podSandboxId) &&
        (state === undefined || STATES[one.phase] === state.state) &&
        labels.every(([name, value]) => one.config.labels[name] === value),
    )
    .map(itemOf)
}

/** The tag that the image has now, which people know it by: kubelet names images by id. */
const imageOf = (
  { images }: Pick<Cri, 'images'>,
  { config, image }: Container,
): MessageInitShape<typeof ContainerStatusSchema>['image'] => {
  const tag = images.status(image.id)?.repoTags[0]
  const given = config.image
  if (tag === undefined) return given
  return {
    ...(given === undefined
      ? {}
      : { annotations: given.annotations, runtimeHandler: given.runtimeHandler, userSpecifiedImage: given.userSpecifiedImage }),
    image: tag,
  }
}

/** Image volumes with the id of what they are of. */
const mountsOf = ({ images }: Pick<Cri, 'images'>, { config }: Container): Mount[] =>
  config.mounts.map((mount) => {
    if (mount.image === undefined) return mount
    return { ...mount, image: { ...mount.image, imageRef: images.status(mount.image.image)?.id ?? mount.image.imageRef } }
  })

export const containerStatus = (cri: Pick<Cri, 'images'>, container: Container): MessageInitShape<typeof ContainerStatusSchema> => {
  const { config, phase, started = 0n, finished = 0n, exitCode = 0, reason = '', message = '', logPath = '', user } = container
  const over = phase === 'exited' || phase === 'removing'
  const resources = config.linux?.resources
  const image = imageOf(cri, container)
  return {
    ...common(container),
    ...(image === undefined ? {} : { image }),
    startedAt: phase === 'running' || over ? started : 0n,
    finishedAt: over ? finished : 0n,
    exitCode: over ? exitCode : 0,
    reason: over ? reason : '',
    message: over ? message : '',
    mounts: mountsOf(cri, container),
    logPath,
    ...(resources === undefined ? {} : { resources: { linux: resources } }),
    ...(user === undefined
      ? {}
      : { user: { linux: { uid: BigInt(user.uid), gid: BigInt(user.gid), supplementalGroups: user.supplementalGroups.map(BigInt) } } }),
    stopSignal: config.stopSignal === Signal.RUNTIME_DEFAULT ? stopSignalOf(container.stopSignal ?? SIGNALS.SIGTERM) : config.stopSignal,
  }
}

/** ContainerStatusResponse.info: one key whose value is JSON, as crictl prints it. */
export const containerInfo = ({ engine }: Pick<Cri, 'engine'>, container: Container): { [key: string]: string } => {
  const store = new Store(engine.root)
  const kept = store.tryRead(container.id)
  return {
    info: stringifyJson({
      sandboxID: container.sandbox,
      pid: container.init?.pid ?? 0,
      removing: container.phase === 'removing',
      phase: container.phase,
      runtimeType: 'wherry',
      config: toJson(ContainerConfigSchema, container.config),
      ...(kept === undefined ? {} : { runtimeSpec: specOf(store, kept), cgroup: kept.cgroup }),
    }),
  }
}
