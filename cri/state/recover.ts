/**
 * The start of a server over what an earlier one left, which may have been killed at any moment, or with the machine: what was half made is
 * undone, what was half removed is removed, what runs is watched again. Containers come first, since their pods go with them.
 */
import { recover as recoverEngine } from '../../runtime/container/recover.ts'
import { removeTree } from '../../runtime/rootfs/remove.ts'
import type { Cri } from '../cri.ts'
import type { CniNetworks } from '../network/networks.ts'
import { endHolder } from '../sandbox/holder.ts'
import { sandboxPlaces } from '../sandbox/places.ts'
import { releaseSandbox } from '../sandbox/release.ts'
import { unmountShm } from '../sandbox/files.ts'
import { removeSandbox } from '../sandbox/stop.ts'
import { watchAgain } from '../sandbox/watch.ts'
import { bootId } from '../../runtime/boot.ts'
import type { State } from './open.ts'
import type { Sandbox } from './types.ts'

/** Milliseconds that the server waits before it answers: plugins may hang, and all is locked that is not in order yet. */
const PATIENCE = 10_000

/** Its namespaces, and what it has of the network, are given back: by a stop that was broken off, or after a restart of the machine. */
const complete = async (cri: Cri, id: string): Promise<void> => {
  await releaseSandbox(cri, cri.sandboxes.find(id))
  cri.sandboxes.note(id, { init: undefined, netns: undefined, addresses: [] })
}

const recoverSandbox = async (cri: Cri, networks: CniNetworks, sandbox: Sandbox): Promise<void> => {
  const { id, phase, boot, init, netns } = sandbox
  if (boot !== bootId()) await networks.removeAfterReboot(sandbox)
  if (phase === 'making' || phase === 'removing') {
    await removeSandbox(cri, id)
    return
  }
  await cri.sandboxes.locked(id, async () => {
    if (boot !== bootId()) {
      // namespaces, mounts and cgroups went with the machine; addresses at the network's plugins did not
      cri.sandboxes.note(id, { phase: 'stopped', boot: bootId(), init: undefined })
      await complete(cri, id)
    } else if (phase === 'ready') await watchAgain(cri, cri.sandboxes.find(id))
    else if (init !== undefined || netns !== undefined) await complete(cri, id)
  })
}

/** Only its folder was left to remove, or a power cut came: nothing runs of it. */
const removeTorn = async (cri: Cri, id: string): Promise<void> => {
  await cri.networks.remove({ id })
  await endHolder(cri, id)
  unmountShm(sandboxPlaces(cri, id))
  await removeTree(cri.sandboxes.run(id))
  await removeTree(cri.sandboxes.folder(id))
}

const attempt = async (cri: Cri, id: string, work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    cri.log.error('a pod sandbox that an earlier server left cannot be put in order: that is tried again when it is stopped or removed', {
      sandbox: id,
      error,
    })
  }
}

/**
 * Of sandboxes, once the containers have been looked after. One that cannot be put in order does not keep the server from its start, and
 * one that takes its time does not for long.
 */
export const recoverSandboxes = async (cri: Cri, networks: CniNetworks, torn: State['torn']): Promise<void> => {
  networks.look()
  await recoverEngine(cri.engine)
  const work = Promise.all([
    ...torn.sandboxes.map((id) => attempt(cri, id, () => removeTorn(cri, id))),
    ...cri.sandboxes.list().map((sandbox) => attempt(cri, sandbox.id, () => recoverSandbox(cri, networks, sandbox))),
  ])
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    work,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE)
    }),
  ])
  clearTimeout(timer)
  const isLive = (id: string): boolean => ['ready', 'making'].includes(cri.sandboxes.get(id)?.phase ?? '')
  work
    .then(() => networks.recover(isLive))
    .catch((error: unknown) => cri.log.error('the networks of pods that an earlier server left cannot be put in order', { error }))
}
