/** What systemd hands to its services, handed on to containers as runc does: sd_listen_fds(3), sd_notify(3). */
import type { Bundle } from '../spec/load.ts'
import type { Mount } from '../spec/types.ts'
import { NOTIFY_SOCKET } from './notify.ts'
import type { CreateOptions } from './types.ts'

/** Where containers find the folder of their socket. */
const INSIDE = '/run/notify'

/** Init has to be process 1 to take LISTEN_PID for its own; a container in the host's pid namespace cannot tell its pid beforehand. */
const listening = (count: number): string[] => (count > 0 ? [`LISTEN_FDS=${count}`, 'LISTEN_PID=1'] : [])

/** Read-only: the container may write to the socket, and may put no other in its place. */
const notifyMount = (source: string): Mount => ({
  destination: INSIDE,
  source,
  type: 'bind',
  options: ['bind', 'nosuid', 'noexec', 'nodev', 'ro'],
})

/** The bundle with the variables and the mount by which its process learns of them. @param folder of the container's socket. */
export const asService = ({ bundle, spec }: Bundle, { listenFds = 0, notify = false }: CreateOptions, folder: string): Bundle => ({
  bundle,
  spec: {
    ...spec,
    process: {
      ...spec.process,
      env: [...(spec.process.env ?? []), ...listening(listenFds), ...(notify ? [`NOTIFY_SOCKET=${INSIDE}/${NOTIFY_SOCKET}`] : [])],
    },
    mounts: [...(spec.mounts ?? []), ...(notify ? [notifyMount(folder)] : [])],
  },
})
