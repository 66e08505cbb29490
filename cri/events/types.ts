import type { ContainerEventResponse, ContainerEventType } from '../api/api_pb.js'

/** GetContainerEvents: what happens to containers, told to everybody who listens. */
export interface Events {
  /** A container or (with the sandbox's id in the place of a container's) a sandbox; statuses are taken when it is told. */
  emit(type: ContainerEventType, id: string, sandbox: string): void
  /** From now on, in order, none left out. Throws `resource-exhausted` where the reader is too slow: it is cut off. */
  subscribe(signal: AbortSignal): AsyncIterable<ContainerEventResponse>
}
