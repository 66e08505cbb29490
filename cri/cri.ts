/** What every RPC is given: the node, as the server has it in memory. */
import type { Store } from '../image/store/types.ts'
import type { Engine } from '../runtime/container/types.ts'
import type { CriConfig } from './config.ts'
import type { Exits } from './container/exits.ts'
import type { Events } from './events/types.ts'
import type { Images } from './images/types.ts'
import type { Logs } from './logs/types.ts'
import type { Networks } from './network/types.ts'
import type { Container, Sandbox, Table } from './state/types.ts'
import type { Streaming } from './streaming/types.ts'

export interface Log {
  /** Whether lines of this level are kept: for what costs something to put together. */
  enabled(level: 'debug' | 'info'): boolean
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export interface Cri {
  readonly config: CriConfig
  readonly log: Log
  readonly engine: Engine
  readonly store: Store
  readonly sandboxes: Table<Sandbox>
  readonly containers: Table<Container>
  /** Of containers: who has ended, and waiting for it. */
  readonly exits: Exits
  readonly images: Images
  readonly networks: Networks
  readonly logs: Logs
  readonly events: Events
  readonly streaming: Streaming
}

/** One call of an RPC. */
export interface Call {
  /** Aborted when the client cancels, goes away, or its deadline is over: what was begun is undone. */
  readonly signal: AbortSignal
}
