/** Runs a bundle on a root filesystem of layers, under a keeper. Of no test: children of tests use it too. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { createKept, type Kept } from '../../runtime/container/kept.ts'
import { start } from '../../runtime/container/start.ts'
import type { Engine } from '../../runtime/container/types.ts'
import { LOG_DEFAULTS } from '../../runtime/keeper/options.ts'
import { SpoolReader } from '../../runtime/keeper/reader.ts'
import type { Rootfs } from '../../runtime/rootfs/types.ts'

export interface Place {
  readonly id: string
  /** The bundle; the keeper's folders are made in it. */
  readonly folder: string
  readonly engine: Engine
}

/** Creates it under a keeper. */
export const createIn = ({ id, folder, engine }: Place, rootfs: Rootfs): Promise<Kept> => {
  const folders = { run: `${folder}/keeper`, spool: `${folder}/spool` }
  for (const made of Object.values(folders)) mkdirSync(made, { mode: 0o700, recursive: true })
  return createKept(
    engine,
    { id, bundle: folder, rootfs, noPivot: false, noNewKeyring: false, preserveFds: 0 },
    { ...folders, log: LOG_DEFAULTS, durable: false, stdin: 'none', terminal: false },
  )
}

/** Starts it and waits for its end; what it printed. Its process must succeed. */
export const finishIn = async ({ id, folder, engine }: Place, { keeper }: Kept): Promise<string> => {
  await start(engine, id)
  const record = await keeper.ended()
  keeper.acknowledge()
  await deleteContainer(engine, id, { force: false })
  let text = ''
  for await (const event of await SpoolReader.open({ run: `${folder}/keeper`, spool: `${folder}/spool` }))
    if (event.kind === 'record') text += event.payload.toString()
  assert.equal(record?.exitCode, 0, text)
  return text.trimEnd()
}
