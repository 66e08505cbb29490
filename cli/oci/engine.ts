/** The engine as the global flags describe it. */
import type { Engine } from '../../runtime/container/types.ts'
import type { Context } from './context.ts'
import { defaultRoot } from './root.ts'

let open = false

/** Whether a verb has loaded the engine, and with it the system calls. */
export const engineIsOpen = (): boolean => open

export const openEngine = ({ root, systemdCgroup, rootless, log }: Context): Engine => {
  open = true
  return { root: root ?? defaultRoot(), systemdCgroup, rootless, warn: log.warn, ...(log.debugs ? { debug: log.debug } : {}) }
}
