/** update: other limits, at once for one that runs, and another restart policy. */
import { update as engineUpdate } from '../../runtime/container/update.ts'
import { WherryError } from '../../runtime/errors.ts'
import { emit } from './events.ts'
import type { Home } from './home.ts'
import type { ResourceRequest, RestartPolicy } from './request.ts'
import { blockDevicesOf } from './spec/device-facts.ts'
import { machineFacts } from '../../runtime/container/machine.ts'
import { givenResources } from './spec/resources.ts'
import { isUp, statusOf } from './status.ts'
import { cancelRestart } from './stop.ts'
import { writeConfig } from './store.ts'
import { withContainer } from './tidy.ts'

export interface Update {
  /** What is absent stays as it is. */
  readonly resources: ResourceRequest
  readonly restart?: RestartPolicy
}

/** --cpus and the quota that it stands for: the one that is given replaces the other. */
const merged = (before: ResourceRequest, given: ResourceRequest): ResourceRequest => {
  const { nanoCpus, cpuQuota, cpuPeriod, ...rest } = before
  const quota = given.cpuQuota !== undefined || given.cpuPeriod !== undefined
  const old =
    given.nanoCpus !== undefined
      ? {}
      : quota
        ? { ...(cpuQuota === undefined ? {} : { cpuQuota }), ...(cpuPeriod === undefined ? {} : { cpuPeriod }) }
        : {
            ...(nanoCpus === undefined ? {} : { nanoCpus }),
            ...(cpuQuota === undefined ? {} : { cpuQuota }),
            ...(cpuPeriod === undefined ? {} : { cpuPeriod }),
          }
  return { ...rest, ...old, ...given }
}

const checkMemory = ({ memory, memorySwap }: ResourceRequest): void => {
  if (memory === undefined || memorySwap === undefined || memory === '-1' || memorySwap === '-1') return
  if (BigInt(memorySwap) < BigInt(memory))
    throw new WherryError(
      'invalid-argument',
      `--memory ${memory} is more than the memory and swap together (${memorySwap}) that it has: give --memory-swap too`,
    )
}

/** Throws `failed-precondition` where it cannot be; then it is as it was. */
export const updateContainer = (home: Home, text: string, { resources, restart }: Update): Promise<void> =>
  withContainer(home, text, async (container) => {
    const { id, config } = container
    if (restart !== undefined && restart.name !== 'no' && config.request.autoRemove)
      throw new WherryError('failed-precondition', `container ${config.name} is removed when it ends (--rm): it cannot be started again`)
    const all = merged(config.request.resources, resources)
    checkMemory(all)
    if (Object.keys(resources).length > 0 && isUp(await statusOf(home, container))) {
      const machine = machineFacts(home.engine)
      // swap is counted together with memory: where one is given the kernel is told both
      const swap =
        resources.memory !== undefined && resources.memorySwap === undefined ? { memorySwap: all.memorySwap ?? resources.memory } : {}
      const facts = { machine, blockDevices: blockDevicesOf(resources), warn: home.warn }
      await engineUpdate(home.engine, id, givenResources({ ...resources, ...swap }, facts))
    }
    const changed = { ...config, request: { ...config.request, resources: all, ...(restart === undefined ? {} : { restart }) } }
    writeConfig(home, changed)
    if (restart?.name === 'no') cancelRestart(home, { ...container, config: changed })
    emit(home, 'update', changed)
  })
