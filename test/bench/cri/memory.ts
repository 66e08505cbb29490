/** What a server and its helpers take of memory: Pss, proc_pid_smaps(5), of everything but what the containers run. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { Pod } from './pods.ts'
import type { Server } from './servers.ts'

const KIB = 1024

const tryRead = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined
    throw error
  }
}

const pss = (pid: number): number => {
  const text = tryRead(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? ''
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) * KIB
}

export interface Footprint {
  /** Bytes. */
  readonly server: number
  readonly helpers: number
  /** How many processes the helpers are. */
  readonly processes: number
}

/** Helpers are in the server’s mount namespace (shims, keepers), or in the cgroup of a pod itself: what holds its namespaces. */
export const footprint = (server: Server, pods: readonly Pod[]): Footprint => {
  const own = readlinkSync(`/proc/${server.pid}/ns/mnt`)
  const holders = new Set(
    pods.flatMap(({ sandbox }) => {
      const folder = `${server.corner.cgroupDirectory('pids')}/pods/${sandbox}`
      return (tryRead(() => readFileSync(`${folder}/cgroup.procs`, 'utf8')) ?? '').split('\n').filter(Boolean).map(Number)
    }),
  )
  const inside = readFileSync(`${server.corner.cgroupDirectory('pids')}/server/cgroup.procs`, 'utf8')
  const serverGroup = new Set(inside.split('\n').filter(Boolean).map(Number))
  let [helpers, processes] = [0, 0]
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === server.pid) continue
    const helps = holders.has(pid) || serverGroup.has(pid) || tryRead(() => readlinkSync(`/proc/${pid}/ns/mnt`)) === own
    // what holds the corner is ours
    if (!helps || tryRead(() => readFileSync(`/proc/${pid}/comm`, 'utf8')) === 'sleep\n') continue
    helpers += pss(pid)
    processes += 1
  }
  return { server: pss(server.pid), helpers, processes }
}
