/** What happens to containers, for everybody who listens: each has a queue of its own, which has an end (types.ts). */
import { create } from '@bufbuild/protobuf'
import { WherryError } from '../../runtime/errors.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { type ContainerEventResponse, ContainerEventResponseSchema } from '../api/api_pb.js'
import { containerStatus, isThere as isContainerThere } from '../container/status.ts'
import type { Cri } from '../cri.ts'
import { isThere as isSandboxThere, sandboxStatus } from '../sandbox/status.ts'
import type { Events } from './types.ts'

/** Events that wait for a reader: more than happen while one that works as it should is busy. */
export const MOST_WAITING = 2048

class Subscription implements AsyncIterableIterator<ContainerEventResponse> {
  readonly #signal: AbortSignal
  readonly #leave: () => void
  #waiting: ContainerEventResponse[] = []
  #at = 0
  #wake: (() => void) | undefined
  #overflown = false
  #over = false

  constructor(signal: AbortSignal, leave: (subscription: Subscription) => void) {
    this.#signal = signal
    this.#leave = () => {
      this.#over = true
      this.#wake?.()
      signal.removeEventListener('abort', this.#leave)
      leave(this)
    }
    signal.addEventListener('abort', this.#leave)
  }

  push(event: ContainerEventResponse): void {
    if (this.#waiting.length - this.#at >= MOST_WAITING) {
      // what it would miss it has to ask for anew anyway
      this.#overflown = true
      this.#waiting = []
      this.#at = 0
      this.#leave()
      return
    }
    this.#waiting.push(event)
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<ContainerEventResponse, undefined>> {
    for (;;) {
      if (this.#signal.aborted) return { done: true, value: undefined }
      const event = this.#waiting[this.#at]
      if (event !== undefined) {
        this.#at += 1
        if (this.#at === this.#waiting.length) {
          this.#waiting = []
          this.#at = 0
        }
        return { done: false, value: event }
      }
      if (this.#overflown) {
        const message = `the reader of events is too slow: ${MOST_WAITING} were waiting; list what there is and subscribe again`
        throw new WherryError('resource-exhausted', message)
      }
      if (this.#over) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  async return(): Promise<IteratorResult<ContainerEventResponse, undefined>> {
    this.#leave()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const eventOf = (cri: Cri, type: ContainerEventResponse['containerEventType'], id: string, sandboxId: string): ContainerEventResponse => {
  const sandbox = cri.sandboxes.get(sandboxId)
  return create(ContainerEventResponseSchema, {
    containerId: id,
    containerEventType: type,
    createdAt: realtime(),
    ...(sandbox !== undefined && isSandboxThere(sandbox) ? { podSandboxStatus: sandboxStatus(cri, sandbox) } : {}),
    containersStatuses: cri.containers
      .list()
      .filter((container) => container.sandbox === sandboxId && isContainerThere(container))
      .map((container) => containerStatus(cri, container)),
  })
}

/** @param cri asked when something happens: events are a part of it */
export const openEvents = (cri: () => Cri): Events => {
  const subscriptions = new Set<Subscription>()
  return {
    emit(type, id, sandbox) {
      if (subscriptions.size === 0) return
      const event = eventOf(cri(), type, id, sandbox)
      for (const subscription of [...subscriptions]) subscription.push(event)
    },
    subscribe(signal) {
      const subscription = new Subscription(signal, (left) => subscriptions.delete(left))
      if (!signal.aborted) subscriptions.add(subscription)
      return subscription
    },
  }
}
