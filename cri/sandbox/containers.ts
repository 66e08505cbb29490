/** What the end of a pod means for its containers. */
import { removeContainer } from '../container/remove.ts'
import { killContainer } from '../container/stop.ts'
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'

export const containersOf = (cri: Cri, sandbox: string): Container[] => cri.containers.list().filter((one) => one.sandbox === sandbox)

const forEach = async (cri: Cri, sandbox: string, work: (id: string) => Promise<void>): Promise<void> => {
  const results = await Promise.allSettled(containersOf(cri, sandbox).map(({ id }) => work(id)))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** At once, without grace: kubelet has stopped those that were to end in peace. Throws what went wrong with one when all others are done. */
export const stopContainersOf = (cri: Cri, sandbox: string): Promise<void> => forEach(cri, sandbox, (id) => killContainer(cri, id))

export const removeContainersOf = (cri: Cri, sandbox: string): Promise<void> => forEach(cri, sandbox, (id) => removeContainer(cri, id))
