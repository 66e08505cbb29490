/**
 * The rows of the design for CRI beside those of containerd with runc and with crun: one client with one connection to each, in turns.
 * BENCH_ROUNDS (30), BENCH_PODS (50,200: how many there are when memory, and the cost of statistics, is measured; empty: none), BENCH_SERVERS (all), and as arguments
 * parts that are to run: times, logs, memory.
 */
import { readFileSync } from 'node:fs'
import { footprint } from './cri/memory.ts'
import { logThroughput } from './cri/logs.ts'
import { type Network, type Pod, removePod, startPod, type Times } from './cri/pods.ts'
import { statsCost } from './cri/stats.ts'
import { type OpenServer, type Server, servers } from './cri/servers.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 30)
const PODS = (process.env['BENCH_PODS'] ?? '50,200').split(',').filter(Boolean).map(Number)
const parts = process.argv.slice(2)
const wanted = (part: string): boolean => parts.length === 0 || parts.includes(part)

/** What the others are compared with. */
const BASE = 'containerd-runc'
const STARTING = ['run', 'create', 'start']
const REMOVING = ['stop container', 'remove container', 'stop pod', 'remove pod']

/** By row and server. */
type Samples = Map<string, Map<string, number[]>>

const note = (samples: Samples, row: string, server: string, value: number): void => {
  const by = samples.get(row) ?? new Map<string, number[]>()
  samples.set(row, by)
  by.set(server, [...(by.get(server) ?? []), value])
}

const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

const print = (title: string, unit: string, samples: Samples): void => {
  console.log(`\n${title}\n${'-'.repeat(title.length)}`)
  const cells = ['median', 'p99', 'min', `× ${BASE}`].map((cell) => cell.padStart(18)).join('')
  console.log(`${unit.padEnd(46)}${cells}`)
  for (const [row, by] of samples)
    for (const [server, values] of by) {
      const ratio = quantile(values, 0.5) / quantile(by.get(BASE) ?? [], 0.5)
      const figures = [
        quantile(values, 0.5).toFixed(2),
        quantile(values, 0.99).toFixed(2),
        Math.min(...values).toFixed(2),
        ratio.toFixed(3),
      ]
      console.log(`${`${row}: ${server}`.padEnd(46)}${figures.map((cell) => cell.padStart(18)).join('')}`)
    }
}

/** One turn for each server per round, in an order that turns; the first round only warms up. */
const inTurns = async (all: readonly Server[], rounds: number, turn: (server: Server, counts: boolean) => Promise<void>): Promise<void> => {
  for (let round = 0; round <= rounds; round += 1)
    for (let at = 0; at < all.length; at += 1) await turn(all[(at + round) % all.length]!, round > 0)
}

const sum = (times: Times, steps: readonly string[]): number => steps.reduce((total, step) => total + times[step]!, 0)

const podTimes = async (all: readonly Server[], network: Network): Promise<void> => {
  const samples: Samples = new Map()
  await inTurns(all, ROUNDS, async (server, counts) => {
    const times: Times = {}
    await removePod(server, await startPod(server, network, times), times)
    if (!counts) return
    note(samples, 'run+create+start', server.name, sum(times, STARTING))
    for (const step of STARTING) note(samples, `  ${step}`, server.name, times[step]!)
    note(samples, 'stop+remove', server.name, sum(times, REMOVING))
    for (const step of REMOVING) note(samples, `  ${step}`, server.name, times[step]!)
  })
  print(`a pod of one container, ${network === 'host' ? "on the node's network" : 'on a bridge by CNI'}`, 'ms', samples)
}

const execTimes = async (all: readonly Server[]): Promise<void> => {
  const samples: Samples = new Map()
  const pods = new Map<Server, Pod>()
  try {
    for (const server of all) pods.set(server, await startPod(server, 'host'))
    await inTurns(all, ROUNDS * 3, async (server, counts) => {
      const from = performance.now()
      const { exitCode } = await server.client.execSync({ containerId: pods.get(server)!.container, cmd: ['true'], timeout: 10n })
      const elapsed = performance.now() - from
      if (exitCode !== 0) throw new Error(`${server.name}: exit code ${exitCode}`)
      if (counts) note(samples, 'ExecSync true', server.name, elapsed)
    })
  } finally {
    for (const [server, pod] of pods) await removePod(server, pod)
  }
  print('ExecSync', 'ms', samples)
}

const logs = async (all: readonly Server[]): Promise<void> => {
  const samples: Samples = new Map()
  await inTurns(all, Math.max(3, Math.ceil(ROUNDS / 10)), async (server, counts) => {
    const rate = await logThroughput(server)
    if (counts) note(samples, 'log', server.name, rate / 1e6)
  })
  print('log of one container that writes lines of 100 bytes as fast as it can', 'MB/s', samples)
}

const MIB = 2 ** 20

/** One server at a time: those of a kind would share pages. */
const memory = async (open: OpenServer, samples: Samples, times: Samples): Promise<void> => {
  const server = await open()
  const pods: Pod[] = []
  try {
    for (const count of [...PODS].sort((a, b) => a - b)) {
      while (pods.length < count) pods.push(await startPod(server, 'host'))
      const { server: own, helpers, processes } = footprint(server, pods)
      note(samples, `${count} pods`, server.name, (own + helpers) / MIB)
      const [ownMib, helpersMib] = [own, helpers].map((bytes) => (bytes / MIB).toFixed(1))
      const { elapsed, cpu } = await statsCost(server, count)
      for (const one of elapsed) note(times, `${count} pods`, server.name, one)
      const asked = `asked for statistics each second ${cpu.toFixed(1)} % of a CPU`
      console.log(`${server.name}, ${count} pods: server ${ownMib} MiB, ${processes} helpers ${helpersMib} MiB, ${asked}`)
    }
  } finally {
    for (const pod of pods) await removePod(server, pod)
    await server.close()
  }
}

const chosen = Object.entries(servers()).filter(([name]) => process.env['BENCH_SERVERS']?.split(',').includes(name) ?? true)

if (wanted('times') || wanted('logs')) {
  const all: Server[] = []
  try {
    for (const [, open] of chosen) all.push(await open())
    if (wanted('times')) {
      await podTimes(all, 'host')
      await podTimes(all, 'bridge')
      await execTimes(all)
    }
    if (wanted('logs')) await logs(all)
  } finally {
    for (const server of all) await server.close()
  }
}
if (wanted('memory') && PODS.length > 0) {
  const [samples, times]: Samples[] = [new Map(), new Map()]
  console.log()
  for (const [, open] of chosen) await memory(open, samples!, times!)
  print('Pss of the server and its helpers, with pods of one container each', 'MiB', samples!)
  print('ListContainerStats', 'ms', times!)
}
console.log(`\n${readFileSync('/proc/loadavg', 'utf8').trim()} (load), kernel ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}`)
