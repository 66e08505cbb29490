/** Processes in a container that runs, on a terminal of their own. */
import { mkdirSync, rmSync } from 'node:fs'
import { execKept } from '../../runtime/container/kept.ts'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import type { KeeperFolders } from '../../runtime/keeper/wait.ts'
import { emitStart, optionsFor } from './exec.ts'
import { execProcess, type ExecRequest } from './exec-process.ts'
import { type Home, placesOf } from './home.ts'
import { randomBytes } from './ids.ts'
import type { Container } from './store.ts'

/** What nobody has looked at yet. */
const LOG = { limit: 256 * 1024, slots: 2, consumed: false }

export interface Session {
  readonly keeper: Keeper
  readonly folders: KeeperFolders
  /** After its end, by whoever has acknowledged that. */
  remove(): void
}

/** The folder of a session, which goes with the run of its container too. */
const sessionFolder = (home: Home, id: string, session: string): string => `${placesOf(home, id).run}/exec/${session}`

/** What the keeper runs at the end of a session that nobody attends. */
export const cleanUpSession = (home: Home, id: string, session: string): void => {
  if (/^[0-9a-f]{16}$/.test(session)) rmSync(sessionFolder(home, id, session), { recursive: true, force: true })
}

/**
 * Runs it on a terminal, kept by a keeper of its own: it goes on when this process leaves. `ready` is called before its process is
 * executed. Throws SyscallError where that fails; then nothing is left.
 */
export const execOnTerminal = async (
  home: Home,
  container: Container,
  request: ExecRequest,
  ready?: (session: Session) => Promise<void>,
): Promise<Session> => {
  const described = execProcess(home, container, request)
  const { id } = container
  const name = randomBytes(8).toString('hex')
  const folder = sessionFolder(home, id, name)
  const folders = { run: `${folder}/keeper`, spool: `${folder}/spool` }
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  for (const path of [folders.run, folders.spool]) mkdirSync(path, { recursive: true, mode: 0o700 })
  try {
    const { path, argv, env } = home.self(['container', 'exec-cleanup', id, name])
    const kept = { ...folders, log: LOG, durable: false, stdin: 'none', terminal: true, cleanup: { path, argv, env } } as const
    const keeper = await execKept(home.engine, optionsFor(id, described), kept, async (made) => ready?.({ keeper: made, folders, remove }))
    emitStart(container, request.command, home)
    return { keeper, folders, remove }
  } catch (error) {
    remove()
    throw error
  }
}
