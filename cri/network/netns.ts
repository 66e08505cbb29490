/** Files of pods' network namespaces, where ip-netns(8), CNI plugins and agents look for them. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { MS_BIND, MS_REC, MS_SHARED } from '../../runtime/sys/abi/mount.ts'
import { syscall } from '../../runtime/sys/syscall.ts'

export const NETNS_FOLDER = '/run/netns'

/** A path that nothing has. */
export const newNetnsPath = (): string => `${NETNS_FOLDER}/cni-${randomUUID()}`

/** The mount that covers `path`, proc_pid_mountinfo(5): its point, and whether what is mounted below it is seen by its peers. */
const mountOf = (path: string): { readonly point: string; readonly shared: boolean } => {
  let best = { point: '/', shared: false }
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const fields = line.split(' ')
    const point = fields[4]
    if (point === undefined) continue
    // the last of several at one point is the one that counts
    const covers = point === '/' || path === point || path.startsWith(`${point}/`)
    if (covers && point.length >= best.point.length)
      best = { point, shared: fields.slice(6, fields.indexOf('-')).some((one) => one.startsWith('shared:')) }
  }
  return best
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
