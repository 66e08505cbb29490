/** CRI logs in tests: a keeper's output, the log that is made of it, and the log as kubelet reads it. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema } from '../../../cri/api/api_pb.js'
import type { Log } from '../../../cri/cri.ts'
import { openLogs } from '../../../cri/logs/open.ts'
import type { Logs } from '../../../cri/logs/types.ts'
import type { Container } from '../../../cri/state/types.ts'
import type { KeeperBench } from '../keeper.ts'

export interface LogLine {
  readonly time: string
  readonly stream: string
  readonly tag: string
  readonly text: string
}

const LINE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([PF]) (.*)$/s

/** Throws for what is no line. Texts are latin1. */
export const parseLog = (content: Buffer): LogLine[] => {
  const lines = content.toString('latin1').split('\n')
  if (lines.pop() !== '') throw new Error('the log does not end with a line')
  return lines.map((line) => {
    const match = LINE.exec(line)
    if (match === null) throw new Error(`no line of a log: ${JSON.stringify(line.slice(0, 200))}`)
    const [, time, stream, tag, text] = match
    return { time: time!, stream: stream!, tag: tag!, text: text! }
  })
}

/** What kubelet shows of a stream: partial lines are joined. */
export const shown = (lines: readonly LogLine[], stream: string): string =>
  lines
    .filter((line) => line.stream === stream)
    .map(({ tag, text }) => (tag === 'F' ? `${text}\n` : text))
    .join('')

/** A log of the server's that remembers warnings and errors. */
export const quiet = (): Log & { readonly told: string[] } => {
  const told: string[] = []
  const tell = (message: string, fields?: object): void => {
    told.push(`${message} ${JSON.stringify(fields)}`)
  }
  return { told, enabled: () => false, debug: () => {}, info: tell, warn: tell, error: tell }
}

export const ID = 'c'.repeat(64)

export const containerAt = (logs: string, phase: Container['phase'] = 'running'): Container => ({
  version: 1,
  id: ID,
  sandbox: 's'.repeat(64),
  config: create(ContainerConfigSchema, { metadata: { name: 'c', attempt: 0 }, logPath: 'c/0.log' }),
  image: { id: 'i', ref: 'i', layers: [] },
  created: 0n,
  phase,
  boot: '',
  logPath: join(logs, 'c/0.log'),
})

/** The folder of the pod's logs, and the log, of a bench. */
export const logsOf = (own: KeeperBench): { folder: string; path: string } => {
  const folder = join(own.root, 'logs')
  mkdirSync(folder, { recursive: true })
  return { folder, path: join(folder, 'c/0.log') }
}

export const openBenchLogs = (own: Pick<KeeperBench, 'root' | 'folders'>, log: Log): Logs =>
  openLogs({ log, keeper: () => own.folders, place: () => join(own.root, 'log-place') })

export const readLog = (path: string): LogLine[] => parseLog(readFileSync(path))
