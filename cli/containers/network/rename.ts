/** Another name of a container that runs: by which it is found in its networks. */
import { Attachments } from '../../../runtime/network/attachments.ts'
import { cniAttachments, writeCniAttachment } from '../../../runtime/network/cni/cache.ts'
import type { Home } from '../home.ts'
import { refreshHosts } from './files.ts'

/** With the container's lock held. */
export const renameEndpoints = (home: Home, id: string, from: string, to: string): void => {
  const change = (aliases: readonly string[]): string[] => [...new Set(aliases.map((alias) => (alias === from ? to : alias)))]
  const attachments = new Attachments(home.runRoot)
  const changed: string[] = []
  for (const network of attachments.networks())
    attachments.locked(network, () => {
      const found = attachments.find(network, id)
      if (found === undefined) return
      attachments.write({ ...found, aliases: change(found.aliases) })
      changed.push(network)
    })
  for (const found of cniAttachments(home.runRoot, id)) {
    writeCniAttachment(home.runRoot, { ...found, aliases: change(found.aliases) })
    changed.push(found.network)
  }
  if (changed.length > 0) refreshHosts(home, changed, [id])
}
