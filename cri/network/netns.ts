/** Files of pods' network namespaces, where ip-netns(8), CNI plugins and agents look for them. */
import { randomUUID } from 'node:crypto'
import { closeSync, constants, mkdirSync, openSync, readFileSync } from 'node:fs'
import { MS_BIND, MS_REC, MS_SHARED } from '../../runtime/sys/abi/mount.ts'
import { syscall } from '../../runtime/sys/syscall.ts'

export const NETNS_FOLDER = '/run/netns'

/** A path that nothing has. */
export const newNetnsPath = (): string => `${NETNS_FOLDER}/cni-${randomUUID()}`

/**
 * The mount that `path` is in, proc_pid_mountinfo(5): its point, and whether what is mounted below it is seen by its peers. By its id, not by
 * its point: others may lie hidden below.
 */
const mountOf = (path: string): { readonly point: string; readonly shared: boolean } => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const id = /^mnt_id:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((one) => one.startsWith(`${id} `))
    const fields = line?.split(' ') ?? []
    return { point: fields[4] ?? '/', shared: fields.slice(6, fields.indexOf('-')).some((one) => one.startsWith('shared:')) }
  } finally {
    closeSync(fd)
  }
}

/** Makes the folder such that what is mounted there is seen by who shares or follows the node's mounts: agents that run in pods. */
export const prepareNetnsFolder = (): void => {
  mkdirSync(NETNS_FOLDER, { recursive: true, mode: 0o755 })
  const { point, shared } = mountOf(NETNS_FOLDER)
  if (shared) return
  if (point !== NETNS_FOLDER)
    syscall('mount', [NETNS_FOLDER, NETNS_FOLDER, 'none', MS_BIND | MS_REC, 0], { args: [NETNS_FOLDER, 'flags=MS_BIND'] })
  syscall('mount', ['', NETNS_FOLDER, 'none', MS_SHARED | MS_REC, 0], { args: [NETNS_FOLDER, 'flags=MS_SHARED'] })
}
