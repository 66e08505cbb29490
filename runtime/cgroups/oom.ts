/** Telling of processes that the OOM killer ended in a cgroup. */
import { existsSync, type FSWatcher, watch } from 'node:fs'
import type { Home } from './homes.ts'
import { isErrno } from '../sys/error.ts'
import { readFlat } from './stats/read.ts'
import { oomKills } from './stats/memory.ts'

export interface OomWatch {
  close(): void
}

export interface OomListener {
  /** So many more processes were ended. */
  readonly killed: (count: number) => void
  /** Nothing more will come: all processes have ended (v2), or the cgroup is gone. */
  readonly ended: () => void
}

/**
 * v1 has an eventfd for this (cgroup.event_control), which libuv cannot wait for: a read would hold one of its four threads
 * for as long as the container runs. A counter that is read each tenth of a second costs 0.02 % of a CPU. Milliseconds.
 */
const INTERVAL = 100

/** Watches until close() or `ended`. Does not keep the event loop alive. Kills before the call do not count. */
export const watchOom = (memory: Home, listener: OomListener): OomWatch => {
  let known = oomKills(memory)
  let timer: NodeJS.Timeout | undefined
  const watchers: FSWatcher[] = []
  const close = (): void => {
    clearInterval(timer)
    for (const watcher of watchers) watcher.close()
  }
  const populated = (): boolean =>
    memory.version === 1 ? existsSync(memory.dir) : readFlat(memory.dir, 'cgroup.events')?.['populated'] === 1
  const look = (): void => {
    const kills = oomKills(memory)
    if (kills > known) listener.killed(kills - known)
    known = Math.max(known, kills)
    if (populated()) return
    close()
    listener.ended()
  }
  if (memory.version === 1) timer = setInterval(look, INTERVAL).unref()
  else
    try {
      // The kernel tells inotify of both files, cgroup-v2.rst "[Un]populated Notification".
      for (const file of ['memory.events', 'cgroup.events']) {
        const watcher = watch(`${memory.dir}/${file}`, { persistent: false }, look)
        watchers.push(watcher)
        watcher.on('error', look)
      }
      queueMicrotask(look)
    } catch (error) {
      close()
      if (!isErrno(error, 'ENOENT', 'ENOSPC', 'EMFILE')) throw error
      timer = setInterval(look, INTERVAL).unref()
    }
  return { close }
}
