/** Statistics of many, one after the other: other calls have their turn in between. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerStatsFilter, ContainerStatsSchema, PodSandboxStatsFilter, PodSandboxStatsSchema } from '../api/api_pb.js'
import type { Call, Cri } from '../cri.ts'
import { selectContainers, selectPods } from './select.ts'
import { statsOf } from './stats.ts'

export async function* containerStatsOf(
  cri: Cri,
  filter: ContainerStatsFilter | undefined,
  { signal }: Call,
): AsyncGenerator<MessageInitShape<typeof ContainerStatsSchema>> {
  const stats = statsOf(cri)
  stats.tidy()
  const containers = selectContainers(cri, filter)
  await stats.prepare(containers)
  for (const { id } of containers) {
    signal.throwIfAborted()
    await stats.giveWay()
    // it may have gone meanwhile
    const container = cri.containers.get(id)
    if (container !== undefined) yield stats.container(container)
  }
}

export async function* podStatsOf(
  cri: Cri,
  filter: PodSandboxStatsFilter | undefined,
  { signal }: Call,
): AsyncGenerator<MessageInitShape<typeof PodSandboxStatsSchema>> {
  const stats = statsOf(cri)
  stats.tidy()
  const pods = selectPods(cri, filter)
  await stats.prepare(pods.flatMap(({ members }) => members))
  for (const { sandbox, members } of pods) {
    signal.throwIfAborted()
    await stats.giveWay()
    const now = cri.sandboxes.get(sandbox.id)
    if (now === undefined) continue
    yield stats.pod(
      now,
      members.flatMap(({ id }) => cri.containers.get(id) ?? []),
    )
  }
}
