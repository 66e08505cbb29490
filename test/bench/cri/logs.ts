/** How fast what a container writes gets into its log. */
import { readFileSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { ContainerState } from '../../../cri/api/api_pb.js'
import { removePod, startPod } from './pods.ts'
import type { Server } from './servers.ts'

const LINE = 'x'.repeat(99)
const LINES = 200_000

const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Lines that are complete: one may come in several parts. */
const countLines = (path: string): number => readFileSync(path, 'latin1').split(' F ').length - 1

/** Bytes of the container’s output per second, from the start of the container to the last line in the log. */
export const logThroughput = async (server: Server): Promise<number> => {
  const from = performance.now()
  const pod = await startPod(server, 'host', {}, `yes ${LINE} | head -n ${LINES}`)
  try {
    const { status } = await server.client.containerStatus({ containerId: pod.container })
    const path = status!.logPath
    // every line is longer in the log than it was
    while (size(path) < LINES * (LINE.length + 1)) await setTimeout(2)
    for (;;) {
      const before = size(path)
      const { status: now } = await server.client.containerStatus({ containerId: pod.container })
      if (now?.state === ContainerState.CONTAINER_EXITED && size(path) === before && countLines(path) >= LINES) break
      await setTimeout(2)
    }
    const elapsed = (performance.now() - from) / 1000
    const lines = countLines(path)
    if (lines !== LINES) throw new Error(`${server.name}: ${lines} lines in the log in place of ${LINES}`)
    return (LINES * (LINE.length + 1)) / elapsed
  } finally {
    await removePod(server, pod)
  }
}
