/**
 * The program of a keeper: the process that stays beside a container. What it does is told in docs/keeper.md, how it is told
 * about its container in parameters.ts. No op that can fail for a reason of the machine ends it once the child exists.
 */
import { Program } from '../program/assembler.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { emitClients } from './program/clients.ts'
import { emitEnd } from './program/end.ts'
import { emitLoop, emitRetry } from './program/loop.ts'
import { emitPump } from './program/pump.ts'
import { emitRotate } from './program/rotate.ts'
import { emitSetup } from './program/setup.ts'
import { emitSignals } from './program/signals.ts'
import { State } from './program/state.ts'
import { emitTerminal } from './program/terminal.ts'
import { threadJumps } from './program/thread.ts'

export interface KeeperVariant {
  readonly arch: Arch
  /** The container has a terminal. */
  readonly terminal: boolean
}

export const keeperProgram = ({ arch, terminal }: KeeperVariant): Program => {
  const p = new Program(arch)
  const state = new State(p, terminal)
  emitSetup(state)
  emitLoop(state)
  emitPump(state)
  emitRotate(state)
  emitRetry(state)
  if (terminal) emitTerminal(state)
  emitSignals(state)
  emitClients(state)
  emitEnd(state)
  threadJumps(p)
  return p
}
