/** What the end of a pod means for its containers. */
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'

export const containersOf = (cri: Cri, sandbox: string): Container[] => cri.containers.list().filter((one) => one.sandbox === sandbox)

/** At once, without grace: kubelet has stopped those that were to end in peace. */
export const stopContainersOf = async (_cri: Cri, _sandbox: string): Promise<void> => {}

export const removeContainersOf = async (_cri: Cri, _sandbox: string): Promise<void> => {}
