/** Which containers and pods a request is about. */
import type { ContainerStatsFilter, PodSandboxStatsFilter } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Container, Sandbox } from '../state/types.ts'

type Labels = Readonly<Record<string, string>>

const matches = (labels: Labels, selector: Labels): boolean => Object.entries(selector).every(([key, text]) => labels[key] === text)

/** Those that are made, and not yet to go. */
const shown = ({ phase }: Container): boolean => phase === 'created' || phase === 'running' || phase === 'exited'

const matchesId = (id: string, prefix: string): boolean => prefix === '' || id.startsWith(prefix)

export const selectContainers = ({ containers }: Cri, filter: ContainerStatsFilter | undefined): Container[] => {
  const all = containers.list().filter(shown)
  if (filter === undefined) return all
  const { id, podSandboxId, labelSelector } = filter
  return all.filter(
    (container) =>
      matchesId(container.id, id) && matchesId(container.sandbox, podSandboxId) && matches(container.config.labels, labelSelector),
  )
}

export interface Pod {
  readonly sandbox: Sandbox
  readonly members: readonly Container[]
}

export const podOf = ({ containers }: Cri, sandbox: Sandbox): Pod => ({
  sandbox,
  members: containers.list().filter((container) => shown(container) && container.sandbox === sandbox.id),
})

/** Those that are ready: of others there is nothing to tell. */
export const selectPods = ({ sandboxes, containers }: Cri, filter: PodSandboxStatsFilter | undefined): Pod[] => {
  const members = new Map<string, Container[]>()
  for (const container of containers.list()) {
    if (!shown(container)) continue
    const others = members.get(container.sandbox)
    if (others === undefined) members.set(container.sandbox, [container])
    else others.push(container)
  }
  return sandboxes
    .list()
    .filter(
      ({ id, phase, config }) =>
        phase === 'ready' && (filter === undefined || (matchesId(id, filter.id) && matches(config.labels, filter.labelSelector))),
    )
    .map((sandbox) => ({ sandbox, members: members.get(sandbox.id) ?? [] }))
}
